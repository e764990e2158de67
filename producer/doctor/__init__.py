"""The doctor: what is wrong with this set-up, and what to do about it.

It looks at everything, changes nothing and spends nothing; each group of things stands
in a module of its own. A thing that is wrong never keeps the others from being seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import SecretStr

from jobs.ledger import Ledger
from jobs.settings import Settings
from jobs.text import masked, plain
from producer import console
from producer.console import Table, print_json
from producer.doctor.findings import Finding, Health, warning, wrong
from producer.doctor.fleet import fleet
from producer.doctor.server import server
from producer.doctor.setup import limits, models, provider, store, versions
from producer.doctor.standstill import standstill
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import chosen_settings

COLOURS = {Health.GOOD: "green", Health.WARNING: "yellow", Health.WRONG: "red"}

#: What is out of reach or refuses when this is wrong, rather than badly set up.
OUTSIDE = frozenset({"ledger", "rights", "broker", "provider"})


def doctor(*, json: bool) -> int:
    """Look at everything, print what was found; wrong things make exit code 2 or 4."""
    chosen = chosen_settings()
    findings = list(look(chosen))
    if json:
        told = [asdict(finding) for finding in findings]
        print_json({"findings": told, "settings": _values(chosen)})
    else:
        console.out.print(_findings_table(findings))
        for line in ("", *_settings_lines(chosen)):
            console.tell(line)
    found_wrong = {f.what for f in findings if f.health is Health.WRONG}
    if found_wrong & OUTSIDE:
        return Exit.UNREACHABLE
    return Exit.USAGE if found_wrong else Exit.STORED


def look(chosen: Settings) -> Iterator[Finding]:
    """Everything that there is to say, the set-up of this machine first."""
    for about in (versions, models, store):
        yield from about(chosen)
    try:
        with ledger_of(chosen, alone=False) as ledger:
            for question in (server, fleet, standstill, _adapted):
                yield from question(ledger, chosen)
    except CommandError as stop:
        yield wrong("ledger", str(stop))
    yield from provider(chosen)
    yield from limits(chosen)


def _adapted(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """What 429s have left of the account's concurrency, if it is less than all."""
    adaptive = ledger.permits.read(chosen.account_id).adaptive_concurrency
    if adaptive is not None and adaptive < chosen.limits.concurrent_videos:
        words = (
            f"the provider answered 429, so only {adaptive} videos are made at once; "
            f"REELMILL_TIER promises {chosen.limits.concurrent_videos}. More are tried "
            "again by and by; at once: reelmill resume --account"
        )
        yield warning("concurrency", words)


def _findings_table(findings: Sequence[Finding]) -> Table:
    made = Table("looked at", "found", "what it says", sentences=("what it says",))
    for finding in findings:
        made.add(finding.what, finding.health, finding.words)
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
