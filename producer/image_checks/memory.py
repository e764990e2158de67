"""What was seen of pictures: of every one in this run, beyond it of good ones only.

It never decides whether what is kept still holds; `web` and `local` ask for that.
Addresses stand in the file as digests, because signed ones are secrets. A file that is
broken is put aside and begun anew: it saves work, and nothing else depends on it.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from jobs.catalogue.pictures import ImageInfo
from producer.image_checks import keeping
from producer.image_checks.keeping import UnusableCacheError

#: A good look at the very same address is believed for so long without asking.
FRESH_S = 3600.0

#: What was not used for so long is forgotten.
KEPT_S = 90 * 86_400.0

#: Looks that are written to the file together.
_BLOCK = 100
_BLOCK_S = 2.0

_IN_THIS_RUN = """
CREATE TABLE run (
    address BLOB PRIMARY KEY, round INTEGER NOT NULL,
    kind TEXT, bytes INTEGER, width INTEGER, height INTEGER, sha256 TEXT,
    trouble TEXT, message TEXT, suggestion TEXT
) WITHOUT ROWID
"""

#: A picture is looked at once in a round; again only for what is not known of it.
_CLAIM = """
INSERT INTO run (address, round) VALUES (?1, ?2)
ON CONFLICT (address) DO UPDATE SET round = excluded.round
WHERE round < excluded.round AND (kind IS NULL OR (?3 AND sha256 IS NULL))
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a look at a picture."""

    #: None where nothing could be seen.
    look: ImageInfo | None
    #: Why not, as a stable word for programs: `unreachable`, `private`, `link-local`,
    #: `not-found`, `not-readable`, `not-a-file`.
    trouble: str | None = None
    #: The trouble as a sentence, and what to do next.
    message: str = ""
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A good look, and what tells that the picture is still the same."""

    look: ImageInfo
    #: A strong ETag; of a file, what its folder says of it; else empty.
    tag: str
    #: `Last-Modified`, where there is no such tag.
    modified: str = ""
    #: Hex digest of the first 64 KiB; empty where the tag alone is enough.
    first_sha256: str = ""
    #: Addresses near to us were allowed when it was looked at.
    near: bool = False
    #: Unix seconds of the last look; 0 if it shall not be believed without asking.
    looked_at_s: float = 0.0


class ImageCache:
    """What was seen of pictures; for one thread."""

    def __init__(
        self, path: Path, say: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        self._path = path
        self._say = say
        self._clock = clock
        # Without a name it is a file that only this process sees, gone with it.
        self._run = sqlite3.connect("", isolation_level=None)
        self._run.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA cache_size = -4000;" + _IN_THIS_RUN
        )
        self._run.execute("BEGIN")
        self._round = 0
        self._waiting: list[tuple[object, ...]] = []
        self._written_at_s = time.monotonic()
        self._file: sqlite3.Connection | None = None
        self._open_file()
        with self._careful() as file:
            keeping.forget(file, clock() - KEPT_S)

    @classmethod
    def open(
        cls,
        path: Path,
        say: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> "ImageCache":
        """The memory in this file, which is made where it is missing.

        Args:
            path: the file, `pictures.sqlite` in the home folder.
            say: told in a sentence when the file is broken or cannot be used; looking
                goes on without it.
            clock: Unix seconds.
        """
        return cls(path, say, clock)

    def close(self) -> None:
        """Write what is left, and let go of the file."""
        self.write()
        self._run.close()
        if self._file is not None:
            self._file.close()

    def find(self, address: str) -> Found | None:
        """What this run saw of a picture; None if it was not looked at."""
        row = self._run.execute(
            "SELECT kind, bytes, width, height, sha256, trouble, message, suggestion "
            "FROM run WHERE address = ?",
            (_digest(address),),
        ).fetchone()
        if row is None or (row[0] is None and row[5] is None):
            return None
        if row[0] is None:
            return Found(None, *row[5:])
        return Found(ImageInfo(*row[:5]))

    def begin(self) -> None:
        """Begin a round of looks."""
        self._round += 1

    def claim(self, address: str, *, whole: bool) -> bool:
        """Whether a picture is still to be looked at in this round; asked once."""
        values = (_digest(address), self._round, whole)
        return self._run.execute(_CLAIM, values).rowcount == 1

    def note(self, address: str, found: Found) -> None:
        """Hold what was found for this run."""
        look = found.look
        seen = (
            (look.kind, look.size_bytes, look.width_px, look.height_px, look.sha256)
            if look
            else (None,) * 5
        )
        self._run.execute(
            "REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(_digest(address), self._round, *seen),
                *(found.trouble, found.message, found.suggestion),
            ),
        )

    def kept(self, address: str) -> Kept | None:
        """What an earlier look at this very address kept."""
        with self._careful() as file:
            if row := keeping.by_address(file, _digest(address)):
                return _kept(row)
        return None

    def kept_of_content(
        self, address: str, tag: str, size_bytes: int, first_sha256: str
    ) -> Kept | None:
        """What was kept of the same content under the same place but another query."""
        with self._careful() as file:
            row = keeping.by_content(
                file, (_digest(place_of(address)), tag, size_bytes, first_sha256)
            )
            if row:
                return _kept(row)
        return None

    def is_fresh(self, kept: Kept) -> bool:
        """Whether a look is believed without asking."""
        return 0 <= self._clock() - kept.looked_at_s < FRESH_S

    def keep(self, address: str, kept: Kept, *, fresh: bool) -> None:
        """Keep a good look beyond this run.

        Args:
            address: of the picture.
            kept: what to keep; when it was looked at is filled in.
            fresh: believe it for a while without asking.
        """
        now_s = self._clock()
        look = kept.look
        self._waiting.append(
            (
                *(_digest(address), _digest(place_of(address))),
                *(kept.tag, kept.modified, kept.first_sha256),
                *(look.kind, look.size_bytes, look.width_px, look.height_px),
                *(look.sha256, kept.near, now_s if fresh else 0.0, now_s),
            )
        )
        since_s = time.monotonic() - self._written_at_s
        if len(self._waiting) >= _BLOCK or since_s > _BLOCK_S:
            self.write()

    def write(self) -> None:
        """Write down what waits to be; other processes may be writing too."""
        self._written_at_s = time.monotonic()
        rows, self._waiting = self._waiting, []
        if rows:
            with self._careful() as file:
                keeping.write(file, rows)

    @contextmanager
    def _careful(self) -> Iterator[sqlite3.Connection]:
        """The file; what goes wrong with it costs what it remembers and no more."""
        if self._file is None:
            self._file = sqlite3.connect("", isolation_level=None)
            keeping.prepare(self._file)
        try:
            yield self._file
        except sqlite3.OperationalError as error:
            # Full, locked for long or read-only: not broken, and no use either.
            self._say(f"{self._path}: nothing can be remembered ({error})")
            self._without_file()
        except sqlite3.DatabaseError as error:
            self._renew(error)

    def _open_file(self) -> None:
        try:
            self._file = keeping.opened(self._path)
        except (sqlite3.OperationalError, OSError) as error:
            self._say(f"{self._path}: nothing can be remembered ({error})")
        except (sqlite3.DatabaseError, UnusableCacheError) as error:
            self._renew(error)

    def _renew(self, error: Exception) -> None:
        self._without_file()
        try:
            aside = keeping.put_aside(self._path)
            self._file = keeping.opened(self._path)
        except (sqlite3.Error, OSError, UnusableCacheError) as again:
            self._say(f"{self._path}: nothing can be remembered ({again})")
            return
        self._say(
            f"{self._path}: broken ({error}); it was renamed to {aside.name} and begun "
            "anew, so pictures are looked at once more"
        )

    def _without_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def place_of(address: str) -> str:
    """An address without its query, which changes where addresses are signed."""
    return address.partition("#")[0].partition("?")[0]


def _digest(address: str) -> bytes:
    return blake2b(address.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _kept(row: tuple[object, ...]) -> Kept:
    return Kept(ImageInfo(*row[:5]), *row[5:])  # type: ignore[arg-type]  # from typed columns
