"""The poll task: how do these predictions stand? Costs nothing and fails nothing."""

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress

from jobs import broker
from jobs.answers import (
    AccountTrouble,
    Completed,
    LookAgain,
    LookAnswer,
    Missing,
    Over,
    Running,
)
from jobs.attempt import failures
from jobs.ledger.moves import Moved
from jobs.moves import Move, Ref
from jobs.pace import waits
from jobs.pace.rhythm import Rhythm
from jobs.records import BatchRecord, Failure, JobRecord
from jobs.states import State
from worker.engine import Engine
from worker.lessons import Kind, Lessons
from worker.pictures import look_once_more
from worker.together import as_they_come

log = logging.getLogger("reelmill.poll")

#: Answers that come within so many seconds are written down together; one that hangs
#: keeps none of the others waiting for longer.
TOGETHER_S = 1.0

#: What a model is taken to need that this version does not know.
UNKNOWN_TYPICAL_S = 60.0


async def poll(engine: Engine, refs: Sequence[Ref]) -> None:
    """Look at a block of predictions side by side."""
    states = State.GENERATING, State.OVERDUE
    records, batches = await engine.load_all(refs, *states)
    if not records:
        return
    async with engine.holding(list(records)) as held:
        looks = {ref: _look(engine, record) for ref, record in records.items()}
        # Closed at once: a ledger that goes away meanwhile leaves no look behind.
        async with aclosing(as_they_come(looks, TOGETHER_S)) as groups:
            async for answers in groups:
                seen = {ref: records[ref] for ref in answers}
                await held.let_go(seen)
                await _learn_and_write(engine, batches, seen, answers)


async def _learn_and_write(
    engine: Engine,
    batches: Mapping[str, BatchRecord],
    records: Mapping[Ref, JobRecord],
    answers: Mapping[Ref, LookAnswer],
) -> None:
    patience = await engine.patience()
    kinds = {ref: _kind(engine, record) for ref, record in records.items()}
    now_s = engine.now_s()
    rhythms: dict[Kind, Rhythm] = {}
    expected: dict[Kind, waits.Expected | None] = {}
    for kind, record in _oldest(kinds, records).items():
        rhythms[kind] = await engine.rhythm(kind, _typical_s(engine, record))
        expected[kind] = await _expected(engine, kind, record, now_s)
    made: list[Move] = []
    waits_s: dict[Ref, float] = {}
    late: dict[Ref, Failure] = {}
    for ref, record in records.items():
        answer, kind = answers[ref], kinds[ref]
        _learn(engine.lessons, kind, record, answer, now_s, rhythms[kind])
        follows: Move | Failure | None = failures.after_look(
            ref.batch,
            record,
            answer,
            now_s=now_s,
            lease_s=engine.settings.lease_s,
            poll_min_s=engine.settings.poll_min_s,
            attempts=batches[ref.batch].attempts,
        )
        usual = expected[kind]
        if usual and not follows:
            follows = failures.while_it_lasts(ref.batch, record, answer, usual, now_s)
        if isinstance(follows, Move):
            made.append(follows)
            continue
        waits_s[ref] = patience * _wait_s(rhythms[kind], record, answer, now_s)
        if follows:
            late[ref] = follows
    told = engine.lessons.to_tell(time.monotonic())
    await engine.call(_write_down, engine, made, waits_s, told, late)


def _oldest(
    kinds: Mapping[Ref, Kind], records: Mapping[Ref, JobRecord]
) -> dict[Kind, JobRecord]:
    """Of each kind the one that was sent first."""
    by_time = sorted(records.items(), key=lambda pair: -pair[1].attempt.sent_at_s)
    return {kinds[ref]: record for ref, record in by_time}


async def _expected(
    engine: Engine, kind: Kind, oldest: JobRecord, now_s: float
) -> waits.Expected | None:
    """How long such predictions take; None where none can take too long yet."""
    overdue_s = engine.settings.overdue_s
    if now_s - oldest.attempt.sent_at_s < min(waits.LEAST_LATE_S, overdue_s):
        return None
    learnt_s = await engine.call(engine.ledger.times.learnt, engine.account, *kind)
    return waits.Expected.of(learnt_s, _typical_s(engine, oldest), overdue_s)


def _kind(engine: Engine, record: JobRecord) -> Kind:
    model = engine.catalogue.models.get(record.job.model)
    if model is None:  # it was sent by a worker of another version
        return record.job.model, record.job.duration_s or 0
    return model.id, model.duration_s(record.job.inputs)


def _typical_s(engine: Engine, record: JobRecord) -> float:
    model = engine.catalogue.models.get(record.job.model)
    return model.typical_s(record.job.inputs) if model else UNKNOWN_TYPICAL_S


async def _look(engine: Engine, record: JobRecord) -> LookAnswer:
    answer = await engine.provider.look(record.prediction_id or "")
    return await look_once_more(engine, record, answer)


def _write_down(
    engine: Engine,
    made: Sequence[Move],
    waits_s: dict[Ref, float],
    told: Mapping[Kind, list[float]],
    late: Mapping[Ref, Failure],
) -> None:
    """Write down what a block of looks has found, in one go, and send for videos."""
    engine.ledger.due.postpone(engine.account, waits_s, late=late)
    moved = engine.make_now(made)
    finished = [
        move.ref
        for move, result in zip(made, moved, strict=True)
        if result is Moved.YES and move.write.get("output")
    ]
    if finished:
        with suppress(*broker.BrokerError):  # they are due soon anyway
            broker.send(engine.app, broker.COLLECT, finished)
    if told:
        engine.ledger.times.learn(engine.account, told)


def _wait_s(
    rhythm: Rhythm, record: JobRecord, answer: LookAnswer, now_s: float
) -> float:
    if record.state is State.OVERDUE:
        return waits.OVERDUE_POLL_S
    wait_s = rhythm.next_s(max(0.0, now_s - record.attempt.sent_at_s))
    if isinstance(answer, LookAgain):
        log.warning("prediction %s: %s", record.prediction_id, answer.reason)
        asked_s = answer.retry_after_s or 0.0
        wait_s = max(wait_s, min(asked_s, waits.LONGEST_COOLING_S))
    if isinstance(answer, AccountTrouble):
        log.warning("prediction %s: %s", record.prediction_id, answer.reason)
        wait_s = max(wait_s, waits.TROUBLE_PROBE_S)
    return wait_s


def _learn(
    lessons: Lessons,
    kind: Kind,
    record: JobRecord,
    answer: LookAnswer,
    now_s: float,
    rhythm: Rhythm,
) -> None:
    seen_s = now_s - record.attempt.sent_at_s
    match answer:
        case Running():
            lessons.is_running(record.prediction_id or "", seen_s)
        case Completed():
            lessons.learn(kind, record, answer, seen_s, rhythm)
        case Over() | Missing():
            lessons.is_over(record.prediction_id or "")
