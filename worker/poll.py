"""The poll task: how do these predictions stand? Costs nothing and fails nothing."""

import logging
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace

from jobs import broker
from jobs.attempt import failures
from jobs.attempt.failures import PICTURE_CODE
from jobs.attempt.fingerprint import pictures_of
from jobs.ledger.transitions import Applied
from jobs.pace import waits
from jobs.pace.poll_schedule import PollSchedule
from jobs.provider.answers import (
    AccountTrouble,
    Completed,
    Over,
    PollAgain,
    PollAnswer,
)
from jobs.records import BatchRecord, Failure, JobRecord
from jobs.states import State
from jobs.transitions import Ref, Transition
from worker.concurrency import as_completed_groups
from worker.downloads import DownloadError, NoRoomError, partial_file
from worker.engine import Engine
from worker.generation_times import Kind, Took

log = logging.getLogger("reelmill.poll")

#: Answers that come within so many seconds are written down together; one that hangs
#: keeps none of the others waiting for longer.
TOGETHER_S = 1.0

#: What a model is taken to need that this version does not know.
UNKNOWN_TYPICAL_S = 60.0


@dataclass(slots=True)
class Found:
    """What some polls have found."""

    moves: list[Transition] = field(default_factory=list)
    #: Seconds to the next poll of those that still run.
    waits_s: dict[Ref, float] = field(default_factory=dict)
    #: Why it takes so long, of those of them that are late.
    late: dict[Ref, Failure] = field(default_factory=dict)
    #: How long those took that are completed.
    took_s: Took = field(default_factory=lambda: defaultdict(list))


async def poll(engine: Engine, refs: Sequence[Ref]) -> None:
    """Poll a block of predictions side by side."""
    states = State.GENERATING, State.OVERDUE
    records, batches = await engine.load_all(refs, *states)
    if not records:
        return
    async with engine.holding(list(records)) as held:
        polls = {ref: _poll(engine, record) for ref, record in records.items()}
        # Closed at once: a ledger that goes away meanwhile leaves no poll behind.
        async with aclosing(as_completed_groups(polls, TOGETHER_S)) as groups:
            async for answers in groups:
                seen = {ref: records[ref] for ref in answers}
                await held.let_go(seen)
                await _learn_and_write(engine, batches, seen, answers)


async def _learn_and_write(
    engine: Engine,
    batches: Mapping[str, BatchRecord],
    records: Mapping[Ref, JobRecord],
    answers: Mapping[Ref, PollAnswer],
) -> None:
    poll_backoff, now_s, found = await engine.poll_backoff(), engine.now_s(), Found()
    # Of each kind the one that was sent first.
    by_time = sorted(records.values(), key=lambda record: -record.attempt.sent_at_s)
    oldest = {record.job.kind: record for record in by_time}
    schedules = {
        kind: await engine.poll_schedule(kind, _typical_s(engine, record))
        for kind, record in oldest.items()
    }
    expected = {
        kind: await _expected(engine, kind, record, now_s)
        for kind, record in oldest.items()
    }
    for ref, record in records.items():
        answer, kind = answers[ref], record.job.kind
        seen_s = max(0.0, now_s - record.attempt.sent_at_s)
        took_s = _took_s(schedules[kind], record, answer, seen_s)
        if took_s is not None:
            found.took_s[kind].append(took_s)
        attempts, usual = batches[ref.batch].attempts, expected[kind]
        follows = _follows(engine, ref, record, answer, usual, attempts)
        if isinstance(follows, Transition):
            found.moves.append(follows)
            continue
        wait_s = _wait_s(schedules[kind].next_s(seen_s), record, answer)
        found.waits_s[ref] = poll_backoff * wait_s
        if follows:
            found.late[ref] = follows
    bring_forward = engine.decides_first_polls(poll_backoff)
    await engine.call(_write_down, engine, found, bring_forward=bring_forward)


def _follows(
    engine: Engine,
    ref: Ref,
    record: JobRecord,
    answer: PollAnswer,
    usual: waits.Expected | None,
    attempts: int,
) -> Transition | Failure | None:
    """What an answer brings about, or why it takes so long; None while it just runs."""
    now_s, settings = engine.now_s(), engine.settings
    follows: Transition | Failure | None = failures.after_poll(
        ref.batch,
        record,
        answer,
        now_s=now_s,
        lease_s=settings.lease_s,
        poll_min_s=settings.poll_min_s,
        attempts=attempts,
    )
    if usual and not follows:
        follows = failures.while_it_lasts(ref.batch, record, answer, usual, now_s)
    return follows


def _took_s(
    schedule: PollSchedule, record: JobRecord, answer: PollAnswer, seen_s: float
) -> float | None:
    """What is learnt from an end; of what was overdue only what the provider says.

    An outage would else be taken for what such videos take.
    """
    if not isinstance(answer, Completed):
        return None
    if record.state is State.OVERDUE:
        return answer.inference_s
    return schedule.took_s(seen_s, record.polls, answer.inference_s, random.random())


async def _expected(
    engine: Engine, kind: Kind, oldest: JobRecord, now_s: float
) -> waits.Expected | None:
    """How long such predictions take; None where none can take too long yet."""
    overdue_s = engine.settings.overdue_s
    if now_s - oldest.attempt.sent_at_s < min(waits.MIN_LATE_S, overdue_s):
        return None
    learnt_s = await engine.call(engine.ledger.times.learnt, engine.account, *kind)
    return waits.Expected.of(learnt_s, _typical_s(engine, oldest), overdue_s)


def _typical_s(engine: Engine, record: JobRecord) -> float:
    model = record.job.model_in(engine.catalogue)
    return model.typical_s(record.job.inputs) if model else UNKNOWN_TYPICAL_S


async def _poll(engine: Engine, record: JobRecord) -> PollAnswer:
    """How it stands; if a picture was out of reach, whether it is there after all."""
    answer = await engine.provider.poll(record.prediction_id or "")
    if not isinstance(answer, Over) or answer.code != PICTURE_CODE:
        return answer
    model = record.job.model_in(engine.catalogue)
    if model is None:  # it was sent by a worker of another version
        return answer
    for address in pictures_of(model, record.job):
        try:
            with partial_file(engine.settings.home) as path:
                url = record.links.get(address, address)
                await engine.files.fetch_picture(url, path)
        except NoRoomError as error:
            # Whether it is there cannot be told here; a later poll may.
            return PollAgain(str(error))
        except DownloadError:
            if address in record.links:
                # What neither the provider nor we can reach is uploaded anew next time.
                content = record.job.contents.get(address, "")
                await engine.call(engine.ledger.links.forget, engine.account, [content])
            return answer
    return replace(answer, cured=True)


def _write_down(engine: Engine, found: Found, *, bring_forward: bool) -> None:
    """Write down what polls have found, in one go, and send for videos."""
    engine.ledger.delay_queue.postpone(engine.account, found.waits_s, late=found.late)
    moved = engine.apply_now(found.moves)
    finished = [
        move.ref
        for move, result in zip(found.moves, moved, strict=True)
        if result is Applied.YES and move.write.get("output")
    ]
    if finished:
        with suppress(*broker.BrokerError):  # they are due soon anyway
            broker.send(engine.app, broker.COLLECT, finished)
    if found.took_s:
        engine.times.write(engine.ledger, found.took_s, bring_forward=bring_forward)


def _wait_s(wait_s: float, record: JobRecord, answer: PollAnswer) -> float:
    if record.state is State.OVERDUE:
        return waits.OVERDUE_POLL_S
    if not isinstance(answer, PollAgain | AccountTrouble):
        return wait_s
    log.warning("prediction %s: %s", record.prediction_id, answer.reason)
    asked_s = waits.TROUBLE_PROBE_S
    if isinstance(answer, PollAgain):
        asked_s = min(answer.retry_after_s or 0.0, waits.MAX_COOLING_S)
    return max(wait_s, asked_s)
