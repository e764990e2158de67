"""The XML of a workbook's parts, read as it is unpacked.

It decides how much one piece of markup may hold, and that a part has no say in what is
read besides it; what elements mean is decided in `xlsx_sheets` and `xlsx_cells`.
"""

from collections.abc import Mapping
from functools import lru_cache
from xml.parsers import expat

from producer.reading.xlsx_parts import Parts

_MAX_TOKEN_BYTES = 8 << 20


class Elements:
    """What happens at the elements of a part; by default nothing."""

    def start(self, name: str, given: Mapping[str, str]) -> None:
        """An element begins, with its attributes; its name has no prefix."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """A piece of text between elements."""


def parse(parts: Parts, name: str, elements: Elements) -> None:
    """Tell `elements` what a part holds, in its order.

    Raises:
        Unreadable: the part is missing or damaged, or too large when it is unpacked.
    """
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda at, given: elements.start(_local(at), given)
    parser.EndElementHandler = lambda at: elements.end(_local(at))
    parser.CharacterDataHandler = elements.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    fed_bytes = 0

    def feed(block: bytes) -> None:
        nonlocal fed_bytes
        fed_bytes += len(block)
        parser.Parse(block, False)
        if fed_bytes - parser.CurrentByteIndex > _MAX_TOKEN_BYTES:
            raise ValueError(name)

    try:
        parts.unpack(name, feed)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError):
        raise parts.damaged() from None


def _refuse_doctype(*_given: object) -> None:
    """No workbook has one; with it a little text could stand for very much."""
    raise ValueError("doctype")


@lru_cache(maxsize=1024)
def _local(name: str) -> str:
    return name.rpartition("}")[2]
