"""Addresses of pictures: which the provider can be given, and what is wrong with one.

It decides by the text alone and never asks the network; whether a picture is really
there, and is a picture, is looked at by the producer.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from jobs.wording import shown

MAX_URL_CHARS = 2048

#: Plain addresses, which nearly all are, need no closer look.
_PLAIN = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::8\d{3})?/[\w%.~/=&?+-]*"
)
_FORBIDDEN = re.compile(r'[\s\\<>"\x00-\x20\x7f-\xa0\ud800-\udfff]')
_BARE_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?/.", re.ASCII)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

_UPLOAD = "local files are not uploaded yet: give the picture's http(s) address"


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with one value, and what to do about it."""

    #: A stable word for programs.
    kind: str
    #: What is wrong, with the value in it.
    message: str
    #: What to do next.
    suggestion: str


def flaw_of(url: str) -> Flaw | None:
    """What keeps an address from being given to the provider; None if nothing does."""
    if len(url) > MAX_URL_CHARS:
        return Flaw(
            "too-long",
            f"an address of {len(url)} characters is too long",
            f"give one of at most {MAX_URL_CHARS} characters",
        )
    if _PLAIN.fullmatch(url):
        return None
    scheme, colon, _ = url.partition("://")
    if not colon or scheme.casefold() not in {"http", "https"}:
        return _not_http(url)
    if found := _FORBIDDEN.search(url):
        return Flaw(
            "address",
            f"{shown(url)} has {_named(found[0])} in it",
            f"write it as %{ord(found[0]):02X}"
            if found[0] in ' "<>'
            else "take it out",
        )
    return _flaw_of_host(url)


def _named(char: str) -> str:
    if char == " ":
        return "a space"
    return shown(char) if char.isprintable() else f"the character U+{ord(char):04X}"


def _not_http(url: str) -> Flaw:
    folded = url[:10].casefold()
    if folded.startswith("data:"):
        return Flaw("data-url", "a data: address carries the picture itself", _UPLOAD)
    if url.startswith("//") or _BARE_HOST.match(url):
        return Flaw(
            "address",
            f"{shown(url)} does not say http or https",
            f"write https://{url.removeprefix('//')[:80]}",
        )
    if folded.startswith("file:") or "://" not in url or _DRIVE.match(url):
        return Flaw("local-file", f"{shown(url)} is no http(s) address", _UPLOAD)
    return Flaw(
        "address",
        f"{shown(url)} is not http or https",
        "give an http(s) address that everybody can open, such as a signed one",
    )


def _flaw_of_host(url: str) -> Flaw | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or not host.strip("."):
        return Flaw(
            "address",
            f"{shown(url)} has no usable host",
            "write it like https://example.com/mug.jpg",
        )
    if "@" in parts.netloc:
        return Flaw(
            "password-in-address",
            f"{shown(url)} carries a user or password",
            "give an address that needs none, such as a signed one",
        )
    return None
