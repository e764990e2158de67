"""The reconcile task: what became of the paid requests whose answers were lost?

Asks the provider's history and its billing, subtracts every prediction that a job
already has, and lets `jobs.attempt.reconciling` say whose the rest is. All lost answers
of the account are reconciled together, because each is a rival of the others.
"""

import json
import logging
import math
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from jobs import transitions
from jobs.attempt import reconciling
from jobs.attempt.links import sent_inputs
from jobs.attempt.reconciling import (
    CLIPPED_CODE,
    Absent,
    Adopt,
    Ambiguous,
    AmbiguousGroup,
    Finding,
    LostSubmission,
    Wait,
    is_clipped,
    most_candidates,
)
from jobs.ledger import LedgerError
from jobs.ledger.transitions import ADOPTABLE_S
from jobs.pace import waits
from jobs.provider.answers import Billed, Listed, NoAnswerError
from jobs.records import JobRecord
from jobs.states import State
from jobs.transitions import Ref, Transition
from worker.concurrency import gather_all
from worker.engine import Engine
from worker.first_frame_match import likeness

log = logging.getLogger("reelmill.reconcile")

LEFT_BEHIND = "the process that sent it ended before it wrote down an answer"

#: Seconds that one reconciliation of an account keeps others back, should it not end;
#: and until these ask again.
LOCK_S = 60.0
LOCKED_AGAIN_S = 1.0

#: Seconds until lost answers are asked about again while the ledger is older than what
#: was sent.
OLDER_AGAIN_S = 10.0

#: Predictions of our own that are compared with what was sent for them.
MAX_WITNESSES = 5

#: Predictions whose inputs are asked for, so many at a time, where the history hides
#: them; and how many may stay unanswered before the others are not asked for.
MAX_ASKED = 1_000
AT_ONCE = 8
MAX_UNANSWERED = 3

#: Seconds of history that are asked for at a time: an answer has so many pages only.
DAY_S = 86_400.0

#: A lost answer that could not be looked for during so many settling times is left to a
#: person, and others get its slot; it is looked for still.
GIVEN_UP_AFTER = 3


@dataclass(frozen=True, slots=True)
class _Clock:
    """The provider's clock beside the ledger's, both just read."""

    #: Unix seconds by the provider's clock, before its history is asked.
    now_s: float
    #: How far it is ahead of the ledger's.
    ahead_s: float


async def reconcile(engine: Engine, refs: Sequence[Ref]) -> None:
    """Find out what became of the account's lost answers."""
    await _mark_orphans_unknown(engine, refs)
    account = await engine.call(engine.ledger.permits.read, engine.account)
    if account.older:
        # Any prediction may be of a row that this ledger takes for one that waits.
        await _ask_again(engine, refs, OLDER_AGAIN_S)
        return
    locks = engine.ledger.locks
    lock = (engine.account, "reconciliation", uuid.uuid4().hex)
    if not await engine.call(locks.take, *lock, LOCK_S):
        await _ask_again(engine, refs, LOCKED_AGAIN_S)
        return
    try:
        await _reconcile_all(engine, refs)
    finally:
        with suppress(LedgerError):  # then it ends by itself
            await engine.call(locks.release, *lock)


async def _ask_again(engine: Engine, refs: Sequence[Ref], wait_s: float) -> None:
    postpone = engine.ledger.delay_queue.postpone
    again_s = dict.fromkeys(refs, wait_s)
    await engine.call(postpone, engine.account, again_s, polled=False)


async def _reconcile_all(engine: Engine, refs: Sequence[Ref]) -> None:
    everyone = await engine.call(engine.ledger.permits.lost, engine.account)
    records = await engine.load(everyone, State.UNKNOWN, State.UNRESOLVED)
    oldest_s = engine.now_s() - ADOPTABLE_S
    left_alone = {
        ref: record
        for ref, record in records.items()
        if (record.state is State.UNRESOLVED and record.attempt.sent_at_s < oldest_s)
        # It was sent by a worker of another version; one of those is sent for it, too.
        or record.job.model_in(engine.catalogue) is None
    }
    await _not_now(engine, left_alone, "no worker here knows its model")
    lost = {ref: rec for ref, rec in records.items() if ref not in left_alone}
    if not lost:
        return
    try:
        clock = await _read_clock(engine)
    except NoAnswerError as error:
        await _not_now(engine, lost, str(error))
        return
    rivals = await _in_doubt(engine) if any(r.doubt for r in lost.values()) else {}
    attempts = [_lost(engine, *each, clock) for each in {**rivals, **lost}.items()]
    for group in reconciling.ambiguous_groups(attempts):
        # What only a person can settle is looked at when it is due, or beside others.
        own = {a.ref: lost[a.ref] for a in group.attempts if a.ref in lost}
        if any(ref in refs or r.state is State.UNKNOWN for ref, r in own.items()):
            await _reconcile_group(engine, group, own, clock)


async def _in_doubt(engine: Engine) -> dict[Ref, JobRecord]:
    """Jobs that may have failed and been sent again without this ledger's knowing.

    Until they are over, what may be theirs is not given to others.
    """
    holders = await engine.call(engine.ledger.permits.holders, engine.account)
    going = await engine.load(holders, State.GENERATING)
    return {
        ref: record
        for ref, record in going.items()
        if record.doubt and record.job.model_in(engine.catalogue)
    }


async def _reconcile_group(
    engine: Engine, group: AmbiguousGroup, records: dict[Ref, JobRecord], clock: _Clock
) -> None:
    async with engine.holding(list(records)):
        try:
            findings = await _find(engine, group, records, clock)
        except NoAnswerError as error:
            await _not_now(engine, records, str(error))
            return
    most = most_candidates(sum(isinstance(f, Ambiguous) for f in findings.values()))
    found = [
        _move(engine, r, _dated(records[r], f, clock), f, most)
        for r, f in findings.items()
    ]
    await engine.apply([move for move in found if move])
    waiting = {r: records[r] for r, f in findings.items() if _stays(records[r], f)}
    await _poll_again(engine, waiting)


async def _not_now(engine: Engine, records: dict[Ref, JobRecord], why: str) -> None:
    """Look again later; who waited too long for that is left to a person meanwhile."""
    if not records:
        return
    log.warning("%d lost answers stay unknown for now: %s", len(records), why)
    oldest_s = engine.now_s() - GIVEN_UP_AFTER * engine.settings.settling_s
    late = {
        ref: record
        for ref, record in records.items()
        if record.state is State.UNKNOWN
        and record.unanswered_since_s is not None
        and record.unanswered_since_s < oldest_s
    }
    await engine.apply([_give_up_unseen(ref, rec, why) for ref, rec in late.items()])
    # A look without an answer proves nothing about absence.
    left = {ref: record for ref, record in records.items() if ref not in late}
    await _poll_again(engine, left, unanswered=True)


async def _mark_orphans_unknown(engine: Engine, refs: Sequence[Ref]) -> None:
    """A lease on `submitting` ran out: its sender is gone, its answer lost."""
    left = await engine.load(refs, State.SUBMITTING)
    lease_s = engine.settings.lease_s
    await engine.apply(
        [
            transitions.mark_unknown(r.batch, rec, LEFT_BEHIND, lease_s)
            for r, rec in left.items()
        ]
    )


def _lost(engine: Engine, ref: Ref, record: JobRecord, clock: _Clock) -> LostSubmission:
    """A lost attempt; without its request if this worker does not know its model."""
    model = record.job.model_in(engine.catalogue)
    sent_at_s, sent_by_s = reconciling.sent_between_s(
        record.attempt.sent_at_s, clock.ahead_s, record.provider_sent_at_s
    )
    if record.doubt:
        sent_at_s = min(sent_at_s, record.doubt.since_s + clock.ahead_s)
        sent_by_s = max(sent_by_s, record.doubt.until_s + clock.ahead_s)
    until_s = math.inf
    if record.state is State.UNRESOLVED and not is_clipped(record):
        until_s = sent_by_s + reconciling.listed_after_s(engine.settings.settling_s)
    return LostSubmission(
        ref=ref,
        model=record.job.model,
        request=model.request(sent_inputs(record, model)) if model else {},
        sent_at_s=sent_at_s,
        looks=record.polls + 1,
        sent_by_s=sent_by_s,
        until_s=until_s,
        vanished=record.seen_candidates,
        is_doubt=record.doubt is not None,
    )


async def _find(
    engine: Engine, group: AmbiguousGroup, records: dict[Ref, JobRecord], clock: _Clock
) -> dict[Ref, Finding]:
    model, settling_s = group.attempts[0].model, engine.settings.settling_s
    window = (
        group.begin_s,
        min(group.until_s, clock.now_s + reconciling.PROVIDER_SKEW_S),
    )
    listed = await _history(engine, model, *window)
    lost = await _still_seen(engine, group.attempts, listed)
    free, early = await _unclaimed(engine, lost, listed, clock)
    free = await _with_inputs(engine, lost, free)
    free = await _without_doubtful_inputs(engine, lost, listed, free, clock)
    findings = reconciling.reconcile(lost, free, {}, settling_s, clock.now_s)
    if any(isinstance(finding, Absent) for finding in findings.values()):
        # The billing is a second witness: what it charged exists, listed or not.
        billings = await engine.provider.billings(*window)
        billed = _unlisted(billings, listed, model)
        more, still_early = await _unclaimed(engine, lost, billed, clock)
        free += await _with_inputs(engine, lost, more)
        early |= still_early
        findings = reconciling.reconcile(lost, free, {}, settling_s, clock.now_s)
    pairs = reconciling.candidates(lost, free)
    await _remember(engine, records, pairs)
    if any(isinstance(finding, Absent | Ambiguous) for finding in findings.values()):
        near = await likeness(engine, pairs)
        findings = reconciling.reconcile(lost, free, near, settling_s, clock.now_s)
    return {ref: Wait() if ref in early else findings[ref] for ref in records}


async def _history(
    engine: Engine, model: str, after_s: float, before_s: float
) -> list[Listed]:
    """Predictions of a model created in a window, by the provider's clock."""
    found: dict[str, Listed] = {}
    while after_s < before_s:
        until_s = min(after_s + DAY_S, before_s)
        listed = await engine.provider.history(model, after_s, until_s)
        found |= {each.prediction_id: each for each in listed}
        after_s = until_s
    return list(found.values())


async def _read_clock(engine: Engine) -> _Clock:
    """Both clocks, read now: that of the ledger's server may have been set, too."""
    await engine.call(engine.read_clock)
    before_s = engine.now_s()
    theirs_s = await engine.provider.clock_s()
    if theirs_s is None:
        raise NoAnswerError("the provider dates no answer, so its clock is not known")
    after_s = engine.now_s()
    # Its date is cut to the second, so on average half a second is missing.
    ahead_s = theirs_s + 0.5 - (before_s + after_s) / 2
    # Whether enough time has passed is told by the earliest that it can be.
    return _Clock(before_s + theirs_s - after_s, ahead_s)


async def _still_seen(
    engine: Engine, lost: Sequence[LostSubmission], listed: Sequence[Listed]
) -> list[LostSubmission]:
    """The same, with those earlier candidates only that vanished from the history."""
    seen = {each for attempt in lost for each in attempt.vanished}
    gone = seen - {listing.prediction_id for listing in listed}
    gone -= await engine.call(
        engine.ledger.transitions.known, engine.account, sorted(gone)
    )
    return [replace(attempt, vanished=attempt.vanished & gone) for attempt in lost]


async def _remember(
    engine: Engine,
    records: dict[Ref, JobRecord],
    pairs: Sequence[tuple[LostSubmission, Listed]],
) -> None:
    """Write down candidates: what was seen once rules out absence for good."""
    seen = {ref: set(record.seen_candidates) for ref, record in records.items()}
    most = most_candidates(len(records))
    for attempt, listing in pairs:
        if attempt.ref in seen and len(seen[attempt.ref]) < most:
            seen[attempt.ref].add(listing.prediction_id)
    new = {
        (ref, records[ref].fencing_token): sorted(ids)
        for ref, ids in seen.items()
        if ids != records[ref].seen_candidates
    }
    await engine.call(engine.ledger.transitions.note_candidates, new)


async def _unclaimed(
    engine: Engine,
    lost: Sequence[LostSubmission],
    listed: Sequence[Listed],
    clock: _Clock,
) -> tuple[list[Listed], set[Ref]]:
    """Those that no job has; and the attempts for which it is too early to tell.

    Who sent a prediction that is listed is still sending, or lost its answer, or has
    it: asked in this order, none can slip through between two questions.
    """
    ambiguous_groups = [
        *await _sending(engine, clock),
        *await _newly_lost(engine, lost, clock),
    ]
    ids = [listing.prediction_id for listing in listed]
    known = await engine.call(engine.ledger.transitions.known, engine.account, ids)
    free = [listing for listing in listed if listing.prediction_id not in known]
    contested = {
        c.prediction_id
        for c in free
        if any(reconciling.fits(sent, c) for sent in ambiguous_groups)
    }
    left = [c for c in free if c.prediction_id not in contested]
    over = [c for c in free if c.prediction_id in contested]
    # While an account is busy something is always being sent: what came after the time
    # of these attempts is not waited for.
    settling_s = engine.settings.settling_s
    early = {
        attempt.ref
        for attempt in lost
        for listing in over
        if reconciling.fits(attempt, listing)
        and reconciling.is_early(attempt, listing, settling_s)
    }
    return left, early


async def _sending(engine: Engine, clock: _Clock) -> list[LostSubmission]:
    """Attempts whose requests are still unanswered."""
    holders = await engine.call(engine.ledger.permits.holders, engine.account)
    sending = await engine.load(holders, State.SUBMITTING)
    return [_lost(engine, ref, record, clock) for ref, record in sending.items()]


async def _newly_lost(
    engine: Engine, lost: Sequence[LostSubmission], clock: _Clock
) -> list[LostSubmission]:
    """Attempts that might belong to these but were lost after they were read."""
    refs = await engine.call(engine.ledger.permits.lost, engine.account)
    new = set(refs) - {attempt.ref for attempt in lost}
    records = await engine.load(sorted(new), State.UNKNOWN, State.UNRESOLVED)
    found = [_lost(engine, ref, record, clock) for ref, record in records.items()]
    return [a for a in found if a.model == lost[0].model]


async def _with_inputs(
    engine: Engine, lost: Sequence[LostSubmission], free: Sequence[Listed]
) -> list[Listed]:
    """The same, with what their results show where the history does not."""
    hidden = [
        c.prediction_id
        for c in free
        if c.inputs is None and any(reconciling.fits(attempt, c) for attempt in lost)
    ]
    told: dict[str, Listed] = {}
    unanswered = 0

    async def ask(prediction_id: str) -> None:
        nonlocal unanswered
        try:
            if shown := await engine.provider.listing(prediction_id):
                told[prediction_id] = shown
        except NoAnswerError:
            # It stays hidden, and the others are told apart without it.
            unanswered += 1

    for first in range(0, min(len(hidden), MAX_ASKED), AT_ONCE):
        await gather_all(map(ask, hidden[first : first + AT_ONCE]))
        if unanswered >= MAX_UNANSWERED:
            break
    return [
        replace(listing, status=shown.status, inputs=shown.inputs)
        if (shown := told.get(listing.prediction_id))
        else listing
        for listing in free
    ]


async def _without_doubtful_inputs(
    engine: Engine,
    lost: Sequence[LostSubmission],
    listed: Sequence[Listed],
    free: list[Listed],
    clock: _Clock,
) -> list[Listed]:
    """The same, without shown inputs that the provider may have rewritten.

    A picture kept under another address, a rounded number or a trimmed prompt would
    make our own prediction look like a stranger's, and its row would be paid again. So
    what differs counts only if one that is surely ours shows just what was sent.
    """
    fitting = reconciling.shown_as_sent(lost, free)
    doubtful = {
        c.prediction_id
        for c in free
        if c.inputs is not None and c.prediction_id not in fitting
    }
    if not doubtful or await _shows_as_sent(engine, listed, clock):
        return free
    return [replace(c, inputs=None) if c.prediction_id in doubtful else c for c in free]


async def _shows_as_sent(
    engine: Engine, listed: Sequence[Listed], clock: _Clock
) -> bool:
    """Whether one of our own predictions shows just what was sent for it."""
    ids = [listing.prediction_id for listing in listed]
    known = await engine.call(engine.ledger.transitions.known, engine.account, ids)
    for listing in [c for c in listed if c.prediction_id in known][:MAX_WITNESSES]:
        told: Listed | None = listing
        if listing.inputs is None:
            with suppress(NoAnswerError):  # then it is no witness
                told = await engine.provider.listing(listing.prediction_id)
        owner = engine.ledger.transitions.owner
        ref = await engine.call(owner, engine.account, listing.prediction_id)
        if ref is None or told is None or not told.inputs:
            continue
        (record,) = await engine.call(engine.ledger.batches.load, [ref])
        if record and record.job.model_in(engine.catalogue):
            sent = _lost(engine, ref, record, clock)
            if reconciling.is_as_sent(sent, told.inputs):
                return True
    return False


def _unlisted(
    billed: Sequence[Billed], listed: Sequence[Listed], model_id: str
) -> list[Listed]:
    """Charged predictions of a model that the history does not show (yet)."""
    shown = {listing.prediction_id for listing in listed}
    charges = {row.prediction_id: row for row in billed if row.kind == "deduct"}
    return [
        Listed(prediction_id, model_id, row.created_at_s, "billed")
        for prediction_id, row in charges.items()
        if prediction_id and prediction_id not in shown and row.may_be_of(model_id)
    ]


def _dated(record: JobRecord, finding: Finding, clock: _Clock) -> JobRecord:
    """The job; sent when its prediction was created, where nothing else tells that."""
    if not (record.is_supposed and isinstance(finding, Adopt)):
        return record
    own = replace(record.attempt, sent_at_s=finding.created_at_s - clock.ahead_s)
    return replace(record, attempts=(*record.attempts[:-1], own))


def _move(
    engine: Engine, ref: Ref, record: JobRecord, finding: Finding, most: int
) -> Transition | None:
    match finding:
        case Adopt(prediction_id=prediction_id):
            first_poll_s = engine.settings.poll_min_s
            return transitions.accept(ref.batch, record, prediction_id, first_poll_s)
        case Absent():
            return transitions.mark_absent(ref.batch, record, engine.now_s())
        case Ambiguous() if record.state is State.UNKNOWN:
            return _give_up(ref, record, finding, most)
        case Ambiguous() | Wait():
            return None


def _give_up(ref: Ref, record: JobRecord, finding: Ambiguous, most: int) -> Transition:
    """A person decides; of too many candidates only the first are written down."""
    candidates = finding.candidates[:most]
    count = len(finding.candidates)
    which = "a prediction" if count == 1 else f"one of {count} predictions"
    reason = f"the answer was lost; it may be {which} that no row has"
    if not count and finding.is_dated:
        reason = "the answer was lost too long ago for the provider's history to tell"
    elif not count:
        reason = (
            "the answer was lost, and a clock was set meanwhile, so it is not certain "
            "that the provider's history would show it"
        )
    code = CLIPPED_CODE if len(candidates) < count else transitions.UNRESOLVED_CODE
    if len(candidates) < count:
        reason += f"; {len(candidates)} of them are listed"
    move = transitions.mark_unresolved(
        ref.batch, record, reason, waits.UNRESOLVED_POLL_S, code
    )
    return _with_candidates(move, candidates)


def _give_up_unseen(ref: Ref, record: JobRecord, why: str) -> Transition:
    """Nobody knows all that may be its own, so nobody may take it for absent."""
    reason = f"the answer was lost, and it cannot be looked for: {why}"
    look_s = waits.UNRESOLVED_POLL_S
    move = transitions.mark_unresolved(ref.batch, record, reason, look_s, CLIPPED_CODE)
    seen = reconciling.seen_before(
        record.seen_candidates, record.job.model, record.attempt.sent_at_s
    )
    return _with_candidates(move, seen)


def _with_candidates(move: Transition, candidates: Sequence[Listed]) -> Transition:
    told = json.dumps([asdict(c) for c in candidates], ensure_ascii=False)
    return replace(move, write={**move.write, "candidates": told})


def _stays(record: JobRecord, finding: Finding) -> bool:
    unresolved = record.state is State.UNRESOLVED
    return isinstance(finding, Wait) or (isinstance(finding, Ambiguous) and unresolved)


async def _poll_again(
    engine: Engine, records: dict[Ref, JobRecord], *, unanswered: bool = False
) -> None:
    now_s, settling_s = engine.now_s(), engine.settings.settling_s
    waits_s = {
        ref: waits.UNRESOLVED_POLL_S
        if record.state is State.UNRESOLVED and record.polls >= reconciling.MIN_POLLS
        else waits.reconcile_again_s(now_s - record.attempt.sent_at_s, settling_s)
        for ref, record in records.items()
    }
    apart_s = settling_s * reconciling.POLLS_APART
    postpone = engine.ledger.delay_queue.postpone
    await engine.call(
        postpone, engine.account, waits_s, unanswered=unanswered, apart_s=apart_s
    )
