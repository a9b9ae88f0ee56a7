"""Refuse built pages that would load anything from another host.

Usage: python docs/check_pages.py docs/_build/html
"""

import re
import sys
from pathlib import Path

# What a browser fetches by itself; a link that a reader may click is no matter.
_ATTRIBUTE = re.compile(
    r"""<(?:script|img|iframe|source|embed|object)\b[^>]*?\b(?:src|data|srcset)\s*=\s*["']?\s*(?:https?:)?//"""
    r"""|<link\b(?=[^>]*rel=["']?(?:stylesheet|preload|preconnect|icon|modulepreload))[^>]*?href\s*=\s*["']?\s*(?:https?:)?//""",
    re.IGNORECASE,
)
_STYLE = re.compile(
    r"""url\(\s*["']?\s*(?:https?:)?//|@import\s+(?:url\()?["']?\s*(?:https?:)?//""",
    re.IGNORECASE,
)


def remote_assets(text: str, suffix: str) -> list[str]:
    """Return every piece of a page or style sheet that reaches for another host."""
    patterns = [_STYLE] if suffix == ".css" else [_ATTRIBUTE, _STYLE]
    return [
        " ".join(text[match.start() : match.end() + 60].split())
        for pattern in patterns
        for match in pattern.finditer(text)
    ]


def main(folder: str) -> int:
    """Check every page below `folder`; return the exit code."""
    pages = sorted(p for p in Path(folder).rglob("*") if p.suffix in {".html", ".css"})
    found = [
        f"{path}: {piece}"
        for path in pages
        for piece in remote_assets(path.read_text(encoding="utf-8"), path.suffix)
    ]
    clean = f"{len(pages)} pages and style sheets load nothing remote"
    report = found or [clean if pages else f"no pages in {folder}"]
    sys.stderr.write("\n".join(report) + "\n")
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
