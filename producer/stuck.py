"""What is paid and cannot be had yet: when this machine stops waiting for it.

It decides only whether waiting here is over. Nothing is given up: any worker of the
account goes on trying until the provider deletes the video, and so does the next run,
which asks for each at once.
"""

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

from jobs.ledger import Ledger
from jobs.ledger.snapshots import BatchSnapshot
from jobs.pace.waits import RETENTION_S
from jobs.records import BatchRecord, JobRecord
from jobs.states import State
from jobs.transitions import Ref

#: Tries in vain after which nobody should sit and wait: the waits between them double
#: from a second, so this is after some eight minutes.
TRIES = 9

#: Jobs that one round trip reads.
BLOCK = 200

#: Jobs that were made due, with state and polls of each before.
Asked = Mapping[Ref, tuple[State, int]]

#: Jobs that a message names.
MOST_NAMED = 5


def ask_anew(ledger: Ledger, batch: BatchRecord) -> Asked:
    """Make due now what an earlier run stopped waiting for; how it stands."""
    states = (State.OVERDUE, State.GENERATED)
    if not any(batch.counts.get(state) for state in states):
        return {}
    refs = list(ledger.batches.refs_in(batch.id, states))
    asked = {
        ref: (state, polls)
        for ref, (state, polls) in _standing(ledger, refs).items()
        if state is State.OVERDUE or polls >= TRIES
    }
    ledger.delay_queue.extend(batch.account, asked, 0.0)
    return asked


def unanswered(ledger: Ledger, asked: Asked) -> Asked:
    """Those of these jobs to which nothing has happened since."""
    now = _standing(ledger, list(asked))
    return {ref: before for ref, before in asked.items() if now.get(ref) == before}


def _standing(ledger: Ledger, refs: Sequence[Ref]) -> Asked:
    pairs = zip(refs, ledger.batches.load(refs), strict=True)
    return {ref: (record.state, record.polls) for ref, record in pairs if record}


def stuck(ledger: Ledger, now: BatchSnapshot) -> list[JobRecord]:
    """The jobs whose videos cannot be had, if nothing else is under way; else none.

    Cheap while anything else goes on: it reads until the first job that is not stuck.
    """
    generated = now.count(State.GENERATED)
    if not generated or now.under_way > generated + now.count(State.FOLLOWING):
        return []
    refs = ledger.batches.refs_in(now.batch.id, [State.GENERATED])
    found: list[JobRecord] = []
    while block := list(islice(refs, BLOCK)):
        records = [record for record in ledger.batches.load(block) if record]
        if not all(map(_is_stuck, records)):
            return []
        found += records
    return found


def stuck_lines(batch_id: str, records: Sequence[JobRecord], note: str) -> list[str]:
    """What a person should know of jobs that are stuck; none if none are."""
    if not records:
        return []
    names = ", ".join(record.job.id for record in records[:MOST_NAMED])
    if len(records) > MOST_NAMED:
        names += f" and {len(records) - MOST_NAMED} more"
    made_at_s = min(record.generated_at_s or 0.0 for record in records)
    until = datetime.fromtimestamp(made_at_s + RETENTION_S, UTC)
    return [
        f"paid, but not to be had or kept in {TRIES} tries or more: {names}",
        *([note] if note else []),
        f"the provider keeps what is made until {until:%a %d %b %H:%M} UTC",
        f"run the same command again, or: reelmill collect {shlex.quote(batch_id)}",
    ]


def _is_stuck(record: JobRecord) -> bool:
    return record.state is State.GENERATED and record.polls >= TRIES
