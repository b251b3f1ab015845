"""Reads a page as a browser would, far enough to ask what is in it; and results to make one of."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import made_up

from switchyard.suite.results import ResultsFolder

_VOID = frozenset(("meta", "link", "img", "br", "input", "hr"))


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    def all(self, tag: str, **attributes: str) -> Iterator["Element"]:
        """Below it, in order; `class_` stands for class, and one of several is enough."""
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and child._has(attributes):
                    yield child
                yield from child.all(tag, **attributes)

    def one(self, tag: str, **attributes: str) -> "Element":
        (found,) = self.all(tag, **attributes)
        return found

    def _has(self, wanted: dict[str, str]) -> bool:
        mine = {name: self.attributes.get(name.rstrip("_"), "").split() for name in wanted}
        return all(value in mine[name] for name, value in wanted.items())

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(html: str) -> Element:
    """Every element has to be closed where it was opened."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    (root,) = reader.open
    return root


def few(path: Path, *workloads: str, rounds: int = 6, **environment) -> ResultsFolder:
    """Made-up results of these workloads alone."""
    kept = {name: made_up.results(name, rounds) for name in workloads}
    return ResultsFolder(path, kept, made_up.ENVIRONMENT | environment)
