"""The settle task: what became of the paid requests whose answers were lost?

Asks the provider's history and its billing, subtracts every prediction that a job
already has, and lets `jobs.settling` say whose the rest is. All lost answers of the
account are settled together, because each is a rival of the others.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace

from jobs import moves, pacing, settling
from jobs.answers import Billed, Listed
from jobs.moves import Move, Ref
from jobs.records import JobRecord
from jobs.settling import Absent, Adopt, Finding, Lost, Patience, Unclear, Wait
from jobs.states import State
from worker.engine import Engine
from worker.likeness import likeness
from worker.provider import NoAnswer

log = logging.getLogger("reelmill.settle")

LEFT_BEHIND = "the process that sent it ended before it wrote down an answer"

#: Predictions whose inputs are asked for one by one, where the history hides them.
MOST_ASKED = 40


async def settle(engine: Engine, refs: Sequence[Ref]) -> None:
    """Find out what became of the account's lost answers."""
    await _lose_left_behind(engine, refs)
    everyone = await engine.call(engine.ledger.permits.lost, engine.account)
    records = await engine.load(everyone, State.UNKNOWN, State.UNRESOLVED)
    if not records:
        return
    lost = [_lost(engine, ref, record) for ref, record in records.items()]
    async with engine.holding(list(records)):
        try:
            findings = await _find(engine, lost)
        except NoAnswer as error:
            log.warning("%d lost answers stay unknown for now: %s", len(lost), error)
            await _look_again(engine, records)
            return
    found = [_move(engine, r, records[r], finding) for r, finding in findings.items()]
    await engine.make([move for move in found if move])
    waiting = {r: records[r] for r, f in findings.items() if _stays(records[r], f)}
    await _look_again(engine, waiting)


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


async def _find(engine: Engine, lost: Sequence[Lost]) -> dict[Ref, Finding]:
    patience = Patience(engine.settings.submit_timeout_s, engine.settings.settle_s)
    ahead_s = await _provider_ahead_s(engine)
    begin_s, end_s = settling.window(lost, patience)
    window = (begin_s + ahead_s, end_s + ahead_s)
    listed = await engine.provider.history(*window)
    listed = [replace(c, created_at_s=c.created_at_s - ahead_s) for c in listed]
    free = await _unclaimed(engine, listed, patience)
    free = await _with_inputs(engine, free)
    findings = settling.settle(lost, free, {}, patience, engine.now_s())
    if any(isinstance(finding, Absent) for finding in findings.values()):
        # The billing is a second witness: what it charged exists, listed or not.
        billed = await engine.provider.billings(*window)
        free += await _only_billed(engine, listed, billed, ahead_s)
    if any(isinstance(finding, Absent | Unclear) for finding in findings.values()):
        pairs = settling.candidates(lost, free, patience)
        near = await likeness(engine, pairs)
        findings = settling.settle(lost, free, near, patience, engine.now_s())
    return findings


async def _provider_ahead_s(engine: Engine) -> float:
    """How far the provider's clock is ahead of the ledger's."""
    before_s = engine.now_s()
    theirs_s = await engine.provider.clock_s()
    if theirs_s is None:
        raise NoAnswer("the provider dates no answer, so its clock is not known")
    # Its date is cut to the second, so on average half a second is missing.
    return theirs_s + 0.5 - (before_s + engine.now_s()) / 2


async def _unclaimed(
    engine: Engine, listed: Sequence[Listed], patience: Patience
) -> list[Listed]:
    """Those that no job has; none may be about to be claimed by an answer."""
    ids = [listing.prediction_id for listing in listed]
    known = await engine.call(engine.ledger.moves.known, engine.account, ids)
    free = [listing for listing in listed if listing.prediction_id not in known]
    under_way = await _under_way(engine)
    for listing in free:
        sent_at_s = under_way.get(listing.model)
        if sent_at_s is not None:
            since_s = listing.created_at_s - sent_at_s
            if since_s >= -patience.skew_s:
                raise NoAnswer("requests of the same time are still unanswered")
    return free


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


async def _with_inputs(engine: Engine, free: Sequence[Listed]) -> list[Listed]:
    """The same, with inputs that the result shows where the history does not."""
    found = []
    for asked, listing in enumerate(free):
        shown = listing.inputs
        if shown is None and asked < MOST_ASKED:
            shown = await engine.provider.inputs_of(listing.prediction_id)
        found.append(replace(listing, inputs=shown))
    return found


async def _only_billed(
    engine: Engine,
    listed: Sequence[Listed],
    billed: Sequence[Billed],
    ahead_s: float,
) -> list[Listed]:
    """Charged predictions of the window that the history does not show (yet)."""
    ids = {row.prediction_id: row for row in billed if row.kind == "deduct"}
    known = await engine.call(engine.ledger.moves.known, engine.account, list(ids))
    shown = known | {listing.prediction_id for listing in listed}
    return [
        Listed(prediction_id, row.model, row.created_at_s - ahead_s, "billed")
        for prediction_id, row in ids.items()
        if prediction_id and prediction_id not in shown
    ]


def _move(engine: Engine, ref: Ref, record: JobRecord, finding: Finding) -> Move | None:
    match finding:
        case Adopt(prediction_id=prediction_id):
            first_look_s = engine.settings.poll_min_s
            return moves.accept(ref.batch, record, prediction_id, first_look_s)
        case Absent():
            return moves.absent(ref.batch, record, engine.now_s())
        case Unclear(candidates=candidates) if record.state is State.UNKNOWN:
            return _give_up(ref, record, candidates)
        case Unclear() | Wait():
            return None


def _give_up(ref: Ref, record: JobRecord, candidates: Sequence[Listed]) -> Move:
    count = len(candidates)
    which = "a prediction" if count == 1 else f"one of {count} predictions"
    reason = f"the answer was lost; it may be {which} that no row has"
    move = moves.give_up(ref.batch, record, reason, pacing.UNRESOLVED_LOOK_S)
    told = json.dumps([asdict(c) for c in candidates], ensure_ascii=False)
    return replace(move, write={**move.write, "candidates": told})


def _stays(record: JobRecord, finding: Finding) -> bool:
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
