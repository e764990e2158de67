"""From the options of a command to a manifest that is read and its pictures checked."""

from dataclasses import fields, replace
from typing import Any

from jobs.manifest.selection import Choice, Condition
from jobs.money import usd_micros
from jobs.settings import Settings
from jobs.storage import Store, StoreError
from jobs.text import counted
from producer import console, model_list, problems
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.lookup import find_failed
from producer.manifests import Options
from producer.options import BatchOptions, Reading, chosen_settings, command_line
from producer.survey import Survey, check_survey, survey

STORE_CURE = "set REELMILL_STORE or --store"


def settings_of(spending: BatchOptions) -> Settings:
    """The settings of this environment, with the store that an option names."""
    return chosen_settings(**({"store": spending.store} if spending.store else {}))


def budget_of(spending: BatchOptions) -> int | None:
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
    spending: BatchOptions,
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
    """A manifest read and its pictures checked; with `whole` ready to be weighed."""
    options, skips = _options(reading, chosen), reading.skip_problems
    models = model_list.catalogue(chosen, offline=reading.offline)
    found = survey(manifest, options, models, skips_problems=skips)
    if found.layout:
        console.say(f"{manifest}: recognised as {found.layout}")
    for reason, count in found.skipped.items():
        console.say(f"skipped {count:,}: {reason}")
    check_survey(
        found, chosen, whole=whole, remote=reading.look, convert=reading.convert
    )
    for line in found.notices.lines():
        console.say(line)
    if pair := next((one.map for one in found.problems.kept if one.map), ""):
        name = pair.partition("=")[0]
        others = (one for one in reading.map if one.partition("=")[0] != name)
        mapped = replace(reading, map=(*others, pair))
        found.cure = command_line("check", manifest, mapped)
    if whole:
        found.fingerprint()
    return found


def stop_at_problems(found: Survey) -> None:
    """Return if the jobs of the manifest can be sent.

    Raises:
        CommandError: they cannot; the problems are printed.
    """
    if not found.is_usable:
        problems.print_problems(found.problems, console.err)
        raise CommandError(way_on(found), Exit.USAGE)


def skipped_words(found: Survey) -> str:
    """How many rows are skipped for their problems, and of which kinds."""
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in found.problems.by_kind.items())
    return f"skipped {counted(found.refused, 'row')} with problems ({kinds})"


def way_on(found: Survey) -> str:
    """How a manifest with problems, or its good rows, could be sent; empty if not."""
    if found.cure:
        return f"try: {found.cure}"
    if found.is_broken or found.skips_problems or not found.jobs:
        return ""
    return (
        "--skip-problems renders the rows without a problem, and writes the others "
        "with the reasons to a file"
    )


def _options(reading: Reading, chosen: Settings) -> Options:
    values = dict(_pair("--set", "duration=10", pair) for pair in reading.set)
    if reading.prompt is not None:
        values["prompt"] = reading.prompt
    feeds: dict[str, tuple[str, ...]] = {}
    for name, column in (_pair("--map", "image=Photo", pair) for pair in reading.map):
        feeds[name] = (*feeds.get(name, ()), column)
    own: dict[str, Any] = {"set": values, "map": feeds}
    own["choice"] = _choice(reading, chosen)
    # All others have the same names.
    names = {field.name for field in fields(Options)} - own.keys()
    return Options(**{name: getattr(reading, name) for name in names}, **own)


def _choice(reading: Reading, chosen: Settings) -> Choice:
    """Which rows are wanted."""
    try:
        where = tuple(map(Condition.of, reading.where))
    except ValueError as bad:
        raise CommandError(f"--where {bad}") from None
    ids = failed = None
    if reading.ids is not None:
        ids = frozenset(filter(None, map(str.strip, reading.ids.split(","))))
    if reading.only_failed is not None:
        with ledger_of(chosen, alone=False) as ledger:
            failed = find_failed(ledger, reading.only_failed)
    has_picture = reading.skip_without_picture
    return Choice(where, ids, failed, reading.limit, has_picture)


def _pair(option: str, example: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise CommandError(
            f"{option} {text}: write it as NAME=VALUE, such as {example}"
        )
    return name.strip(), value
