"""`doctor`: what is wrong with this set-up, and what to do about it.

It checks everything, changes nothing and spends nothing; the checks are in
`doctor_checks`. A thing that is wrong never keeps the others from being seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import SecretStr

from jobs.settings import Settings, descriptions
from jobs.text import masked, plain
from producer import console
from producer.console import Table, print_json
from producer.doctor_checks import (
    AFTERWARDS,
    LEDGER_CHECKS,
    SETUP_CHECKS,
    Finding,
    Health,
    wrong,
)
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Json, chosen_settings

#: What is out of reach or refuses when this is wrong, rather than badly set up.
OUTSIDE = frozenset({"ledger", "rights", "broker", "provider"})


def doctor(*, json: Json = False) -> int:
    """Check this set-up and say what to do about what is wrong; spends nothing.

    For example:

        reelmill doctor

    Args:
        json: Print the findings as JSON.
    """
    chosen = chosen_settings()
    findings = list(examine(chosen))
    if json:
        listed = [asdict(finding) for finding in findings]
        print_json({"findings": listed, "settings": _values(chosen)})
    else:
        console.out.print(_table(findings))
        for line in ("", *_settings_lines(chosen)):
            console.tell(line)
    found_wrong = {f.what for f in findings if f.health is Health.WRONG}
    if found_wrong & OUTSIDE:
        return Exit.UNREACHABLE
    return Exit.USAGE if found_wrong else Exit.STORED


def examine(chosen: Settings) -> Iterator[Finding]:
    """Everything that there is to say, the set-up of this machine first."""
    for check in SETUP_CHECKS:
        yield from check(chosen)
    try:
        with ledger_of(chosen, alone=False) as ledger:
            for ask in LEDGER_CHECKS:
                yield from ask(ledger, chosen)
    except CommandError as stop:
        yield wrong("ledger", str(stop))
    for check in AFTERWARDS:
        yield from check(chosen)


def _table(findings: Sequence[Finding]) -> Table:
    made = Table("looked at", "found", "what it says", sentences=("what it says",))
    for finding in findings:
        made.add(finding.what, finding.health, finding.words)
    return made


def _settings_lines(chosen: Settings) -> Iterator[str]:
    words = descriptions().values()
    for (name, value), what in zip(_values(chosen).items(), words, strict=True):
        yield f"{name}={'' if value is None else plain(value)}\n    {what}"


def _values(chosen: Settings) -> dict[str, object]:
    """Every setting by its variable, secrets masked."""
    values = {
        str(f.alias): getattr(chosen, n) for n, f in Settings.model_fields.items()
    }
    return {
        name: masked(str(value)) if isinstance(value, str | SecretStr | Path) else value
        for name, value in values.items()
    }
