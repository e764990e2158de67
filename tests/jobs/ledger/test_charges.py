"""Charges that no row explains: each is counted once, until a person knows of it."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.ledger import Ledger
from jobs.ledger.charges import MAX_NAMED, Charge, Charges, Kind
from jobs.states import Event
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT, PLENTY, grant, open_batch, play

DAY_S = 86_400.0


def charge(number: int, kind: Kind = Kind.UNKNOWN, usd_micros: int = 210_000) -> Charge:
    ref = "spring/row-1" if kind is not Kind.UNKNOWN else ""
    return Charge(kind, f"p{number}", "a/model", usd_micros, 1_000.5 + number, ref)


def test_what_is_found_is_counted_by_kind_and_the_newest_are_kept(
    ledger: Ledger,
) -> None:
    found = ledger.charges
    assert found.read(ACCOUNT) == Charges()
    assert found.note(ACCOUNT, None, 10.5)
    several = [charge(number) for number in range(MAX_NAMED + 2)]
    twice = charge(99, Kind.PAID_TWICE, 420_000)
    assert found.note(ACCOUNT, 10.5, 20.25, [*several, twice])
    told = found.read(ACCOUNT)
    assert told.counts == {Kind.UNKNOWN: MAX_NAMED + 2, Kind.PAID_TWICE: 1}
    assert told.usd_micros[Kind.UNKNOWN] == (MAX_NAMED + 2) * 210_000
    assert told.usd_micros[Kind.PAID_TWICE] == 420_000
    assert told.since_s == several[0].at_s
    assert list(told.newest) == [twice, *several[:2:-1]]
    assert found.compared_until_s(ACCOUNT) == 20.25
    assert found.read("another") == Charges()


def test_a_day_or_two_after_the_last_prediction_nothing_was_sent_lately(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(simulated, jobs=1)
    grant(simulated)
    assert not simulated.charges.sent_lately(ACCOUNT)
    play(simulated, ref, Event.CLAIM, Event.ACCEPT)
    assert simulated.charges.sent_lately(ACCOUNT)
    clock.forward(DAY_S)
    assert simulated.charges.sent_lately(ACCOUNT)
    clock.forward(DAY_S)
    assert not simulated.charges.sent_lately(ACCOUNT)


def test_the_figures_have_them(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    (before,) = ledger.figures.read().accounts
    assert before.charges == Charges()
    ledger.charges.note(ACCOUNT, None, 10.0, [charge(1, Kind.PAID_TWICE)])
    (own,) = ledger.figures.read().accounts
    assert own.charges.counts == {Kind.PAID_TWICE: 1}
    assert own.charges.usd_micros == {Kind.PAID_TWICE: 210_000}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(Kind), max_size=4), st.booleans()),
        max_size=8,
    )
)
def test_the_counts_are_those_of_what_was_noted(
    ledger: Ledger, steps: list[tuple[list[Kind], bool]]
) -> None:
    """Whoever is late or dies after a note, and whatever is dismissed between."""
    found = ledger.charges
    ledger.server.execute_command("FLUSHALL")
    before: float | None = None
    known: list[Kind] = []
    for number, (kinds, dismissed) in enumerate(steps):
        charges = [charge(number, kind) for kind in kinds]
        assert found.note(ACCOUNT, before, float(number), charges)
        assert not found.note(ACCOUNT, before, float(number) + 0.5, charges)
        before = float(number)
        known += kinds
        if dismissed:
            found.dismiss(ACCOUNT)
            known = []
        counts = found.read(ACCOUNT).counts
        assert counts == {kind: known.count(kind) for kind in Kind if kind in known}


def test_each_kind_is_said_with_the_command_that_names_it() -> None:
    told = Charges(
        counts={Kind.PAID_TWICE: 1, Kind.UNKNOWN: 3},
        usd_micros={Kind.PAID_TWICE: 210_000, Kind.UNKNOWN: 1_260_000},
        since_s=1_800_000_000.0,
        newest=(charge(2), charge(1, Kind.PAID_TWICE)),
    )
    (one, twice), (other, unknown) = told.sentences()
    assert (one, other) == (Kind.PAID_TWICE, Kind.UNKNOWN)
    assert twice.startswith("1 charge, $0.21, for requests that a row here has paid")
    assert "(the newest: spring/row-1)" in twice
    assert unknown.startswith("3 charges, $1.26, that no row here explains: another")
    for words in (twice, unknown):
        assert "reelmill report --since 2027-01-15 --billed names them" in words
        assert "--dismiss" in words
    assert list(Charges().sentences()) == []
    assert json.dumps(twice)
