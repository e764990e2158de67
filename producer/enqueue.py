"""From a manifest that was read to a batch in the ledger: confirmed, then written.

`run`, `submit` and the scheduler share this road; handing the same manifest over again
goes on where it was.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

from jobs import labels, transitions
from jobs.attempt.fingerprint import FingerprintedJob
from jobs.attempt.links import EXPIRED_CODE
from jobs.labels import LabelError
from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.money import usd
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import State
from jobs.text import counted
from producer import console, image_checks
from producer.batch_copies import keep_copy, refuse_if_lost
from producer.bill import Bill
from producer.console import consent
from producer.exits import CommandError
from producer.options import SHOWN, Spending
from producer.preview import print_preview
from producer.quote import nothing_is_sent, quote, weighed_batch
from producer.summary import print_gone
from producer.survey import Survey
from producer.uploading import upload_all

#: Retries that are written down in one round trip.
BLOCK = 500


def hand_over(
    ledger: Ledger,
    found: Survey,
    chosen: Settings,
    spending: Spending,
    *,
    show: int | None = None,
) -> BatchRecord:
    """Make a batch of a manifest without problems, or go on with the one it is.

    Shows what it costs and asks before anything is spent, and uploads what is local.

    Raises:
        CommandError: the account cannot pay, or nobody agrees.
    """
    account_id, fresh = chosen.account_id, spending.fresh_ledger
    refuse_if_lost(ledger, chosen.store, account_id, fresh_ledger=fresh)
    if older := ledger.permits.read(account_id).older:
        raise CommandError(f"{older_words(older)}; nothing was sent")
    batch = weighed_batch(ledger, found, chosen, spending)
    if batch.deleted_at_s:
        console.say(nothing_is_sent(batch))
        return batch
    print_gone(found.gone)
    there = ledger.batches.read(batch.id)
    if there:
        _tell_kept_labels(there, batch.labels)
        if there.cancelled:
            raise CommandError(
                f"{there.id} was cancelled; to bring it back: "
                f"reelmill retry {there.id} --cancelled, or render all anew: --fresh"
            )
    if there is None or not there.is_over:
        if show is None:
            show = 0 if spending.yes else SHOWN
        print_preview(found, show, console.err)
        _confirm(ledger, found, chosen, spending, batch, there)
    return enqueue(ledger, found, batch, alone=not chosen.redis_url)


def _confirm(
    ledger: Ledger,
    found: Survey,
    chosen: Settings,
    spending: Spending,
    batch: BatchRecord,
    there: BatchRecord | None,
) -> None:
    """Show the price, ask, and upload the local pictures of what is to be made."""
    view = quote(found, ledger, chosen, batch)
    _refuse_unknown_prices(view.bill, spending, chosen)
    if view.balance:
        view.balance.or_stop(chosen.base_url)
    # Its trouble is over, as the balance shows; a cooldown that the provider asked for
    # is not.
    if ledger.permits.read(chosen.account_id).trouble:
        ledger.permits.recover(chosen.account_id)
    view.print(console.err, short=True)
    if found.given_up and there:
        console.say(
            "not sent again, because failed or cancelled before: "
            f"{counted(found.given_up, 'row')}; for one more attempt: "
            f"reelmill retry {there.id}"
        )
    elif found.given_up:
        console.say(
            "not sent, because the provider refused the same request before and would "
            f"charge for it again: {counted(found.given_up, 'row')}; the report names "
            "them, and failed.csv beside it can be changed and run"
        )
    if found.to_pay:
        cost = f"{counted(found.to_pay, 'video')} for ${usd(view.bill.cost_usd_micros)}"
        question = f"Render {cost}?"
        if there:
            spent = f"${usd(there.charged_usd_micros)}"
            question = f"Go on with {cost}, beside {spent} spent before?"
        consent(question, yes=spending.yes, otherwise="nothing was sent")
    if found.local:
        needed = ((content, address) for address, content in found.uploads.items())
        with console.counting("uploading pictures") as progress:
            upload_all(chosen, ledger, needed, image_checks.open_image, progress)


def _refuse_unknown_prices(bill: Bill, spending: Spending, chosen: Settings) -> None:
    if not bill.unpriced:
        return
    if not spending.allow_unknown_price:
        raise CommandError(
            f"{bill.unpriced} videos have no known price; "
            "--allow-unknown-price renders them all the same"
        )
    if spending.budget is not None or chosen.daily_budget:
        raise CommandError(
            f"{bill.unpriced} videos have no known price, so no budget can be kept; "
            "leave --budget out, or take these rows out"
        )


def _tell_kept_labels(there: BatchRecord, new: Mapping[str, str]) -> None:
    """Say which labels a batch does not take: it keeps those that it has.

    Raises:
        CommandError: with those that it lacks it would have too many.
    """
    try:
        labels.missing(there.labels, new)
    except LabelError as bad:
        raise CommandError(f"--label: {there.id}: {bad}") from None
    other = {n: v for n, v in new.items() if there.labels.get(n, v) != v}
    if other:
        kept = {name: there.labels[name] for name in other}
        console.say(
            f"{there.id} keeps its label {labels.told(kept)}; "
            f"{labels.told(other)} is not taken"
        )


def enqueue(
    ledger: Ledger, found: Survey, batch: BatchRecord, *, alone: bool
) -> BatchRecord:
    """The batch of a manifest in the ledger: a new one, or the one there is.

    A batch that was only half handed over is completed. Of an existing one the jobs
    that were not sent yet are brought up to date; a budget that is given replaces its
    own. Labels that it does not have are added; those it has stay. What failed only for
    the age of an uploaded picture is sent again.

    Args:
        ledger: where it goes.
        found: what the manifest asks for.
        batch: what `new_batch` made of it.
        alone: put all other batches of the account aside.
    """
    is_new = ledger.batches.create(batch)
    there = ledger.batches.read(batch.id) or batch
    if alone:
        ledger.batches.put_aside_others(batch.account, batch.id)
    added = ledger.batches.adding(batch.id, _priced(found, batch.id))
    if is_new or not there.complete:
        keep_copy(ledger, there, (job for job, _ in added))
    else:
        deque(added, maxlen=0)
    ledger.batches.open(batch.id)
    if not is_new:
        ledger.batches.add_labels(batch.id, batch.labels)
    if batch.budget_usd_micros is not None:
        ledger.batches.set_budget(batch.id, batch.budget_usd_micros)
    if batch.priority > 1:
        ledger.batches.set_priority(batch.id, batch.priority)
    now = ledger.batches.read(batch.id) or batch
    if now.count(State.FAILED):
        _retry_expired(ledger, batch.id)
    return ledger.batches.read(batch.id) or batch


def _priced(found: Survey, batch: str) -> Iterator[FingerprintedJob]:
    """The jobs at their prices, with the name of their batch in their keys."""
    for job, ask in found.asked():
        priced = found.bill.priced(job, found.catalogue.find(job.model))
        yield FingerprintedJob(
            replace(priced, key=job.key.replace("{batch}", batch)), ask
        )


def _retry_expired(ledger: Ledger, batch: str) -> None:
    expired = [
        transitions.retry(batch, record)
        for record in ledger.batches.jobs(batch)
        if record.state is State.FAILED
        and record.failure
        and record.failure.code == EXPIRED_CODE
    ]
    for start in range(0, len(expired), BLOCK):
        ledger.transitions.apply(expired[start : start + BLOCK])
