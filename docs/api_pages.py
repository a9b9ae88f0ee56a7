"""Write one reference page per package from the modules that are there.

The pages lie in `docs/reference/api/`, which is not under version control: a module
that is added, moved or removed needs no edit in the documentation.
"""

from pathlib import Path

PACKAGES = {
    "stats": "Pure statistics: functions and array-valued state.",
    "storage": "Bytes to arrays and back: layout, ingest, checkpoints, results.",
    "tasks": "Where statistics meet storage: clusters, reductions, checks, reports.",
    "flows": "Workflows and the command line.",
}
DOCS = Path(__file__).resolve().parent


def page(package: str, summary: str, modules: list[str]) -> str:
    """Return the text of one package's page."""
    lines = [f"# `{package}`", "", summary, ""]
    for module in modules:
        lines += [f"## `{module}`", "", "```{eval-rst}"]
        lines += [f".. automodule:: {module}", "```", ""]
    return "\n".join(lines)


def write_pages(_app) -> None:
    """Write the pages whose text has changed, so that unchanged ones stay built."""
    folder = DOCS / "reference" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    for package, summary in PACKAGES.items():
        files = sorted((DOCS.parent / package).rglob("*.py"))
        modules = [
            ".".join(path.relative_to(DOCS.parent).with_suffix("").parts)
            for path in files
            if not path.name.startswith("_")
        ]
        text = page(package, summary, modules)
        target = folder / f"{package}.md"
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def setup(app):
    """Write the pages before Sphinx looks for its sources."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
