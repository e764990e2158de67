"""Settling a lost answer by a person's word: `resolve`, and what `show` says of it.

What cannot be true is refused: a prediction of another model, or of another job. What
can be told by looking is settled by the worker, without a person.
"""

import re

from jobs import moves
from jobs.ledger import Ledger
from jobs.ledger.moves import ADOPTABLE_S, REMEMBERED_DAYS, Moved
from jobs.rebuilding import is_clipped
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings
from jobs.states import State
from producer import account, tables
from producer.choosing import chosen_settings
from producer.exits import Exit, Stop
from producer.finding import find_batch, find_job, same_account
from producer.printing import print_json
from producer.private import ledger_of
from producer.tables import iso

#: What an id of the provider may look like.
PREDICTION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

#: States from which a person may settle a lost answer.
LOST = (State.UNKNOWN, State.UNRESOLVED)


def resolve(
    batch: str, job: str, *, adopt: str | None, absent: bool, json: bool = False
) -> int:
    """Settle a lost answer by a person's word."""
    if (adopt is None) == (not absent):
        raise Stop(
            "say either --adopt PREDICTION or --absent, not both or neither; "
            f"reelmill show {batch} {job} has the candidates"
        )
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = find_batch(ledger, batch)
        record = find_job(ledger, found, job)
        if record.state not in LOST:
            raise Stop(f"{batch}/{job} is {record.state}; there is nothing to settle")
        if adopt is None:
            if is_clipped(record):
                raise Stop(_look_up(found, record))
            move = moves.absent(found.id, record, ledger.now_s())
            done = f"{job} will be sent again"
            if found.cancelled:
                done = f"{job} is cancelled with its batch"
        else:
            _check_adoptable(ledger, chosen, found, record, adopt)
            move = moves.accept(found.id, record, adopt, 0.0)
            done = f"prediction {adopt} belongs to {job} now"
        (moved,) = ledger.moves.make([move])
    if moved is not Moved.YES:
        raise Stop(
            f"{batch}/{job} changed in the meantime; "
            f"reelmill show {batch} {job} tells how it stands now"
        )
    if json:
        print_json({"batch": found.id, "job": job, "adopted": adopt, "absent": absent})
    elif chosen.redis_url:
        tables.say(f"{done}; the workers go on with it")
    else:
        again = f"run the manifest again, or reelmill collect {batch}, to go on"
        tables.say(f"{done}; {again}")
    return Exit.STORED


def settling_help(batch: BatchRecord, record: JobRecord, chosen: Settings) -> list[str]:
    """How to settle a job, a line each; none where there is nothing to settle."""
    if record.state not in LOST:
        return []
    result = f"{chosen.base_url}/api/v3/predictions"
    lines = [
        f"candidate {c.prediction_id}: {c.status}, created {iso(c.created_at_s)}, "
        f"{c.model or 'model unknown'}, {result}/{c.prediction_id}/result"
        for c in record.candidates
    ]
    command = f"reelmill resolve {batch.id} {record.job.id}"
    return [
        *lines,
        f"if one of them is this row's: {command} --adopt PREDICTION",
        _look_up(batch, record)
        if is_clipped(record)
        else f"if none of them is, it will be sent and paid again: {command} --absent",
    ]


def _look_up(batch: BatchRecord, record: JobRecord) -> str:
    """What to do about a job some of whose candidates are not listed."""
    return (
        f"not all candidates of {record.job.id} are listed, so --absent could pay for "
        f"it twice; look its prompt up in the provider's history of {record.job.model} "
        f"since {iso(record.attempt.sent_at_s)}, and name its prediction with "
        f"reelmill resolve {batch.id} {record.job.id} --adopt PREDICTION; if it has "
        "none there, hand its row in as a manifest of its own with --fresh"
    )


def _check_adoptable(
    ledger: Ledger,
    chosen: Settings,
    batch: BatchRecord,
    record: JobRecord,
    prediction_id: str,
) -> None:
    if not PREDICTION_ID.fullmatch(prediction_id):
        raise Stop(
            f"--adopt {prediction_id!r}: is no id of a prediction; "
            f"reelmill show {batch.id} {record.job.id} has the candidates"
        )
    owner = ledger.moves.owner(batch.account, prediction_id)
    if owner:
        raise Stop(
            f"prediction {prediction_id} belongs to {owner} already; "
            "adopt another one, or say --absent"
        )
    if ledger.now_s() - record.attempt.sent_at_s > ADOPTABLE_S:
        raise Stop(
            f"{record.job.id} was sent more than {REMEMBERED_DAYS - 1} days ago: whose "
            "a prediction of then is, is not known any more; say --absent"
        )
    same_account(batch, chosen)
    account.must_fit(chosen, prediction_id, record.job.model)
