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
#: ... and those that hold the way to the number of its samples.
SAMPLE_PARENTS = PARENTS | {b"minf", b"stbl"}
SAMPLE_COUNTS = frozenset({b"stsz", b"stz2"})

HEADER_BYTES = 8
LARGE_HEADER_BYTES = 16
DEEPEST = 6
#: The index of a minute with sound has a hundred kilobytes.
LARGEST_INDEX_BYTES = 4 << 20
#: A film in a thousand fragments has two thousand; one with more is made to be endless.
MOST_BOXES = 10_000


class NotAVideo(Exception):  # noqa: N818 - that is what it is
    """The file is not a whole MP4 with a picture; says what is wrong."""


def check(path: Path) -> None:
    """Return if the file at `path` is a whole MP4 with a video track.

    Raises:
        NotAVideo: it is not.
    """
    with path.open("rb") as file:
        check_open(file, path.stat().st_size)


def check_open(file: BinaryIO, size_bytes: int) -> None:
    """Return if the file, which has so many bytes, is a whole MP4 with a video track.

    Raises:
        NotAVideo: it is not.
    """
    top = list(_boxes(file, 0, size_bytes))
    kinds = [kind for kind, _, _ in top]
    if not kinds or kinds[0] != b"ftyp":
        raise NotAVideo("it does not begin like an MP4")
    for needed in (b"moov", b"mdat"):
        if needed not in kinds:
            raise NotAVideo(f"it has no {needed.decode()} box")
    start, end = next((s, e) for kind, s, e in top if kind == b"moov")
    if not any(handler == b"vide" for handler in _handlers(file, start, end, 0)):
        raise NotAVideo("it has no video track")


def samples(path: Path) -> int:
    """How many frames and pieces of sound the video at `path` says that it has.

    Raises:
        NotAVideo: it has no index of a usual size, or more of it between the frames.
    """
    with path.open("rb") as file:
        top = list(_boxes(file, 0, path.stat().st_size))
        places = [(start, end) for kind, start, end in top if kind == b"moov"]
        if any(end - start > LARGEST_INDEX_BYTES for start, end in places):
            raise NotAVideo("its index is too large")
        if any(kind == b"moof" for kind, _, _ in top):
            raise NotAVideo("its index is in pieces")
        return sum(_counted(file, *place, 0) for place in places)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte and end of the content of each box between two offsets."""
    for _ in range(MOST_BOXES):
        if start >= end:
            return
        file.seek(start)
        header = file.read(LARGE_HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            raise NotAVideo("it is cut off inside a box header")
        size, kind = struct.unpack(">I4s", header[:HEADER_BYTES])
        content = start + HEADER_BYTES
        if size == 1 and len(header) == LARGE_HEADER_BYTES:
            (size,) = struct.unpack(">Q", header[HEADER_BYTES:])
            content = start + LARGE_HEADER_BYTES
        elif size == 0:
            size = end - start
        if size < content - start or start + size > end:
            raise NotAVideo(f"its {kind!r} box is cut off")
        yield kind, content, start + size
        start += size
    raise NotAVideo(f"it has more than {MOST_BOXES} boxes in one place")


def _handlers(file: BinaryIO, start: int, end: int, depth: int) -> Iterator[bytes]:
    if depth > DEEPEST:
        raise NotAVideo("its boxes are nested too deep")
    for kind, content, stop in list(_boxes(file, start, end)):
        if kind == b"hdlr":
            file.seek(content + 8)
            yield file.read(4)
        elif kind in PARENTS:
            yield from _handlers(file, content, stop, depth + 1)


def _counted(file: BinaryIO, start: int, end: int, depth: int) -> int:
    """How many samples the tracks between two offsets have."""
    if depth > DEEPEST:
        raise NotAVideo("its boxes are nested too deep")
    count = 0
    for kind, content, stop in list(_boxes(file, start, end)):
        if kind in SAMPLE_COUNTS:
            # After version, flags and the size of each.
            file.seek(content + 8)
            count += int.from_bytes(file.read(4))
        elif kind in SAMPLE_PARENTS:
            count += _counted(file, content, stop, depth + 1)
    return count
