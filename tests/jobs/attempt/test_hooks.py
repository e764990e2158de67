"""Webhooks: nobody else can name an attempt, and nothing old or altered is believed."""

import hashlib
import hmac
from base64 import b64encode
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from hypothesis import example, given
from hypothesis import strategies as st

from jobs.attempt.hooks import (
    OLDEST_S,
    Attempted,
    Delivery,
    Genuine,
    asking,
    genuine,
    opened,
    sealed,
    token_key,
)
from jobs.transitions import Ref

KEY = token_key("acme", "wsk-1")
SECRET = "whsec_0123456789"
NOW_S = 1_800_000_000.0

attempts = st.builds(
    Attempted,
    st.builds(
        Ref, st.from_regex(r"[A-Za-z0-9_-]{1,60}", fullmatch=True), st.text(min_size=1)
    ),
    st.integers(0, 10**6),
)


def signed(body: bytes, at_s: float = NOW_S, secret: str = SECRET) -> Delivery:
    stamp = str(int(at_s))
    text = f"msg_1.{stamp}.".encode() + body
    key = secret.removeprefix("whsec_").encode()
    digits = hmac.new(key, text, hashlib.sha256).hexdigest()
    return Delivery("msg_1", stamp, f"v3,{digits}", body)


@given(attempts)
def test_a_token_names_its_attempt(attempted: Attempted) -> None:
    assert opened(KEY, sealed(KEY, attempted)) == attempted


@given(attempts, st.integers(0, 200), st.characters(codec="ascii"))
def test_a_token_that_was_altered_names_nothing(
    attempted: Attempted, place: int, letter: str
) -> None:
    token = sealed(KEY, attempted)
    place %= len(token)
    altered = token[:place] + letter + token[place + 1 :]
    assert altered == token or opened(KEY, altered) is None


@given(st.text())
@example("")
@example(".")
@example("ä.ä")
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert opened(KEY, text) is None


def test_a_path_asks_for_the_address_with_its_token() -> None:
    parts = urlsplit(asking("/api/v3/m", "https://h.example/a b/", "t.1"))
    assert parts.path == "/api/v3/m"
    assert parse_qs(parts.query) == {"webhook": ["https://h.example/a b/t.1"]}


@given(st.binary(max_size=200))
def test_what_is_signed_is_genuine_and_nothing_else(body: bytes) -> None:
    delivery = signed(body)
    assert genuine(delivery, SECRET, NOW_S) is Genuine.YES
    for other in (
        replace(delivery, body=body + b" "),
        replace(delivery, id="msg_2"),
        replace(delivery, timestamp=f"{delivery.timestamp}0"),
        replace(delivery, signature=""),
        replace(delivery, signature=delivery.signature[:-1]),
        replace(delivery, signature=delivery.signature.removeprefix("v3,")),
        replace(delivery, signature="ü"),
    ):
        assert genuine(other, SECRET, NOW_S) is Genuine.FORGED
    assert genuine(delivery, "whsec_other", NOW_S) is Genuine.FORGED


def test_one_of_two_signatures_is_enough_while_a_secret_changes() -> None:
    old, new = signed(b"{}", secret="whsec_old"), signed(b"{}")
    both = replace(new, signature=f"{old.signature} {new.signature}")
    assert genuine(both, SECRET, NOW_S) is Genuine.YES


@given(st.floats(-10 * OLDEST_S, 10 * OLDEST_S))
def test_what_was_signed_long_ago_or_in_the_future_is_stale(age_s: float) -> None:
    verdict = genuine(signed(b"{}", int(NOW_S - age_s)), SECRET, NOW_S)
    fresh = abs(NOW_S - int(NOW_S - age_s)) <= OLDEST_S
    assert verdict is (Genuine.YES if fresh else Genuine.STALE)


def test_a_signed_timestamp_that_is_no_number_is_stale() -> None:
    text = b"msg_1.soon.{}"
    digits = hmac.new(b"0123456789", text, hashlib.sha256).hexdigest()
    delivery = Delivery("msg_1", "soon", f"v3,{digits}", b"{}")
    assert genuine(delivery, SECRET, NOW_S) is Genuine.STALE


def test_the_standard_form_is_genuine_too_with_its_own_key() -> None:
    secret, body = "whsec_" + b64encode(b"a standard secret").decode(), b'{"id": "p"}'
    text = f"msg_1.{int(NOW_S)}.".encode() + body
    digest = hmac.new(b"a standard secret", text, hashlib.sha256).digest()
    signature = f"v1,{b64encode(digest).decode()}"
    delivery = Delivery("msg_1", str(int(NOW_S)), signature, body)
    assert genuine(delivery, secret, NOW_S) is Genuine.YES
    assert genuine(delivery, secret, NOW_S + OLDEST_S + 1) is Genuine.STALE
    assert genuine(replace(delivery, body=b"{}"), secret, NOW_S) is Genuine.FORGED
    raw = hmac.new(secret[6:].encode(), text, hashlib.sha256).digest()
    mixed = replace(delivery, signature=f"v1,{b64encode(raw).decode()}")
    assert genuine(mixed, secret, NOW_S) is Genuine.FORGED
