"""Charges that no row explains: the provider's billing compared with the ledger.

A row that was paid twice, or billed above its quote, shows nowhere else. One worker of
an account looks for it now and then, as long as something was sent lately, and nobody
needs to ask. Each part of the billing is compared once, when all that may explain it is
known: behind the time in which a lost answer is looked for, and before any that is not
found yet. Moments are those of the provider's clock.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

from jobs.attempt import reconciling
from jobs.attempt.links import sent_inputs
from jobs.attempt.reconciling import is_clipped
from jobs.ledger import JobsDeletedError
from jobs.ledger.charges import Charge, Kind
from jobs.provider.answers import Billed, Listed, NoAnswerError
from jobs.records import JobRecord
from jobs.states import State
from jobs.transitions import Ref
from worker.engine import Engine

log = logging.getLogger("reelmill.charges")

#: Seconds from one comparison of an account to the next.
EVERY_S = 600.0

#: Seconds of billing that are read at a time; and that are read after a long rest: what
#: was charged before was charged while nothing of ours was under way.
STEP_S = 3_600.0
MAX_S = 2 * 86_400.0

#: Predictions whose inputs are asked for and compared with those of rows, of each step;
#: newest batches, and rows of them, that are compared.
MAX_ASKED = 20
MAX_BATCHES = 200
MAX_ROWS = 20_000


async def watch_charges(engine: Engine) -> None:
    """Compare, if it is time for it and nobody else does."""
    await engine.now_and_then("billing", EVERY_S, lambda: compare(engine))


async def compare(engine: Engine) -> None:
    """Compare what was billed since the last time.

    Raises:
        NoAnswerError: the provider does not tell.
    """
    found, account = engine.ledger.charges, engine.account
    if (await engine.call(engine.ledger.permits.read, account)).older:
        return  # what it has forgotten would be taken for others'
    before_s = await engine.call(found.compared_until_s, account)
    if before_s is not None and not await engine.call(found.sent_lately, account):
        return
    now_s = await engine.provider.now_s()
    if now_s is None:
        raise NoAnswerError("the provider dates no answer, so its clock is not known")
    if before_s is None:
        # What was charged before this ledger sent anything is none of its business.
        await engine.call(found.note, account, None, now_s - reconciling.SKEW_S)
        return
    until_s, doubtful = await _explained(engine, now_s)
    again = await engine.call(found.judged_later, account)
    if again := [row for row in again if row.prediction_id not in doubtful]:
        # Its row was settled meanwhile.
        charges = await _unexplained(engine, again)
        judged = [row.record for row in again]
        moments = (before_s, before_s)
        if not await engine.call(found.note, account, *moments, charges, judged=judged):
            return
    from_s = max(before_s, now_s - MAX_S)
    while from_s < until_s:
        to_s = min(from_s + STEP_S, until_s)
        rows = [
            row
            for row in await engine.provider.billings(from_s, to_s)
            if row.kind == "deduct" and from_s <= row.created_at_s < to_s
        ]
        later = [row for row in rows if row.prediction_id in doubtful]
        rows = [row for row in rows if row.prediction_id not in doubtful]
        charges = await _unexplained(engine, rows)
        moments = (before_s, to_s)
        if not await engine.call(found.note, account, *moments, charges, later=later):
            return
        before_s = from_s = to_s


async def _explained(engine: Engine, now_s: float) -> tuple[float, set[str]]:
    """Until when all charges of ours have their row; and what is left to a person."""
    permits = engine.ledger.permits
    holders = await engine.call(permits.holders, engine.account)
    lost = await engine.call(permits.lost, engine.account)
    open_ones = (State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED)
    records = await engine.load(sorted({*holders, *lost}), *open_ones)
    until_s = now_s - reconciling.listed_after_s(engine.settings.settling_s)
    ahead_s, doubtful = now_s - engine.now_s(), set[str]()
    for record in records.values():
        forgotten = record.attempt.sent_at_s < engine.now_s() - MAX_S / 2
        if record.state is State.UNRESOLVED and (forgotten or not is_clipped(record)):
            doubtful |= {each.prediction_id for each in record.candidates}
            doubtful |= record.seen_candidates
        else:
            sent_at_s, _ = reconciling.sent_between_s(
                record.attempt.sent_at_s, ahead_s, record.provider_sent_at_s
            )
            if record.doubt:
                sent_at_s = min(sent_at_s, record.doubt.since_s + ahead_s)
            until_s = min(until_s, sent_at_s - reconciling.PROVIDER_SKEW_S)
    return until_s, doubtful


async def _unexplained(engine: Engine, rows: Sequence[Billed]) -> list[Charge]:
    ids = sorted({row.prediction_id for row in rows} - {""})
    owners = await engine.call(engine.ledger.transitions.owners, engine.account, ids)
    refs = sorted(set(owners.values()))
    records = await engine.call(engine.ledger.batches.load, refs)
    ours = [row for row in rows if row.prediction_id in owners]
    strange = [row for row in rows if row.prediction_id not in owners]
    alike = await _alike(engine, strange)
    found = sorted(
        [
            *_dearer(ours, owners, dict(zip(refs, records, strict=True))),
            *(_charge(row, alike.get(row.prediction_id)) for row in strange),
        ],
        key=lambda charge: charge.at_s,
    )
    for charge in found:
        log.warning("a charge is not explained: %s", charge)
    return found


def _charge(row: Billed, ref: Ref | None) -> Charge:
    kind = Kind.PAID_TWICE if ref else Kind.UNKNOWN
    place = str(ref or "")
    return Charge(
        kind,
        row.prediction_id,
        row.model,
        row.amount_usd_micros,
        row.created_at_s,
        place,
    )


def _dearer(
    rows: Sequence[Billed],
    owners: Mapping[str, Ref],
    records: Mapping[Ref, JobRecord | None],
) -> list[Charge]:
    """What was billed for rows above what is booked for them."""
    billed: Counter[str] = Counter()
    newest = {row.prediction_id: row for row in rows}
    for row in rows:
        billed[row.prediction_id] += row.amount_usd_micros
    found = []
    for prediction_id, row in newest.items():
        ref = owners[prediction_id]
        record = records[ref]
        for attempt in record.attempts if record else ():
            more = billed[prediction_id] - attempt.charged_usd_micros
            known = attempt.price_usd_micros is not None
            if attempt.prediction_id == prediction_id and known and more > 0:
                place = (row.model, more, row.created_at_s, str(ref))
                found.append(Charge(Kind.DEARER, prediction_id, *place))
    return found


async def _alike(engine: Engine, strange: Sequence[Billed]) -> dict[str, Ref]:
    """The row whose request each of these repeats, where their inputs are shown."""
    shown = []
    for row in strange[-MAX_ASKED:]:
        if row.prediction_id:
            with suppress(NoAnswerError):  # then it is as if they were not shown
                shown.append(await engine.provider.listing(row.prediction_id))
    known = [each for each in shown if each and each.inputs]
    return await engine.call(_rows_alike, engine, known) if known else {}


def _rows_alike(engine: Engine, shown: Sequence[Listed]) -> dict[str, Ref]:
    by_model: dict[str, list[Listed]] = defaultdict(list)
    for each in shown:
        by_model[each.model].append(each)
    found: dict[str, Ref] = {}
    left, batches = MAX_ROWS, engine.ledger.batches
    for batch_id in batches.ids(MAX_BATCHES):
        batch = batches.read(batch_id)
        if batch is None or batch.account != engine.account or batch.deleted_at_s:
            continue
        if left <= 0:
            break
        left -= batch.total
        with suppress(JobsDeletedError):  # meanwhile
            for record in batches.jobs(batch_id):
                for each in by_model.get(record.job.model, ()):
                    if _is_alike(engine, record, each):
                        found.setdefault(
                            each.prediction_id, Ref(batch_id, record.job.id)
                        )
    return found


def _is_alike(engine: Engine, record: JobRecord, shown: Listed) -> bool:
    """Whether a row was sent just as what is shown."""
    model = record.job.model_in(engine.catalogue)
    if model is None or not record.attempts or not shown.inputs:
        return False
    request = model.request(sent_inputs(record, model))
    ref = Ref("", record.job.id)
    sent = reconciling.LostSubmission(ref, model.id, request, sent_at_s=0.0, looks=0)
    return reconciling.is_as_sent(sent, shown.inputs)
