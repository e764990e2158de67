"""The archive of a finished batch: what the ledger held of its jobs, as one small file.

A line of JSON that says whose it is, one for each job with the fields of the ledger as
they were, and one that counts them, so that a file that was cut is known for one; all
of it compressed, made and read piece by piece. Pure: when a batch is archived and
brought back is `archiving`'s.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VERSION = 1

#: zlib's word for the gzip format, which names no time of its own.
_GZIP = 31


class BadArchive(Exception):  # noqa: N818 - an archive that is bad
    """A file that no batch can be brought back from."""


@dataclass(frozen=True, slots=True)
class ArchivedJob:
    """A job as the ledger held it."""

    id: str
    #: Its place in the manifest, as the ledger sorts by it.
    place: float
    fields: Mapping[str, str]


def key_of(batch_id: str, claim: str) -> str:
    """Where the archive of a batch lies in its store.

    Nobody else writes to that key: whoever archives has a claim of their own.
    """
    return f"{batch_id}/ledger-{claim}.jsonl.gz"


def pack(batch_id: str, count: int, jobs: Iterable[ArchivedJob]) -> Iterator[bytes]:
    """The file of an archive, in pieces; `count` of jobs are expected."""
    packer = zlib.compressobj(wbits=_GZIP)
    seen = 0
    yield packer.compress(_line({"version": VERSION, "batch": batch_id, "jobs": count}))
    for job in jobs:
        seen += 1
        told = {"id": job.id, "place": job.place, "fields": dict(job.fields)}
        yield packer.compress(_line(told))
    yield packer.compress(_line({"jobs": seen}))
    yield packer.flush()


def unpack(batch_id: str, pieces: Iterable[bytes]) -> Iterator[ArchivedJob]:
    """The jobs of an archive, read as they are needed.

    Raises:
        BadArchive: it is none, of another batch, or not whole; that it was cut is known
            only at its end.
    """
    lines = map(_read, _lines(pieces))
    header = next(lines, {})
    if header.get("version") != VERSION or header.get("batch") != batch_id:
        raise BadArchive(f"no archive of {batch_id} that this version can read")
    for count, told in enumerate(lines):
        if "fields" not in told:
            if told.get("jobs") == header["jobs"] == count and not next(lines, None):
                return
            raise BadArchive(f"it has {count} of its {header['jobs']} jobs")
        yield ArchivedJob(told["id"], told["place"], told["fields"])
    raise BadArchive("it is cut off: its last line is missing")


def _line(told: Mapping[str, Any]) -> bytes:
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return f"{text}\n".encode()


def _read(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError as error:
        raise BadArchive(f"a line of it cannot be read: {error}") from None
    if not isinstance(told, dict):
        raise BadArchive("a line of it is none of an archive")
    return told


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a compressed file."""
    unpacker, rest = zlib.decompressobj(wbits=_GZIP), b""
    for piece in pieces:
        try:
            whole = rest + unpacker.decompress(piece)
        except zlib.error as error:
            raise BadArchive(f"it is damaged: {error}") from None
        *lines, rest = whole.split(b"\n")
        yield from lines
    if rest or not unpacker.eof:
        raise BadArchive("it is cut off")
