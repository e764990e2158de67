"""Whose prediction is it: no stranger is adopted, and nothing is paid for twice."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.attempt.reconciling import (
    MIN_POLLS,
    NEAR,
    Absent,
    Adopt,
    Ambiguous,
    Finding,
    Likeness,
    LostSubmission,
    Wait,
    ambiguous_groups,
    reconcile,
    sent_between_s,
    shown_as_sent,
)
from jobs.pace.waits import RETENTION_S
from jobs.provider.answers import Listed
from jobs.transitions import Ref

SETTLING_S = 180.0
SENT_AT_S = 1_000_000.0
LATE_S = SENT_AT_S + 1_000.0
REQUEST = {"image": "https://x.de/mug.jpg", "prompt": "turn", "duration": 5}


def lost(number: int = 1, **changes: Any) -> LostSubmission:
    fields: dict[str, Any] = {
        "ref": Ref("spring", f"row-{number}"),
        "model": "m",
        "request": REQUEST,
        "sent_at_s": SENT_AT_S,
        "looks": MIN_POLLS,
    }
    return LostSubmission(**{**fields, **changes})


def listed(
    prediction_id: str = "p1",
    inputs: Mapping[str, object] | None = None,
    **changes: Any,
) -> Listed:
    shown = None if inputs is None else dict(inputs)
    made = Listed(prediction_id, "m", SENT_AT_S + 2, "completed", shown)
    return replace(made, **changes)


def settled(
    attempts: Sequence[LostSubmission],
    history: Sequence[Listed],
    now_s: float = LATE_S,
    likeness: Likeness | None = None,
) -> list[Finding]:
    found = reconcile(attempts, history, likeness or {}, SETTLING_S, now_s)
    assert found.keys() == {attempt.ref for attempt in attempts}
    return [found[attempt.ref] for attempt in attempts]


SHOWN_ALIKE: list[Mapping[str, object]] = [
    REQUEST,
    {**REQUEST, "sound": False, "negative_prompt": ""},
    {**REQUEST, "duration": "5"},
    {**REQUEST, "duration": 5.0},
]


@pytest.mark.parametrize("inputs", SHOWN_ALIKE)
@pytest.mark.parametrize("looks", [1, MIN_POLLS])
def test_a_prediction_that_shows_what_was_sent_is_adopted_at_once(
    inputs: Mapping[str, object], looks: int
) -> None:
    found = settled([lost(looks=looks)], [listed(inputs=inputs)], SENT_AT_S + 3)
    assert found == [Adopt("p1")]


def test_one_that_has_a_video_is_adopted_before_one_that_failed() -> None:
    """A row that an older ledger sent twice may have both."""
    failed = listed("p1", REQUEST, status="failed")
    live = listed("p2", REQUEST, created_at_s=SENT_AT_S + 60)
    assert settled([lost()], [failed, live]) == [Adopt("p2")]
    assert settled([lost()], [failed]) == [Adopt("p1")]


def test_what_nobody_sent_is_told_from_what_is_hidden() -> None:
    moved = {**REQUEST, "image": "https://elsewhere.de/1.jpg"}
    shown = [listed("a", inputs=moved), listed("b", inputs=REQUEST), listed("c")]
    assert shown_as_sent([lost()], shown) == {"b"}


def test_a_number_may_be_rounded_and_a_text_be_tidied() -> None:
    sent = {**REQUEST, "prompt": "a\r\nb  c", "guidance_scale": 0.7}
    shown = {**REQUEST, "prompt": "a\nb c", "guidance_scale": 0.699999988079071}
    assert settled([lost(request=sent)], [listed(inputs=shown)]) == [Adopt("p1")]


STRANGERS: list[Mapping[str, object]] = [
    {**REQUEST, "image": "https://x.de/lamp.jpg"},
    {**REQUEST, "prompt": "fall"},
    {**REQUEST, "duration": 10},
    {"duration": 10},
]


@pytest.mark.parametrize("inputs", STRANGERS)
def test_a_prediction_that_shows_something_else_is_a_stranger(
    inputs: Mapping[str, object],
) -> None:
    assert settled([lost()], [listed(inputs=inputs)]) == [Absent()]


HALF_SHOWN: list[Mapping[str, object] | None] = [
    None,
    {},
    {"prompt": "turn"},
    {"seed": 7},
    {"image": "https://x.de/mug.jpg", "prompt": "turn"},
]


@pytest.mark.parametrize("inputs", HALF_SHOWN)
def test_a_prediction_that_shows_too_little_is_neither_adopted_nor_ruled_out(
    inputs: Mapping[str, object] | None,
) -> None:
    """Ruled out, it would make the row be paid for a second time."""
    candidate = listed(inputs=inputs)
    assert settled([lost()], [candidate]) == [Ambiguous((candidate,))]


def test_what_is_still_being_made_is_waited_for_as_long_as_it_may_take() -> None:
    candidate = listed(status="processing")
    assert settled([lost()], [candidate], SENT_AT_S + 3_599) == [Wait()]
    assert settled([lost()], [candidate], SENT_AT_S + 3_600) == [
        Ambiguous((candidate,))
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "another"},
        {"created_at_s": SENT_AT_S - 61},
        {"status": "failed"},
        {"status": "deleted"},
    ],
)
def test_what_cannot_be_it_or_has_no_video_is_no_candidate(
    changes: dict[str, Any],
) -> None:
    assert settled([lost()], [replace(listed(), **changes)]) == [Absent()]


@pytest.mark.parametrize("after_s", [76, 900])
def test_what_was_created_at_any_time_since_the_claim_rules_out_absence(
    after_s: float,
) -> None:
    """A request may be held up on its way, and handled long after it was given up."""
    candidate = listed(created_at_s=SENT_AT_S + after_s)
    assert settled([lost()], [candidate]) == [Ambiguous((candidate,))]


def test_what_is_not_sought_so_late_is_no_candidate() -> None:
    attempt = lost(until_s=SENT_AT_S + 240)
    assert settled([attempt], [listed(created_at_s=SENT_AT_S + 400)]) == [Absent()]


def test_a_candidate_that_is_listed_no_more_rules_out_absence() -> None:
    (found,) = settled([lost(vanished=frozenset({"p7"}))], [])
    assert isinstance(found, Ambiguous)
    assert [candidate.prediction_id for candidate in found.candidates] == ["p7"]


@pytest.mark.parametrize("apart_s", [-3.5, 3.5])
def test_nothing_is_absent_if_it_is_not_known_when_it_was_sent(apart_s: float) -> None:
    begin_s, end_s = sent_between_s(SENT_AT_S, 0.0, SENT_AT_S + apart_s)
    attempt = lost(sent_at_s=begin_s, sent_by_s=end_s)
    assert settled([attempt], []) == [Ambiguous((), is_dated=False)]


@pytest.mark.parametrize("days", [1, 8])
def test_what_may_have_been_sent_in_a_time_is_absent_if_all_of_it_is_told(
    days: int,
) -> None:
    begin_s = SENT_AT_S - days * 86_400
    attempt = lost(sent_at_s=begin_s, sent_by_s=SENT_AT_S, is_doubt=True)
    assert settled([attempt], []) == [Absent() if days == 1 else Ambiguous(())]
    own = listed(inputs=REQUEST, created_at_s=begin_s + 9)
    assert settled([attempt], [own]) == [Adopt("p1")]


def test_clocks_that_are_read_a_second_apart_are_the_same() -> None:
    begin_s, end_s = sent_between_s(SENT_AT_S, 10.0, SENT_AT_S + 11.5)
    attempt = lost(sent_at_s=begin_s, sent_by_s=end_s)
    assert settled([attempt], []) == [Absent()]


def test_a_prediction_of_no_known_model_is_a_candidate() -> None:
    candidate = listed(model="")
    assert settled([lost()], [candidate]) == [Ambiguous((candidate,))]


@pytest.mark.parametrize(
    ("looks", "now_s"),
    [(MIN_POLLS - 1, LATE_S), (MIN_POLLS, SENT_AT_S + 179)],
)
@pytest.mark.parametrize("history", [[], [listed()]])
def test_nothing_is_concluded_from_too_few_looks_or_too_early(
    looks: int, now_s: float, history: list[Listed]
) -> None:
    assert settled([lost(looks=looks)], history, now_s) == [Wait()]


def test_nothing_left_is_absent_once_the_last_that_arrived_must_be_listed() -> None:
    assert settled([lost()], [], SENT_AT_S + 239) == [Wait()]
    assert settled([lost()], [], SENT_AT_S + 240) == [Absent()]


def test_a_history_that_forgot_the_time_proves_no_absence() -> None:
    """After a week off, the paid prediction may exist and be listed no more."""
    at_s = SENT_AT_S + RETENTION_S + 1
    assert settled([lost()], [], at_s) == [Ambiguous(())]


@pytest.mark.parametrize(
    "near",
    [
        {("spring/row-1", "p1"): NEAR + 0.1, ("spring/row-1", "p2"): 90.0},
        {("spring/row-1", "p1"): 3.0, ("spring/row-1", "p2"): 12.0},
    ],
)
def test_what_is_not_clearly_alike_stays_with_a_person(
    near: dict[tuple[str, str], float],
) -> None:
    history = [listed("p1"), listed("p2")]
    likeness = {(Ref.parse(ref), p): far for (ref, p), far in near.items()}
    (found,) = settled([lost()], history, likeness=likeness)
    assert isinstance(found, Ambiguous)


def test_lost_answers_are_rivals_where_model_and_time_overlap() -> None:
    one, two = lost(1), lost(2, sent_at_s=SENT_AT_S + 30)
    far, other = lost(3, sent_at_s=SENT_AT_S + 5_000), lost(4, model="n")
    one, two = (replace(each, until_s=SENT_AT_S + 240) for each in (one, two))
    groups = ambiguous_groups([far, other, two, one])
    assert [[a.ref.job for a in g.attempts] for g in groups] == [
        ["row-1", "row-2"],
        ["row-3"],
        ["row-4"],
    ]
    assert groups[0].begin_s < SENT_AT_S


requests = st.sampled_from([REQUEST, {**REQUEST, "prompt": "fall"}, {"prompt": "x"}])
histories = st.lists(
    st.builds(
        Listed,
        st.sampled_from([f"p{n}" for n in range(9)]),
        st.sampled_from(["m", "n", ""]),
        st.floats(SENT_AT_S - 200, SENT_AT_S + 400),
        st.sampled_from(["processing", "completed", "failed", "odd"]),
        st.none() | requests | st.just({}),
    ),
    max_size=6,
    unique_by=lambda listing: listing.prediction_id,
)
several = st.lists(
    st.builds(
        lost,
        st.integers(1, 5),
        request=requests,
        sent_at_s=st.floats(SENT_AT_S - 100, SENT_AT_S + 100),
        looks=st.integers(0, 5),
    ),
    max_size=4,
    unique_by=lambda attempt: attempt.ref,
)


@given(several, histories, st.floats(0, 2_000), st.data())
def test_whatever_is_listed_nobody_adopts_twice_and_only_what_fits(
    attempts: list[LostSubmission],
    history: list[Listed],
    after_s: float,
    data: st.DataObject,
) -> None:
    pairs = [(a.ref, c.prediction_id) for a in attempts for c in history]
    far = st.floats(0, 255)
    likeness = {pair: data.draw(far) for pair in pairs if data.draw(st.booleans())}
    now_s = SENT_AT_S + after_s
    found = reconcile(attempts, history, likeness, SETTLING_S, now_s)
    assert found.keys() == {attempt.ref for attempt in attempts}
    adopted = [f.prediction_id for f in found.values() if isinstance(f, Adopt)]
    assert len(adopted) == len(set(adopted))
    by_id = {listing.prediction_id: listing for listing in history}
    for attempt in attempts:
        finding = found[attempt.ref]
        if isinstance(finding, Adopt):
            own = by_id[finding.prediction_id]
            assert own.model in (attempt.model, "")
            for name, value in (own.inputs or {}).items():
                assert attempt.request.get(name, value) == value
        if isinstance(finding, Absent | Ambiguous):
            assert attempt.looks >= MIN_POLLS
            assert now_s - attempt.sent_at_s >= SETTLING_S
        if isinstance(finding, Absent):
            left = [c for c in history if c.prediction_id not in adopted]
            assert not [
                c
                for c in left
                if c.model in (attempt.model, "")
                and c.created_at_s >= attempt.sent_at_s
                and not c.inputs
                and c.status != "failed"
            ]
