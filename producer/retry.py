"""`retry`: let failed, and on request cancelled, jobs wait for one more attempt.

One more attempt is one more price, so it is asked for wherever workers would send it at
once. What the user gave up while it was paid is brought back by its name alone.
"""

from collections.abc import Iterable

from jobs import transitions
from jobs.ledger import Ledger
from jobs.money import usd
from jobs.records import BatchRecord, JobRecord
from jobs.states import State
from jobs.text import counted
from jobs.transitions import ABANDONED_CODE, Ref, Transition
from producer import console
from producer.cancel import move_all
from producer.console import consent, cost_of, print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.lookup import find_batch, find_job
from producer.options import Batch, Flag, Json, chosen_settings


def retry(
    batch: Batch,
    job: str | None = None,
    *,
    cancelled: Flag = False,
    yes: Flag = False,
    json: Json = False,
) -> int:
    """Let failed jobs wait for one more attempt; a fleet sends them at once.

    On this machine alone, `reelmill run` sends them and asks before.

        reelmill retry products-1f0c33ab
        reelmill retry products-1f0c33ab mug-orbit --yes

    Args:
        batch: Id of the batch.
        job: Id of a job in it; all that failed if none is named.
        cancelled: Bring back what was cancelled, too.
        yes: Do not ask before spending.
        json: Print what was done as JSON.
    """
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = find_batch(ledger, batch)
        prices = _prices(ledger, found, job, cancelled=cancelled)
        if not prices:
            if json:
                print_json({"batch": found.id, "retried": 0, "cost_usd": usd(0)})
            raise CommandError(_nothing_to_retry(ledger, found, job))
        cost = cost_of(prices.values())
        if not json:
            _tell_before(found, prices, cost)
        if chosen.redis_url:
            consent(f"Pay {cost} for {counted(len(prices), 'job')} once more?", yes=yes)
        count = _take_up(ledger, found, prices)
    if json:
        known = sum(filter(None, prices.values()))
        print_json({"batch": found.id, "retried": count, "cost_usd": usd(known)})
        return Exit.STORED
    how = "the command that rendered the batch sends them"
    if chosen.redis_url:
        how = f"reelmill watch {found.id} shows how it goes"
    jobs = counted(count, "job waits", "jobs wait")
    console.say(f"{jobs} for one more attempt, {cost} in all; {how}")
    return Exit.STORED


def _take_up(ledger: Ledger, batch: BatchRecord, refs: Iterable[Ref]) -> int:
    """Let jobs wait for one more attempt; how many.

    Raises:
        CommandError: none of them can any more.
    """
    # What it finds cancelled when it comes back to be sent would be so again.
    ledger.batches.take_up(batch.id)

    def again(record: JobRecord) -> Transition | None:
        is_over = record.state in (State.FAILED, State.CANCELLED)
        return transitions.retry(batch.id, record, ledger.now_s()) if is_over else None

    if count := move_all(ledger, refs, again):
        return count
    raise CommandError(f"{batch.id} has changed meanwhile; run the same command again")


def _prices(
    ledger: Ledger, batch: BatchRecord, job: str | None, *, cancelled: bool
) -> dict[Ref, int | None]:
    """What each job costs that is to be brought back."""
    if job:
        record = find_job(ledger, batch, job)
        is_over = record.state in (State.FAILED, State.CANCELLED)
        return {Ref(batch.id, job): record.job.price_usd_micros} if is_over else {}
    states = [State.FAILED, *([State.CANCELLED] if cancelled else [])]
    records = list(ledger.batches.records(ledger.batches.refs_in(batch.id, states)))
    prices = {
        Ref(batch.id, record.job.id): record.job.price_usd_micros
        for record in records
        if not (record.failure and record.failure.code == ABANDONED_CODE)
    }
    if given_up := len(records) - len(prices):
        console.say(
            f"abandoned before, and maybe paid: {counted(given_up, 'job')}, left out; "
            "name one to pay for it again"
        )
    return prices


def _nothing_to_retry(ledger: Ledger, batch: BatchRecord, job: str | None) -> str:
    if job:
        state = find_job(ledger, batch, job).state
        return (
            f"{batch.id} {job} is {state} and has not failed; there is nothing to retry"
        )
    hint = ""
    if batch.count(State.CANCELLED):
        hint = "; --cancelled brings back what was cancelled"
    return f"{batch.id}: nothing has failed{hint}"


def _tell_before(batch: BatchRecord, prices: dict[Ref, int | None], cost: str) -> None:
    console.say(
        f"{batch.id}: {counted(len(prices), 'job')} for one more attempt, {cost}"
    )
    budget = batch.budget_usd_micros
    if budget is None:
        return
    left = budget - batch.reserved_usd_micros - batch.charged_usd_micros
    if sum(filter(None, prices.values())) > left:
        console.say(
            f"only ${usd(max(0, left))} of its budget of ${usd(budget)} is left; the "
            "rest waits until the manifest is submitted with a larger --budget"
        )
