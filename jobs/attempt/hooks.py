"""Webhooks of the provider: whose attempt one is about, and whether it is genuine.

Pure: keys, secrets and times are arguments. A webhook is a hint and never proof, so
what it says is asked of the provider before anything moves; that, and receiving them,
is `worker.hooks`'s.
"""

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote

from jobs.transitions import Ref

#: What is signed longer ago is refused (wavespeed.ai/docs-api/verifying_webhook).
OLDEST_S = 300.0

#: Hex digits of a token's seal; half of SHA-256 is far beyond guessing.
SEAL_DIGITS = 32

SCHEME = "v3"
STANDARD_SCHEME = "v1"


class Attempted(NamedTuple):
    """The attempt that a token names: its job, under one permit."""

    ref: Ref
    fencing_token: int


class Genuine(StrEnum):
    """Whether a webhook comes from the provider, and now."""

    YES = "yes"  #: signed with the account's secret, a short while ago
    FORGED = "forged"  #: the signature is another one, or none
    STALE = "stale"  #: signed too long ago, or in the future


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook as it came: its three headers and its body."""

    id: str
    #: Unix seconds, as text.
    timestamp: str
    #: `v3,` and hex digits, or `v1,` and base64; several are parted by blanks.
    signature: str
    body: bytes


def token_key(account_id: str, api_key: str) -> bytes:
    """The key that seals the tokens of an account; it does not reveal the API key."""
    purpose = f"attempt token of {account_id}"
    return hmac.digest(api_key.encode(), purpose.encode(), hashlib.sha256)


def sealed(key: bytes, attempted: Attempted) -> str:
    """The token of an attempt: part of an address, and nobody else can make one."""
    name = urlsafe_b64encode(f"{attempted.ref}#{attempted.fencing_token}".encode())
    text = name.decode().rstrip("=")
    return f"{text}.{_seal(key, text)}"


def opened(key: bytes, token: str) -> Attempted | None:
    """The attempt that a token names; None if it was not sealed with this key."""
    text, _, seal = token.partition(".")
    if not hmac.compare_digest(_seal(key, text).encode(), seal.encode()):
        return None
    try:
        name = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeError):
        return None
    ref, _, fencing_token = name.rpartition("#")
    return Attempted(Ref.parse(ref), int(fencing_token))


def asking(path: str, webhook_url: str, token: str) -> str:
    """The path of a paid request that asks for a webhook when it is over.

    Source: https://wavespeed.ai/docs/how-to-use-webhooks.
    """
    address = f"{webhook_url.rstrip('/')}/{token}"
    return f"{path}?webhook={quote(address, safe='')}"


def genuine(delivery: Delivery, secret: str, now_s: float) -> Genuine:
    """Whether a webhook was signed with this secret, and lately.

    What is signed is the id, the timestamp and the body as it came, parted by dots. Two
    forms are known. Of `v3` the key is the secret without its `whsec_`, as it is, and
    the signature is hex (https://wavespeed.ai/docs/docs-api/verifying_webhook). Of `v1`
    the key is decoded from base64 and the signature is base64 (Standard Webhooks
    specification, https://www.standardwebhooks.com).
    """
    head = f"{delivery.id}.{delivery.timestamp}."
    signed = head.encode("utf-8", "replace") + delivery.body
    key = secret.removeprefix("whsec_").encode()
    own = [f"{SCHEME},{hmac.digest(key, signed, hashlib.sha256).hex()}".encode()]
    with suppress(binascii.Error):  # a secret of the first form may be no base64
        digest = hmac.digest(b64decode(key, validate=True), signed, hashlib.sha256)
        own.append(f"{STANDARD_SCHEME},".encode() + b64encode(digest))
    given = delivery.signature.encode("utf-8", "replace").split()
    if not any(hmac.compare_digest(mine, each) for mine in own for each in given):
        return Genuine.FORGED
    if not (delivery.timestamp.isascii() and delivery.timestamp.isdigit()):
        return Genuine.STALE
    age_s = now_s - int(delivery.timestamp[:12])
    return Genuine.YES if abs(age_s) <= OLDEST_S else Genuine.STALE


def _seal(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode("utf-8", "replace"), hashlib.sha256)
    return digest.hex()[:SEAL_DIGITS]
