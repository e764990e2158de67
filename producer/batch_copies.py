"""Copies of batches in their stores, and what they tell: that a ledger was lost.

A copy is kept before anything of its batch is sent. An empty ledger beside a store that
has copies has lost its data; one that lacks a batch of its own was put back from an
older backup. Either is said before anything is paid; `rebuild` puts it right.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from jobs import catalogue
from jobs.attempt.links import Link, to_upload
from jobs.job import Job
from jobs.ledger import Ledger
from jobs.ledger.marks import OlderLedgerError, StoreMarks
from jobs.rebuilding import copies
from jobs.records import BatchRecord
from jobs.storage import Store, StoreError
from producer.exits import CommandError, Exit

#: Jobs whose links one question to the ledger tells.
BLOCK = 500


def keep_copy(
    ledger: Ledger,
    batch: BatchRecord,
    jobs: Iterable[Job] | None = None,
    open_store: Callable[[str], Store] = Store,
) -> None:
    """Keep a copy of a batch in its store: after its jobs are added, before `open`.

    Args:
        ledger: that the batch is in.
        batch: the batch.
        jobs: all of its jobs, which may be added as they are taken; None reads them.
        open_store: opens its store.

    Raises:
        CommandError: the store does not take it; nothing was sent.
    """
    key = copies.key_of(ledger.identity.name(), batch.id)
    if jobs is None:
        jobs = (record.job for record in ledger.batches.jobs(batch.id))
    text = copies.lines(batch, _linked(ledger, batch, jobs))
    try:
        open_store(batch.store).put_chunks(key, text, "application/x-ndjson")
    except StoreError as error:
        raise CommandError(
            f"no copy of the batch can be kept, so nothing was sent: {error}; once "
            "the store takes files, run the same command again",
            Exit.UNREACHABLE,
        ) from None


def lost_batches(ledger: Ledger, store: str) -> list[str]:
    """Batches that this ledger should have and has not, by the copies in a store.

    Raises:
        CommandError: the store does not say.
    """
    own, known = ledger.identity.known(), set(ledger.batches.ids())
    return sorted(
        batch
        for name, batch in copies_in(Store(store))
        if batch not in known and (name == own or not known)
    )


def refuse_if_lost(
    ledger: Ledger, store: str, account_id: str, *, fresh_ledger: bool
) -> None:
    """Return if the ledger is whole, or the user wants to begin with an empty one.

    Raises:
        CommandError: it is older than what was sent, or lacks batches that the store
            has copies of.
    """
    try:
        StoreMarks(ledger, Store(store), account_id).must_be_known()
    except OlderLedgerError as error:
        raise CommandError(f"{error}; nothing was sent") from None
    except StoreError as error:
        raise _untold(error) from None
    lost = [] if fresh_ledger else lost_batches(ledger, store)
    if lost:
        few = ", ".join(lost[:3]) + (", …" if len(lost) > len(lost[:3]) else "")
        raise CommandError(
            f"this ledger does not know {len(lost)} batches that {store} has copies of "
            f"({few}); nothing was sent. If theirs is another home or server, set "
            "REELMILL_HOME or REELMILL_REDIS_URL to it; if its data is lost, put it "
            f"back, or run reelmill rebuild --store {store}; if this is to be one more "
            "ledger that shares the store, pass --fresh-ledger"
        )


def copies_in(store: Store) -> list[tuple[str, str]]:
    """Ledger and batch of every copy in a store.

    Raises:
        CommandError: the store does not say.
    """
    try:
        found = store.sizes(copies.FOLDER)
    except StoreError as error:
        raise _untold(error) from None
    return [pair for key in found if (pair := copies.named(key))]


def _untold(error: StoreError) -> CommandError:
    return CommandError(
        f"it cannot be told whether the ledger is whole: {error}; nothing was "
        "sent, run the same command again once the store answers",
        Exit.UNREACHABLE,
    )


def _linked(
    ledger: Ledger, batch: BatchRecord, jobs: Iterable[Job]
) -> Iterator[tuple[Job, Mapping[str, Link]]]:
    """The jobs, and with each the links of its uploads."""
    known, rest = catalogue.builtin(), iter(jobs)
    while block := list(islice(rest, BLOCK)):
        needed = [to_upload(job, job.find_model(known)).values() for job in block]
        contents = sorted({content for each in needed for content in each if content})
        links = ledger.links.find(batch.account, contents) if contents else {}
        for job, each in zip(block, needed, strict=True):
            yield job, {content: links[content] for content in each if content in links}
