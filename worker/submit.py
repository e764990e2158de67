"""The submit task: the paid request, sent at most once.

Claim, leave a mark of it outside the ledger, prove that the claim is on disk, send,
write the id down. A process that dies anywhere here leaves `submitting` behind, which
whoever finds it treats as a lost answer, never as unsent.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobs import transitions
from jobs.attempt import failures, hooks, reconciling
from jobs.attempt.failures import rejection
from jobs.attempt.hooks import Attempted
from jobs.attempt.links import links_for, sent_inputs, to_upload
from jobs.ledger import NotDurableError
from jobs.ledger.permits import Verdict
from jobs.ledger.transitions import Applied
from jobs.provider import submit as paid
from jobs.provider.answers import Accepted, NoAnswerError, SubmitAnswer, Unsent
from jobs.provider.clock import steady_s
from jobs.records import JobRecord
from jobs.states import State
from jobs.transitions import Ref, Transition
from worker.concurrency import gather_all
from worker.engine import Engine, log_transitions
from worker.marks import leave_marks, take_earlier_marks

log = logging.getLogger("reelmill.submit")

#: Seconds until a worker is sent anew for a row whose model the last one did not know.
UNKNOWN_MODEL_S = 30.0


async def submit(engine: Engine, refs: Sequence[Ref]) -> None:
    """Send the paid requests of jobs that hold a permit."""
    if not engine.settings.starts:
        await _release(engine, refs)
        return
    try:
        # A lost answer is searched for by the provider's clock.
        provider_now_s = await engine.provider.now_s()
    except NoAnswerError as error:
        await _hold_back(engine, refs, str(error))
        return
    claimed_at_s = steady_s()
    marks = {ref.batch: uuid.uuid4().hex for ref in refs}
    claimed = await engine.call(_claim, engine, refs, provider_now_s, marks)
    claimed, left = await leave_marks(engine, claimed, marks)
    consecutive = await engine.call(_prove, engine, claimed)
    if consecutive is None:
        return
    tidying = asyncio.create_task(take_earlier_marks(engine, left))
    async with engine.holding(list(claimed)) as held:

        async def submit_one(ref: Ref, record: JobRecord) -> None:
            await _submit_one(engine, ref, record, claimed_at_s, consecutive)
            held.discard(ref)

        await gather_all(submit_one(*pair) for pair in claimed.items())
    await tidying


async def _release(engine: Engine, refs: Sequence[Ref]) -> dict[Ref, JobRecord]:
    """Give permits back."""
    admitted = await engine.load(refs, State.ADMITTED)
    await engine.apply(_releases(admitted))
    return admitted


def _releases(
    records: Mapping[Ref, JobRecord], again_at_s: float | None = None
) -> list[Transition]:
    release = transitions.release
    return [
        release(ref.batch, record, again_at_s=again_at_s)
        for ref, record in records.items()
    ]


async def _hold_back(engine: Engine, refs: Sequence[Ref], reason: str) -> None:
    """Nothing is sent to a provider that does not even tell its time."""
    admitted = await _release(engine, refs)
    account = await engine.call(engine.ledger.permits.read, engine.account)
    for ref, record in list(admitted.items())[:1]:
        before = account.consecutive_rejections
        await _reject(engine, ref, record, Unsent(reason), before)


def _claim(
    engine: Engine,
    refs: Sequence[Ref],
    provider_now_s: float | None,
    marks: Mapping[str, str],
) -> dict[Ref, JobRecord]:
    """Write the attempts down, under the mark of their batch; those that are ours."""
    admitted = _of_known_models(engine, engine.load_now(refs, State.ADMITTED))
    now_s, lease_s = engine.now_s(), engine.settings.lease_s
    links = _links_of(engine, admitted, now_s)
    claims = [
        transitions.claim(
            ref.batch, record, lease_s, links[ref], provider_now_s, marks[ref.batch]
        )
        for ref, record in admitted.items()
    ]
    stamps = engine.ledger.transitions.claim(claims) if claims else []
    log_transitions(
        claims, [Applied.NO if at_s is None else Applied.YES for at_s in stamps]
    )
    claimed = {
        move.ref: transitions.claimed(admitted[move.ref], move, sent_at_s)
        for move, sent_at_s in zip(claims, stamps, strict=True)
        if sent_at_s is not None
    }
    # Refused and not given back: it would be granted again and again.
    expired = {r: rec for r, rec in claimed.items() if links[r] is None}
    engine.apply_now(
        [failures.upload_expired(r.batch, rec, now_s) for r, rec in expired.items()]
    )
    return {ref: rec for ref, rec in claimed.items() if ref not in expired}


def _links_of(
    engine: Engine, records: Mapping[Ref, JobRecord], now_s: float
) -> dict[Ref, dict[str, str] | None]:
    """The links that each job needs, by address; None where one is not to be had."""
    known = engine.catalogue
    needed = {
        ref: to_upload(record.job, record.job.find_model(known))
        for ref, record in records.items()
    }
    contents = {content for each in needed.values() for content in each.values()}
    kept = (
        engine.ledger.links.find(engine.account, sorted(contents)) if contents else {}
    )
    return {ref: links_for(each, kept, now_s) for ref, each in needed.items()}


def _of_known_models(
    engine: Engine, admitted: Mapping[Ref, JobRecord]
) -> dict[Ref, JobRecord]:
    """Those whose model this worker knows; the others are left to other versions."""
    models = engine.catalogue
    known = {r: rec for r, rec in admitted.items() if rec.job.model_in(models)}
    others = {r: record for r, record in admitted.items() if r not in known}
    engine.apply_now(_releases(others, engine.now_s() + UNKNOWN_MODEL_S))
    for batch, model in sorted({(r.batch, rec.job.model) for r, rec in others.items()}):
        log.warning("batch=%s waits for a worker that knows %s", batch, model)
        words = "wait for a worker that knows this model; bring all to one version"
        engine.ledger.batches.note(batch, f"rows of {model} {words}")
        engine.ledger.workers.lack(engine.account, model)
    return known


def _prove(engine: Engine, claimed: Mapping[Ref, JobRecord]) -> int | None:
    """See that claims are on disk; rejections of the account in a row before.

    None if there are none, or they are not and were given back.
    """
    if not claimed:
        return None
    try:
        engine.ledger.durable()
    except NotDurableError as error:
        log.error("nothing is sent: %s", error)
        engine.apply_now(_releases(claimed))
        return None
    return engine.ledger.permits.read(engine.account).consecutive_rejections


async def _submit_one(
    engine: Engine, ref: Ref, record: JobRecord, claimed_at_s: float, consecutive: int
) -> None:
    model = record.job.find_model(engine.catalogue)
    request = model.request(sent_inputs(record, model))
    path = model.path
    if engine.settings.webhook_url:  # it says where the provider calls back
        token = hooks.sealed(engine.token_key, Attempted(ref, record.fencing_token))
        path = hooks.asking(path, engine.settings.webhook_url, token)
    # Whatever asks the ledger is asked before: nothing may come between the answer to a
    # paid request and writing it down.
    kind, typical_s = record.job.kind, model.typical_s(record.job.inputs)
    schedule = await engine.poll_schedule(kind, typical_s)
    poll_backoff = await engine.poll_backoff()
    async with engine.provider.room:
        answer = await _send(engine, path, request, claimed_at_s)
    verdict = await _reject(engine, ref, record, answer, consecutive)
    first_s = 0.0
    if isinstance(answer, Accepted):
        first_s = engine.first_poll_s(kind, schedule, poll_backoff)
    move = failures.after_submit(
        ref.batch,
        record,
        answer,
        now_s=engine.now_s(),
        first_poll_s=first_s,
        reconcile_in_s=min(5.0, engine.settings.settling_s / 4),
        is_final=verdict is Verdict.FINAL,
    )
    await _write_down(engine, move, record, answer)


async def _send(
    engine: Engine, path: str, request: Mapping[str, Any], claimed_at_s: float
) -> SubmitAnswer:
    if engine.stopping:
        return Unsent("the worker was told to stop", ours=True)
    if steady_s() - claimed_at_s > reconciling.MAX_HOLD_S:
        # It waited for a connection, or this process slept (a suspended laptop, say):
        # others may take its answer for lost, and search from the claim on.
        return Unsent("held up for too long before it could be sent", ours=True)
    return await paid.submit(engine.provider, path, request)


async def _write_down(
    engine: Engine, move: Transition, record: JobRecord, answer: SubmitAnswer
) -> None:
    """Write down what the answer means, however long the ledger is away."""
    (moved,) = await engine.retry_until_written(engine.transition, [move])
    log_transitions([move], [moved])
    if moved is Applied.YES or not isinstance(answer, Accepted):
        return
    # Either the first try was made and only its echo was lost, or somebody took this
    # attempt for lost; its id is known now, so it is adopted.
    load = engine.ledger.batches.load
    (now,) = await engine.retry_until_written(engine.call, load, [move.ref])
    if now and now.prediction_id == answer.prediction_id:
        return
    if (
        now
        and now.fencing_token == record.fencing_token
        and now.state in (State.UNKNOWN, State.UNRESOLVED)
    ):
        late = transitions.accept(move.ref.batch, now, answer.prediction_id, 0.0)
        late = replace(late, due_in_s=move.due_in_s)
        (moved,) = await engine.retry_until_written(engine.transition, [late])
        log_transitions([late], [moved])
        if moved is Applied.YES:
            return
    log.error(
        "job=%s: prediction %s was answered too late and belongs to no attempt; "
        "it may be charged, see the provider's history",
        move.ref,
        answer.prediction_id,
    )


async def _reject(
    engine: Engine, ref: Ref, record: JobRecord, answer: SubmitAnswer, consecutive: int
) -> Verdict:
    """Tell the account of a rejection; whom it concerns."""
    rejected = rejection(
        ref, record.fencing_token, answer, consecutive, random.random()
    )
    if rejected is None:
        return Verdict.JOB
    reject = engine.ledger.permits.reject
    verdict = await engine.retry_until_written(
        engine.call, reject, engine.account, rejected
    )
    if verdict is Verdict.ACCOUNT:
        words = "the account cools down for %.0f s: %s"
        log.warning(words, rejected.cooldown_s, rejected.reason)
    else:
        log.warning("job=%s: %s: %s", ref, rejected.cause, rejected.reason)
    return verdict
