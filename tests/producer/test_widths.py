"""What commands print at any width of the terminal, with ids that try to act on it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.cells import cell_len

from jobs import transitions
from jobs.ledger.transitions import Applied
from jobs.records import Failure
from jobs.states import Event
from jobs.transitions import Ref
from tests.jobs.ledger.play import ACCOUNT, PLENTY, a_batch, a_job, grant, play
from tests.jobs.ledger.play import record_of as record
from tests.jobs.test_schedule import a_schedule
from tests.producer.fleet import Fleet, fleet
from tests.producer.running import as_csv

WIDTHS = (60, 120)

#: An escape that clears the screen, one that sets the title, and a turned line.
ACTS = "\x1b[2J\x1b]0;mine\x07\u202e"
BATCH = f"spring-{ACTS}-collection-1f0c33ab"
LONG = f"{'mug-' * 20}{ACTS}end"
IDS = ("mug", LONG, f"cup\r\n{ACTS}")
WORDS = f"the host\nis away {ACTS} see https://example.com/{'deep/' * 12}mug.jpg today"

COMMANDS = {
    "list": ("list",),
    "show": ("show", BATCH),
    "show of a job": ("show", BATCH, LONG),
    "report": ("report", BATCH),
    "price": ("price", "two.csv", "--no-look"),
    "models": ("models", "list"),
    "models of a name": ("models", "show", "kling-v3.0-std"),
    "doctor": ("doctor",),
    "schedule list": ("schedule", "list"),
}


@pytest.fixture(scope="module")
def place() -> Iterator[Fleet]:
    with fleet(None, REELMILL_ACCOUNT=ACCOUNT, REELMILL_TIER="gold") as made:
        ledger = made.ledger
        batch = a_batch(BATCH, store=made.chosen.store, budget_usd_micros=9_990_000)
        assert ledger.batches.create(batch)
        several = [replace(a_job(n), id=name) for n, name in enumerate(IDS, 1)]
        ledger.batches.add(BATCH, several)
        ledger.batches.open(BATCH)
        ledger.permits.set_limits(ACCOUNT, PLENTY)
        grant(ledger, 2)
        play(ledger, Ref(BATCH, IDS[0]), Event.CLAIM, Event.LOSE, Event.GIVE_UP)
        bad = Ref(BATCH, LONG)
        play(ledger, bad, Event.CLAIM)
        failure = Failure("some-code", WORDS)
        move = transitions.refuse(BATCH, record(ledger, bad), failure, 0.0)
        assert ledger.transitions.apply([move]) == [Applied.YES]
        ledger.schedules.add(a_schedule(name=f"night{ACTS}", account=ACCOUNT))
        models = ("kling-v1.6-multi", "kling-v3.0-std")
        made.desk.write("two.csv", as_csv([row(name) for name in models]))
        yield made


def row(model: str) -> dict[str, str]:
    """A row of a manifest, which nobody looks at closely."""
    column = "images" if model.endswith("multi") else "image"
    return {"model": model, column: "https://example.com/mug.jpg", "prompt": "Orbit"}


def said(place: Fleet, words: tuple[str, ...], columns: int | None) -> list[str]:
    """The lines of a command's result; its talk is left to the terminal to wrap."""
    width = str(columns) if columns else None
    ended = place.desk.here(*words, COLUMNS=width)
    assert all(line.isprintable() for line in ended.err.splitlines())
    return ended.out.splitlines()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_amount_and_no_id_is_cut_at_any_width(name: str, place: Fleet) -> None:
    whole = said(place, COMMANDS[name], None)
    every_word = {word for line in whole for word in line.split()}
    copied = {w for w in every_word if w.startswith("$")} | ({"mug"} & every_word)
    for columns in WIDTHS:
        lines = said(place, COMMANDS[name], columns)
        assert all(line.isprintable() for line in lines)
        assert copied <= {word for line in lines for word in line.split()}


def test_a_narrow_terminal_has_a_narrow_table(place: Fleet) -> None:
    lines = said(place, COMMANDS["show"], 40)
    assert max(map(cell_len, lines)) <= 40
    assert " ".join(lines).split().count("$0.00") == len(IDS)


def test_what_a_program_reads_acts_on_no_terminal_either(place: Fleet) -> None:
    for words in (COMMANDS["list"], COMMANDS["show"]):
        told = place.desk.here(*words, "--json")
        assert all(line.isprintable() for line in told.out.splitlines())
        ids = {one.get("batch", one.get("id")) for one in told.json()}
        assert ids == ({BATCH} if words == COMMANDS["list"] else set(IDS))
