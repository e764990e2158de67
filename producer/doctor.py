"""The doctor: what is wrong with this set-up, and what to do about it."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr
from rich.markup import escape
from rich.table import Table

from jobs import catalogue
from jobs.ledger import Ledger, LedgerError, NotDurable
from jobs.settings import Settings
from jobs.storage import Store, StoreError
from jobs.wording import masked, plain
from producer import account, tables
from producer.choosing import chosen_settings
from producer.exits import Exit, Stop
from producer.printing import print_json
from producer.private import ledger_of


class Health(StrEnum):
    """How something is."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    health: Health
    words: str


COLOURS = {Health.GOOD: "green", Health.WARNING: "yellow", Health.WRONG: "red"}


def doctor(*, json: bool) -> int:
    """Look at everything, print what was found; wrong things make exit code 2 or 4."""
    chosen = chosen_settings()
    findings = list(_look(chosen))
    if json:
        told = [asdict(finding) for finding in findings]
        print_json({"findings": told, "settings": _values(chosen)})
    else:
        tables.out.print(_findings_table(findings))
        for line in ("", *_settings_lines(chosen)):
            tables.out.print(line, markup=False, soft_wrap=True)
    wrong = [f for f in findings if f.health is Health.WRONG]
    if any(f.what in ("ledger", "provider") for f in wrong):
        return Exit.UNREACHABLE
    return Exit.USAGE if wrong else Exit.STORED


def _findings_table(findings: Sequence[Finding]) -> Table:
    made = tables.table("looked at", "found", "")
    for finding in findings:
        colour = COLOURS[finding.health]
        health = f"[{colour}]{finding.health}[/]"
        made.add_row(finding.what, health, escape(finding.words))
    return made


def _settings_lines(chosen: Settings) -> Iterator[str]:
    values = _values(chosen)
    for field in Settings.model_fields.values():
        name = str(field.alias)
        value = "" if values[name] is None else plain(values[name])
        yield f"{name}={value}\n    {field.description}"


def _values(chosen: Settings) -> dict[str, object]:
    """Every setting by its variable, secrets masked."""
    values: dict[str, object] = {}
    for name, field in Settings.model_fields.items():
        value = getattr(chosen, name)
        if isinstance(value, SecretStr | Path):
            value = str(value)
        values[str(field.alias)] = masked(value) if isinstance(value, str) else value
    return values


def _look(chosen: Settings) -> Iterator[Finding]:
    for look in (_python, _catalogue, _store, _ledger, _provider, _limits):
        yield from look(chosen)


def _python(_chosen: Settings) -> Iterator[Finding]:
    yield Finding("python", Health.GOOD, sys.version.split()[0])


def _catalogue(_chosen: Settings) -> Iterator[Finding]:
    known = catalogue.builtin()
    read_on = min(str(model.read_on) for model in known.models.values())
    words = f"{len(known.models)} models, prices read on {read_on}"
    yield Finding("catalogue", Health.GOOD, words)


def _store(chosen: Settings) -> Iterator[Finding]:
    try:
        store = Store(chosen.store)
        store.check_writable()
    except StoreError as error:
        yield Finding("store", Health.WRONG, f"{error}; set REELMILL_STORE")
    else:
        yield Finding("store", Health.GOOD, f"{store.url} takes files")


def _ledger(chosen: Settings) -> Iterator[Finding]:
    try:
        with ledger_of(chosen, alone=False) as ledger:
            yield from _server(ledger)
            yield from _learnt(ledger, chosen)
    except Stop as stop:
        yield Finding("ledger", Health.WRONG, str(stop))


def _server(ledger: Ledger) -> Iterator[Finding]:
    info = ledger.server.info("server")
    name = info.get("valkey_version") or info.get("redis_version")
    yield Finding("ledger", Health.GOOD, f"answers, version {name}")
    yield _checked("durability", lambda: _durability(ledger))
    yield _checked("eviction", lambda: _eviction(ledger))


def _learnt(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """What refusals have taught about the account, if they have."""
    learnt = ledger.permits.read(chosen.account_id).learnt_concurrent
    if learnt is not None and learnt < chosen.limits.concurrent_videos:
        words = (
            f"the provider refused more than {learnt} at once, so it gets no more for "
            f"now; REELMILL_TIER promises {chosen.limits.concurrent_videos}"
        )
        yield Finding("learnt", Health.WARNING, words)


def _checked(what: str, look: Callable[[], tuple[Health, str]]) -> Finding:
    try:
        health, words = look()
    except LedgerError as error:
        return Finding(what, Health.WARNING, f"cannot be asked ({error})")
    return Finding(what, health, words)


def _durability(ledger: Ledger) -> tuple[Health, str]:
    try:
        ledger.durable()
    except NotDurable as error:
        return Health.WRONG, str(error)
    fsync = ledger.server.config_get("appendfsync").get("appendfsync", "?")
    if fsync == "always":
        return Health.GOOD, "every change is on disk before it is answered"
    words = (
        f"appendfsync is {fsync}: each block of paid requests waits for the disk, "
        "about 0.1 s; appendfsync always is quicker"
    )
    return Health.WARNING, words


def _eviction(ledger: Ledger) -> tuple[Health, str]:
    policy = ledger.server.config_get("maxmemory-policy").get("maxmemory-policy", "?")
    if policy == "noeviction":
        return Health.GOOD, "a full server refuses instead of forgetting"
    words = (
        f"maxmemory-policy is {policy}: a full server forgets what was paid; "
        "set it to noeviction"
    )
    return Health.WRONG, words


def _provider(chosen: Settings) -> Iterator[Finding]:
    if not chosen.api_key:
        words = "WAVESPEED_API_KEY is not set; reelmill demo needs none"
        yield Finding("provider", Health.WARNING, words)
        return
    money = account.balance(chosen)
    if money.usd is not None:
        words = f"{chosen.base_url} accepts the key; balance ${money.usd:.2f}"
        yield Finding("provider", Health.GOOD, words)
        return
    cure = account.CURES.get(money.trouble, "check WAVESPEED_BASE_URL and the network")
    yield Finding("provider", Health.WRONG, f"{money.reason}; {cure}")


def _limits(chosen: Settings) -> Iterator[Finding]:
    limits = chosen.limits
    words = (
        f"{chosen.tier}: {limits.videos_per_minute} starts a minute, "
        f"{limits.concurrent_videos} at once; set REELMILL_TIER to your account's"
    )
    yield Finding("limits", Health.GOOD, words)
