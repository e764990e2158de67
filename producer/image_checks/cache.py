"""What is known of pictures: of every one in this run, beyond it of good ones only.

The file has digests in place of addresses, because signed addresses are secrets. It
only saves work: without it, or with a broken one, pictures are read again.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import astuple, dataclass
from hashlib import blake2b
from pathlib import Path

from jobs.catalogue.pictures import ImageInfo
from producer.image_checks.results import Finding

#: Seconds for which a good check of the same address is believed without asking.
FRESH_S = 3600.0

#: Seconds after which what was not used is forgotten.
KEPT_S = 90 * 86_400.0

#: Rows that are written together.
_BLOCK = 100

#: Seconds to wait for another process that writes.
_BUSY_TIMEOUT_S = 10.0

#: Changes with the table; a file of another version is not used.
VERSION = 2

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS pictures (
    address BLOB PRIMARY KEY, place BLOB NOT NULL,
    tag TEXT NOT NULL, modified TEXT NOT NULL, first_sha256 TEXT NOT NULL,
    kind TEXT NOT NULL, bytes INTEGER NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    sha256 TEXT, trait TEXT NOT NULL,
    near INTEGER NOT NULL, looked_at_s REAL NOT NULL, used_at_s REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_content ON pictures (place, tag);
CREATE INDEX IF NOT EXISTS by_use ON pictures (used_at_s);
PRAGMA user_version = {VERSION};
"""

_SELECT = (
    "SELECT kind, bytes, width, height, sha256, trait, tag, modified, first_sha256, "
    "near, looked_at_s FROM pictures WHERE "
)

# The same content under the same place was signed anew: its old address will not come
# again, and its row goes, or every night would add one.
_DELETE_OLD_SIGNATURE = (
    "DELETE FROM pictures WHERE place = ?2 AND tag = ?3 AND tag <> '' "
    "AND first_sha256 = ?5 AND bytes = ?7"
)

_REPLACE = "REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class CachedImage:
    """A picture that was read, and what tells that it is still the same."""

    info: ImageInfo
    #: A strong ETag; of a file, its size, time and inode; else empty.
    tag: str
    #: `Last-Modified`, where there is no such tag.
    modified: str = ""
    #: Hex digest of the first 64 KiB; empty where the tag alone is enough.
    first_sha256: str = ""
    #: Private addresses were allowed when it was read.
    near: bool = False
    #: Unix seconds of the last check; 0 if it shall not be believed without asking.
    checked_at_s: float = 0.0


class ImageCache:
    """What is known of pictures; for one thread."""

    def __init__(
        self,
        path: Path,
        say: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Use this file, which is made where it is missing.

        Args:
            path: the file, `pictures.sqlite` in the home folder.
            say: told in a sentence when the file is broken or cannot be used.
            clock: unix seconds.
        """
        self._path, self._say, self._clock = path, say, clock
        self._findings: dict[bytes, Finding] = {}
        self._unwritten: list[tuple[object, ...]] = []
        self._file: sqlite3.Connection | None = None
        try:
            self._file = _connected(path)
            old_s = clock() - KEPT_S
            with self._file:
                self._file.execute("DELETE FROM pictures WHERE used_at_s < ?", (old_s,))
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def close(self) -> None:
        """Write what is left, and let go of the file."""
        self.write()
        if self._file is not None:
            self._file.close()

    def find(self, address: str) -> Finding | None:
        """What this run found of a picture; None if it was not checked."""
        return self._findings.get(_digest(address))

    def unchecked(self, addresses: Iterable[str], *, whole: bool) -> Iterator[str]:
        """Each picture once that this run has yet to read, or yet to read whole."""
        begun: set[bytes] = set()
        for address in addresses:
            key = _digest(address)
            info = found.info if (found := self._findings.get(key)) else None
            is_known = info is not None and (info.sha256 is not None or not whole)
            if key not in begun and not is_known:
                begun.add(key)
                yield address

    def note(self, address: str, found: Finding) -> None:
        """Hold what was found for this run."""
        self._findings[_digest(address)] = found

    def cached(self, address: str) -> CachedImage | None:
        """What an earlier check of this very address remembered."""
        return self._select("address = ?", (_digest(address),))

    def cached_content(
        self, address: str, tag: str, size_bytes: int, first_sha256: str
    ) -> CachedImage | None:
        """What is known of the same content under an address with another query."""
        return self._select(
            "place = ? AND tag = ? AND bytes = ? AND first_sha256 = ? "
            "AND sha256 IS NOT NULL LIMIT 1",
            (_digest(_without_query(address)), tag, size_bytes, first_sha256),
        )

    def is_fresh(self, cached: CachedImage) -> bool:
        """Whether a check is believed without asking."""
        return 0 <= self._clock() - cached.checked_at_s < FRESH_S

    def keep(self, address: str, cached: CachedImage, *, fresh: bool) -> None:
        """Remember a good check beyond this run.

        Args:
            address: of the picture.
            cached: what to keep; when it was checked is filled in.
            fresh: believe it for a while without asking.
        """
        now_s = self._clock()
        row = (
            *(_digest(address), _digest(_without_query(address))),
            *(cached.tag, cached.modified, cached.first_sha256),
            *(*astuple(cached.info), cached.near, now_s if fresh else 0.0, now_s),
        )
        self._unwritten.append(row)
        if len(self._unwritten) >= _BLOCK:
            self.write()

    def write(self) -> None:
        """Write down what waits to be; other processes may be writing too."""
        rows, self._unwritten = self._unwritten, []
        if rows and self._file is not None:
            try:
                with self._file:
                    self._file.executemany(_DELETE_OLD_SIGNATURE, (r[:7] for r in rows))
                    self._file.executemany(_REPLACE, rows)
            except sqlite3.Error as error:
                self._give_up(error)

    def _select(self, where: str, values: Iterable[object]) -> CachedImage | None:
        if self._file is None:
            return None
        try:
            row = self._file.execute(_SELECT + where, tuple(values)).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        return CachedImage(ImageInfo(*row[:6]), *row[6:]) if row else None

    def _give_up(self, error: Exception) -> None:
        """Begin a broken file anew, and go on without one that cannot be used."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if isinstance(error, sqlite3.OperationalError | OSError):
            self._say(f"{self._path}: nothing can be remembered ({error})")
            return
        try:
            for ending in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
            self._file = _connected(self._path)
        except (sqlite3.Error, OSError) as again:
            self._say(f"{self._path}: nothing can be remembered ({again})")
        else:
            self._say(
                f"{self._path}: broken ({error}) and begun anew, so pictures are "
                "looked at once more"
            )


def _connected(path: Path) -> sqlite3.Connection:
    """The file, with its table.

    Raises:
        sqlite3.Error: it is broken, or of another version.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)) as file:
        version = file.execute("PRAGMA user_version").fetchone()[0]
    if version not in {0, VERSION}:
        raise sqlite3.DatabaseError(f"its version is {version} and not {VERSION}")
    file = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S)
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = NORMAL")
    if version != VERSION:
        file.executescript(_SCHEMA)
    return file


def _without_query(address: str) -> str:
    """An address without its query, which is new each time that it is signed."""
    return address.partition("#")[0].partition("?")[0]


def _digest(address: str) -> bytes:
    return blake2b(address.encode("utf-8", "surrogatepass"), digest_size=16).digest()
