"""What happened to a job, as the moves that bring it about in a ledger that forgot.

Pure. The ledger makes all moves of a job in one step, so that none is ever seen half
way, where it could be sent again. What happened is found out in `rebuilding`.
"""

import json
from collections import Counter
from dataclasses import asdict, replace

from jobs import transitions
from jobs.attempt.fingerprint import NO_FINGERPRINT, Fingerprint
from jobs.rebuilding import OVER
from jobs.records import Attempt, JobRecord
from jobs.states import TRANSITIONS, Event, State
from jobs.transitions import Ref, Slot, Transition, attempt_field, attempt_json

#: From waiting to each state that a job can be put back into.
PATHS = {
    State.STORED: (
        *(Event.GRANT, Event.CLAIM, Event.ACCEPT),
        *(Event.COMPLETE, Event.STORE),
    ),
    State.GENERATING: (Event.GRANT, Event.CLAIM, Event.ACCEPT),
    State.FAILED: (Event.GRANT, Event.CLAIM, Event.REFUSE),
    State.UNRESOLVED: (Event.GRANT, Event.CLAIM, Event.LOSE, Event.GIVE_UP),
    State.CANCELLED: (Event.CANCEL,),
    State.REUSED: (Event.REUSE,),
}

#: The move that tells whose a prediction is: the one after the claim.
TELLING = 2

#: States of a job that was sent and whose answer is lost, or may be.
LOST = frozenset({State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED})

DAY_S = 86_400


def forward(batch_id: str, now: JobRecord, record: JobRecord) -> list[Transition]:
    """The moves from where an older ledger has a job to where it was; none if it stays.

    Args:
        batch_id: the job's batch, which is not cancelled.
        now: the job as the ledger has it.
        record: what is told of it; of its attempts those are new that `now` lacks.
    """
    has_video = record.state in (State.STORED, State.GENERATING)
    if now.state in LOST:
        own = record.prediction_id
        return (
            [transitions.accept(batch_id, now, own, 0.0)] if has_video and own else []
        )
    if now.state in OVER and has_video:
        return [transitions.retry(batch_id, now), *_onward(batch_id, now, record)]
    if now.state is State.ADMITTED:
        return [transitions.release(batch_id, now), *_onward(batch_id, now, record)]
    if now.state is State.FOLLOWING:
        ref = Ref(batch_id, now.job.id)
        lead = Transition(
            ref, now.state, Event.LEAD, now.fencing_token, erase=("leader",)
        )
        return [lead, *_onward(batch_id, now, record)]
    return _onward(batch_id, now, record) if now.state is State.WAITING else []


def new_attempts(now: JobRecord, record: JobRecord) -> tuple[Attempt, ...]:
    """The attempts that were made since a ledger was as `now`."""
    count = len(now.attempts)
    new = [a for a in record.attempts if a.number > count]
    if len(new) == 1:
        # Where only a video's provenance tells of them, it is the sum of all.
        charged = record.charged_usd_micros - now.charged_usd_micros
        refunded = record.refunded_usd_micros - now.refunded_usd_micros
        new = [
            replace(
                new[0],
                charged_usd_micros=max(0, charged),
                refunded_usd_micros=max(0, refunded),
            )
        ]
    return tuple(replace(a, number=count + n) for n, a in enumerate(new, start=1))


def with_attempts(record: JobRecord, attempts: tuple[Attempt, ...]) -> JobRecord:
    """The same job with other attempts."""
    return replace(record, attempts=attempts)


def _onward(batch_id: str, now: JobRecord, record: JobRecord) -> list[Transition]:
    known = with_attempts(record, new_attempts(now, record))
    return replay(batch_id, known, NO_FINGERPRINT, now.fencing_token)


def replay(
    batch_id: str, record: JobRecord, ask: Fingerprint, fencing_token: int = 0
) -> list[Transition]:
    """The moves from waiting to where a job was, with its money and its attempts.

    Args:
        batch_id: the job's batch.
        record: the job as it was, with those attempts that the ledger does not have.
        ask: what it asks for.
        fencing_token: the last one that the ledger gave it.
    """
    made: list[Transition] = []
    state = State.WAITING
    for event in PATHS[record.state]:
        ref = Ref(batch_id, record.job.id)
        made.append(Transition(ref, state, event, fencing_token))
        state = TRANSITIONS[state, event]
    lost = record.state is State.UNRESOLVED
    price = record.job.price_usd_micros or 0
    made[0] = replace(
        made[0],
        reserved_usd_micros=price if lost else 0,
        charged_usd_micros=record.charged_usd_micros,
        refunded_usd_micros=record.refunded_usd_micros,
        write=_written(record, ask),
        # It was told of an earlier attempt, by its permit.
        erase=("provider_sent_at",),
    )
    if len(made) > TELLING and not lost:
        made[TELLING] = replace(made[TELLING], prediction_id=record.prediction_id or "")
    if record.state is State.GENERATING:
        made[-1] = replace(made[-1], slot=Slot.TAKE)
    return made


def day_field(at_s: float) -> str:
    """The account's field of a day (UTC), by unix seconds."""
    return f"day:{int(at_s // DAY_S)}"


def spent_by_day(record: JobRecord) -> dict[str, int]:
    """What a job has cost or reserved, by the account's field of the day."""
    spent: Counter[str] = Counter()
    lost = record.state is State.UNRESOLVED
    for attempt in record.attempts:
        cost = attempt.charged_usd_micros
        if lost and attempt is record.attempt:
            cost = record.job.price_usd_micros or 0
        spent[day_field(attempt.sent_at_s)] += cost
    return dict(spent)


def _written(record: JobRecord, ask: Fingerprint) -> dict[str, str]:
    """The job's fields as the ledger keeps them."""
    fields = {attempt_field(a.number): attempt_json(a) for a in record.attempts}
    if record.attempts:
        fields["day"] = day_field(record.attempt.sent_at_s)
    fields |= {n: t for n, t in zip(Fingerprint._fields, ask, strict=True) if t}
    if record.failure:
        fields["failure"] = json.dumps(asdict(record.failure), ensure_ascii=False)
    if record.candidates:
        listed = [asdict(candidate) for candidate in record.candidates]
        fields["candidates"] = json.dumps(listed, ensure_ascii=False)
    if record.video is not None:
        fields["video"] = record.video
        fields["bytes"] = str(record.video_bytes or 0)
        fields["sha256"] = record.video_sha256 or ""
    if record.poster:
        fields["poster"] = record.poster
    if record.links:
        fields["links"] = json.dumps(dict(record.links))
    if record.source_job:
        fields["leader"] = record.source_job
    return fields
