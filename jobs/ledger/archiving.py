"""Archiving a finished batch to its store and bringing it back, for whoever does it.

Nothing is forgotten before the file that holds it is kept, read back and sealed, and no
command pays for anything of a batch that is not brought back whole. A process may die
on any line; whoever comes next goes on. What the file looks like is told in
`archive_file`, what keeps two who do this at once apart in `ledger.archives`.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import IO

from jobs.ledger import Ledger
from jobs.ledger.archive_file import BadArchive, key_of, pack, unpack
from jobs.ledger.archives import Claim, NotNow, Sealed
from jobs.settings.archive import REUSE_DAYS
from jobs.storage import Store, StoreError

#: Bytes of a file that are read at a time.
PIECE_BYTES = 1 << 16


def archive(
    ledger: Ledger,
    store: Store,
    batch_id: str,
    beat: Callable[[], None] = lambda: None,
    *,
    reuse_days: int = REUSE_DAYS,
) -> Sealed:
    """Archive a batch in which all is over and reported, or end what another began.

    Args:
        ledger: where it is.
        store: where its videos are.
        batch_id: which batch.
        beat: called between steps; what it raises ends the work where it stands.
        reuse_days: how long its videos are reused by other batches.

    Raises:
        NotNow: it is not, or no longer, to be archived.
        BadArchive: the archive it has is missing or damaged; nothing more of the batch
            was forgotten.
        StoreError: the store does not take it.
    """
    archives = ledger.archives
    claim = archives.claim(batch_id)
    sealed = archives.sealed(batch_id) if claim is None else None
    if claim is not None:
        sealed = _write(ledger, store, batch_id, claim, beat)
    if sealed is None:
        raise NotNow("it was brought back meanwhile")
    if archives.left(batch_id):
        _check(store, sealed)
    while archives.forget(batch_id, sealed.key, reuse_days):
        beat()
    return sealed


def recall(ledger: Ledger, store: Store, batch_id: str) -> None:
    """Bring an archived batch back; one that is not archived is left alone.

    Raises:
        BadArchive: the archive is missing or damaged; says where it should be.
        StoreError: the store cannot be read.
    """
    while sealed := ledger.archives.recall(batch_id):
        if ledger.archives.recalled(batch_id, sealed.key):
            continue
        try:
            _restore(ledger, store, batch_id, sealed)
        except BadArchive:
            # Somebody else may have brought it back, or archived it anew, meanwhile.
            if ledger.archives.sealed(batch_id) == sealed:
                raise


def _write(
    ledger: Ledger, store: Store, batch_id: str, claim: Claim, beat: Callable[[], None]
) -> Sealed:
    """Keep the file and seal it."""
    archives, count = ledger.archives, ledger.archives.left(batch_id)
    if claim.earlier:
        store.remove(key_of(batch_id, claim.earlier))
    key, digest = key_of(batch_id, claim.token), hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        for number, piece in enumerate(pack(batch_id, count, archives.jobs(batch_id))):
            digest.update(piece)
            yield piece
            if number % archives.block == 0:
                beat()

    try:
        store.put_chunks(key, pieces(), "application/gzip")
        store.make_lasting(key)
    except StoreError:
        if archives.holds(batch_id, claim):
            raise
    sealed = Sealed(key, digest.hexdigest(), count)
    if not archives.seal(batch_id, claim, sealed):
        store.remove(key)
        raise NotNow("it lived again, or somebody else archives it")
    return sealed


def _restore(ledger: Ledger, store: Store, batch_id: str, sealed: Sealed) -> None:
    """Put all jobs of an archive back, as long as it is the archive."""
    with store.fetched(sealed.key) as file:
        _must_be(store, sealed, file)
        jobs = unpack(batch_id, _pieces(file))
        while block := list(islice(jobs, ledger.archives.block)):
            if not ledger.archives.restore(batch_id, sealed.key, block):
                return
    if not ledger.archives.recalled(batch_id, sealed.key):
        place = store.place(sealed.key)
        raise BadArchive(f"{place}: it lacks jobs that the batch had")


def _check(store: Store, sealed: Sealed) -> None:
    """See that an archive is in its store, whole."""
    with store.fetched(sealed.key) as file:
        _must_be(store, sealed, file)


def _must_be(store: Store, sealed: Sealed, file: IO[bytes] | None) -> None:
    place = store.place(sealed.key)
    if file is None:
        raise BadArchive(f"{place} is missing; it holds {sealed.jobs} jobs")
    digest = hashlib.sha256()
    for piece in _pieces(file):
        digest.update(piece)
    if digest.hexdigest() != sealed.sha256:
        raise BadArchive(f"{place} is damaged: its SHA-256 is not {sealed.sha256}")


def _pieces(file: IO[bytes] | None) -> Iterable[bytes]:
    """A file from its beginning, in pieces."""
    if file is not None:
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece
