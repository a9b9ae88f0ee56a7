"""A page as tests read it: elements with attributes, parents and visible text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "col", "img", "input", "hr"}
UNSPOKEN = {"style", "svg", "head"}


@dataclass
class Element:
    """A tag with its attributes; `text` skips drawings and style sheets."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(
            c if isinstance(c, str) else ("" if c.tag in UNSPOKEN else f" {c.text} ")
            for c in self.children
        )

    def all(self, *tags: str) -> list[Element]:
        """Descendants with one of the tags, in document order."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag in tags:
                    found.append(child)
                found += child.all(*tags)
        return found

    def by_id(self, name: str) -> Element:
        return next(e for e in self.everything() if e.attributes.get("id") == name)

    def everything(self) -> list[Element]:
        found = []
        for child in self.children:
            if isinstance(child, Element):
                found += [child, *child.everything()]
        return found


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {}, None)
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        parent = self.open[-1]
        element = Element(tag, {k: v or "" for k, v in attrs}, parent)
        parent.children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(html: str) -> Element:
    """Parse a page; a tag closed out of order or left open fails."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.open == [builder.root], [e.tag for e in builder.open]
    return builder.root


def words(text: str) -> str:
    """Collapse white space, no-break spaces included."""
    return " ".join(text.split())
