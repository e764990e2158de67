"""The file that pictures are remembered in: its tables, its questions, its mishaps.

It knows SQL and nothing of pictures; `memory` gives its rows their meaning. Several
processes may use the file at once, so a write is short and waits its turn.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Changes with the tables; a file of another number is not understood.
VERSION = 1

#: Another process that writes is waited for.
_PATIENCE_S = 10.0

_TABLES = (
    """
    CREATE TABLE pictures (
        address BLOB PRIMARY KEY, place BLOB NOT NULL,
        tag TEXT NOT NULL, modified TEXT NOT NULL, first_sha256 TEXT NOT NULL,
        kind TEXT NOT NULL, bytes INTEGER NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, sha256 TEXT,
        near INTEGER NOT NULL, looked_at_s REAL NOT NULL, used_at_s REAL NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX by_content ON pictures (place, tag)",
    "CREATE INDEX by_use ON pictures (used_at_s)",
)

_COLUMNS = (
    "kind, bytes, width, height, sha256, tag, modified, first_sha256, near, looked_at_s"
)


class UnusableCacheError(Exception):
    """A database, but not one of ours or not of this version."""


def opened(path: Path) -> sqlite3.Connection:
    """The file, with its tables; only its owner may read it.

    Raises:
        sqlite3.DatabaseError: it is broken, or no database.
        UnusableCacheError: it is a database of another kind.
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(
        os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    )
    path.chmod(0o600)
    file = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None)
    try:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        prepare(file)
    except BaseException:
        file.close()
        raise
    return file


def prepare(file: sqlite3.Connection) -> None:
    """Make the tables where they are missing.

    Raises:
        UnusableCacheError: there are others.
    """
    if _version(file) == VERSION:
        return
    with _written(file):
        # Another process may have been quicker by a moment.
        if (version := _version(file)) == VERSION:
            return
        if file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise UnusableCacheError(f"its version is {version} and not {VERSION}")
        for table in _TABLES:
            file.execute(table)
        file.execute(f"PRAGMA user_version = {VERSION}")


def _version(file: sqlite3.Connection) -> int:
    return int(file.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _written(file: sqlite3.Connection) -> Iterator[None]:
    """What is written inside is written as a whole or not at all."""
    file.execute("BEGIN IMMEDIATE")
    try:
        yield
        file.execute("COMMIT")
    except BaseException:
        if file.in_transaction:
            file.execute("ROLLBACK")
        raise


def put_aside(path: Path) -> Path:
    """Rename a broken file, so that it can be looked into; returns its new path."""
    aside = path.with_name(f"{path.name}.broken")
    for ending in ("-wal", "-shm"):
        # They belong to the file that goes; a new one must not read them.
        path.with_name(path.name + ending).unlink(missing_ok=True)
    path.rename(aside)
    return aside


def by_address(file: sqlite3.Connection, address: bytes) -> tuple[Any, ...] | None:
    """The row of an address."""
    row: tuple[Any, ...] | None = file.execute(
        f"SELECT {_COLUMNS} FROM pictures WHERE address = ?",  # noqa: S608 - our words
        (address,),
    ).fetchone()
    return row


def by_content(
    file: sqlite3.Connection, content: tuple[bytes, str, int, str]
) -> tuple[Any, ...] | None:
    """The row of a place with this tag, size and beginning, whose content is known."""
    row: tuple[Any, ...] | None = file.execute(
        f"SELECT {_COLUMNS} FROM pictures WHERE place = ? AND tag = ? "  # noqa: S608 - our words
        "AND bytes = ? AND first_sha256 = ? AND sha256 IS NOT NULL LIMIT 1",
        content,
    ).fetchone()
    return row


def write(file: sqlite3.Connection, rows: Iterable[tuple[object, ...]]) -> None:
    """Write rows, all or none.

    The same content under the same place was signed anew: the old address will not
    come again, and its row goes, or every night would add one.
    """
    with _written(file):
        for row in rows:
            file.execute(
                "DELETE FROM pictures WHERE place = ?2 AND tag = ?3 AND tag <> '' "
                "AND bytes = ?7 AND first_sha256 = ?5",
                row[:7],
            )
            file.execute(
                "REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )


def forget(file: sqlite3.Connection, before_s: float) -> None:
    """Forget what was not used since then."""
    file.execute("DELETE FROM pictures WHERE used_at_s < ?", (before_s,))
