"""The settle task: what became of the paid requests whose answers were lost?

Asks the provider's history and its billing, subtracts every prediction that a job
already has, and lets `jobs.attempt.settling` say whose the rest is. All lost answers of
the account are settled together, because each is a rival of the others.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace

from jobs import moves
from jobs.answers import Billed, Listed
from jobs.attempt import settling
from jobs.attempt.links import sent_inputs
from jobs.attempt.settling import (
    Absent,
    Adopt,
    Finding,
    Lost,
    Patience,
    Rivals,
    Unclear,
    Wait,
)
from jobs.ledger.moves import ADOPTABLE_S
from jobs.moves import Move, Ref
from jobs.pace import waits
from jobs.records import JobRecord
from jobs.states import State
from worker.engine import Engine
from worker.likeness import likeness
from worker.provider import NoAnswer

log = logging.getLogger("reelmill.settle")

LEFT_BEHIND = "the process that sent it ended before it wrote down an answer"

#: Predictions of our own that are compared with what was sent for them.
MOST_WITNESSES = 5

#: Predictions whose inputs are asked for one by one, where the history hides them.
MOST_ASKED = 40


async def settle(engine: Engine, refs: Sequence[Ref]) -> None:
    """Find out what became of the account's lost answers."""
    await _lose_left_behind(engine, refs)
    everyone = await engine.call(engine.ledger.permits.lost, engine.account)
    records = await engine.load(everyone, State.UNKNOWN, State.UNRESOLVED)
    oldest_s = engine.now_s() - ADOPTABLE_S
    too_old = {
        ref: record
        for ref, record in records.items()
        if record.state is State.UNRESOLVED and record.attempt.sent_at_s < oldest_s
    }
    await _look_again(engine, too_old)
    lost = [
        _lost(engine, ref, record)
        for ref, record in records.items()
        if ref not in too_old
    ]
    patience = Patience(engine.settings.submit_timeout_s, engine.settings.settle_s)
    for group in settling.rivals(lost, patience):
        # What only a person can settle is looked at when it is due, or beside others.
        own = {attempt.ref: records[attempt.ref] for attempt in group.attempts}
        if any(ref in refs or r.state is State.UNKNOWN for ref, r in own.items()):
            await _settle_group(engine, group, own, patience)


async def _settle_group(
    engine: Engine, group: Rivals, records: dict[Ref, JobRecord], patience: Patience
) -> None:
    async with engine.holding(list(records)):
        try:
            findings = await _find(engine, group, patience)
        except NoAnswer as error:
            count = len(records)
            log.warning("%d lost answers stay unknown for now: %s", count, error)
            # A look without an answer proves nothing about absence.
            await _look_again(engine, records, looked=False)
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
        request=model.request(sent_inputs(record, model)),
        sent_at_s=record.attempt.sent_at_s,
        looks=record.looks + 1,
    )


async def _find(
    engine: Engine, group: Rivals, patience: Patience
) -> dict[Ref, Finding]:
    lost = group.attempts
    ahead_s = await _provider_ahead_s(engine)
    window = (group.begin_s + ahead_s, group.end_s + ahead_s)
    listed = await engine.provider.history(lost[0].model, *window)
    listed = [replace(c, created_at_s=c.created_at_s - ahead_s) for c in listed]
    free, early = await _unclaimed(engine, group, listed, patience)
    free = await _told_more(engine, lost, free, patience)
    free = await _trusted(engine, lost, listed, free)
    findings = settling.settle(lost, free, {}, patience, engine.now_s())
    if any(isinstance(finding, Absent) for finding in findings.values()):
        # The billing is a second witness: what it charged exists, listed or not.
        billed = _unlisted(await engine.provider.billings(*window), listed, ahead_s)
        more, still_early = await _unclaimed(engine, group, billed, patience)
        free += await _told_more(engine, lost, more, patience)
        early |= still_early
        findings = settling.settle(lost, free, {}, patience, engine.now_s())
    if any(isinstance(finding, Absent | Unclear) for finding in findings.values()):
        pairs = settling.candidates(lost, free, patience)
        near = await likeness(engine, pairs)
        findings = settling.settle(lost, free, near, patience, engine.now_s())
    return {ref: Wait() if ref in early else f for ref, f in findings.items()}


async def _provider_ahead_s(engine: Engine) -> float:
    """How far the provider's clock is ahead of the ledger's."""
    before_s = engine.now_s()
    theirs_s = await engine.provider.clock_s()
    if theirs_s is None:
        raise NoAnswer("the provider dates no answer, so its clock is not known")
    # Its date is cut to the second, so on average half a second is missing.
    return theirs_s + 0.5 - (before_s + engine.now_s()) / 2


async def _unclaimed(
    engine: Engine, group: Rivals, listed: Sequence[Listed], patience: Patience
) -> tuple[list[Listed], set[Ref]]:
    """Those that no job has; and the attempts for which it is too early to tell.

    Who sent a prediction that is listed is still sending, or lost its answer, or has
    it: asked in this order, none can slip through between two questions.
    """
    rivals = [*await _sending(engine), *await _newly_lost(engine, group)]
    ids = [listing.prediction_id for listing in listed]
    known = await engine.call(engine.ledger.moves.known, engine.account, ids)
    free = [listing for listing in listed if listing.prediction_id not in known]
    contested = {c.prediction_id for _, c in settling.nearby(rivals, free, patience)}
    left = [c for c in free if c.prediction_id not in contested]
    over = [c for c in free if c.prediction_id in contested]
    early = settling.nearby(group.attempts, over, patience)
    return left, {attempt.ref for attempt, _ in early}


async def _sending(engine: Engine) -> list[Lost]:
    """Attempts whose requests are still unanswered."""
    holders = await engine.call(engine.ledger.permits.holders, engine.account)
    sending = await engine.load(holders, State.SUBMITTING)
    return [_lost(engine, ref, record) for ref, record in sending.items()]


async def _newly_lost(engine: Engine, group: Rivals) -> list[Lost]:
    """Attempts that might belong to this group but were lost after it was made."""
    refs = await engine.call(engine.ledger.permits.lost, engine.account)
    new = set(refs) - {attempt.ref for attempt in group.attempts}
    records = await engine.load(sorted(new), State.UNKNOWN, State.UNRESOLVED)
    found = [_lost(engine, ref, record) for ref, record in records.items()]
    return [a for a in found if a.model == group.attempts[0].model]


async def _told_more(
    engine: Engine, lost: Sequence[Lost], free: Sequence[Listed], patience: Patience
) -> list[Listed]:
    """The same, with what their results show where the history does not."""
    near = [listing for _, listing in settling.nearby(lost, free, patience)]
    hidden = [c.prediction_id for c in near if c.inputs is None]
    worth = set(list(dict.fromkeys(hidden))[:MOST_ASKED])
    found = []
    for listing in free:
        asked = listing.prediction_id in worth
        told = await engine.provider.listing(listing.prediction_id) if asked else None
        found.append(
            replace(listing, status=told.status, inputs=told.inputs)
            if told
            else listing
        )
    return found


async def _trusted(
    engine: Engine, lost: Sequence[Lost], listed: Sequence[Listed], free: list[Listed]
) -> list[Listed]:
    """The same, without shown inputs that the provider may have rewritten.

    A picture kept under another address, a rounded number or a trimmed prompt would
    make our own prediction look like a stranger's, and its row would be paid again. So
    what differs counts only if one that is surely ours shows just what was sent.
    """
    doubtful = [c for c in free if settling.fits_nobody(lost, c)]
    if not doubtful or await _shows_as_sent(engine, listed):
        return free
    return [replace(c, inputs=None) if c in doubtful else c for c in free]


async def _shows_as_sent(engine: Engine, listed: Sequence[Listed]) -> bool:
    """Whether one of our own predictions shows just what was sent for it."""
    ids = [listing.prediction_id for listing in listed]
    known = await engine.call(engine.ledger.moves.known, engine.account, ids)
    for listing in [c for c in listed if c.prediction_id in known][:MOST_WITNESSES]:
        told: Listed | None = listing
        if listing.inputs is None:
            told = await engine.provider.listing(listing.prediction_id)
        owner = engine.ledger.moves.owner
        ref = await engine.call(owner, engine.account, listing.prediction_id)
        if ref is None or told is None or not told.inputs:
            continue
        (record,) = await engine.call(engine.ledger.batches.load, [ref])
        if record and settling.is_as_sent(_lost(engine, ref, record), told.inputs):
            return True
    return False


def _unlisted(
    billed: Sequence[Billed], listed: Sequence[Listed], ahead_s: float
) -> list[Listed]:
    """Charged predictions that the history does not show (yet)."""
    shown = {listing.prediction_id for listing in listed}
    charges = {row.prediction_id: row for row in billed if row.kind == "deduct"}
    return [
        Listed(prediction_id, row.model, row.created_at_s - ahead_s, "billed")
        for prediction_id, row in charges.items()
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
    if not count:
        reason = "the answer was lost too long ago for the provider's history to tell"
    move = moves.give_up(ref.batch, record, reason, waits.UNRESOLVED_LOOK_S)
    told = json.dumps([asdict(c) for c in candidates], ensure_ascii=False)
    return replace(move, write={**move.write, "candidates": told})


def _stays(record: JobRecord, finding: Finding) -> bool:
    unresolved = record.state is State.UNRESOLVED
    return isinstance(finding, Wait) or (isinstance(finding, Unclear) and unresolved)


async def _look_again(
    engine: Engine, records: dict[Ref, JobRecord], *, looked: bool = True
) -> None:
    now_s, settle_s = engine.now_s(), engine.settings.settle_s
    waits_s = {
        ref: waits.UNRESOLVED_LOOK_S
        if record.state is State.UNRESOLVED
        else waits.settle_again_s(now_s - record.attempt.sent_at_s, settle_s)
        for ref, record in records.items()
    }
    postpone = engine.ledger.due.postpone
    await engine.call(postpone, engine.account, waits_s, looked=looked)
