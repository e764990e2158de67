"""However late a request is handled, and whatever clocks do, it is not sent again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

from hypothesis import event, given, settings
from hypothesis import strategies as st

from jobs.attempt import reconciling
from jobs.attempt.reconciling import (
    Absent,
    Adopt,
    Ambiguous,
    Finding,
    LostSubmission,
    Wait,
)
from jobs.provider.answers import Listed
from jobs.transitions import Ref

MODEL = "m"
SETTLING_S = 180.0
CLAIMED_S = 1_800_000_000.0
OWN = {"image": "https://x.de/mug.jpg", "prompt": "turn"}
OTHER = {"image": "https://x.de/lamp.jpg", "prompt": "fall"}
GIVEN_UP_S = 1_500.0


@dataclass(frozen=True)
class World:
    """What happens to one paid request, in seconds since its claim."""

    #: When the provider handles it; None is never.
    handled_s: float | None
    #: How much later the history shows it.
    lag_s: float
    #: Whether the history shows inputs.
    shown: bool
    #: When somebody else starts a prediction with the same key.
    strangers_s: tuple[float, ...]
    #: When the clock of the ledger's server is set, and by how much.
    set_s: float
    step_s: float
    #: How far that clock is ahead of the provider's before.
    ahead_s: float
    #: Errors of the two readings of the provider's clock.
    errors_s: tuple[float, float]
    #: Times between looks.
    looks_s: tuple[float, ...]

    def ledger_s(self, at_s: float) -> float:
        """The ledger's clock at a moment."""
        stepped_s = self.step_s if at_s >= self.set_s else 0.0
        return CLAIMED_S + at_s + self.ahead_s + stepped_s

    def history(self, at_s: float) -> list[Listed]:
        """What the provider shows at a moment."""
        made = [("own", self.handled_s, OWN)]
        made += [(f"s{n}", t, OTHER) for n, t in enumerate(self.strangers_s)]
        return [
            Listed(
                name,
                MODEL,
                CLAIMED_S + created_s,
                "completed",
                dict(inputs) if self.shown else None,
            )
            for name, created_s, inputs in made
            if created_s is not None and created_s + self.lag_s <= at_s
        ]

    def moments(self) -> Iterator[float]:
        """When it is looked for."""
        at_s = 0.0
        for turn in count():
            at_s += self.looks_s[turn % len(self.looks_s)]
            yield at_s


def decided(world: World) -> tuple[Finding, float]:
    """What is found in the end, and when; as the worker looks."""
    looks, looked_at_s, seen = 0, float("-inf"), frozenset[str]()
    for at_s in world.moments():
        listed = world.history(at_s)
        ahead_s = CLAIMED_S + at_s - world.ledger_s(at_s) + world.errors_s[1]
        begin_s, end_s = reconciling.sent_between_s(
            world.ledger_s(0.0), ahead_s, CLAIMED_S + world.errors_s[0]
        )
        gone = seen - {listing.prediction_id for listing in listed}
        attempt = LostSubmission(
            Ref("b", "r"), MODEL, OWN, begin_s, looks + 1, end_s, vanished=gone
        )
        now_s = world.ledger_s(at_s) + ahead_s
        found = reconciling.reconcile([attempt], listed, {}, SETTLING_S, now_s)
        finding = found[attempt.ref]
        if not isinstance(finding, Wait) or at_s > GIVEN_UP_S:
            return finding, at_s
        seen |= {c.prediction_id for _, c in reconciling.candidates([attempt], listed)}
        if world.ledger_s(at_s) - looked_at_s >= SETTLING_S * reconciling.POLLS_APART:
            looks, looked_at_s = looks + 1, world.ledger_s(at_s)
    raise AssertionError("moments never end")


steps_s = st.sampled_from([0.0, 1.0, -1.0, 10.0, -10.0, 600.0, -600.0]) | st.floats(
    -3_600.0, 3_600.0
)
worlds = st.builds(
    World,
    handled_s=st.none() | st.floats(0.0, SETTLING_S),
    lag_s=st.floats(0.0, SETTLING_S * reconciling.LAG),
    shown=st.booleans(),
    strangers_s=st.lists(st.floats(-300.0, 1_000.0), max_size=3).map(tuple),
    set_s=st.floats(-100.0, 1_000.0),
    step_s=steps_s,
    ahead_s=st.sampled_from([0.0, 600.0, -600.0]),
    errors_s=st.tuples(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9)),
    # A few close together, as messages that come twice bring them about.
    looks_s=st.lists(
        st.sampled_from([0.05, 1.0]) | st.floats(5.0, 120.0), max_size=4
    ).map(lambda looks_s: (*looks_s, 30.0)),
)


@settings(max_examples=150)
@given(worlds)
def test_what_reaches_the_provider_in_time_is_never_absent(world: World) -> None:
    finding, at_s = decided(world)
    event(type(finding).__name__)
    if isinstance(finding, Absent):
        assert world.handled_s is None
        assert at_s >= SETTLING_S
    if isinstance(finding, Adopt):
        assert finding.prediction_id == "own"


@given(worlds)
def test_what_never_arrived_is_sent_again_where_nothing_speaks_against_it(
    world: World,
) -> None:
    quiet = replace(world, handled_s=None, strangers_s=(), step_s=0.0)
    finding, at_s = decided(quiet)
    assert finding == Absent()
    assert at_s <= SETTLING_S * (1 + reconciling.LAG) + 3 * 120.0 * len(quiet.looks_s)


@given(worlds, st.floats(SETTLING_S, 1_000.0))
def test_what_arrives_even_later_is_seen_while_it_is_looked_for(
    world: World, handled_s: float
) -> None:
    """Later than promised, and yet not sent again if it shows before the last look."""
    late = replace(world, handled_s=handled_s)
    finding, at_s = decided(late)
    if isinstance(finding, Absent):
        assert at_s < handled_s + late.lag_s


@given(worlds)
def test_a_stranger_that_may_be_ours_leaves_it_to_a_person(world: World) -> None:
    alike = replace(world, handled_s=None, shown=False, strangers_s=(20.0,), step_s=0.0)
    finding, _ = decided(alike)
    assert isinstance(finding, Ambiguous)
