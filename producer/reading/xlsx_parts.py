"""The parts of a workbook, unpacked within bounds.

It decides whether a workbook is honest before anything reads it whole: how many parts
it has, and how large each really is when it is unpacked, whatever the archive claims.
What stands in the parts is looked at in `xlsx_cells`; rows come from `xlsx_rows`.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

from producer.reading.unreadable import Unreadable, whole

#: The largest workbook of a million rows stays below these.
MAX_UNPACKED_BYTES = 1 << 30
MAX_PACKED_BYTES = 1 << 29
MAX_PARTS = 10_000
#: The list of an honest archive's parts is far smaller.
_MAX_LIST_BYTES = 4 << 20
#: Tables pack well, but not like this; small parts may, for they do no harm.
MAX_RATIO = 200
_SMALL_BYTES = 32 << 20
_BLOCK_BYTES = 1 << 18
_OLE = b"\xd0\xcf\x11\xe0"
#: How a workbook that is locked with a password names what it holds.
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_LOCKED_FLAG = 0x1

#: What a broken archive, or one packed in a way nobody uses, ends in.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)

Look: TypeAlias = Callable[[bytes], object]


class Parts:
    """The parts of one workbook by name."""

    def __init__(self, file: str, archive: BinaryIO) -> None:
        """Look at what the archive says of itself.

        Raises:
            Unreadable: it is no archive, locked, or larger than it may be.
        """
        self._file = file
        _refuse_other_kinds(file, archive)
        try:
            self._zip = zipfile.ZipFile(_Held(archive))
        except _DAMAGE:
            raise self.damaged() from None
        listed = self._zip.infolist()
        self._infos = {info.filename: info for info in listed}
        self._left_bytes = MAX_UNPACKED_BYTES
        claimed_bytes = sum(info.file_size for info in listed)
        if len(listed) > MAX_PARTS or claimed_bytes > MAX_UNPACKED_BYTES:
            raise self.bomb()
        if any(info.flag_bits & _LOCKED_FLAG for info in listed):
            raise _locked(file)
        if len({name.casefold() for name in self._infos}) < len(listed):
            raise self.damaged()

    @property
    def names(self) -> list[str]:
        """The names of all parts."""
        return [*self._infos]

    def unpack(self, name: str, look: Look) -> None:
        """Give a part to `look`, block by block.

        Raises:
            Unreadable: the part is missing, damaged, or larger than it may be.
        """
        for block in self._blocks(name):
            look(block)

    def _blocks(self, name: str) -> Iterator[bytes]:
        if name not in self._infos:
            raise self.damaged()
        info = self._infos[name]
        claimed = info.file_size
        # Python stops at the size that is claimed; what reads it later may not.
        info.file_size = MAX_UNPACKED_BYTES
        size = 0
        try:
            with self._zip.open(info) as part:
                while block := part.read(_BLOCK_BYTES):
                    size += len(block)
                    self._left_bytes -= len(block)
                    packed = max(info.compress_size, 1)
                    swollen = size > _SMALL_BYTES and size > packed * MAX_RATIO
                    if self._left_bytes < 0 or size > claimed or swollen:
                        raise self.bomb()
                    yield block
        except _DAMAGE:
            raise self.damaged() from None
        finally:
            info.file_size = claimed

    def damaged(self) -> Unreadable:
        """The refusal of a workbook that does not hold together."""
        message = "it is no whole .xlsx workbook"
        suggestion = "open it in a spreadsheet program and save it anew"
        return Unreadable(whole(self._file, "workbook", message, suggestion))

    def bomb(self) -> Unreadable:
        """The refusal of a workbook that is far larger inside than outside."""
        message = "unpacked it would be far larger than any manifest"
        suggestion = "save it as “CSV UTF-8” if it is yours; do not open it if not"
        return Unreadable(whole(self._file, "too-large", message, suggestion))


class _Held:
    """A file of which nobody can ask for too much at once.

    The list of an archive's parts is read in one piece, as long as the archive says.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        most = _MAX_LIST_BYTES + 1
        found = self._file.read(most if size < 0 else min(size, most))
        if len(found) == most:
            raise zipfile.BadZipFile("too much at once")
        return found

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def _refuse_other_kinds(file: str, archive: BinaryIO) -> None:
    archive.seek(0, 2)
    if archive.tell() > MAX_PACKED_BYTES:
        message = f"a workbook of more than {MAX_PACKED_BYTES >> 20} MB is not read"
        raise Unreadable(whole(file, "too-large", message, "save it as “CSV UTF-8”"))
    archive.seek(0)
    start = archive.read(len(_OLE))
    if start != _OLE:
        return
    before = b""
    while block := archive.read(_BLOCK_BYTES):
        if _LOCKED in before + block:
            raise _locked(file)
        before = block[-len(_LOCKED) :]
    message = "it is a workbook of the old .xls form"
    raise Unreadable(whole(file, "workbook", message, "save it as .xlsx"))


def _locked(file: str) -> Unreadable:
    message = "it is locked with a password"
    return Unreadable(whole(file, "workbook", message, "save it without one"))
