"""Quotes are read exactly, in the newer and the older shape, and nothing else is."""

import json
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import catalogue
from jobs.catalogue.model import Model
from jobs.provider import prices
from jobs.provider.answers import NoAnswerError, NoQuoteError, Trouble
from jobs.provider.client import Provider
from jobs.provider.prices import PRICE, SOME_PICTURE, quote, read
from jobs.provider.replies import Reply
from tests.jobs.provider.hosts import (
    Answer,
    Host,
    ask_host,
    in_turn,
    page,
    sends,
)

V21 = catalogue.builtin().find("kling-v2.1-std")
V30 = catalogue.builtin().find("kling-v3.0-std")
INPUTS = {"image": "photos/mug.jpg", "prompt": "it turns", "duration": 5}


def said(data: str) -> bytes:
    return f'{{"code": 200, "message": "success", "data": {data}}}'.encode()


Found = int | NoQuoteError | NoAnswerError


def ask(
    answer: Answer, model: Model = V30, inputs: Mapping[str, object] = INPUTS
) -> tuple[Found, Host]:
    async def question(provider: Provider) -> Found:
        try:
            return await quote(provider, model, inputs)
        except (NoQuoteError, NoAnswerError) as error:
            return error

    return ask_host(answer, question)


def test_the_question_is_what_would_be_sent_without_a_local_path() -> None:
    found, there = ask(sends(page(said('{"price": 0.5, "discounted_price": 0.45}'))))
    assert found == 450_000
    (request,) = there.requests
    assert request.startswith(f"POST {PRICE} HTTP/1.1\r\n".encode())
    asked = json.loads(request.split(b"\r\n\r\n", 1)[1])
    assert asked["model_id"] == V30.id
    assert asked["inputs"]["image"] == SOME_PICTURE
    # What decides the price is said even where the row leaves it to the default.
    assert asked["inputs"]["sound"] is False
    assert b"photos" not in request


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        ("401 Unauthorized", Trouble.KEY),
        ("400 Bad Request", "refused"),
        ("404 Not Found", "refused"),
    ],
)
def test_a_refusal_is_told(status: str, trouble: str) -> None:
    found, _ = ask(sends(page(b'{"message": "no"}', status)))
    assert isinstance(found, NoQuoteError)
    assert found.trouble == trouble


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Busy"])
def test_a_provider_that_is_busy_is_asked_again(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "AGAIN_S", (0.0, 0.0))
    busy, good = sends(page(b"", status)), sends(page(said('{"price": 0.5}')))
    found, there = ask(in_turn(busy, busy, good))
    assert found == 500_000
    assert len(there.requests) == 3
    found, _ = ask(sends(page(b"", status)))
    assert isinstance(found, NoAnswerError)


@given(st.decimals("0.000001", 1_000, places=6))
def test_dollars_are_read_to_the_micro_dollar(dollars: Decimal) -> None:
    for written in (f"{dollars}", f'"{dollars}"'):
        body = said(f'{{"discounted_price": {written}}}')
        assert read(Reply(200, body, {})) == int(dollars * 1_000_000)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"[" * 100_000,
        said("null"),
        said("[]"),
        said("{}"),
        said('{"price": true}'),
        said('{"price": "free"}'),
        said('{"price": -1}'),
        said('{"price": 0}'),
        said('{"discounted_price": 0, "price": 1}'),
        said('{"price": 1e99}'),
        said('{"price": NaN}'),
        said('{"price": Infinity}'),
        said('{"price": {"usd": 1}}'),
        said('{"price": 1, "currency": "EUR"}'),
        said('{"price": 1, "currency": 7}'),
        said('{"discounted_price": "?", "price": 1}'),
    ],
)
def test_what_is_no_price_is_none(body: bytes) -> None:
    with pytest.raises(NoQuoteError):
        read(Reply(200, body, {}))


def test_inputs_go_as_the_model_wants_them() -> None:
    inputs = {"prompt": "p", "image": "https://e.com/a.jpg"}
    _, there = ask(sends(page(said('{"price": 0.25}'))), V21, inputs)
    asked = json.loads(there.requests[0].split(b"\r\n\r\n", 1)[1])["inputs"]
    assert asked == V21.request(inputs)
