"""What a person should know or do about a batch as a whole, most pressing first.

It words what the ledger says of the batch and what its jobs come to; what is to be done
about one job stands in `steps`.
"""

import shlex
from collections.abc import Iterator, Sequence

from jobs.attempt.failures import LATE_CODE, OVERDUE_CODE
from jobs.records import BatchRecord, JobRecord
from jobs.report.formats import usd, usd_or_none
from jobs.report.sums import Sum
from jobs.states import State

#: Seconds that a prediction and its outputs are kept after it was made.
#: Source: https://wavespeed.ai/docs/what-are-predictions (seven days).
KEPT_S = 7 * 24 * 3600.0

#: Jobs that a sentence names.
MOST_NAMED = 5

#: Seconds before the end of `KEPT_S` from which a video not yet stored is at risk.
RISK_S = 2 * 24 * 3600.0


def is_at_risk(record: JobRecord, now_s: float) -> bool:
    """Whether the provider may soon delete a video that is paid and not stored."""
    made = {State.GENERATING, State.OVERDUE, State.GENERATED}
    if record.state not in made or not record.attempts:
        return False
    made_at_s = record.generated_at_s or record.attempts[-1].sent_at_s
    return now_s > made_at_s + KEPT_S - RISK_S


def is_late(record: JobRecord) -> bool:
    """Whether the provider goes on with it far beyond the times of its kind."""
    failure = record.failure
    return failure is not None and failure.code in (LATE_CODE, OVERDUE_CODE)


def notices(
    batch: BatchRecord, whole: Sum, at_risk: int, late: Sequence[str]
) -> list[str]:
    """The sentences of `warnings`.

    Args:
        batch: the batch.
        whole: what its jobs come to.
        at_risk: how many videos are.
        late: ids of those that the provider goes on with for too long.
    """
    return [
        *_of_jobs(batch, whole, at_risk),
        *_of_the_late(batch, late),
        *_of_batch(batch, whole),
        *_of_prices(batch, whole),
    ]


def _of_jobs(batch: BatchRecord, whole: Sum, at_risk: int) -> Iterator[str]:
    name = shlex.quote(batch.id)
    if at_risk:
        yield (
            f"Paid and not stored after five days: {at_risk}. The provider "
            f"deletes videos after seven days; start a worker now."
        )
    if whole.unresolved:
        yield (
            f"Unresolved: {whole.unresolved}, with {_amount(whole.at_stake)} at stake. "
            f"Settle each with: reelmill resolve {name} JOB"
        )


def _of_the_late(batch: BatchRecord, late: Sequence[str]) -> Iterator[str]:
    if late:
        more = len(late) - MOST_NAMED
        names = ", ".join(late[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        yield (
            f"Paid, and far too long at the provider: {names}. They are collected if "
            "they end. Give one up with: "
            f"reelmill cancel {shlex.quote(batch.id)} JOB --abandon"
        )


def _of_batch(batch: BatchRecord, whole: Sum) -> Iterator[str]:
    if whole.unfinished or whole.unresolved or not batch.complete:
        yield from _held_up(batch)
    if not batch.complete:
        yield "Not all rows of the manifest are in yet: submit it once more."


def _held_up(batch: BatchRecord) -> Iterator[str]:
    """What keeps the rest of a batch from going on; without a rest it keeps nothing."""
    name = shlex.quote(batch.id)
    if batch.stopped_by == "budget":
        budget = usd_or_none(batch.budget_usd_micros) or "0.00"
        yield f"Stopped by its budget of ${budget}. Raise it to go on: --budget"
    elif batch.stopped_by == "daily-budget":
        yield (
            "Stopped by the account's budget of the day. It goes on tomorrow (UTC), "
            "or with a larger one: REELMILL_DAILY_BUDGET"
        )
    elif batch.stopped_by:
        yield f"Stopped by {batch.stopped_by}. See: reelmill show {name}"
    if batch.aside:
        yield (
            "Set aside while another batch is rendered. Go on with the command that "
            "began it."
        )
    if batch.paused:
        yield f"Paused by a person. Go on with: reelmill resume {name}"


def _of_prices(batch: BatchRecord, whole: Sum) -> Iterator[str]:
    if whole.unpriced:
        yield (
            f"Without a known price: {whole.unpriced}. They are in no estimate; "
            f"the provider's invoice tells what they cost."
        )
    if whole.unquoted:
        yield (
            f"Priced by the built-in list, without a quote of the provider: "
            f"{whole.unquoted}. Compare with what it billed: "
            f"reelmill report {shlex.quote(batch.id)} --billed"
        )


def _amount(prices: list[int | None]) -> str:
    """The sum of prices in words, so that an unknown one is never taken for 0."""
    known = [price for price in prices if price is not None]
    said = [f"${usd(sum(known))}"] if known else []
    said += ["an unknown amount"] if len(known) < len(prices) else []
    return " and ".join(said)
