"""Whether a file is a whole MP4 with a picture track: a walk over its boxes.

It does not decode; it catches what goes wrong in a download (an error page, half a
file) in less than a millisecond. ISO/IEC 14496-12 is the source of the layout.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: Boxes that hold the way to a track's handler.
PARENTS = frozenset({b"moov", b"trak", b"mdia"})

HEADER_BYTES = 8
LARGE_HEADER_BYTES = 16
DEEPEST = 6
#: A film in a thousand fragments has two thousand; one with more is made to be endless.
MAX_BOXES = 10_000


class NotAVideoError(Exception):
    """The file is not a whole MP4 with a picture; says what is wrong."""


def check(path: Path) -> None:
    """Return if the file at `path` is a whole MP4 with a video track.

    Raises:
        NotAVideoError: it is not.
    """
    with path.open("rb") as file:
        check_open(file, path.stat().st_size)


def check_open(file: BinaryIO, size_bytes: int) -> None:
    """Return if the file, which has so many bytes, is a whole MP4 with a video track.

    Raises:
        NotAVideoError: it is not.
    """
    file.seek(4)
    if file.read(4) != b"ftyp":
        raise NotAVideoError("it does not begin like an MP4")
    top = list(boxes(file, 0, size_bytes))
    kinds = [kind for kind, _, _ in top]
    for needed in (b"moov", b"mdat"):
        if needed not in kinds:
            raise NotAVideoError(f"it has no {needed.decode()} box")
    start, end = next((s, e) for kind, s, e in top if kind == b"moov")
    if not any(handler == b"vide" for handler in _handlers(file, start, end)):
        raise NotAVideoError("it has no video track")


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte and end of the content of each box between two offsets.

    Raises:
        NotAVideoError: one is cut off, or there are too many.
    """
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        file.seek(start)
        header = file.read(LARGE_HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            raise NotAVideoError("it is cut off inside a box header")
        size, kind = struct.unpack(">I4s", header[:HEADER_BYTES])
        content = start + HEADER_BYTES
        if size == 1 and len(header) == LARGE_HEADER_BYTES:
            (size,) = struct.unpack(">Q", header[HEADER_BYTES:])
            content = start + LARGE_HEADER_BYTES
        elif size == 0:
            size = end - start
        if size < content - start or start + size > end:
            raise NotAVideoError(f"its {kind!r} box is cut off")
        yield kind, content, start + size
        start += size
    raise NotAVideoError(f"it has more than {MAX_BOXES} boxes in one place")


def _handlers(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    for number, (kind, content) in enumerate(_inside(file, start, end, 0)):
        if number >= MAX_BOXES:
            raise NotAVideoError(f"it has more than {MAX_BOXES} boxes in its index")
        if kind == b"hdlr":
            file.seek(content + 8)
            yield file.read(4)


def _inside(
    file: BinaryIO, start: int, end: int, depth: int
) -> Iterator[tuple[bytes, int]]:
    if depth > DEEPEST:
        raise NotAVideoError("its boxes are nested too deep")
    for kind, content, stop in boxes(file, start, end):
        yield kind, content
        if kind in PARENTS:
            yield from _inside(file, content, stop, depth + 1)
