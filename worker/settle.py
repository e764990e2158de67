"""The settle task: what became of a paid request whose answer was lost?

Asks the provider's history, subtracts every prediction that a job already has, and
lets `jobs.settling` say whose the rest is.
"""

import logging
from collections.abc import Sequence

from jobs import moves, pacing, settling
from jobs.answers import Listed
from jobs.moves import Move, Ref
from jobs.records import JobRecord
from jobs.settling import Absent, Adopt, Finding, Lost, Unclear, Wait
from jobs.states import State
from worker.engine import Engine
from worker.provider import NoAnswer

log = logging.getLogger("reelmill.settle")

LEFT_BEHIND = "the process that sent it ended before it wrote down an answer"


async def settle(engine: Engine, refs: Sequence[Ref]) -> None:
    """Find out what became of these jobs' paid requests."""
    await _lose_left_behind(engine, refs)
    records = await engine.load(refs, State.UNKNOWN, State.UNRESOLVED)
    if not records:
        return
    lost = [_lost(engine, ref, record) for ref, record in records.items()]
    async with engine.holding(list(records)):
        try:
            listed = await _unclaimed(engine, lost)
        except NoAnswer as error:
            log.warning("%d lost answers stay unknown for now: %s", len(lost), error)
            await _look_again(engine, records)
            return
    findings = settling.settle(
        lost,
        listed,
        now_s=engine.now_s(),
        submit_timeout_s=engine.settings.submit_timeout_s,
        settle_s=engine.settings.settle_s,
    )
    found = [
        _move(engine, ref, records[ref], finding) for ref, finding in findings.items()
    ]
    await engine.make([move for move in found if move])
    waiting = [ref for ref, f in findings.items() if _keeps_waiting(records[ref], f)]
    await _look_again(engine, {ref: records[ref] for ref in waiting})


async def _lose_left_behind(engine: Engine, refs: Sequence[Ref]) -> None:
    """A lease on `submitting` ran out: its sender is gone, its answer lost."""
    left = await engine.load(refs, State.SUBMITTING)
    lease_s = engine.settings.lease_s
    await engine.make(
        [moves.lose(r.batch, rec, LEFT_BEHIND, lease_s) for r, rec in left.items()]
    )


def _lost(engine: Engine, ref: Ref, record: JobRecord) -> Lost:
    model = engine.catalogue.find(record.job.model)
    return Lost(
        ref=ref,
        model=model.id,
        request=model.request(record.job.inputs),
        sent_at_s=record.attempt.sent_at_s,
        looks=record.looks + 1,
    )


async def _unclaimed(engine: Engine, lost: Sequence[Lost]) -> list[Listed]:
    """Predictions of their window that no job has and none is about to get."""
    timeout_s = engine.settings.submit_timeout_s
    listed = await engine.provider.history(*settling.window(lost, timeout_s))
    ids = [listing.prediction_id for listing in listed]
    known = await engine.call(engine.ledger.moves.known, engine.account, ids)
    under_way = await _under_way(engine)
    for listing in listed:
        sent_at_s = under_way.get(listing.model)
        before = listing.created_at_s + settling.SKEW_S
        if sent_at_s is not None and sent_at_s <= before:
            raise NoAnswer("requests of the same time are still unanswered")
    return [listing for listing in listed if listing.prediction_id not in known]


async def _under_way(engine: Engine) -> dict[str, float]:
    """When the oldest unanswered request of each model was sent."""
    holders = await engine.call(engine.ledger.permits.holders, engine.account)
    sending = await engine.load(holders, State.SUBMITTING)
    oldest: dict[str, float] = {}
    for record in sending.values():
        sent_at_s = record.attempt.sent_at_s
        model = record.job.model
        oldest[model] = min(sent_at_s, oldest.get(model, sent_at_s))
    return oldest


def _move(engine: Engine, ref: Ref, record: JobRecord, finding: Finding) -> Move | None:
    match finding:
        case Adopt(prediction_id=prediction_id):
            first_look_s = engine.settings.poll_min_s
            return moves.accept(ref.batch, record, prediction_id, first_look_s)
        case Absent():
            return moves.absent(ref.batch, record, engine.now_s())
        case Unclear(candidates=candidates) if record.state is State.UNKNOWN:
            reason = (
                f"it may be one of {len(candidates)} predictions that nobody claims"
            )
            look_in_s = pacing.UNRESOLVED_LOOK_S
            return moves.give_up(ref.batch, record, reason, look_in_s)
        case Unclear() | Wait():
            return None


def _keeps_waiting(record: JobRecord, finding: Finding) -> bool:
    unresolved = record.state is State.UNRESOLVED
    return isinstance(finding, Wait) or (isinstance(finding, Unclear) and unresolved)


async def _look_again(engine: Engine, records: dict[Ref, JobRecord]) -> None:
    now_s, settle_s = engine.now_s(), engine.settings.settle_s
    waits_s = {
        ref: pacing.UNRESOLVED_LOOK_S
        if record.state is State.UNRESOLVED
        else pacing.settle_again_s(now_s - record.attempt.sent_at_s, settle_s)
        for ref, record in records.items()
    }
    await engine.call(engine.ledger.due.postpone, engine.account, waits_s)
