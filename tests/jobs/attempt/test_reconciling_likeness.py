"""Settling by first frames, and waiting for them: pure."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.attempt.reconciling import (
    CLEARLY,
    MIN_POLLS,
    NEAR,
    Absent,
    Adopt,
    Ambiguous,
    Finding,
    LostSubmission,
    Wait,
    reconcile,
)
from jobs.pace.waits import MAX_GENERATION_S
from jobs.provider.answers import Listed
from jobs.transitions import Ref

MODEL = "kwaivgi/kling-v2.6-std/image-to-video"
SENT_S = 1_800_000_000.0
SETTLING_S = 180.0
LATER_S = SENT_S + 250.0
FAR = 120.0


def lost(name: str, sent_at_s: float = SENT_S, **request: object) -> LostSubmission:
    sent = {"image": f"https://shop.example/{name}.jpg", "duration": 5, **request}
    return LostSubmission(Ref("spring", name), MODEL, sent, sent_at_s, looks=MIN_POLLS)


def listed(
    prediction_id: str, status: str = "completed", at_s: float = SENT_S + 1
) -> Listed:
    return Listed(prediction_id, MODEL, at_s, status)


def settled(
    attempts: list[LostSubmission],
    found: list[Listed],
    near: Mapping[tuple[str, str], float],
    now_s: float = LATER_S,
) -> dict[str, Finding]:
    """Findings by job, from distances by job and prediction."""
    likeness = {(Ref("spring", name), each): far for (name, each), far in near.items()}
    findings = reconcile(attempts, found, likeness, SETTLING_S, now_s)
    return {ref.job: finding for ref, finding in findings.items()}


def test_frames_and_pictures_that_choose_each_other_are_adopted() -> None:
    near = {("a", "p1"): 2.0, ("a", "p2"): FAR, ("b", "p1"): FAR, ("b", "p2"): 3.0}
    found = settled([lost("a"), lost("b")], [listed("p1"), listed("p2")], near)
    assert found == {"a": Adopt("p1"), "b": Adopt("p2")}


def test_a_stranger_beside_it_does_not_matter_if_it_looks_different() -> None:
    near = {("a", "p1"): 2.0, ("a", "s1"): FAR}
    found = settled([lost("a")], [listed("p1"), listed("s1")], near)
    assert found == {"a": Adopt("p1")}


@pytest.mark.parametrize("other", [0.0, 2.0 + CLEARLY - 0.1])
def test_pictures_that_look_alike_are_left_to_a_person(other: float) -> None:
    near = {("a", "p1"): 2.0, ("b", "p1"): other}
    found = settled([lost("a"), lost("b")], [listed("p1")], near)
    assert Adopt("p1") not in found.values()
    assert found["a"] == Ambiguous((listed("p1"),))


def test_a_pair_that_was_never_compared_leaves_nothing_clear() -> None:
    found = settled([lost("a")], [listed("p1"), listed("p2")], {("a", "p1"): 1.0})
    assert isinstance(found["a"], Ambiguous)


def test_a_rival_of_another_time_does_not_matter() -> None:
    # Its own window is over before the prediction was created.
    early = replace(lost("b", SENT_S - 900.0), until_s=SENT_S - 600.0)
    found = settled([lost("a"), early], [listed("p1")], {("a", "p1"): 1.0})
    assert found["a"] == Adopt("p1")
    assert found["b"] == Absent()


@pytest.mark.parametrize("status", ["processing", "warming_up"])
def test_what_may_still_be_made_is_waited_for_an_hour_at_most(status: str) -> None:
    candidate = listed("p1", status)
    soon_s, late_s = SENT_S + 181, SENT_S + MAX_GENERATION_S + 1
    assert settled([lost("a")], [candidate], {}, soon_s) == {"a": Wait()}
    assert settled([lost("a")], [candidate], {}, late_s) == {
        "a": Ambiguous((candidate,))
    }


def test_one_that_is_finished_is_adopted_only_once_its_rivals_are_too() -> None:
    done, rival = listed("p1"), listed("p2", "processing")
    near = {("a", "p1"): 1.0}
    assert settled([lost("a")], [done, rival], near) == {"a": Wait()}
    near |= {("a", "p2"): FAR}
    both = [done, replace(rival, status="completed")]
    assert settled([lost("a")], both, near) == {"a": Adopt("p1")}


def test_without_a_picture_to_compare_nothing_is_waited_for() -> None:
    several = replace(lost("a"), request={"images": ["https://shop.example/a.jpg"]})
    candidate = listed("p1", "processing")
    assert settled([several], [candidate], {}) == {"a": Ambiguous((candidate,))}


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (5, "5"),
        (5.0, 5),
        (0.5, "0.5"),
        (True, "true"),
        ("a cup ", "a cup"),
        (["x.jpg"], ["x.jpg"]),
        ([{"prompt": "turn", "duration": 3}], [{"prompt": "turn", "duration": "3"}]),
    ],
)
def test_an_input_shown_in_another_way_is_the_same(sent: object, shown: object) -> None:
    attempt = lost("a", value=sent)
    inputs = {**attempt.request, "value": shown, "a_default": 1}
    candidate = replace(listed("p1"), inputs=inputs)
    assert settled([attempt], [candidate], {}) == {"a": Adopt("p1")}


names = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)
ids = st.lists(st.sampled_from(["p", "q", "r", "s"]), max_size=4, unique=True)
distances = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["p", "q", "r", "s"])),
    st.sampled_from([0.0, 2.0, NEAR, NEAR + 1, NEAR + CLEARLY, 255.0]),
)


@given(names=names, ids=ids, near=distances)
def test_whatever_is_near_no_prediction_has_two_owners_and_each_is_the_nearest(
    names: list[str], ids: list[str], near: dict[tuple[str, str], float]
) -> None:
    found = settled([lost(n) for n in names], [listed(i) for i in ids], near)
    assert set(found) == set(names)
    adopted = {n: f.prediction_id for n, f in found.items() if isinstance(f, Adopt)}
    assert len(set(adopted.values())) == len(adopted)
    for name, prediction_id in adopted.items():
        own = near[name, prediction_id]
        assert own <= NEAR
        ambiguous_groups = [near[n, prediction_id] for n in names if n != name]
        ambiguous_groups += [near[name, i] for i in ids if i != prediction_id]
        assert all(far >= own + CLEARLY for far in ambiguous_groups)
