"""Whether the index of an MP4 is as plain as that of a generated clip.

A library that decodes follows an index further than it looks: hundreds of bytes can
ask for gigabytes, hide a second index or name another file. So what is not known here
is refused before any of that; nothing is decoded. Whether a file is whole at all is
told by `mp4`.
"""

import io
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from worker.mp4 import boxes

#: What may stand beside the frames; a library looks into `free` too, so it counts.
TOP = frozenset({b"ftyp", b"moov", b"mdat", b"uuid", b"free", b"skip", b"wide"})
#: ... of which these hold no boxes.
OPAQUE = frozenset({b"mdat", b"uuid"})

PARENTS = frozenset({b"trak", b"mdia", b"minf", b"dinf", b"stbl"})
#: A track has one of each line.
ONCE = (
    *((b"tkhd",), (b"mdia",), (b"mdhd",), (b"minf",), (b"stbl",), (b"stsd",)),
    *((b"stts",), (b"stsc",), (b"stsz", b"stz2"), (b"stco", b"co64"), (b"dref",)),
)
#: ... and one of these at most.
RARE = (b"ctts", b"stss", b"dinf")
#: What is found here and nowhere else in an index: a library reads it anywhere.
PLACED = frozenset({b"mvhd", b"trak", *RARE, *(kind for line in ONCE for kind in line)})
#: Indexes that are compressed, in pieces or elsewhere, covers, time codes, ciphers.
BANNED = frozenset(
    {
        *(b"moov", b"moof", b"traf", b"tfhd", b"mvex", b"mfra", b"tfra", b"sidx"),
        *(b"cmov", b"dcom", b"cmvd", b"rmra", b"rdrf"),
        *(b"covr", b"tmcd", b"encv", b"enca"),
    }
)
# Looked for ahead, as one could begin in another.
_KIND = re.compile(b"(?=(" + b"|".join(sorted(PLACED | BANNED)) + b"))")

CODECS = {
    b"vide": frozenset({b"avc1", b"avc3", b"hvc1", b"hev1", b"av01", b"vp09", b"mp4v"}),
    b"soun": frozenset({b"mp4a", b"Opus", b"ac-3", b"ec-3", b"fLaC"}),
}

#: The index of a minute with sound has a hundred kilobytes.
LARGEST_BYTES = 4 << 20
MOST_TRACKS = 4
#: Of a minute with sound there are some thousands.
MOST_SAMPLES = 100_000
DEEPEST = 6
#: The words of a data reference that says "in this file".
HERE = struct.pack(">III4sI", 0, 1, 12, b"url ", 1)


class UnusualIndexError(Exception):
    """The index is none that is followed here; says what is strange."""


def check(path: Path) -> None:
    """Return if decoding the beginning of the video at `path` promises to be cheap.

    Raises:
        UnusualIndexError: it does not.
        NotAVideo: it is no whole MP4.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        top = list(boxes(file, 0, path.stat().st_size))
        kinds = Counter(kind for kind, _, _ in top)
        for kind in kinds.keys() - TOP:
            raise UnusualIndexError(f"it has {kind!r} beside its frames")
        if kinds[b"moov"] != 1:
            raise UnusualIndexError(f"it has {kinds[b'moov']} indexes")
        read = [each for each in top if each[0] not in OPAQUE]
        if sum(end - start for _, start, end in read) > LARGEST_BYTES:
            raise UnusualIndexError("its index is too large")
        parts = [(kind, _bytes(file, start, end)) for kind, start, end in read]
    seen = Counter(kind for _, part in parts for kind in _KIND.findall(part))
    _check_index(dict(parts)[b"moov"], seen)


def _check_index(content: bytes, seen: Counter[bytes]) -> None:
    index = io.BytesIO(content)
    within = list(boxes(index, 0, len(content)))
    tracks = [(start, end) for kind, start, end in within if kind == b"trak"]
    if not 0 < len(tracks) <= MOST_TRACKS:
        raise UnusualIndexError(f"it has {len(tracks)} tracks")
    found = Counter(kind for kind, _, _ in within)
    count = 0
    for place in tracks:
        track = list(_inside(index, *place, 0))
        found.update(kind for kind, _, _ in track)
        count += _Track.of(index, track).samples()
    if count > MOST_SAMPLES:
        raise UnusualIndexError(f"it is too long, with {count} samples")
    for kind in seen:
        if kind in BANNED or seen[kind] != found[kind]:
            raise UnusualIndexError(f"it has {kind!r} where none belongs")


def _inside(
    index: BinaryIO, start: int, end: int, depth: int
) -> Iterator[tuple[bytes, int, int]]:
    """All boxes of a track, from above."""
    if depth > DEEPEST:
        raise UnusualIndexError("its boxes are nested too deep")
    for kind, content, stop in list(boxes(index, start, end)):
        yield kind, content, stop
        if kind in PARENTS:
            yield from _inside(index, content, stop, depth + 1)


@dataclass(frozen=True, slots=True)
class _Track:
    """One track, by what its boxes hold."""

    content: dict[bytes, bytes]

    @classmethod
    def of(cls, index: BinaryIO, track: list[tuple[bytes, int, int]]) -> "_Track":
        counts = Counter(kind for kind, _, _ in track)
        for line in ONCE:
            if sum(counts[kind] for kind in line) != 1:
                raise UnusualIndexError(f"a track has not one {line[0]!r}")
        for kind in RARE:
            if counts[kind] > 1:
                raise UnusualIndexError(f"a track has several {kind!r}")
        made = cls({kind: _bytes(index, start, end) for kind, start, end in track})
        made._check_kind()
        return made

    def samples(self) -> int:
        """How many frames or pieces of sound it asks for, in whichever way is most."""
        times = self.content.keys() & {b"stts", b"ctts"}
        counts = (sum(count for count, _ in self._rows(kind, 2)) for kind in times)
        return max(self._sized(), self._in_chunks(), *counts)

    def _check_kind(self) -> None:
        handler = self.content.get(b"hdlr", b"")[8:12]
        described = self.content[b"stsd"]
        if described[4:8] != struct.pack(">I", 1):
            raise UnusualIndexError("a track is described in several ways")
        codec = described[12:16]
        if codec not in CODECS.get(handler, ()):
            raise UnusualIndexError(f"a track of {handler!r} is made of {codec!r}")
        if self.content[b"dref"] != HERE:
            raise UnusualIndexError("its frames are in another file")

    def _sized(self) -> int:
        table = self.content.get(b"stsz") or self.content[b"stz2"]
        return int.from_bytes(table[8:12])

    def _in_chunks(self) -> int:
        """As a library counts that takes sizes for given."""
        table = self.content.get(b"stco") or self.content[b"co64"]
        chunks = int.from_bytes(table[4:8])
        rows = self._rows(b"stsc", 3)
        firsts = [*(first for first, _, _ in rows), chunks + 1]
        if rows and (firsts[0] != 1 or firsts != sorted(firsts)):
            raise UnusualIndexError("its chunks are in no order")
        lengths = [after - first for first, after in pairwise(firsts)]
        return sum(row[1] * n for row, n in zip(rows, lengths, strict=True)) + chunks

    def _rows(self, kind: bytes, width: int) -> list[tuple[int, ...]]:
        """The table in a box: a count of rows, and rows of numbers."""
        content = self.content[kind]
        count, row = int.from_bytes(content[4:8]), struct.Struct(f">{width}I")
        if 8 + count * row.size > len(content):
            raise UnusualIndexError(f"its {kind!r} is cut off")
        return list(row.iter_unpack(content[8 : 8 + count * row.size]))


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)
