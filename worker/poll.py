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
from jobs.records import BatchRecord, JobRecord
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
    records, batches = await engine.load_all(refs, State.GENERATING)
    if not records:
        return
    async with engine.holding(list(records)) as held:
        looks = {ref: _look(engine, record) for ref, record in records.items()}
        # Closed at once: a ledger that goes away meanwhile leaves no look behind.
        async with aclosing(as_they_come(looks, TOGETHER_S)) as groups:
            async for answers in groups:
                seen = {ref: records[ref] for ref in answers}
                await _learn_and_write(engine, batches, seen, answers)
                held.difference_update(seen)


async def _learn_and_write(
    engine: Engine,
    batches: Mapping[str, BatchRecord],
    records: Mapping[Ref, JobRecord],
    answers: Mapping[Ref, LookAnswer],
) -> None:
    patience = await engine.patience()
    kinds = {ref: _kind(engine, record) for ref, record in records.items()}
    rhythms = {}
    for kind, record in {kinds[ref]: record for ref, record in records.items()}.items():
        rhythms[kind] = await engine.rhythm(kind, _typical_s(engine, record))
    now_s = engine.now_s()
    made: list[Move] = []
    waits_s: dict[Ref, float] = {}
    for ref, record in records.items():
        answer, kind = answers[ref], kinds[ref]
        _learn(engine.lessons, kind, record, answer, now_s, rhythms[kind])
        move = failures.after_look(
            ref.batch,
            record,
            answer,
            now_s=now_s,
            lease_s=engine.settings.lease_s,
            poll_min_s=engine.settings.poll_min_s,
            attempts=batches[ref.batch].attempts,
        )
        if move:
            made.append(move)
        else:
            waits_s[ref] = patience * _wait_s(rhythms[kind], record, answer, now_s)
    told = engine.lessons.to_tell(time.monotonic())
    await engine.call(_write_down, engine, made, waits_s, told)


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
) -> None:
    """Write down what a block of looks has found, in one go, and send for videos."""
    engine.ledger.due.postpone(engine.account, waits_s)
    moved = engine.make_now(made)
    finished = [
        move.ref
        for move, result in zip(made, moved, strict=True)
        if result is Moved.YES and move.write.get("output")
    ]
    if finished:
        with suppress(broker.BrokerUnreachable):  # they are due soon anyway
            broker.send(engine.app, broker.COLLECT, finished)
    if told:
        engine.ledger.times.learn(engine.account, told)


def _wait_s(
    rhythm: Rhythm, record: JobRecord, answer: LookAnswer, now_s: float
) -> float:
    wait_s = rhythm.next_s(max(0.0, now_s - record.attempt.sent_at_s))
    if isinstance(answer, LookAgain):
        log.warning("prediction %s: %s", record.prediction_id, answer.reason)
        asked_s = answer.retry_after_s or 0.0
        return max(wait_s, min(asked_s, waits.LONGEST_COOLING_S))
    if isinstance(answer, AccountTrouble):
        log.warning("prediction %s: %s", record.prediction_id, answer.reason)
        return max(wait_s, waits.TROUBLE_PROBE_S)
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
