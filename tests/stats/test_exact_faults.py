"""Faults that are planted in the kernels of exact sums: the tests must see each."""

import inspect
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from stats import kernels_columns, kernels_dot, kernels_sum, limbs
from stats.exact import ExactSum
from stats.exact_blocks import frozen, zeros
from stats.kernels_bins import BINS
from stats.kernels_dot import PRODUCT_LIMBS
from stats.limbs import Limbs
from tests.exact_cases import CLASSES, Cell, by_value, heights
from tests.laws import state_bytes

pytestmark = pytest.mark.slow  # every fault is compiled

_TWO_REST = "        rest = rest | bits(q - (u - sigma2))\n"

# What is wrong, and the text of the kernel before and after.
SUMS = {
    "no fault": ("", ""),
    "values beyond σ are not noticed": (
        "if bad & _SIGN_AND_EXPONENT != 0:",
        "if bad & _SIGN_AND_EXPONENT == 1:",
    ),
    "what two levels leave over is not noticed": (_TWO_REST, ""),
    "what one level leaves over is not noticed": (
        "        rest = rest | bits(v - (t - sigma1))\n",
        "",
    ),
    "σ is two binades lower": ("\nHEADROOM = 3", "\nHEADROOM = 1"),
    "σ has the significand 1": (
        "from stats.lanes import LANES",
        "@njit\ndef sigma(e):\n    return scalar_bits(np.int64(e) << 52)\n"
        "\nfrom stats.lanes import LANES",
    ),
    "the second σ is a binade lower": ("max(top - 52, 1)", "max(top - 53, 1)"),
    "the exponent of σ falls below the smallest": ("        top = max(top, 1)\n", ""),
    "denormals are assumed": ("return seen >> 52 == 0", "return True"),
    "too few passes, the rest is dropped": (
        "            _give_up(bins, scratch, n, state)\n    return True",
        "            return True\n    return True",
    ),
    "infinities in bins are not counted": (
        "if not fill_bins(bins, x, start, stop):",
        "if fill_bins(bins, x, start, stop):",
    ),
    "bins are not emptied": ("        flush_bins(row, bins)\n", "        pass\n"),
    "the last values are forgotten": (
        "    for i in range(whole, stop):\n",
        "    for i in range(whole, whole):\n",
    ),
    "fast-math": ("compiled = njit(", "compiled = njit(fastmath=True, "),
}
COLUMNS = {
    "no fault": ("", ""),
    "values beyond σ are not noticed": ("if bad != 0 or", "if"),
    "what two levels leave over is not noticed": (
        "if bad != 0 or out[3 * LANES + lane] & _SIZE != 0:",
        "if bad != 0:",
    ),
    "columns of two lanes are added twice": (
        "range(done - cell, LANES)",
        "range(0, LANES)",
    ),
    "σ of another column": ("top = tops[cell + lane]", "top = tops[cell]"),
    "columns copied out keep old values": ("        column[n] = 0.0\n", ""),
    "fast-math": ("compiled = njit(", "compiled = njit(fastmath=True, "),
}
DOTS = {
    "no fault": ("", ""),
    "rounding errors are dropped": ("        if rounded:", "        if not rounded:"),
    "small products are assumed exact": ("np.int64(54 << 52)", "np.int64(53 << 52)"),
    "overflow is not noticed": (
        "less(size, low) & (nothing ^ all_bits)) | less(high, size)",
        "less(size, low) & (nothing ^ all_bits))",
    ),
    "odd products are added twice": ("            products[i - start] = 0.0\n", ""),
    "errors of odd products stay": ("            errors[i - start] = 0.0\n", ""),
    "the last products are forgotten": (
        "    for i in range(whole, x.size):\n",
        "    for i in range(whole, whole):\n",
    ),
}


def planted(module: ModuleType, fault: tuple[str, str]) -> SimpleNamespace:
    """Copy of a module of kernels with a fault, compiled without the cache."""
    source = inspect.getsource(module)
    ours = "from stats.compiled import compiled\n"
    assert ours in source
    uncached = "from numba import njit\ncompiled = njit(nogil=True)\n"
    source = source.replace(ours, uncached)
    before, after = fault
    assert before in source, f"{module.__name__} does not hold {before!r}"
    source = source.replace(before, after) if before else source
    names: dict[str, object] = {"__name__": "planted"}
    exec(source, names)  # our own source
    return SimpleNamespace(**names)


def _wrong_sums(kernels: SimpleNamespace) -> list[str]:
    wrong = []
    for name, (x, _) in CLASSES.items():
        cell = Cell(kernels)
        cell.flat(x)
        if cell.bins.any() or state_bytes(cell.sum()) != state_bytes(by_value(x)):
            wrong.append(name)
    for level in (1, 2, 3):
        wrong += [
            f"height {x[0]} at level {level}"
            for x, found in heights(level, kernels)
            if state_bytes(found) != state_bytes(by_value(x))
        ]
    return wrong


@pytest.mark.parametrize("fault", SUMS)
def test_a_fault_of_sums_is_seen(fault):
    assert bool(_wrong_sums(planted(kernels_sum, SUMS[fault]))) == (fault != "no fault")


def _wrong_columns(kernels: SimpleNamespace) -> list[str]:
    rng = np.random.default_rng(2)
    scale = np.ldexp(1.0, rng.integers(-300, 300, 11))
    tame = rng.normal(size=(3001, 11)) * scale
    jump, wide = tame.copy(), tame.copy()
    jump[2000:] *= 2.0**40
    wide[::3] *= 2.0**-90
    wrong = []
    for name, x in {
        "tame": tame,
        "jump": jump,
        "wide": wide,
        "short": wide[:13],
    }.items():
        cells = x.shape[1]
        limbs, special = zeros(cells), np.zeros((cells, 3), dtype=np.int64)
        flat = frozen(x, np.float64).ravel()
        kernels.add_columns(limbs, special, flat, cells, 0)
        sums = Limbs.canonical(limbs, 0)
        found = [value << (32 * sums.base) for value in sums.integers()]
        twin = [by_value(column).limbs for column in x.T]
        if found != [one.integers()[0] << (32 * one.base) for one in twin]:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("fault", COLUMNS)
def test_a_fault_of_columns_is_seen(fault):
    wrong = _wrong_columns(planted(kernels_columns, COLUMNS[fault]))
    assert bool(wrong) == (fault != "no fault")


def _wrong_dots(kernels: SimpleNamespace) -> list[str]:
    rng = np.random.default_rng(3)
    full = 2 - 2.0**-52
    edge, other = np.full(21, 2.0**-485 * full), np.full(21, 2.0**-486 * full)
    large = np.resize([1.5e200, -1.5e200], 22)
    pairs = {
        "normal": (rng.normal(size=45), rng.normal(size=45)),
        "edge": (edge, other),
        "mixed": (np.append(edge, rng.normal(size=20)), np.append(other, np.ones(20))),
        "large": (large, np.full(22, 1e200)),
    }
    wrong = []
    for name, (x, y) in pairs.items():
        row, wide = zeros(1), np.zeros((1, PRODUCT_LIMBS), dtype=np.int64)
        special, bins = np.zeros(3, dtype=np.int64), np.zeros(BINS, dtype=np.int64)
        a, b = frozen(x, np.float64), frozen(y, np.float64)
        kernels.add_dot(row[0], wide[0], special, bins, a, b, True)
        sums, products = Limbs.canonical(row, 0), Limbs.canonical(wide, 0)
        found = sums.integers()[0] << (32 * sums.base + 1074)
        found += products.integers()[0] << (32 * products.base)
        ratios = zip(
            (v.as_integer_ratio() for v in x.tolist()),
            (v.as_integer_ratio() for v in y.tolist()),
            strict=True,
        )
        twin = sum((n * m * (1 << 2148)) // (d * e) for (n, d), (m, e) in ratios)
        if found != twin or special.any():
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("fault", DOTS)
def test_a_fault_of_dot_products_is_seen(fault):
    wrong = _wrong_dots(planted(kernels_dot, DOTS[fault]))
    assert bool(wrong) == (fault != "no fault")


def test_a_carry_that_is_skipped_is_seen(monkeypatch):
    def skipped(values, words):
        words[:] = 0
        words[:, : values.shape[1]] = values & 0xFFFFFFFF
        return 0, words.shape[1]

    x, _ = CLASSES["normal"]
    expected = by_value(x)
    monkeypatch.setattr(limbs, "carry", skipped)
    assert state_bytes(ExactSum.from_block(x)) != state_bytes(expected)
