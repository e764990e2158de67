"""What the commands do that concern a manifest, a batch or the catalogue."""

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.prompt import Confirm

from jobs import catalogue
from jobs.catalogue import Model, UnknownModel
from jobs.pricing import usd, usd_micros
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import FINAL
from jobs.storage import Store, StoreError
from producer import account, tables
from producer.batching import Survey, batch_id, enqueue, survey
from producer.choosing import chosen_settings
from producer.exits import Exit, Stop
from producer.options import Reading, Spending
from producer.printing import print_beginning, print_ending, print_json, print_outcome
from producer.private import ledger_of
from producer.reading import Options
from producer.rendering import keep_report, outcome, render
from producer.watching import duration, take


def check(manifest: Path, reading: Reading, *, json: bool) -> int:
    """Print every problem of a manifest."""
    found = survey(manifest, _options(reading), catalogue.builtin())
    if json:
        problems = [asdict(problem) for problem in found.problems]
        print_json(
            {"jobs": found.jobs, "problems": problems, "count": found.problem_count}
        )
    elif found.problem_count:
        tables.out.print(tables.problem_lines(found), markup=False, soft_wrap=True)
    else:
        rows = "1 row is" if found.jobs == 1 else f"{found.jobs} rows are"
        tables.out.print(f"{rows} in order; reelmill price {manifest} tells the cost")
    return Exit.USAGE if found.problem_count else Exit.STORED


def price(manifest: Path, reading: Reading, *, json: bool) -> int:
    """Print what a manifest will cost, and how long it will take."""
    limits = chosen_settings().limits
    found = _survey_or_stop(manifest, _options(reading))
    duration_s = found.duration_s(limits)
    if json:
        print_json(_prices(found) | {"duration_s": round(duration_s)})
        return Exit.STORED
    tables.out.print(tables.price_table(found))
    tables.out.print(
        f"takes about {duration(duration_s)} with {limits.videos_per_minute} starts "
        f"a minute and {limits.concurrent_videos} at once, see REELMILL_TIER"
    )
    if found.unpriced:
        tables.say(f"{found.unpriced} videos have no known price and are not counted")
    return Exit.STORED


def run(manifest: Path, reading: Reading, spending: Spending, *, json: bool) -> int:
    """Render a manifest on this machine."""
    chosen = _settings(spending)
    options = _options(reading)
    if not chosen.api_key:
        raise Stop(
            "WAVESPEED_API_KEY is not set, so nothing can be rendered for real; "
            "reelmill demo shows everything without a key"
        )
    budget = _budget(spending)
    found = _survey_or_stop(manifest, options)
    _refuse_unknown_prices(found, spending)
    return render_manifest(
        found, options, chosen, budget, spending.priority, yes=spending.yes, json=json
    )


def render_manifest(
    found: Survey,
    options: Options,
    chosen: Settings,
    budget: int | None,
    priority: int,
    *,
    yes: bool,
    json: bool,
) -> int:
    """Hand a surveyed manifest to the ledger, render it, report it."""
    _check_store(chosen.store)
    with ledger_of(chosen, alone=True) as ledger:
        known = batch_id(found, chosen.account_id, chosen.store)
        there = ledger.batches.read(known)
        if not there or _left(there):
            account.balance(chosen).or_stop(chosen.base_url)
            ledger.permits.recover(chosen.account_id)
            _ask_before_spending(found, there, budget, yes=yes)
        batch = enqueue(
            ledger,
            found,
            options,
            catalogue.builtin(),
            chosen,
            budget_usd_micros=budget,
            priority=priority,
            now_s=time.time(),
        )
        before = take(ledger, batch.id)
        print_beginning(before)
        now = render(ledger, chosen, batch.id)
        document, place = keep_report(ledger, batch.id, time.time())
    print_outcome(document, place, json=json)
    print_ending(now, before)
    return outcome(now)


def models(name: str | None, *, json: bool) -> int:
    """Print the catalogue, or one model of it."""
    known = catalogue.builtin()
    try:
        chosen = [known.find(name)] if name else list(known.models.values())
    except UnknownModel as error:
        raise Stop(str(error)) from None
    if json:
        print_json([_model(model) for model in chosen])
    elif name:
        tables.out.print(tables.model_table(chosen[0]))
        for line in tables.model_lines(chosen[0]):
            tables.out.print(line, markup=False, soft_wrap=True)
    else:
        tables.out.print(tables.models_table(chosen))
    return Exit.STORED


def _model(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "aliases": list(model.aliases),
        "title": model.title,
        "price": _price(model),
        "inputs": {
            name: {
                "type": spec.type,
                "required": spec.required,
                "default": spec.default,
                "allowed": spec.allowed,
            }
            for name, spec in model.inputs.items()
        },
    }


def _price(model: Model) -> dict[str, Any] | None:
    if model.price is None:
        return None
    return {
        "usd": usd(model.price.usd_micros),
        "per_s": model.price.per_s,
        "factors": [
            {"input": f.input, "value": f.value, "factor": float(f.factor)}
            for f in model.price.factors
        ],
        "read_on": model.price.read_on.isoformat(),
    }


def _settings(spending: Spending) -> Settings:
    overrides = {"store": spending.store} if spending.store else {}
    return chosen_settings(**overrides)


def _options(reading: Reading) -> Options:
    values = {}
    for pair in reading.set:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise Stop(f"--set {pair}: write it as NAME=VALUE, such as duration=10")
        values[name.strip()] = value
    return Options(
        model=reading.model, set=values, key=reading.key, encoding=reading.encoding
    )


def _budget(spending: Spending) -> int | None:
    if spending.budget is None:
        return None
    try:
        budget = usd_micros(spending.budget)
    except ValueError as error:
        raise Stop(f"--budget: {error}") from None
    if budget < 0:
        raise Stop("--budget: cannot be less than nothing")
    return budget


def _survey_or_stop(manifest: Path, options: Options) -> Survey:
    found = survey(manifest, options, catalogue.builtin())
    if found.problem_count:
        raise Stop(tables.problem_lines(found))
    return found


def _refuse_unknown_prices(found: Survey, spending: Spending) -> None:
    if not found.unpriced:
        return
    if not spending.allow_unknown_price:
        raise Stop(
            f"{found.unpriced} videos have no known price; "
            "--allow-unknown-price renders them all the same"
        )
    if spending.budget is not None or chosen_settings().daily_budget:
        raise Stop(
            f"{found.unpriced} videos have no known price, so no budget can be kept; "
            "leave --budget out, or take these rows out"
        )


def _check_store(store: str) -> None:
    try:
        Store(store).check_writable()
    except StoreError as error:
        raise Stop(f"{error}; set REELMILL_STORE or --store") from None


def _left(batch: BatchRecord) -> bool:
    """Whether something of a batch is left to do."""
    over = sum(batch.counts.get(state, 0) for state in FINAL)
    return not batch.complete or over < batch.total


def _ask_before_spending(
    found: Survey, there: BatchRecord | None, budget: int | None, *, yes: bool
) -> None:
    tables.err.print(tables.price_table(found))
    if yes:
        return
    if not sys.stdin.isatty():
        raise Stop("nobody is here to ask; --yes spends without asking")
    most = f", at most ${usd(budget)}" if budget is not None else ""
    cost = f"${usd(found.price_usd_micros)}{most}"
    question = f"Render {found.jobs} videos for {cost}?"
    if there:
        spent = f"${usd(there.charged_usd_micros)}"
        question = f"Go on with {found.jobs} videos for {cost}, {spent} of it spent?"
    if not Confirm.ask(question, console=tables.err, default=False):
        raise Stop("nothing was sent", Exit.INCOMPLETE)


def _prices(found: Survey) -> dict[str, Any]:
    lines = [
        {
            "model": model,
            "duration_s": duration_s,
            "videos": share.jobs,
            "unpriced": share.unpriced,
            "cost_usd": usd(share.price_usd_micros),
        }
        for (model, duration_s), share in sorted(found.shares.items())
    ]
    return {
        "videos": found.jobs,
        "cost_usd": usd(found.price_usd_micros),
        "unpriced": found.unpriced,
        "by_model": lines,
    }
