"""The poll task: how do these predictions stand? Costs nothing and fails nothing."""

import asyncio
import logging
from collections.abc import Sequence

from jobs import broker, failures, pacing
from jobs.answers import AccountTrouble, Completed, LookAgain, LookAnswer
from jobs.ledger.moves import Moved
from jobs.moves import Move, Ref
from jobs.records import JobRecord
from jobs.states import Event, State
from worker.engine import Engine
from worker.pictures import look_once_more

log = logging.getLogger("reelmill.poll")


async def poll(engine: Engine, refs: Sequence[Ref]) -> None:
    """Look at a block of predictions side by side."""
    records = await engine.load(refs, State.GENERATING)
    if not records:
        return
    batches = await engine.batches(records)
    async with engine.holding(list(records)):
        ids = [record.prediction_id or "" for record in records.values()]
        looks = await asyncio.gather(*map(engine.provider.look, ids))
        pairs = zip(records.values(), looks, strict=True)
        answers = await asyncio.gather(*(look_once_more(engine, *p) for p in pairs))
    patience = await engine.patience()
    now_s = engine.now_s()
    made: list[Move] = []
    waits_s: dict[Ref, float] = {}
    for (ref, record), answer in zip(records.items(), answers, strict=True):
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
            waits_s[ref] = patience * _wait_s(engine, record, answer, now_s)
    await engine.call(engine.ledger.due.postpone, engine.account, waits_s)
    moved = await engine.make(made)
    await _collect_finished(engine, made, moved)
    await _learn(engine, records, answers, now_s)


def _wait_s(
    engine: Engine, record: JobRecord, answer: LookAnswer, now_s: float
) -> float:
    generating_s = max(0.0, now_s - record.attempt.sent_at_s)
    wait_s = pacing.next_look_s(generating_s, engine.settings.poll_min_s, engine.luck())
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
    records: dict[Ref, JobRecord],
    answers: Sequence[LookAnswer],
    now_s: float,
) -> None:
    for record, answer in zip(records.values(), answers, strict=True):
        if isinstance(answer, Completed):
            model = engine.catalogue.find(record.job.model)
            duration_s = model.duration_s(record.job.inputs)
            seen_s = now_s - record.attempt.sent_at_s
            took_s = min(seen_s, answer.inference_s or seen_s)
            learn = engine.ledger.times.learn
            await engine.call(learn, engine.account, model.id, duration_s, took_s)
