"""Rows of a report, packed: a million of them as dicts would take three gigabytes.

They are gone through in order, as often as anybody likes, and unpacked some hundred at
a time. What a row says stands in `rows`; what is left of it here is what JSON keeps.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

Row = dict[str, Any]

#: Rows that are packed together.
BLOCK = 500

#: Quick rather than small: text of this kind shrinks to a sixth even so.
_LEVEL = 1

#: Made once: `json.dumps` would make one for each row.
_JSON = json.JSONEncoder(ensure_ascii=False)


class Packed(Sequence[Row]):
    """Rows in the order in which they were added."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self._blocks: list[bytes] = []
        #: Those that are not packed yet, as JSON.
        self._open: list[str] = []
        for row in rows:
            self.append(row)

    def append(self, row: Row) -> None:
        """Add a row at the end."""
        self._open.append(_JSON.encode(row))
        if len(self._open) == BLOCK:
            # Text from outside may hold what is no character.
            text = "\n".join(self._open).encode("utf-8", "surrogatepass")
            self._blocks.append(zlib.compress(text, _LEVEL))
            self._open.clear()

    def texts(self) -> Iterator[str]:
        """Each row as one line of JSON."""
        for block in self._blocks:
            yield from self._unpacked(block)
        yield from self._open

    def __iter__(self) -> Iterator[Row]:
        for block in self._blocks:
            yield from _read(self._unpacked(block))
        yield from _read(self._open)

    def __len__(self) -> int:
        return len(self._blocks) * BLOCK + len(self._open)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == more for one, more in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # rows may be added

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        number, within = divmod(range(len(self))[index], BLOCK)
        is_open = number == len(self._blocks)
        texts = self._open if is_open else self._unpacked(self._blocks[number])
        (row,) = _read(texts[within : within + 1])
        return row

    @staticmethod
    def _unpacked(block: bytes) -> list[str]:
        # Not by `splitlines`, which also takes marks for ends that JSON leaves alone.
        return zlib.decompress(block).decode("utf-8", "surrogatepass").split("\n")


def _read(texts: Sequence[str]) -> list[Row]:
    rows: list[Row] = json.loads(f"[{','.join(texts)}]")
    return rows
