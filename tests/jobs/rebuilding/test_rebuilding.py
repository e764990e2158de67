"""What became of a job is taken for true only where it cannot be another's."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobs.attempt.reconciling import Absent, Adopt, Ambiguous, LostSubmission
from jobs.job import Job
from jobs.pace.waits import RETENTION_S
from jobs.provider.answers import FRUITLESS, Listed
from jobs.rebuilding import (
    ALL_CANDIDATES,
    MAX_CANDIDATES,
    Doubt,
    explain,
    is_clipped,
    most_candidates,
    unresolved,
)
from jobs.transitions import Ref

MADE_S = 1_800_000_000.0
NOW_S = MADE_S + 3_600


def a_doubt(name: str, prompt: str, model: str = "m", **told: Any) -> Doubt:
    return Doubt(
        LostSubmission(Ref("spring", name), model, {"prompt": prompt}, MADE_S, 0),
        **told,
    )


def a_listing(
    name: str, prompt: str | None, status: str = "completed", model: str = "m"
) -> Listed:
    inputs = None if prompt is None else {"prompt": prompt, "seed": 1}
    return Listed(name, model, MADE_S + 60, status, inputs)


def told(
    doubts: list[Doubt], *listed: Listed, trusted: bool = True, now_s: float = NOW_S
) -> dict[str, object]:
    found = explain(doubts, listed, trusted=trusted, now_s=now_s)
    return {ref.job: finding for ref, finding in found.items()}


def test_what_shows_just_what_was_asked_for_is_adopted_and_the_rest_waits() -> None:
    doubts = [a_doubt("a", "one"), a_doubt("b", "two")]
    assert told(doubts, a_listing("p", "two")) == {"a": Absent(), "b": Adopt("p")}


def test_a_failed_attempt_is_not_taken_for_the_one_that_followed_it() -> None:
    first, second = a_listing("p1", "one", "failed"), a_listing("p2", "one")
    assert told([a_doubt("a", "one")], first, second) == {"a": Adopt("p2")}
    assert told([a_doubt("a", "one")], first) == {"a": Adopt("p1")}


def test_what_shows_nothing_may_be_anybody_s_of_that_model() -> None:
    hidden = a_listing("p", None, "processing")
    doubts = [a_doubt("a", "one"), a_doubt("b", "two"), a_doubt("c", "x", "other")]
    unclear = Ambiguous((hidden,))
    assert told(doubts, hidden) == {"a": unclear, "b": unclear, "c": Absent()}


def test_what_ended_without_a_video_and_shows_nothing_holds_nobody_up() -> None:
    for status in FRUITLESS:
        hidden = a_listing("p", None, status)
        assert told([a_doubt("a", "one")], hidden) == {"a": Absent()}


def test_what_differs_proves_a_stranger_only_beside_a_witness() -> None:
    other = a_listing("p", "another")
    assert told([a_doubt("a", "one")], other) == {"a": Absent()}
    (finding,) = told([a_doubt("a", "one")], other, trusted=False).values()
    assert isinstance(finding, Ambiguous)


def test_the_last_report_tells_whose_a_prediction_is() -> None:
    doubts = [a_doubt("a", "one"), a_doubt("b", "two", prediction_id="p")]
    assert told(doubts, a_listing("p", None)) == {"a": Absent(), "b": Adopt("p")}
    ended = a_listing("p", None, "failed"), a_listing("q", None)
    assert isinstance(told(doubts, *ended)["b"], Ambiguous)


def test_a_row_that_was_over_is_only_found_if_it_was_tried_again() -> None:
    failed = a_doubt("a", "one", over_by_s=MADE_S)
    assert told([failed]) == {}
    assert told([failed], now_s=MADE_S + RETENTION_S + 1) == {}
    assert told([failed], a_listing("p", "one", "failed")) == {}
    assert told([failed], a_listing("p", "one")) == {"a": Adopt("p")}
    open_one = a_doubt("b", "one")
    assert told([failed, open_one], a_listing("p", "one")) == {"b": Adopt("p")}


def test_what_shows_nothing_may_be_a_retry_if_it_is_younger_than_the_report() -> None:
    hidden = a_listing("p", None)
    before = a_doubt("a", "one", over_by_s=hidden.created_at_s - 10)
    after = a_doubt("b", "two", over_by_s=hidden.created_at_s + 3_000)
    assert told([before, after], hidden) == {"a": Ambiguous((hidden,))}
    shown = a_listing("p", "two")
    assert told([after], shown) == {}


def test_candidates_next_in_time_are_kept_and_it_is_told_that_some_are_not() -> None:
    several = [
        Listed(str(i), "m", MADE_S + i, "completed") for i in range(MAX_CANDIDATES + 1)
    ]
    job = Job("a", 2, "m", {}, 5, "a.mp4")
    whole = unresolved(job, Ambiguous(tuple(several[1:])), MADE_S, (), MAX_CANDIDATES)
    assert (len(whole.candidates), is_clipped(whole)) == (MAX_CANDIDATES, False)
    every = Ambiguous(tuple(reversed(several)))
    clipped = unresolved(job, every, MADE_S, (), MAX_CANDIDATES)
    assert clipped.candidates == tuple(several[:-1])
    assert is_clipped(clipped)
    assert clipped.failure
    assert "200 of the 201 are listed" in clipped.failure.message


@given(st.integers(1, ALL_CANDIDATES))
def test_candidates_of_all_jobs_together_stay_few_enough_to_lie_in_memory(
    count: int,
) -> None:
    assert 1 <= most_candidates(count) <= MAX_CANDIDATES
    assert most_candidates(count) * count <= ALL_CANDIDATES


def test_what_was_made_before_the_batch_is_none_of_its() -> None:
    old = Listed("p", "m", MADE_S - 3_600, "completed", {"prompt": "one"})
    assert told([a_doubt("a", "one")], old) == {"a": Absent()}


names = st.sampled_from(["one", "two", "three"])
doubted = st.lists(st.tuples(names, st.booleans()), max_size=5).map(
    lambda several: [
        a_doubt(str(i), prompt, over_by_s=MADE_S if failed else None)
        for i, (prompt, failed) in enumerate(several)
    ]
)
listings = st.lists(
    st.tuples(
        st.none() | names, st.sampled_from(["completed", "processing", "failed"])
    ),
    max_size=5,
).map(lambda several: [a_listing(f"p{i}", *each) for i, each in enumerate(several)])


@given(doubted, listings, st.booleans())
def test_no_prediction_is_given_twice_and_none_that_may_be_paid_is_forgotten(
    doubts: list[Doubt], listed: list[Listed], trusted: bool
) -> None:
    found = told(doubts, *listed, trusted=trusted)
    adopted = [f.prediction_id for f in found.values() if isinstance(f, Adopt)]
    assert len(adopted) == len(set(adopted))
    left = [c for c in listed if c.prediction_id not in adopted]
    hidden = any(c.inputs is None and c.status not in FRUITLESS for c in left)
    for doubt in doubts:
        finding = found.get(doubt.lost.ref.job)
        assert finding is not None or (doubt.over_by_s is not None and not hidden)
        if isinstance(finding, Absent):
            assert not hidden
            same = {c.inputs["prompt"] for c in left if c.inputs}
            assert doubt.lost.request["prompt"] not in same
