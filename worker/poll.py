"""The poll task: how do these predictions stand? Costs nothing and fails nothing."""

import asyncio
import logging
import time
from collections.abc import Sequence

from jobs import broker, failures, pacing
from jobs.answers import (
    AccountTrouble,
    Completed,
    LookAgain,
    LookAnswer,
    Missing,
    Over,
    Running,
)
from jobs.ledger.moves import Moved
from jobs.moves import Move, Ref
from jobs.records import JobRecord
from jobs.rhythm import Rhythm
from jobs.states import Event, State
from worker.engine import Engine
from worker.lessons import Kind
from worker.pictures import look_once_more

log = logging.getLogger("reelmill.poll")


async def poll(engine: Engine, refs: Sequence[Ref]) -> None:
    """Look at a block of predictions side by side."""
    records = await engine.load(refs, State.GENERATING)
    if not records:
        return
    batches = await engine.batches(records)
    async with engine.holding(list(records)):
        answers = await asyncio.gather(
            *(_look(engine, record) for record in records.values())
        )
    patience = await engine.patience()
    rhythms = [await _rhythm(engine, record) for record in records.values()]
    now_s = engine.now_s()
    made: list[Move] = []
    waits_s: dict[Ref, float] = {}
    for (ref, record), answer, rhythm in zip(
        records.items(), answers, rhythms, strict=True
    ):
        move = failures.after_look(
            ref.batch,
            record,
            answer,
            now_s=now_s,
            lease_s=engine.settings.lease_s,
            attempts=batches[ref.batch].attempts,
            retention_s=pacing.RETENTION_S,
        )
        if move:
            made.append(move)
        else:
            waits_s[ref] = patience * _wait_s(rhythm, record, answer, now_s)
    await engine.call(engine.ledger.due.postpone, engine.account, waits_s)
    moved = await engine.make(made)
    await _collect_finished(engine, made, moved)
    await _learn(engine, list(records.values()), answers, rhythms, now_s)


def _kind(engine: Engine, record: JobRecord) -> Kind:
    model = engine.catalogue.find(record.job.model)
    return model.id, model.duration_s(record.job.inputs)


async def _rhythm(engine: Engine, record: JobRecord) -> Rhythm:
    model = engine.catalogue.find(record.job.model)
    typical_s = model.typical_s(record.job.inputs)
    return await engine.rhythm(_kind(engine, record), typical_s)


async def _look(engine: Engine, record: JobRecord) -> LookAnswer:
    answer = await engine.provider.look(record.prediction_id or "")
    return await look_once_more(engine, record, answer)


def _wait_s(
    rhythm: Rhythm, record: JobRecord, answer: LookAnswer, now_s: float
) -> float:
    wait_s = rhythm.next_s(max(0.0, now_s - record.attempt.sent_at_s))
    if isinstance(answer, LookAgain):
        log.warning("prediction %s: %s", record.prediction_id, answer.reason)
        asked_s = answer.retry_after_s or 0.0
        return max(wait_s, min(asked_s, pacing.LONGEST_COOLING_S))
    if isinstance(answer, AccountTrouble):
        log.warning("prediction %s: %s", record.prediction_id, answer.reason)
        return max(wait_s, pacing.TROUBLE_PROBE_S)
    return wait_s


async def _collect_finished(
    engine: Engine, made: Sequence[Move], moved: Sequence[Moved]
) -> None:
    finished = [
        move.ref
        for move, result in zip(made, moved, strict=True)
        if result is Moved.YES and move.event is Event.COMPLETE
    ]
    await engine.hand_over(broker.COLLECT, finished)


async def _learn(
    engine: Engine,
    records: Sequence[JobRecord],
    answers: Sequence[LookAnswer],
    rhythms: Sequence[Rhythm],
    now_s: float,
) -> None:
    lessons = engine.lessons
    for record, answer, rhythm in zip(records, answers, rhythms, strict=True):
        seen_s = now_s - record.attempt.sent_at_s
        match answer:
            case Running():
                lessons.is_running(record.prediction_id or "", seen_s)
            case Completed():
                lessons.learn(_kind(engine, record), record, answer, seen_s, rhythm)
            case Over() | Missing():
                lessons.is_over(record.prediction_id or "")
    told = lessons.to_tell(time.monotonic())
    if told:
        await engine.call(engine.ledger.times.learn, engine.account, told)
