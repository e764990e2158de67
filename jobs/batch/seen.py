"""Which names a batch has used, and on which line, in 16 to 32 bytes a name.

It decides whether a name is new, whatever the case of its letters; what a name may look
like stands in `manifest.naming`. A manifest may have millions of rows, so hashes are
kept in a flat table instead of the names themselves.
"""

from array import array
from hashlib import blake2b
from unicodedata import normalize

_FIRST_SLOTS = 1 << 10


class Seen:
    """Names and the lines they were first used on.

    Two different names are taken for one with a chance of about one in 10^8 for a
    million names: each is kept as 64 bits of its BLAKE2b hash.
    """

    def __init__(self) -> None:
        self._hashes = array("Q", bytes(8 * _FIRST_SLOTS))
        self._lines = array("Q", bytes(8 * _FIRST_SLOTS))
        self._count = 0

    def add(self, name: str, line: int) -> int | None:
        """The line that used this name before, or None if it is new and now kept."""
        folded = name.casefold()
        if not folded.isascii():
            folded = normalize("NFC", folded)
        wanted = _hash(folded)
        slot = _slot(self._hashes, wanted)
        if self._hashes[slot]:
            return self._lines[slot]
        self._keep(slot, wanted, line)
        return None

    def count(self, name: str) -> int:
        """How often this very name was counted, this time included."""
        wanted = _hash(name)
        slot = _slot(self._hashes, wanted)
        if self._hashes[slot]:
            self._lines[slot] += 1
            return self._lines[slot]
        self._keep(slot, wanted, 1)
        return 1

    def _keep(self, slot: int, wanted: int, line: int) -> None:
        self._hashes[slot], self._lines[slot] = wanted, line
        self._count += 1
        if 3 * self._count > 2 * len(self._hashes):
            self._grow()

    def _grow(self) -> None:
        hashes, lines = self._hashes, self._lines
        empty = bytes(16 * len(hashes))
        self._hashes, self._lines = array("Q", empty), array("Q", empty)
        for kept, line in zip(hashes, lines, strict=True):
            if kept:
                slot = _slot(self._hashes, kept)
                self._hashes[slot], self._lines[slot] = kept, line


def _hash(name: str) -> int:
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    # Zero marks an empty slot.
    return int.from_bytes(digest, "little") or 1


def _slot(hashes: "array[int]", wanted: int) -> int:
    """Where a hash stands, or the empty slot where it would."""
    last = len(hashes) - 1
    slot = wanted & last
    while hashes[slot] not in (0, wanted):
        slot = (slot + 1) & last
    return slot
