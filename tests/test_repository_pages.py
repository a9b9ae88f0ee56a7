"""Pages of the documentation: nothing remote, and formulas that need no script."""

import importlib.util
from types import ModuleType

import pytest

from tests.repository import ROOT


def _load(name: str) -> ModuleType:
    path = ROOT / "docs" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REMOTE = [
    '<script async src="https://example.org/a.js"></script>',
    "<img alt=x src=//example.org/a.png>",
    '<link rel="stylesheet" href="https://example.org/a.css">',
    '<link href="https://example.org" rel="preconnect">',
    "<style>@import 'https://example.org/a.css'</style>",
    '<p style="background: url(https://example.org/a.png)">',
]
LOCAL = [
    '<a href="https://example.org">a link to click</a>',
    '<link rel="stylesheet" href="_static/furo.css">',
    '<link rel="canonical" href="https://example.org/page">',
    '<script src="_static/furo.js"></script>',
    '<img src="data:image/png;base64,AAAA">',
]


@pytest.mark.parametrize("piece", REMOTE)
def test_remote_assets_are_found(piece: str) -> None:
    assert len(_load("check_pages").remote_assets(piece, ".html")) == 1


@pytest.mark.parametrize("piece", LOCAL)
def test_links_and_local_assets_are_allowed(piece: str) -> None:
    assert _load("check_pages").remote_assets(piece, ".html") == []


def test_an_empty_build_is_refused(tmp_path, capsys) -> None:
    assert _load("check_pages").main(str(tmp_path)) == 1
    (tmp_path / "index.html").write_text("<p>nothing remote</p>", encoding="utf-8")
    assert _load("check_pages").main(str(tmp_path)) == 0
    (tmp_path / "index.html").write_text(REMOTE[0], encoding="utf-8")
    assert _load("check_pages").main(str(tmp_path)) == 1
    assert "https://example.org/a.js" in capsys.readouterr().err


def test_formulas_become_mathml() -> None:
    mathml = _load("mathml").tex2mathml(r"\frac{n S_{xy}}{n - 1}", as_block=True)
    assert mathml.startswith("<math")
    assert "<mfrac>" in mathml
    assert "script>" not in mathml
