"""Commands that look at a batch closely, or act on what it has already begun."""

import re
import time
from datetime import UTC, datetime
from typing import Any

from jobs import moves
from jobs.invoice import invoice
from jobs.ledger import Ledger
from jobs.ledger.moves import Moved
from jobs.moves import Ref
from jobs.pricing import usd
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings
from jobs.settling import Patience
from jobs.states import State
from producer import account, tables
from producer.choosing import chosen_settings
from producer.exits import Exit, Stop
from producer.printing import (
    print_ending,
    print_json,
    print_outcome,
    print_report,
)
from producer.private import ledger_of
from producer.rendering import keep_report, outcome, render
from producer.watching import take

#: What an id of the provider may look like.
PREDICTION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

#: Billing is asked for from so many seconds before the first attempt, lest a rough
#: comparison of clocks leaves something out.
BEFORE_S = 60.0

#: States from which a person may ask for one more attempt.
RETRIABLE = (State.FAILED, State.CANCELLED)

#: States from which a person may settle a lost answer.
LOST = (State.UNKNOWN, State.UNRESOLVED)


def report(batch: str | None, *, billed: bool, json: bool) -> int:
    """Print the report of a batch, and write it anew."""
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = _batch(ledger, batch)
        extra = {}
        if billed:
            extra["invoice"] = _invoice(ledger, chosen, found)
        document, place = keep_report(ledger, found.id, time.time(), extra)
        now = take(ledger, found.id)
    if json:
        print_json(document)
    else:
        print_report(document, place)
        for warning in document["warnings"]:
            tables.say(warning)
    return outcome(now)


def show(batch: str | None, job: str | None, *, json: bool) -> int:
    """Print how a batch stands, or all that happened to one job."""
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = _batch(ledger, batch)
        if job is None:
            records = list(ledger.batches.jobs(found.id))
        else:
            records = [_job(ledger, found, job)]
    if json:
        print_json([_told(record) for record in records])
    elif job is None:
        tables.out.print(tables.jobs_table(records))
    else:
        tables.out.print(tables.job_table(records[0]))
        for line in _settling_help(found, records[0], chosen):
            tables.out.print(line, markup=False, soft_wrap=True)
    return Exit.STORED


def resolve(batch: str, job: str, *, adopt: str | None, absent: bool) -> int:
    """Settle a lost answer by a person's word."""
    if (adopt is None) == (not absent):
        raise Stop("say either --adopt PREDICTION or --absent, not both or neither")
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = _batch(ledger, batch)
        record = _job(ledger, found, job)
        if record.state not in LOST:
            raise Stop(f"{batch}/{job} is {record.state}; there is nothing to settle")
        if adopt is None:
            move = moves.absent(found.id, record, ledger.now_s())
            done = f"{job} will be sent again"
        else:
            _check_adoptable(ledger, chosen, found, record, adopt)
            move = moves.accept(found.id, record, adopt, 0.0)
            done = f"prediction {adopt} belongs to {job} now"
        (moved,) = ledger.moves.make([move])
    if moved is not Moved.YES:
        raise Stop(f"{batch}/{job} changed in the meantime; look at it again")
    tables.say(f"{done}; run the manifest again, or reelmill collect {batch}, to go on")
    return Exit.STORED


def retry(batch: str, job: str | None) -> int:
    """Let failed jobs wait for one more attempt."""
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = _batch(ledger, batch)
        everyone = [_job(ledger, found, job)] if job else ledger.batches.jobs(found.id)
        failed = [record for record in everyone if record.state in RETRIABLE]
        if not failed:
            raise Stop(f"{' '.join(filter(None, (batch, job)))}: nothing has failed")
        made = ledger.moves.make([moves.retry(found.id, record) for record in failed])
    cost = sum(record.job.price_usd_micros or 0 for record in failed)
    count = made.count(Moved.YES)
    jobs = "1 job waits" if count == 1 else f"{count} jobs wait"
    tables.say(
        f"{jobs} for one more attempt, ${usd(cost)} in all; "
        f"reelmill run {found.manifest} sends them"
    )
    return Exit.STORED


def collect(batch: str | None, *, json: bool) -> int:
    """End what a batch has begun, without starting anything."""
    chosen = chosen_settings(starts=False)
    with ledger_of(chosen, alone=True) as ledger:
        found = _batch(ledger, batch)
        _same_account(found, chosen)
        _hurry(ledger, found)
        now = render(ledger, chosen, found.id)
        document, place = keep_report(ledger, found.id, time.time())
    print_outcome(document, place, json=json)
    print_ending(now, None)
    return outcome(now)


def _batch(ledger: Ledger, batch_id: str | None) -> BatchRecord:
    """The batch of that name, or the newest."""
    known = batch_id or next(iter(ledger.batches.ids()), None)
    if known is None:
        raise Stop("there is no batch yet in this ledger; reelmill run makes one")
    found = ledger.batches.read(known)
    if found is None:
        ids = ledger.batches.ids()[:5]
        others = f"; the newest are {', '.join(ids)}" if ids else ""
        raise Stop(f"there is no batch {known} in this ledger{others}")
    return found


def _job(ledger: Ledger, batch: BatchRecord, job_id: str) -> JobRecord:
    (record,) = ledger.batches.load([Ref(batch.id, job_id)])
    if record is None:
        raise Stop(f"{batch.id} has no job {job_id}; reelmill show {batch.id} has all")
    return record


def _check_adoptable(
    ledger: Ledger,
    chosen: Settings,
    batch: BatchRecord,
    record: JobRecord,
    prediction_id: str,
) -> None:
    if not PREDICTION_ID.fullmatch(prediction_id):
        raise Stop(f"{prediction_id!r} is no id of a prediction")
    owner = ledger.moves.owner(batch.account, prediction_id)
    if owner:
        raise Stop(f"prediction {prediction_id} belongs to {owner} already")
    _same_account(batch, chosen)
    account.must_fit(chosen, prediction_id, record.job.model)


def _same_account(batch: BatchRecord, chosen: Settings) -> None:
    if batch.account != chosen.account_id:
        raise Stop(
            f"{batch.id} belongs to account {batch.account}, but the key and origin "
            f"that are set mean {chosen.account_id}; set those it was made with"
        )


def _hurry(ledger: Ledger, batch: BatchRecord) -> None:
    """Look at everything that was begun now, not when it is due."""
    begun = (State.ADMITTED, State.GENERATING, State.GENERATED, *LOST)
    refs = [
        Ref(batch.id, record.job.id)
        for record in ledger.batches.jobs(batch.id)
        if record.state in begun
    ]
    ledger.due.extend(batch.account, refs, 0.0)


def _invoice(ledger: Ledger, chosen: Settings, batch: BatchRecord) -> dict[str, Any]:
    _same_account(batch, chosen)
    records = list(ledger.batches.jobs(batch.id))
    sent = [a.sent_at_s for record in records for a in record.attempts]
    if not sent:
        return invoice(records, [], [], (0.0, 0.0))
    ahead_s = ledger.now_s() - time.time()
    billed = account.billings(chosen, min(sent) - BEFORE_S, ahead_s)
    ids = sorted({row.prediction_id for row in billed})
    known = ledger.moves.known(batch.account, ids)
    patience = Patience(chosen.submit_timeout_s, chosen.settle_s)
    during = min(sent) - patience.skew_s, max(sent) + patience.latest_s
    return invoice(records, billed, known, during)


def _told(record: JobRecord) -> dict[str, Any]:
    return {
        "id": record.job.id,
        "line": record.job.line,
        "model": record.job.model,
        "state": record.state,
        "attempts": len(record.attempts),
        "prediction_id": record.prediction_id,
        "charged_usd": usd(record.charged_usd_micros),
        "video": record.video,
        "error": record.failure.message if record.failure else None,
        "candidates": [
            {
                "prediction_id": candidate.prediction_id,
                "model": candidate.model,
                "status": candidate.status,
                "created_at": _iso(candidate.created_at_s),
            }
            for candidate in record.candidates
        ],
    }


def _settling_help(
    batch: BatchRecord, record: JobRecord, chosen: Settings
) -> list[str]:
    if record.state not in LOST:
        return []
    result = f"{chosen.base_url}/api/v3/predictions"
    lines = [
        f"candidate {c.prediction_id}: {c.status}, created {_iso(c.created_at_s)}, "
        f"{c.model or 'model unknown'}, {result}/{c.prediction_id}/result"
        for c in record.candidates
    ]
    command = f"reelmill resolve {batch.id} {record.job.id}"
    return [
        *lines,
        f"if one of them is this row's: {command} --adopt PREDICTION",
        f"if none of them is, it will be sent and paid again: {command} --absent",
    ]


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")
