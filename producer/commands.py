"""What the commands do that concern a manifest or the catalogue."""

import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace

from rich.prompt import Confirm

from jobs import catalogue
from jobs.attempt.links import to_upload
from jobs.batch import labels
from jobs.batch.labels import LabelError
from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.money import usd, usd_micros
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import State
from jobs.storage import Store, StoreError
from producer import account, console, image_checks, problems
from producer.batching import batch_id, enqueue, is_over, to_be, turn
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_run import keep_report, outcome, render
from producer.local_server import ledger_of
from producer.lookup import deleted_words, find_failed
from producer.manifests import Options
from producer.options import Reading, Spending, chosen_settings, given_labels
from producer.prices import view as price_view
from producer.prices.quote import Bill
from producer.rebuilding.copying import refuse_if_lost
from producer.summary import (
    print_beginning,
    print_ending,
    print_gone,
    print_outcome,
)
from producer.survey import Survey, foreseen, look, survey, weigh
from producer.telling import tell_end
from producer.uploading import upload_all
from producer.watching.status import take


def check(manifest: str, reading: Reading, *, json: bool) -> int:
    """Print every problem of a manifest."""
    chosen = chosen_settings()
    with closing(read(manifest, reading, chosen, whole=False)) as found:
        if json:
            told = problems.document(found.problems)
            print_json({"jobs": found.jobs, "skipped": dict(found.skipped)} | told)
        elif found.problems.count:
            problems.print_problems(found.problems, console.out)
        else:
            rows = "1 row is" if found.jobs == 1 else f"{found.jobs} rows are"
            then = (
                "" if manifest == "-" else f"; reelmill price {manifest} tells the cost"
            )
            console.out.print(f"{rows} in order{then}", markup=False, soft_wrap=True)
        return Exit.USAGE if found.problems.count else Exit.STORED


def price(manifest: str, reading: Reading, spending: Spending, *, json: bool) -> int:
    """Print what a manifest will cost, and when it will be done."""
    chosen = settings_of(spending)
    budget = budget_of(spending)
    with closing(read(manifest, reading, chosen, whole=True)) as found:
        _stop_at_problems(found)
        with ledger_of(chosen, alone=False) as ledger:
            batch = _batch(ledger, found, chosen, spending, budget)
            if batch.deleted_at_s:
                raise CommandError(_nothing_is_sent(batch), Exit.STORED)
            view = _view(found, ledger, chosen, batch)
        print_gone(found.gone)
        if json:
            print_json(view.document())
        else:
            view.print(console.out)
    return Exit.STORED


def run(manifest: str, reading: Reading, spending: Spending, *, json: bool) -> int:
    """Render a manifest on this machine."""
    chosen = settings_of(spending)
    budget = budget_of(spending)
    if not chosen.api_key:
        raise CommandError(
            "WAVESPEED_API_KEY is not set, so nothing can be rendered for real; set it "
            "to the key of the account that pays and run the same command again, or "
            "see it all first: reelmill demo shows everything without a key"
        )
    check_store(chosen.store)
    with closing(read(manifest, reading, chosen, whole=True)) as found:
        return render_manifest(found, chosen, spending, budget, json=json)


def render_manifest(
    found: Survey,
    chosen: Settings,
    spending: Spending,
    budget_usd_micros: int | None,
    *,
    json: bool,
) -> int:
    """Hand a surveyed manifest to the ledger, render it, report it."""
    with ledger_of(chosen, alone=True) as ledger:
        batch = hand_over(ledger, found, chosen, spending, budget_usd_micros)
        before = take(ledger, batch.id)
        if batch.deleted_at_s:
            return outcome(before)
        print_beginning(before)
        now = render(ledger, chosen, batch.id)
        document, place = keep_report(ledger, batch.id, time.time())
        tell_end(ledger, chosen, batch.id)
    print_outcome(document, place, json=json)
    print_ending(now, before)
    return outcome(now)


def hand_over(
    ledger: Ledger,
    found: Survey,
    chosen: Settings,
    spending: Spending,
    budget_usd_micros: int | None,
) -> BatchRecord:
    """Make a batch of a surveyed manifest, or go on with the one it is.

    Shows what it costs and asks before anything is spent, and uploads what is local.

    Raises:
        CommandError: the manifest has problems, the account cannot pay, or nobody
            agrees.
    """
    _stop_at_problems(found)
    account_id, fresh = chosen.account_id, spending.fresh_ledger
    refuse_if_lost(ledger, chosen.store, account_id, fresh_ledger=fresh)
    if older := ledger.permits.read(account_id).older:
        raise CommandError(f"{older_words(older)}; nothing was sent")
    batch = _batch(ledger, found, chosen, spending, budget_usd_micros)
    if batch.deleted_at_s:
        console.say(_nothing_is_sent(batch))
        return batch
    print_gone(found.gone)
    there = ledger.batches.read(batch.id)
    _tell_kept_labels(there, batch.labels)
    if there and there.cancelled:
        raise CommandError(
            f"{there.id} was cancelled; to bring it back: "
            f"reelmill retry {there.id} --cancelled, or render all anew: --fresh"
        )
    if there is None or not is_over(there):
        view = _view(found, ledger, chosen, batch)
        _refuse_unknown_prices(view.bill, spending, chosen)
        if view.balance:
            view.balance.or_stop(chosen.base_url)
        # Its trouble is over, as the balance shows; a rest that the provider asked for
        # is not.
        if ledger.permits.read(chosen.account_id).trouble:
            ledger.permits.recover(chosen.account_id)
        _ask_before_spending(found, view, there, yes=spending.yes)
        if found.local:
            _upload(found, ledger, chosen, batch)
    return enqueue(ledger, found, batch, alone=not chosen.redis_url)


def _tell_kept_labels(there: BatchRecord | None, new: Mapping[str, str]) -> None:
    """Say which labels a batch does not take: it keeps those that it has.

    Raises:
        CommandError: with those that it lacks it would have too many.
    """
    if there is None:
        return
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


def _nothing_is_sent(batch: BatchRecord) -> str:
    return f"{deleted_words(batch)}; nothing was sent, --fresh renders all anew"


def settings_of(spending: Spending) -> Settings:
    """The settings of this environment, with the store that an option names."""
    overrides = {"store": spending.store} if spending.store else {}
    return chosen_settings(**overrides)


def read(manifest: str, reading: Reading, chosen: Settings, *, whole: bool) -> Survey:
    """A manifest read and its pictures looked at; with `whole` for their contents."""
    keep = whole or reading.look
    options = _options(reading, chosen)
    found = survey(manifest, options, catalogue.builtin(), keep=keep)
    if found.layout:
        console.say(f"{manifest}: recognised as {found.layout}")
    for reason, count in found.skipped.items():
        console.say(f"passed over: {count} {reason}")
    if keep:
        look(found, chosen, whole=whole, remote=reading.look)
    return found


def _options(reading: Reading, chosen: Settings) -> Options:
    values = dict(_pair("--set", "duration=10", pair) for pair in reading.set)
    if reading.prompt is not None:
        values["prompt"] = reading.prompt
    feeds: dict[str, tuple[str, ...]] = {}
    for name, column in (_pair("--map", "image=Photo", pair) for pair in reading.map):
        feeds[name] = (*feeds.get(name, ()), column)
    return Options(
        model=reading.model,
        set=values,
        map=feeds,
        key=reading.key,
        encoding=reading.encoding,
        form=reading.form,
        sheet=reading.sheet,
        only_first_pictures=reading.only_first_pictures,
        ids=_failed_ids(reading.only_failed, chosen),
    )


def _pair(option: str, example: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise CommandError(
            f"{option} {text}: write it as NAME=VALUE, such as {example}"
        )
    return name.strip(), value


def _failed_ids(batch_id: str | None, chosen: Settings) -> frozenset[str] | None:
    """Ids of the rows that failed in a batch; None if no batch is named."""
    if batch_id is None:
        return None
    with ledger_of(chosen, alone=False) as ledger:
        return find_failed(ledger, batch_id)


def _stop_at_problems(found: Survey) -> None:
    if found.problems.count:
        problems.print_problems(found.problems, console.err)
        raise CommandError("", Exit.USAGE)


def _batch(
    ledger: Ledger,
    found: Survey,
    chosen: Settings,
    spending: Spending,
    budget_usd_micros: int | None,
) -> BatchRecord:
    """The batch that a manifest is or becomes, weighed against what is there.

    One whose job records are deleted is as it is; nothing of it is sent again.
    """
    first = batch_id(found, chosen.account_id, chosen.store)
    name = turn(ledger, first, fresh=spending.fresh)
    batch = to_be(found, chosen, name, fresh=spending.fresh, now_s=time.time())
    there = ledger.batches.read(name)
    if there and there.deleted_at_s:
        return there
    fresh = there.fresh if there else spending.fresh
    shared = None if fresh else ledger
    weigh(found, shared, batch, alone=not chosen.redis_url)
    return replace(
        batch,
        fresh=fresh,
        budget_usd_micros=budget_usd_micros,
        priority=spending.priority,
        labels=given_labels(spending.label),
    )


def _view(
    found: Survey, ledger: Ledger, chosen: Settings, batch: BatchRecord
) -> price_view.PriceView:
    """What it costs and when it is done, with the provider's word where it has one."""
    balance = None
    if chosen.api_key:
        questions = found.combinations.questions
        balance, quotes = account.balance_and_quotes(chosen, questions)
        found.combinations.quote(quotes)
    known = ledger.permits.read(chosen.account_id)
    return price_view.view(
        found,
        settings=chosen,
        now_s=time.time(),
        learnt={
            kind: ledger.times.learnt(chosen.account_id, *kind)
            for kind in found.combinations.kinds
        },
        balance=balance,
        asked=balance is not None,
        budget_usd_micros=batch.budget_usd_micros,
        slots_in_use=known.slots_in_use,
        today_usd_micros=known.today_usd_micros,
    )


def budget_of(spending: Spending) -> int | None:
    """The budget that an option names, in micro-dollars.

    Raises:
        CommandError: it is no amount.
    """
    if spending.budget is None:
        return None
    try:
        budget = usd_micros(spending.budget)
    except ValueError as error:
        raise CommandError(f"--budget: {error}") from None
    if budget < 0:
        raise CommandError("--budget: cannot be less than nothing")
    return budget


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


def check_store(store: str) -> None:
    """Return if videos can be kept there.

    Raises:
        CommandError: they cannot.
    """
    try:
        Store(store).check_writable()
    except StoreError as error:
        raise CommandError(f"{error}; set REELMILL_STORE or --store") from None


def _upload(
    found: Survey, ledger: Ledger, chosen: Settings, batch: BatchRecord
) -> None:
    """Upload the local pictures of all videos that are to be made."""
    shared = None if batch.fresh else ledger
    needed = (
        (content, address)
        for job, prospect in foreseen(found, shared, batch, alone=not chosen.redis_url)
        if prospect.state in {State.WAITING, State.FOLLOWING}
        for address, content in to_upload(job, found.catalogue.find(job.model)).items()
    )
    with console.counting("uploading pictures") as progress:
        upload_all(chosen, ledger, needed, image_checks.open_image, progress)


def _ask_before_spending(
    found: Survey, view: price_view.PriceView, there: BatchRecord | None, *, yes: bool
) -> None:
    view.print(console.err, short=True)
    if found.given_up:
        again = f"reelmill retry {there.id if there else 'BATCH'} sends them again"
        console.say(f"{found.given_up} rows failed or were cancelled before; {again}")
    if yes or not found.to_pay:
        return
    if not (sys.stdin and sys.stdin.isatty()):
        raise CommandError("nobody is here to ask; --yes spends without asking")
    cost = f"{found.to_pay} videos for ${usd(view.bill.cost_usd_micros)}"
    question = f"Render {cost}?"
    if there:
        spent = f"${usd(there.charged_usd_micros)}"
        question = f"Go on with {cost}, beside {spent} spent before?"
    if not Confirm.ask(question, console=console.err, default=False):
        raise CommandError("nothing was sent", Exit.INCOMPLETE)
