"""numpy, xarray with flox, dask.array and scikit-learn on the same zarr arrays."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

import dask.array as da
import dask.base
import numpy as np
import xarray as xr

from storage.chunks import ChunkSource
from tests.bench.answers import Answer, Contender
from tests.bench.data import CODECS
from tests.bench.options import Options

# How far an answer may be from ours: computed in float64; in float32, a little; in
# float32 throughout.
_DOUBLE, _SINGLE, _ROUGH = 1e-9, 1e-5, 1e-3


def numpy_contender(options: Options) -> Contender:
    """Covariances of teams by hand: masked float64 products about a fixed centre."""

    def run(path: str) -> Answer:
        population = options.population
        teams, d = population.team_of_agent(), population.features
        source = ChunkSource.open(path)
        centre = np.nan_to_num(np.nanmean(source.read(0), axis=(0, 1)))
        n, s, p = (np.zeros((population.teams, d, d)) for _ in range(3))
        for i in range(source.n_chunks):
            block = source.read(i)
            first = i * source.chunk_shape[0]
            cuts = np.flatnonzero(np.diff(teams[first : first + len(block)])) + 1
            for part in np.split(np.arange(len(block)), cuts):
                x = block[part[0] : part[-1] + 1].reshape(-1, d) - centre
                present = np.isfinite(x).astype(np.float64)
                x = np.where(present == 1, x, 0.0).astype(np.float64)
                team = teams[first + part[0]]
                n[team] += present.T @ present
                s[team] += x.T @ present
                p[team] += x.T @ x
        return {"covariance": (p - s * s.transpose(0, 2, 1) / n) / (n - 1)}

    name = "numpy, masked matrix products per team"
    return Contender(f"{name} ({np.__version__})", _by_codec(options, run), _SINGLE)


def flox_contender(options: Options) -> Contender:
    """Five statistics of teams by xarray, dask and flox, computed together."""
    import flox
    import flox.xarray

    teams = options.population.team_of_agent()
    names = ("count", "mean", "sd", "minimum", "maximum")
    functions = dict(zip(names, ("count", "mean", "std", "min", "max"), strict=True))

    options_of: dict[str, dict[str, Any]] = {name: {"skipna": True} for name in names}
    options_of |= {"count": {}, "sd": {"skipna": True, "ddof": 1}}

    def run(path: str, method: Any) -> Answer:
        array = xr.DataArray(
            da.from_zarr(path),
            dims=("agent", "time", "feature"),
            coords={"team": ("agent", teams)},
        )
        lazy = {
            name: flox.xarray.xarray_reduce(
                array,
                "team",
                func=function,
                dim=["agent", "time"],
                expected_groups=np.arange(options.population.teams),
                method=method,
                **options_of[name],
            )
            for name, function in functions.items()
        }
        (found,) = dask.base.compute(
            lazy, scheduler="threads", num_workers=options.threads
        )
        return {name: np.asarray(value) for name, value in found.items()}

    return Contender(
        f"xarray {xr.__version__} + dask + flox {flox.__version__}",
        {
            f"{codec}, {order}, {method}": partial(
                run,
                str(options.files.array(codec, contiguous_times=order != "C order")),
                method,
            )
            for codec in CODECS
            for order in ("time contiguous", "C order")
            for method in ("map-reduce", "cohorts")
        },
        _ROUGH,
    )


def dask_contender(options: Options) -> Contender:
    """Covariance of everything by dask.array.cov, which has no rule for missing."""

    def run(path: str) -> Answer:
        array = da.nan_to_num(da.from_zarr(path))
        rows = array.reshape(-1, options.population.features)
        found = da.cov(rows, rowvar=False).compute(
            scheduler="threads", num_workers=options.threads
        )
        return {"covariance": np.asarray(found)[None]}

    return Contender(
        f"dask.array.cov {version('dask')}, missing as 0",
        _by_codec(options, run),
        _DOUBLE,
    )


def pca_contender(options: Options) -> Contender:
    """Covariance of everything by partial_fit with all components kept."""
    import sklearn
    from sklearn.decomposition import IncrementalPCA

    def run(path: str) -> Answer:
        d = options.population.features
        model = IncrementalPCA(n_components=d)
        source = ChunkSource.open(path)
        for i in range(source.n_chunks):
            model.partial_fit(np.nan_to_num(source.read(i)).reshape(-1, d))
        return {"covariance": model.get_covariance()[None]}

    return Contender(
        f"scikit-learn {sklearn.__version__} IncrementalPCA.partial_fit and "
        "get_covariance, missing as 0",
        _by_codec(options, run),
        _ROUGH,
    )


def scaler_contender(options: Options) -> Contender:
    """Five statistics of everything by two scalers; both leave NaN out."""
    import sklearn
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    def run(path: str) -> Answer:
        d = options.population.features
        moments, extremes = StandardScaler(), MinMaxScaler()
        source = ChunkSource.open(path)
        for i in range(source.n_chunks):
            rows = source.read(i).reshape(-1, d)
            moments.partial_fit(rows)
            extremes.partial_fit(rows)
        n = np.broadcast_to(moments.n_samples_seen_, d).astype(np.int64)
        return {
            "count": n[None],
            "mean": moments.mean_[None],
            "sd": np.sqrt(moments.var_ * n / (n - 1))[None],
            "minimum": extremes.data_min_[None],
            "maximum": extremes.data_max_[None],
        }

    return Contender(
        f"scikit-learn {sklearn.__version__} StandardScaler and MinMaxScaler "
        "partial_fit",
        _by_codec(options, run),
        _DOUBLE,
    )


def _by_codec(options: Options, run: Any) -> dict[str, Any]:
    """Both codecs, in C order: what these read without a copy."""
    return {
        codec: partial(run, str(options.files.array(codec, contiguous_times=False)))
        for codec in CODECS
    }
