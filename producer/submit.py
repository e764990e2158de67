"""From a manifest to a batch: load it, quote it, confirm it, hand it to the ledger.

`run`, `submit` and the scheduler share this road. A batch is known by its content, so
the same manifest is the same batch, and handing it over again goes on where it was.
"""

import hashlib
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath

from jobs import labels, transitions
from jobs.attempt.fingerprint import FingerprintedJob
from jobs.attempt.links import EXPIRED_CODE
from jobs.labels import LabelError
from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.money import usd, usd_micros
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import FINAL, State
from jobs.storage import Store, StoreError, normal
from jobs.text import counted
from producer import account, console, image_checks, model_list, problems
from producer.batch_copies import keep_copy, refuse_if_lost
from producer.bill import Bill
from producer.console import consent, print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.lookup import deleted_words, find_failed
from producer.manifests import Options
from producer.options import (
    READING,
    SPENDING,
    Flag,
    Json,
    Manifest,
    Reading,
    Spending,
    chosen_settings,
    given_labels,
)
from producer.price_view import PriceView, finish
from producer.summary import print_gone
from producer.survey import Survey, check_survey, survey, weigh
from producer.uploading import upload_all
from producer.watch import await_ends
from producer.watching.status import document, take

#: Digits of the digest that a batch id carries.
DIGEST_DIGITS = 8

MAX_STEM = 40

STORE_CURE = "set REELMILL_STORE or --store"

#: Retries that are written down in one round trip.
BLOCK = 500


def submit(
    manifest: Manifest,
    /,
    *,
    reading: Reading = READING,
    spending: Spending = SPENDING,
    wait: Flag = False,
    json: Json = False,
) -> int:
    """Hand a manifest to the fleet; the same one while it is open is the same batch.

    Needs `REELMILL_REDIS_URL`. Shows the price and asks, unless told `--yes`.

        reelmill submit tonight.csv --budget 100
        reelmill submit tonight.csv --yes --wait --priority 5

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        spending: What may be spent, and where to.
        wait: Watch it, and end as it ends.
        json: Print the outcome as JSON.
    """
    chosen = settings_of(spending)
    if not chosen.redis_url:
        raise CommandError(
            "REELMILL_REDIS_URL is not set, so there is no fleet to hand it to; "
            f"reelmill run {manifest} renders it on this machine"
        )
    if not chosen.api_key:
        raise CommandError(
            "WAVESPEED_API_KEY is not set; a batch belongs to the account whose key "
            "the workers have, so set it to that key"
        )
    began_s = time.time()
    with closing(load(manifest, reading, spending, chosen)) as found:
        stop_at_problems(found)
        with ledger_of(chosen, alone=False) as ledger:
            batch = hand_over(ledger, found, chosen, spending)
            if not (wait and json):
                _print_submitted(
                    ledger, batch, new=batch.created_at_s >= began_s, json=json
                )
            return await_ends(ledger, [batch.id], json=json) if wait else Exit.STORED


def _print_submitted(
    ledger: Ledger, batch: BatchRecord, *, new: bool, json: bool
) -> None:
    now = take(ledger, batch.id)
    if json:
        print_json(document(now) | {"new": new})
        return
    stored = now.count(State.STORED, State.REUSED)
    if batch.cancelled:
        console.say(
            f"{batch.id} was cancelled and nothing more of it is sent; "
            f"reelmill retry {batch.id} --cancelled takes it up again"
        )
    elif not new:
        console.say(f"already submitted: {stored} of {batch.total} stored")
    else:
        how = f"reelmill watch {batch.id} shows how it goes"
        console.say(f"submitted: {counted(batch.total, 'job')}; {how}")
    console.out.print(batch.id, markup=False)


# Load: from the options to a manifest that was read and whose images were checked.


def settings_of(spending: Spending) -> Settings:
    """The settings of this environment, with the store that an option names."""
    return chosen_settings(**({"store": spending.store} if spending.store else {}))


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


def load(
    manifest: str,
    reading: Reading,
    spending: Spending,
    chosen: Settings,
    *,
    bad_store: Exit = Exit.USAGE,
) -> Survey:
    """A manifest to be paid for, once its budget and its store are in order.

    Raises:
        CommandError: they are not; with code `bad_store` if it is the store.
    """
    budget_of(spending)
    try:
        Store(chosen.store).check_writable()
    except StoreError as error:
        raise CommandError(f"{error}; {STORE_CURE}", bad_store) from None
    return read(manifest, reading, chosen, whole=True)


def read(manifest: str, reading: Reading, chosen: Settings, *, whole: bool) -> Survey:
    """A manifest read and its images checked; with `whole` for their contents."""
    keep = whole or reading.look
    options = _options(reading, chosen)
    found = survey(manifest, options, model_list.catalogue(chosen), keep=keep)
    if found.layout:
        console.say(f"{manifest}: recognised as {found.layout}")
    for reason, count in found.skipped.items():
        console.say(f"passed over, {reason}: {count}")
    if keep:
        check_survey(found, chosen, whole=whole, remote=reading.look)
    return found


def stop_at_problems(found: Survey) -> None:
    """Return if the manifest has no problem.

    Raises:
        CommandError: it has; they are printed.
    """
    if found.problems.count:
        problems.print_problems(found.problems, console.err)
        raise CommandError("", Exit.USAGE)


def _options(reading: Reading, chosen: Settings) -> Options:
    values = dict(_pair("--set", "duration=10", pair) for pair in reading.set)
    if reading.prompt is not None:
        values["prompt"] = reading.prompt
    feeds: dict[str, tuple[str, ...]] = {}
    for name, column in (_pair("--map", "image=Photo", pair) for pair in reading.map):
        feeds[name] = (*feeds.get(name, ()), column)
    ids = None
    if reading.only_failed is not None:
        with ledger_of(chosen, alone=False) as ledger:
            ids = find_failed(ledger, reading.only_failed)
    return Options(
        model=reading.model,
        set=values,
        map=feeds,
        key=reading.key,
        encoding=reading.encoding,
        form=reading.form,
        sheet=reading.sheet,
        only_first_pictures=reading.only_first_pictures,
        every_picture=reading.every_picture,
        ids=ids,
    )


def _pair(option: str, example: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise CommandError(
            f"{option} {text}: write it as NAME=VALUE, such as {example}"
        )
    return name.strip(), value


# Quote: which batch it is, and what is left to pay of it.


def batch_id(found: Survey, account_id: str, store: str) -> str:
    """Name of the batch of a manifest: its file's, and a digest of what it asks.

    Account and store belong to it: the same rows for another account or another
    store are another batch.
    """
    name = PurePosixPath(found.source.rstrip("/")).name
    stem = name.rpartition(".")[0] or name
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:MAX_STEM]
    try:
        asked = f"{found.digest}\n{account_id}\n{normal(store)}"
    except StoreError as error:
        raise CommandError(f"{error}; {STORE_CURE}") from None
    digits = hashlib.sha256(asked.encode()).hexdigest()[:DIGEST_DIGITS]
    return f"{stem or 'batch'}-{digits}"


def resolve_batch_id(ledger: Ledger, first: str, *, fresh: bool) -> str:
    """Which batch of one manifest is meant: the newest, or with `fresh` a new one.

    Each time that all is rendered afresh is a batch of its own: `first`, `first-2`, …
    One that is not over yet is gone on with by the same word, so that an interrupted
    one is not paid again from its beginning; without the word nobody pays for it.
    """
    names = [first]
    while ledger.batches.read(following := f"{first}-{len(names) + 1}"):
        names.append(following)
    there = ledger.batches.read(names[-1])
    if fresh and there and is_over(there):
        return following
    if not fresh and there and there.fresh and not is_over(there):
        return names[-2] if len(names) > 1 else f"{first}-0"
    return names[-1]


def is_over(batch: BatchRecord) -> bool:
    """Whether nothing of a batch is left to do."""
    over = sum(batch.counts.get(state, 0) for state in FINAL)
    return batch.complete and over == batch.total


def new_batch(
    found: Survey, settings: Settings, name: str, *, fresh: bool, now_s: float
) -> BatchRecord:
    """The batch that a survey is to become, as long as there is none of that name."""
    return BatchRecord(
        id=name,
        manifest=encodable(found.source),
        account=settings.account_id,
        store=normal(settings.store),
        priority=1,
        attempts=settings.attempts,
        budget_usd_micros=None,
        created_at_s=now_s,
        complete=False,
        fresh=fresh,
        folder=encodable(str(Path.cwd())),
    )


def encodable(name: str) -> str:
    r"""Text with what UTF-8 has not, such as bytes of a file's name, as escapes.

    >>> encodable("caf\udce9.csv")
    'caf\\udce9.csv'
    """
    return name.encode("utf-8", "backslashreplace").decode()


def weighed_batch(
    ledger: Ledger, found: Survey, chosen: Settings, spending: Spending
) -> BatchRecord:
    """The batch that a manifest is or becomes, weighed against what is there.

    One whose job records are deleted is as it is; nothing of it is sent again.
    """
    first = batch_id(found, chosen.account_id, chosen.store)
    name = resolve_batch_id(ledger, first, fresh=spending.fresh)
    batch = new_batch(found, chosen, name, fresh=spending.fresh, now_s=time.time())
    there = ledger.batches.read(name)
    if there and there.deleted_at_s:
        return there
    fresh = there.fresh if there else spending.fresh
    weigh(found, None if fresh else ledger, batch, alone=not chosen.redis_url)
    return replace(
        batch,
        fresh=fresh,
        budget_usd_micros=budget_of(spending),
        priority=spending.priority,
        labels=given_labels(spending.label),
    )


def nothing_is_sent(batch: BatchRecord) -> str:
    """What is said of a batch whose job records are deleted."""
    return f"{deleted_words(batch)}; nothing was sent, --fresh renders all anew"


def quote(
    found: Survey, ledger: Ledger, chosen: Settings, batch: BatchRecord
) -> PriceView:
    """What it costs and when it is done, with the provider's word where it has one."""
    balance = None
    if chosen.api_key:
        questions = found.bill.questions
        balance, quotes = account.balance_and_quotes(chosen, questions)
        found.bill.take_quotes(quotes)
    known = ledger.permits.read(chosen.account_id)
    done = finish(
        found.bill,
        chosen,
        now_s=time.time(),
        learnt={
            kind: ledger.times.learnt(chosen.account_id, *kind)
            for kind in found.bill.kinds
        },
        slots_in_use=known.slots_in_use,
        today_usd_micros=known.today_usd_micros,
    )
    return PriceView(found, done, chosen, balance, batch.budget_usd_micros)


# Confirm, and enqueue.


def hand_over(
    ledger: Ledger, found: Survey, chosen: Settings, spending: Spending
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
    if there is None or not is_over(there):
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
    if now.counts.get(State.FAILED):
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
