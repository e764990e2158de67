"""What an answer says: clear ones are clear, and no hostile one does any harm."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.provider import listings, replies
from jobs.provider.answers import (
    Accepted,
    AccountTrouble,
    AnswerLost,
    Completed,
    Listed,
    Missing,
    Over,
    PollAgain,
    Refused,
    Running,
    Throttled,
    Trouble,
)
from jobs.provider.replies import Reply
from tests.strategies import json_values


def reply(
    body: object = None, status: int = 200, headers: dict[str, str] | None = None
) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, raw, headers or {})


def says(**data: object) -> Reply:
    return reply({"code": 200, "message": "success", "data": data})


BROKE, NO_KEY = Trouble.BALANCE, Trouble.KEY

SUBMITTED = [
    (says(id="p1", status="created"), Accepted("p1")),
    (reply({"code": 200, "data": {"id": "a" * 128}}), Accepted("a" * 128)),
    *(
        (reply({"message": "bad"}, status), Refused(status, "bad"))
        for status in (400, 404, 413)
    ),
    (reply({"error": "what?"}, 422), Refused(422, "what?")),
    (reply({"code": 400, "message": "bad"}), Refused(400, "bad")),
    (reply({"message": "slow"}, 429), Throttled("slow")),
    (reply({"code": 429, "message": "slow"}), Throttled("slow")),
    (reply({"message": "?"}, 401), AccountTrouble(NO_KEY, "?")),
    (reply({"message": "?"}, 402), AccountTrouble(BROKE, "?")),
    # An empty account is known by its code, wherever that stands.
    (reply({"message": "?", "code": 1407}, 400), AccountTrouble(BROKE, "?")),
    *(
        (reply({"message": "?", **body}), AccountTrouble(BROKE, "?"))
        for body in (
            {"code": 402},
            {"code": "1407"},
            {"error_code": 1407},
            {"code": 200, "data": {"code": 1407}},
            {"data": {"code": "1407", "id": ""}},
        )
    ),
]


FUNDS = 'a sign that says "insufficient funds, top up your balance"'


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_words_about_money_do_not_change_a_refusal(status: int) -> None:
    words = f"invalid prompt: {FUNDS} violates the policy; insufficient credits"
    assert replies.submitted(reply({"message": words}, status)) == Refused(
        status, words
    )


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        ("insufficient_credits", Trouble.BALANCE),
        ("Your balance is too low.", Trouble.BALANCE),
        ("Please top-up to use this model", Trouble.BALANCE),
        ("insufficient permissions for this model", Trouble.PERMISSION),
        ("a fundamental rule was broken", Trouble.PERMISSION),
        (f"this prompt is not allowed: {FUNDS}", Trouble.PERMISSION),
        ("not allowed: “lack of funds”, «no balance», `top up`", Trouble.PERMISSION),
    ],
)
def test_of_a_403_the_words_tell_whether_it_is_about_money(
    words: str, trouble: Trouble
) -> None:
    answer = replies.submitted(reply({"message": words}, 403))
    assert answer == AccountTrouble(trouble, words)


@pytest.mark.parametrize(("answer", "expected"), SUBMITTED)
def test_a_clear_answer_to_a_paid_request_is_understood(
    answer: Reply, expected: object
) -> None:
    assert replies.submitted(answer) == expected


#: Something may exist and be charged: nobody may take these for a no.
UNCLEAR = [
    *(reply({"message": "oh"}, status) for status in (500, 502, 503, 504, 520, 599)),
    *(reply({"message": "moved"}, status) for status in (301, 302, 303, 307, 308)),
    *(
        reply({"data": {"id": "p1"}}, status)
        for status in (201, 202, 204, 206, 400, 404, 408, 422, 429)
    ),
    *(reply(None, status) for status in (100, 409, 410, 418, 425, 451)),
    reply(b""),
    reply(b"<html><body>hello</body></html>"),
    reply(b"\xff\xfe\x00"),
    reply(b"[" * 100_000),
    reply(b'{"data":' * 50_000),
    reply(b'{"data": {"id": ' + b"9" * 10_000 + b"}}"),
    reply(b'{"data": {"id": NaN}}'),
    reply({}),
    reply([]),
    reply("p1"),
    *(reply({"data": data}) for data in (None, [], [{"id": "p1"}], "p1")),
    reply({"id": "p1"}),
    reply({"code": "200", "data": {}}),
    reply({"code": "429", "message": "slow"}),
    reply({"code": 5000, "message": "internal"}),
    *(says(id=given) for given in ("", None, 17, True, ["p1"], "a" * 129)),
    *(says(id=given) for given in ("../p1", "p/1", "p 1", "p1\n", "p1\u2028")),
    *(says(id=given) for given in ("\uff50\uff11", "p1?x=1")),
    reply({"code": 400, "data": {"id": "not/usable"}}),
    reply({"code": 429, "data": {"id": ["p1"]}}),
    reply({"code": 401, "data": {"id": 17}}),
]


@pytest.mark.parametrize("answer", UNCLEAR, ids=lambda a: repr(a)[:60])
def test_an_unclear_answer_to_a_paid_request_is_lost(answer: Reply) -> None:
    assert isinstance(replies.submitted(answer), AnswerLost)


A, B = "https://x.de/1.mp4", "https://x.de/2.mp4"

STATUSES = {
    "created": ("created", "queued", "IN_QUEUE"),
    "processing": ("processing", "PROCESSING", "in progress"),
    "": ("",),
    "warming_up": ("Warming-Up\n",),
}
ENDS = {
    "failed": ("failed", "FAILED", "error"),
    "cancelled": ("cancelled", "canceled"),
    "timeout": ("timeout", "Timed Out"),
    "deleted": ("Deleted",),
}

POLLED = [
    *(
        (says(id="p1", status=word), Running(status))
        for status, words in STATUSES.items()
        for word in words
    ),
    *(
        (says(status=word, error="why\n"), Over(status, 0, "why"))
        for status, words in ENDS.items()
        for word in words
    ),
    *(
        (says(status=word, outputs=[A]), Completed((A,)))
        for word in ("completed", "COMPLETED", "succeeded", "SUCCEED", "success")
    ),
    (
        says(status="completed", outputs=A, timings={"inference": 9e3}),
        Completed((A,), 9),
    ),
    (
        says(status="failed", error={"code": 1400, "message": "no picture"}),
        Over("failed", 1400, "no picture"),
    ),
    (
        says(status="failed", code=5000, error={"code": 7, "message": None}),
        Over("failed", 5000, ""),
    ),
    (says(status="failed", code="1200", error=None), Over("failed", 1200, "")),
    (says(status="failed", code="1e9", error=None), Over("failed", 0, "")),
    (reply({"message": "?"}, 404), Missing("?")),
    (reply({"message": "?"}, 401), AccountTrouble(Trouble.KEY, "?")),
]


@pytest.mark.parametrize(("answer", "expected"), POLLED)
def test_a_poll_is_understood(answer: Reply, expected: object) -> None:
    assert replies.polled(answer, "p1") == expected


EIGHT = tuple(f"https://x.de/{n}" for n in range(8))

POLL_AGAIN = [
    *(reply({}, status) for status in (302, 400, 429, 500, 502, 503, 504)),
    reply(b""),
    reply(b"<html>"),
    reply({"data": None}),
    says(),
    says(status=None),
    says(status=7),
    says(id="p2", status="failed"),
    says(id="p2", status="completed", outputs=["https://x.de/1.mp4"]),
    says(id=None, status="failed"),
]


@pytest.mark.parametrize("answer", POLL_AGAIN, ids=lambda a: repr(a)[:70])
def test_what_says_nothing_about_a_prediction_ends_nothing(answer: Reply) -> None:
    assert isinstance(replies.polled(answer, "p1"), PollAgain)


@pytest.mark.parametrize(
    ("outputs", "addresses"),
    [
        (A, (A,)),
        ([A, B], (A, B)),
        ([None, "", A], (A,)),
        ([A, A, B], (A, B)),
        ({"url": A}, (A,)),
        ([{"video": A}], (A,)),
        ([{"cover": B, "id": "1", "video": {"url": A}}], (A, B)),
        ([[[A]]], (A,)),
        ([f"  {A}\n"], (A,)),
        (["/1.mp4", "//y.de/2.mp4"], ("https://api.de/1.mp4", "https://y.de/2.mp4")),
        (["https://x.de/my clip.mp4?a=b c"], ("https://x.de/my%20clip.mp4?a=b%20c",)),
        (["https://x.de/a%20b"], ("https://x.de/a%20b",)),
        (["https://x.de/ü"], ("https://x.de/ü",)),
        ([f"https://x.de/{n}" for n in range(99)], EIGHT),
    ],
)
def test_every_entry_of_outputs_is_an_address_or_passed_over(
    outputs: object, addresses: tuple[str, ...]
) -> None:
    urls = {"get": "https://api.de/api/v3/predictions/p1/result"}
    answer = says(status="completed", outputs=outputs, urls=urls)
    assert replies.polled(answer, "p1") == Completed(addresses)


@pytest.mark.parametrize(
    "millis",
    ["9" * 400, "-1", "NaN", "Infinity", "-Infinity", "1e300", "true", '"1"', "[]"],
)
def test_a_time_that_cannot_be_counted_with_is_none(millis: str) -> None:
    """It would go into what is learnt, and from there into every later wait."""
    body = (
        '{"data": {"status": "completed", "outputs": ["https://x.de/1"],'
        f' "timings": {{"inference": {millis}}}}}}}'
    )
    found = replies.polled(reply(body.encode()), "p1")
    assert found == Completed(("https://x.de/1",), None)


NOW = datetime.now(UTC)
FAR = "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"
WAITS = {
    "7": 7.0,
    "0": 0.0,
    " 1.5 ": 1.5,
    "9" * 5_000: 999_999_999_999.0,
    "Wed, 21 Oct 2015 07:28:00 GMT": 0.0,
    "Wed, 21 Oct 2015 07:28:00": 0.0,
    **dict.fromkeys(["", "-5", ".", "1.2.3", "nan", "inf", "soon", "٣", "7 seconds"]),
    **dict.fromkeys([FAR, "Mon, 1 Jan 2026 00:00:00 +99999999999999999"]),
    "Mon, 1 Jan 2026 99:00:00 GMT": None,
}


@pytest.mark.parametrize(("text", "expected"), WAITS.items())
def test_retry_after_is_seconds_or_a_date_or_nothing(
    text: str, expected: float | None
) -> None:
    assert replies.retry_after_s(reply({}, 429, {"retry-after": text})) == expected


def test_retry_after_as_a_date_goes_by_the_clock_that_the_answer_is_dated_with() -> (
    None
):
    dated = format_datetime(NOW + timedelta(days=1), usegmt=True)
    later = format_datetime(NOW + timedelta(days=1, seconds=2), usegmt=True)
    answer = reply({}, 429, {"retry-after": later, "date": dated})
    assert replies.retry_after_s(answer) == 2.0


ITEM = {
    "id": "p1",
    "model": "m",
    "status": "created",
    "created_at": "2026-05-19T06:09:15.948268264Z",
}
AT_S = datetime(2026, 5, 19, 6, 9, 15, 948268, tzinfo=UTC).timestamp()


def test_a_page_of_the_history_is_read() -> None:
    assert listings.listed(says(items=[])) == []
    assert listings.listed(says(items=[ITEM])) == [Listed("p1", "m", AT_S, "created")]


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
    (listing,) = listings.listed(says(items=[{**ITEM, **shown}]))
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
    with pytest.raises(ValueError, match=r"\w"):
        listings.listed(answer)


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
    (record,) = listings.billed(says(items=[{**BILLING, "price": price}]))
    assert record.amount_usd_micros == micros
    assert (record.prediction_id, record.kind) == ("p1", "deduct")


@pytest.mark.parametrize(
    "price", ["", "abc", "NaN", "1e999999999", None, True, [], float("inf"), 10**30]
)
def test_a_price_that_cannot_be_read_makes_no_page(price: object) -> None:
    with pytest.raises(ValueError, match="is no price"):
        listings.billed(says(items=[{**BILLING, "price": price}]))


#: Answers that look right at first and are wrong somewhere inside.
NAMES = [
    *(*ITEM, *BILLING, "code", "data", "outputs", "items", "error", "message"),
    *("timings", "inference", "inputs", "url"),
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
    replies.date_s,
    replies.retry_after_s,
]


@given(
    status=st.sampled_from([200, 200, 200, 404, 429, 500]), body=bodies, head=headings
)
def test_no_answer_whatever_makes_a_reader_raise(
    status: int, body: bytes, head: dict[str, str]
) -> None:
    answer = Reply(status, body, head)
    for read in READERS:
        read(answer)
    for read_page in (listings.listed, listings.billed):
        with suppress(ValueError):
            read_page(answer)


@given(status=st.integers(100, 599), body=bodies)
def test_only_an_answer_of_200_with_an_id_is_an_acceptance(
    status: int, body: bytes
) -> None:
    answer = replies.submitted(Reply(status, body, {}))
    if isinstance(answer, Accepted):
        assert status == 200
        assert json.loads(body)["data"]["id"] == answer.prediction_id
