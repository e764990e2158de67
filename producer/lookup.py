"""Which batch, job or account a user means by a name.

Nothing is guessed: a name that no batch has is an error, with the names that come near.
"""

from jobs.ledger import Ledger
from jobs.records import BatchRecord, JobRecord
from jobs.report.sheet import FAILED_NAME
from jobs.settings import Settings
from jobs.states import State
from jobs.text import choice, guesses
from jobs.transitions import Ref
from producer.exits import CommandError, Exit

#: Batches, newest first, whose names are compared with one that is not known.
MAX_COMPARED = 1_000

#: Names that are offered instead of one that is not known.
MAX_OFFERED = 5


def find_batch(
    ledger: Ledger, batch_id: str | None, *, whole: bool = True
) -> BatchRecord:
    """The batch of that name, or the newest.

    With `whole` its job records are in the ledger.

    Raises:
        CommandError: there is none, the name is empty, or its job records are deleted.
    """
    if batch_id is not None and not batch_id.strip():
        # The newest one would be shown, or taken back, for a variable that is not set.
        raise CommandError("the id of the batch is empty; name one, or leave it out")
    known = batch_id or next(iter(ledger.batches.ids(1)), None)
    if known is None:
        raise CommandError(
            "there is no batch yet in this ledger; reelmill run MANIFEST makes one, "
            "and REELMILL_HOME or REELMILL_REDIS_URL names another ledger"
        )
    found = ledger.batches.read(known)
    if found is None:
        raise CommandError(
            f"there is no batch {known} in this ledger{_offer(ledger, known)}"
        )
    if whole and found.deleted_at_s:
        raise CommandError(deleted_words(found))
    return found


def deleted_words(batch: BatchRecord) -> str:
    """Where to look at a batch whose job records are deleted."""
    folder = f"{batch.store.rstrip('/')}/{batch.id}"
    return (
        f"{batch.id} was over long ago, and its job records are deleted; its report is "
        f"{folder}/report.json, and what failed can be run again from "
        f"{folder}/{FAILED_NAME}"
    )


def _offer(ledger: Ledger, name: str) -> str:
    ids = ledger.batches.ids(MAX_COMPARED)
    begun = [batch_id for batch_id in ids if batch_id.startswith(name)]
    near = list(dict.fromkeys([*begun, *guesses(name, ids)]))[:MAX_OFFERED]
    if near:
        return f"; did you mean {choice(near)}?"
    return f"; the newest are {', '.join(ids[:MAX_OFFERED])}" if ids else ""


def find_job(ledger: Ledger, batch: BatchRecord, job_id: str) -> JobRecord:
    """The job of that id.

    Raises:
        CommandError: the batch has none of it.
    """
    (record,) = ledger.batches.load([Ref(batch.id, job_id)])
    if record is None:
        raise CommandError(
            f"{batch.id} has no job {job_id}; reelmill show {batch.id} has all"
        )
    return record


def find_failed(ledger: Ledger, batch_id: str) -> frozenset[str]:
    """Ids of the jobs of a batch that failed.

    Raises:
        CommandError: none did.
    """
    records = ledger.batches.jobs(find_batch(ledger, batch_id).id)
    failed = frozenset(r.job.id for r in records if r.state is State.FAILED)
    if not failed:
        raise CommandError(f"no row of {batch_id} has failed", Exit.STORED)
    return failed


def find_account(ledger: Ledger, chosen: Settings) -> str:
    """The account that the environment means, where the ledger knows it.

    Raises:
        CommandError: it does not; a machine without the key means an account that
            nobody has.
    """
    if ledger.permits.read(chosen.account_id).limits:
        return chosen.account_id
    page, _ = ledger.batches.page(0, MAX_COMPARED)
    known = sorted({batch.account for batch in page})
    others = f"; its batches belong to {choice(known, word='and')}" if known else ""
    raise CommandError(
        f"nothing was ever rendered for account {chosen.account_id} in this ledger"
        f"{others}; set WAVESPEED_API_KEY to the account's key, or REELMILL_ACCOUNT "
        "to its name"
    )


def same_account(batch: BatchRecord, chosen: Settings) -> None:
    """Return if a batch belongs to the account that the environment means.

    Raises:
        CommandError: it does not.
    """
    if batch.account != chosen.account_id:
        raise CommandError(
            f"{batch.id} belongs to account {batch.account}, but the key and origin "
            f"that are set mean {chosen.account_id}; set those it was made with"
        )
