"""An account that was refused rests, then one probe goes out."""

from jobs.ledger import Ledger
from jobs.ledger.permits import Strike
from jobs.moves import Ref
from jobs.pace.limits import Limits
from jobs.states import Event
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    grant,
    open_batch,
    play,
)


def finish(ledger: Ledger, ref: Ref) -> None:
    names = (Event.CLAIM, Event.ACCEPT, Event.COMPLETE, Event.STORE)
    play(ledger, ref, *names, prediction_id=f"p-{ref}")


def struck(ledger: Ledger, rest_s: float, *, too_many: bool = False) -> int:
    strikes = ledger.permits.read(ACCOUNT).strikes
    strike = Strike(rest_s, "busy", strikes, too_many=too_many)
    return ledger.permits.strike(ACCOUNT, strike)


def test_a_cooling_account_starts_nothing_and_then_one_probe(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(simulated, jobs=5)
    assert struck(simulated, 10) == 1
    clock.forward(9.9)
    assert grant(simulated) == []
    clock.forward(0.1)
    assert grant(simulated) == refs[:1]
    assert grant(simulated) == []
    clock.forward(5_000)
    assert grant(simulated) == []


def test_an_accepted_probe_ends_the_rest(simulated: Ledger, clock: Clock) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(simulated, jobs=5)
    struck(simulated, 10)
    clock.forward(10)
    grant(simulated)
    play(simulated, refs[0], Event.CLAIM, Event.ACCEPT)
    assert grant(simulated) == refs[1:]
    assert simulated.permits.read(ACCOUNT).strikes == 0


def test_a_refused_probe_lets_the_account_rest_again(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(simulated, jobs=5)
    struck(simulated, 10)
    clock.forward(10)
    grant(simulated)
    assert struck(simulated, 20) == 2
    play(simulated, refs[0], Event.CLAIM, Event.RETURN)
    assert grant(simulated) == []
    clock.forward(20)
    assert grant(simulated) == refs[:1]


def test_a_burst_of_refusals_is_one_strike_and_the_longest_rest_counts(
    simulated: Ledger, clock: Clock
) -> None:
    for rest_s in (5, 90, 5):
        strike = Strike(rest_s, "busy", strikes=0)
        assert simulated.permits.strike(ACCOUNT, strike) == 1
    account = simulated.permits.read(ACCOUNT)
    assert account.refusals == 3
    assert account.cooling_until_s == clock() + 90


def test_an_acceptance_of_the_refused_burst_does_not_end_the_rest(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    first, *_ = open_batch(simulated, jobs=5)
    grant(simulated, 2)
    struck(simulated, 10)
    play(simulated, first, Event.CLAIM, Event.ACCEPT)
    assert simulated.permits.read(ACCOUNT).strikes == 1
    clock.forward(9)
    assert grant(simulated) == []


def test_finding_a_lost_prediction_is_no_proof_that_the_account_is_well(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    first, *_ = open_batch(simulated, jobs=5)
    grant(simulated, 1)
    play(simulated, first, Event.CLAIM, Event.LOSE)
    struck(simulated, 10)
    clock.forward(10)
    play(simulated, first, Event.ADOPT)
    assert simulated.permits.read(ACCOUNT).strikes == 1
    assert len(grant(simulated)) == 1


def test_too_many_teaches_how_many_and_acceptances_unlearn_it(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(1_000, 4))
    refs = open_batch(simulated, jobs=30)
    grant(simulated)
    play(simulated, refs[0], Event.CLAIM, Event.ACCEPT, prediction_id="p0")
    struck(simulated, 1, too_many=True)
    assert simulated.permits.read(ACCOUNT).learnt_concurrent == 1
    for ref in refs[1:4]:
        play(simulated, ref, Event.CLAIM, Event.RETURN)
    clock.forward(1)
    assert grant(simulated) == []
    play(simulated, refs[0], Event.COMPLETE)
    while granted := grant(simulated):
        for ref in granted:
            finish(simulated, ref)
    assert simulated.permits.read(ACCOUNT).learnt_concurrent is None


def test_an_account_found_in_order_starts_at_once(simulated: Ledger) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(simulated)
    struck(simulated, 300)
    simulated.permits.recover(ACCOUNT)
    assert grant(simulated) == refs
