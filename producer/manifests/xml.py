"""Reads XML piece by piece, and product feeds such as those of Google Merchant."""

from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from typing import BinaryIO, Generic, TypeVar
from xml.parsers import expat

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Header, Row
from producer.manifests.source import UnreadableError, whole
from producer.manifests.table import TableOptions, joined, with_header

_CHUNK_BYTES = 1 << 16
#: A document that gives nothing for so long is refused.
_MAX_WAIT_BYTES = 64 << 20
#: Elements that are one product each: of RSS, Atom, and feeds of price comparers.
_ROWS = {"item", "entry", "product", "offer", "shopitem", "article", "record"}
#: Where an element without text has its address.
_ADDRESSES = ("href", "url", "src")

_T = TypeVar("_T")


class Target(Generic[_T]):
    """Takes the parts of a document as they come, and collects what it finds."""

    def __init__(self) -> None:
        self.found: list[_T] = []
        self.parser: expat.XMLParserType | None = None

    @property
    def line(self) -> int:
        """Line of the document that is being read."""
        return self.parser.CurrentLineNumber if self.parser else 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Takes the beginning of an element."""

    def end(self, name: str) -> None:
        """Takes the end of an element."""

    def text(self, text: str) -> None:
        """Takes text."""


@lru_cache(maxsize=1000)
def local(name: str) -> str:
    """The name of an element without its prefix."""
    return name[name.find(":") + 1 :]


def pulled(content: BinaryIO, target: Target[_T]) -> Iterator[_T]:
    """What a target finds in a document, which is not held whole.

    Entities are refused, as text that a document defines once can grow without bounds.

    Raises:
        expat.ExpatError: the document is broken, or grows without bounds.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.EntityDeclHandler = _refuse_entity
    # Entities of HTML, such as &nbsp;, are in feeds that do not say what they are.
    parser.UseForeignDTD()
    parser.SkippedEntityHandler = lambda name, _: target.text(unescape(f"&{name};"))
    parser.StartElementHandler = target.start
    parser.EndElementHandler = target.end
    parser.CharacterDataHandler = target.text

    target.parser = parser
    waited_bytes, chunk = 0, b" "
    while chunk:
        chunk = content.read(_CHUNK_BYTES)
        parser.Parse(chunk, not chunk)
        waited_bytes += len(chunk)
        if target.found:
            waited_bytes = 0
            yield from target.found
            target.found.clear()
        if waited_bytes > _MAX_WAIT_BYTES:
            raise expat.ExpatError("one part of it is too large")


def _refuse_entity(name: str, *_: object) -> None:
    raise expat.ExpatError(f"it defines the entity {name!r}, which is not supported")


def read_feed(
    file: str, content: BinaryIO, _columns: Columns, _options: TableOptions
) -> Iterator[Header | Row]:
    """The products of a feed, as rows of a table with a column for every element."""
    found = with_header(lambda: _products(file, content))
    if not (first := next(found, None)):
        message = f"it has no element {', '.join(sorted(_ROWS))}"
        suggestion = "save the table as CSV or .xlsx and name that file"
        raise UnreadableError(whole(file, "not-a-manifest", message, suggestion))
    yield first
    yield from found


def _products(file: str, content: BinaryIO) -> Iterator[Row]:
    content.seek(0)
    try:
        yield from pulled(content, _Products(file))
    except (expat.ExpatError, ValueError, LookupError) as error:
        # The latter are of encodings that the parser does not know.
        problem = whole(
            file, "xml", f"it is not valid XML ({error})", "download the feed again"
        )
        raise UnreadableError(problem) from None


class _Products(Target[Row]):
    """Collects the products of a feed; deeper elements are named by their path."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file, self._number, self._begun = file, 0, 0
        #: What a product is called here, as soon as one had anything in it.
        self._kind = ""
        self._cells: dict[str, list[str]] | None = None
        #: Of the open elements: their names, texts, and addresses in attributes.
        self._path: list[str] = []
        self._texts: list[str] = []
        self._addresses: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Takes the beginning of a product, or of one of its elements."""
        kind = local(name).casefold()
        if self._cells is not None:
            self._path.append(local(name))
            self._texts.append("")
            found = (attributes[one] for one in _ADDRESSES if one in attributes)
            self._addresses.append(next(found, ""))
        elif kind == self._kind or (not self._kind and kind in _ROWS):
            self._begun = self.line
            self._cells = {key: [value] for key, value in attributes.items()}

    def text(self, text: str) -> None:
        """Takes text of an element."""
        if self._texts:
            self._texts[-1] += text

    def end(self, name: str) -> None:
        """Takes the end of an element, or of the product."""
        if self._cells is None:
            return
        if self._path:
            column, address = "_".join(self._path), self._addresses.pop()
            if text := self._texts.pop().strip() or address:
                self._cells.setdefault(column, []).append(text)
            self._path.pop()
            return
        if self._cells:
            self._kind, self._number = local(name).casefold(), self._number + 1
            cells = {key: joined(values) for key, values in self._cells.items()}
            self.found.append(Row(self._file, self._begun, self._number, cells))
        self._cells = None
