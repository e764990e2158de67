"""The moves that bring a job of an older ledger to where it was, or into doubt. Pure.

The ledger makes all moves of a job in one step, so that none is ever seen half way,
where it could be sent again.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from jobs import transitions
from jobs.records import Attempt, Doubt, JobRecord
from jobs.states import TRANSITIONS, Event, State
from jobs.transitions import Slot, Transition, attempt_field, attempt_json

#: States of jobs that would be sent.
TO_BE_SENT = frozenset({State.WAITING, State.ADMITTED, State.FOLLOWING})

#: States of jobs that were sent and whose answers are lost, or may be.
LOST = frozenset({State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED})

#: States of jobs that are over without a video; a person may have had them tried again.
OVER = frozenset({State.FAILED, State.CANCELLED})

#: From doubt to each state that the store tells of a job that was sent.
PATHS = {
    State.STORED: (Event.ADOPT, Event.COMPLETE, Event.STORE),
    State.GENERATING: (Event.ADOPT,),
    State.FAILED: (Event.ADOPT, Event.FAIL),
}

#: What leads to each state of a job that was not sent, or no more.
UNSENT = {State.CANCELLED: Event.CANCEL, State.REUSED: Event.REUSE}

DAY_S = 86_400


def moves(
    batch_id: str,
    now: JobRecord,
    told: JobRecord,
    when: Doubt,
    links: Mapping[str, str],
) -> list[Transition]:
    """What is to be done with a job, so that it is not sent once more.

    Args:
        batch_id: its batch.
        now: the job as the ledger has it.
        told: how far it had come, by its store; waiting if that does not tell.
        when: when it may have been sent.
        links: those of its uploads, by address; its request is known by them.

    Returns:
        Nothing where it goes on, or rests, as it is.
    """
    made = _moves(batch_id, now, told, when)
    if made and links and not now.links:
        written = {**made[0].write, "links": json.dumps(dict(links))}
        made[0] = replace(made[0], write=written)
    return made


def _moves(
    batch_id: str, now: JobRecord, told: JobRecord, when: Doubt
) -> list[Transition]:
    new = new_attempts(now, told)
    if now.state in LOST:
        has_one = told.state in (State.STORED, State.GENERATING)
        own = told.prediction_id if has_one else None
        return [transitions.accept(batch_id, now, own, 0.0)] if own else []
    if told.state in UNSENT:
        return _unsent(batch_id, now, told, new)
    if now.state in OVER and told.state not in (State.STORED, State.GENERATING):
        return []
    if now.state not in TO_BE_SENT | OVER:
        return []
    known = replace(now, attempts=(*now.attempts, *new))
    doubt = transitions.doubt(batch_id, known, when)
    if told.state is State.WAITING or (told.state is State.GENERATING and not new):
        return [_with_attempts(doubt, new)]
    return _onward(now, told, new, doubt)


def is_news(now: JobRecord, told: JobRecord) -> bool:
    """Whether what is told of a job happened after what an older ledger knows.

    A person may have had it tried again since it failed or was cancelled.
    """
    return told.state in (State.STORED, State.REUSED) or bool(new_attempts(now, told))


def new_attempts(now: JobRecord, told: JobRecord) -> tuple[Attempt, ...]:
    """The attempts that were made since a ledger was as `now`."""
    count = len(now.attempts)
    new = [a for a in told.attempts if a.number > count]
    if len(new) == 1:
        # Where only a video's provenance tells of them, it is the sum of all.
        charged = told.charged_usd_micros - now.charged_usd_micros
        refunded = told.refunded_usd_micros - now.refunded_usd_micros
        new = [
            replace(
                new[0],
                charged_usd_micros=max(0, charged),
                refunded_usd_micros=max(0, refunded),
            )
        ]
    return tuple(replace(a, number=count + n) for n, a in enumerate(new, start=1))


def spent_by_day(attempts: Iterable[Attempt]) -> dict[str, int]:
    """What attempts have cost, by the account's field of the day (UTC)."""
    spent: Counter[str] = Counter()
    for attempt in attempts:
        spent[_day_field(attempt.sent_at_s)] += attempt.charged_usd_micros
    return dict(spent)


def _unsent(
    batch_id: str, now: JobRecord, told: JobRecord, new: tuple[Attempt, ...]
) -> list[Transition]:
    event = UNSENT[told.state]
    if (now.state, event) not in TRANSITIONS:
        return []
    move = transitions.cancel(batch_id, now)
    move = replace(move, event=event, write=_result(told))
    return [_with_attempts(move, new)]


def _onward(
    now: JobRecord, told: JobRecord, new: tuple[Attempt, ...], doubt: Transition
) -> list[Transition]:
    """The moves through doubt to where a job was that was sent."""
    price = now.job.price_usd_micros or 0
    # No attempt but those that are told of, and nothing is reserved.
    made = [
        replace(
            doubt,
            reserved_usd_micros=-price if now.state is State.ADMITTED else 0,
            slot=Slot.FREE,
            write={"doubt": doubt.write["doubt"].rpartition(" ")[0] + " 0"},
            erase=doubt.erase,
        )
    ]
    state = State.UNKNOWN
    for event in PATHS[told.state]:
        made.append(Transition(doubt.ref, state, event, now.fencing_token))
        state = TRANSITIONS[state, event]
    slot = Slot.TAKE if told.state is State.GENERATING else Slot.KEEP
    made[1] = _with_attempts(
        replace(
            made[1],
            prediction_id=(told.prediction_id or "") if new else "",
            slot=slot,
            write=_result(told),
        ),
        new,
    )
    return made


def _with_attempts(move: Transition, new: tuple[Attempt, ...]) -> Transition:
    """The same move, with attempts that the ledger does not have, and their money."""
    if not new:
        return move
    # The newest first: when a prediction was sent is read from the first.
    written = {attempt_field(a.number): attempt_json(a) for a in reversed(new)}
    return replace(
        move,
        charged_usd_micros=sum(a.charged_usd_micros for a in new),
        refunded_usd_micros=sum(a.refunded_usd_micros for a in new),
        write={**written, **move.write, "day": _day_field(new[-1].sent_at_s)},
    )


def _result(told: JobRecord) -> dict[str, str]:
    """What became of a job, as the ledger keeps it."""
    fields: dict[str, str] = {}
    if told.failure:
        fields["failure"] = json.dumps(asdict(told.failure), ensure_ascii=False)
    if told.video is not None:
        fields["video"] = told.video
        fields["bytes"] = str(told.video_bytes or 0)
        fields["sha256"] = told.video_sha256 or ""
    if told.quality:
        fields["quality"] = told.quality.to_text()
    if told.poster:
        fields["poster"] = told.poster
    if told.source_job:
        fields["leader"] = told.source_job
    return fields


def _day_field(at_s: float) -> str:
    return f"day:{int(at_s // DAY_S)}"
