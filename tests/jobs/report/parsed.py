"""A page of a report as a browser would take it apart, for the tests."""

import json
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """What a browser would make of a page: its elements, texts, data and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.raw: list[tuple[str, str]] = []
        self._raw = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._raw = tag in {"script", "style"}
        if self._raw:
            self.raw.append((dict(attrs).get("type") or tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self._raw = self._raw and tag not in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if self._raw:
            kind, so_far = self.raw[-1]
            self.raw[-1] = kind, so_far + data
        else:
            self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows as the script reads them."""
        _, *pieces = (text for kind, text in self.raw if kind == "application/json")
        return [row for piece in pieces for row in json.loads(piece)]
