"""Pages of listings: read whole or not at all; and no answer whatever does harm."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.provider.answers import (
    Accepted,
    AnswerLost,
    Listed,
)
from tests.strategies import json_values
from worker import pages, replies
from worker.replies import Reply


def reply(
    body: object = None, status: int = 200, headers: dict[str, str] | None = None
) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, raw, headers or {})


def says(**data: object) -> Reply:
    return reply({"code": 200, "message": "success", "data": data})


ITEM = {
    "id": "p1",
    "model": "m",
    "status": "created",
    "created_at": "2026-05-19T06:09:15.948268264Z",
}
AT_S = datetime(2026, 5, 19, 6, 9, 15, 948268, tzinfo=UTC).timestamp()


def test_a_page_of_the_history_is_read() -> None:
    assert pages.listed(says(items=[])) == []
    assert pages.listed(says(items=[ITEM])) == [Listed("p1", "m", AT_S, "created")]


@pytest.mark.parametrize(
    ("word", "status"),
    [("COMPLETED", "completed"), ("error", "failed"), ("Warming up", "warming_up")],
)
def test_a_status_is_read_in_whatever_form_it_is_listed(word: str, status: str) -> None:
    for found in (
        pages.listed(says(items=[{**ITEM, "status": word}])),
        [pages.shown(says(**{**ITEM, "status": word}))],
    ):
        assert [each and each.status for each in found or ()] == [status]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({"inputs": {"a": 1}}, {"a": 1}),
        ({"input": {"a": 1}}, {"a": 1}),
        ({"inputs": {}}, None),
        ({"inputs": "a"}, None),
        ({"inputs": None}, None),
    ],
)
def test_inputs_that_are_not_shown_are_none(
    shown: dict[str, object], expected: object
) -> None:
    """Taken for inputs that differ they would prove an absence that is none."""
    (listing,) = pages.listed(says(items=[{**ITEM, **shown}])) or []
    assert listing.inputs == expected


@pytest.mark.parametrize(
    "answer",
    [
        reply({}, 500),
        reply({"data": {"items": [ITEM]}}, 206),
        says(),
        says(items=None),
        says(items={}),
        says(items=[ITEM, "p2"]),
        says(items=[ITEM, {**ITEM, "id": "a/b"}]),
        says(items=[ITEM, {**ITEM, "id": 7}]),
        says(items=[ITEM, {**ITEM, "created_at": "yesterday"}]),
        says(items=[ITEM, {**ITEM, "created_at": 7}]),
        reply(b"<html>"),
    ],
    ids=lambda a: repr(a)[:70],
)
def test_a_page_with_anything_unreadable_is_no_page(answer: Reply) -> None:
    assert pages.listed(answer) is None


BILLING = {
    "uuid": "b1",
    "billing_type": "deduct",
    "price": 0.21,
    "created_at": "2026-05-19T06:09:15Z",
    "prediction": {"uuid": "p1"},
}


@pytest.mark.parametrize(
    ("price", "micros"),
    [(0.21, 210_000), (-0.252, 252_000), ("0.21", 210_000), (210_000, 210_000)],
)
def test_a_billed_price_is_exact(price: object, micros: int) -> None:
    (record,) = pages.billed(says(items=[{**BILLING, "price": price}])) or []
    assert record.amount_usd_micros == micros
    assert (record.prediction_id, record.kind) == ("p1", "deduct")


@pytest.mark.parametrize(
    "price", ["", "abc", "NaN", "1e999999999", None, True, [], float("inf"), 10**30]
)
def test_a_price_that_cannot_be_read_makes_no_page(price: object) -> None:
    assert pages.billed(says(items=[{**BILLING, "price": price}])) is None


#: Answers that look right at first and are wrong somewhere inside.
NAMES = [
    "code",
    "data",
    "id",
    "status",
    "outputs",
    "items",
    "error",
    "message",
    "created_at",
    "timings",
    "inference",
    "inputs",
    "price",
    "billing_type",
    "prediction",
    "uuid",
    "model",
    "url",
]
leaves = st.one_of(
    json_values,
    st.sampled_from(["completed", "failed", "p1", "https://x.de/1", "deduct", 1200]),
    st.datetimes().map(datetime.isoformat),
)
parts = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
)
objects = st.dictionaries(st.sampled_from(NAMES), parts, max_size=5)
bodies = st.binary(max_size=200) | objects.map(lambda o: json.dumps(o).encode())
headings = st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text())

READERS: list[Callable[[Reply], object]] = [
    replies.submitted,
    lambda answer: replies.polled(answer, "p1"),
    pages.listed,
    pages.billed,
    pages.shown,
    replies.date_s,
    replies.retry_after_s,
]


@given(
    status=st.sampled_from([200, 200, 200, 404, 429, 500]), body=bodies, head=headings
)
def test_no_answer_whatever_makes_a_reader_raise(
    status: int, body: bytes, head: dict[str, str]
) -> None:
    for read in READERS:
        read(Reply(status, body, head))


@given(status=st.integers(100, 599), body=bodies)
def test_only_an_answer_of_200_with_an_id_is_an_acceptance(
    status: int, body: bytes
) -> None:
    answer = replies.submitted(Reply(status, body, {}))
    if isinstance(answer, Accepted):
        assert status == 200
        assert json.loads(body)["data"]["id"] == answer.prediction_id


@given(st.integers(500, 599), bodies)
def test_an_error_of_the_server_is_never_taken_for_a_no(
    status: int, body: bytes
) -> None:
    assert isinstance(replies.submitted(Reply(status, body, {})), AnswerLost)
