"""Addresses of pictures: how one may be written, and what is wrong with one.

A picture is named by an http(s) address, by the URL of an object in a bucket, or by a
path. It decides by the text alone and never asks a disk or the network; whether a
picture is really there, and is a picture, is looked at by the producer.
"""

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from jobs.net import Standing, standing_of_host
from jobs.text import choice, shown

MAX_URL_CHARS = 2048
#: Longest path that Linux opens.
MAX_PATH_BYTES = 4096
#: Schemes of buckets that pictures are read from.
OBJECT_SCHEMES = ("s3", "gs", "az")

#: Plain addresses, which nearly all are, need no closer look. A host that begins with
#: a digit may be a number, and some names are those of metadata services.
_PLAIN = re.compile(
    r"https?://(?!metadata|instance-data)[a-z](?:[a-z0-9.-]*[a-z0-9])?(?::8\d{3})?"
    r"/[\w%.~/=&?+-]*"
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_FORBIDDEN = re.compile(r'[\s\\<>"\x00-\x20\x7f-\xa0\ud800-\udfff]')
_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class ValidationIssue:
    """What is wrong with one value, and what to do about it."""

    #: A stable word for programs.
    kind: str
    #: What is wrong, with the value in it.
    message: str
    #: What to do next.
    suggestion: str


def is_http(address: str) -> bool:
    """True if the provider could fetch it: an http or https address."""
    return address[:8].casefold().startswith(("http://", "https://"))


def is_object(address: str) -> bool:
    """True if it names an object in a bucket, such as `s3://bucket/mug.jpg`."""
    scheme = _SCHEME.match(address)
    return scheme is not None and scheme[1].casefold() in OBJECT_SCHEMES


def is_local(address: str) -> bool:
    """True if it is a path on this machine."""
    return not is_http(address) and not is_object(address)


def beside(address: str, file: str) -> str:
    """The address, a relative path being taken from the folder of the manifest.

    The listing of a folder ends with a slash; its paths can be opened as they are.

    >>> beside("../mug.jpg", "shop/lists/a.csv"), beside("https://a.b/c", "shop/a.csv")
    ('shop/mug.jpg', 'https://a.b/c')
    """
    if "/" not in file or file.endswith("/") or not is_local(address):
        return address
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), address))


def flaw_of(address: str) -> ValidationIssue | None:
    """What keeps an address from naming a picture; None if nothing does."""
    if _PLAIN.fullmatch(address) and len(address) <= MAX_URL_CHARS:
        return None
    scheme = _SCHEME.match(address)
    if scheme is None:
        return _flaw_of_path(address)
    if len(address) > MAX_URL_CHARS:
        return _too_long(len(address), f"{MAX_URL_CHARS} characters")
    name = scheme[1].casefold()
    if name in {"http", "https"}:
        return _flaw_of_web(address)
    return (_flaw_of_object if name in OBJECT_SCHEMES else _foreign)(address)


def _foreign(url: str) -> ValidationIssue:
    if url[:5].casefold() == "file:":
        message = f"{shown(url)} is written as a URL"
        return ValidationIssue("local-file", message, "write the path alone")
    objects = choice([f"{one}://" for one in OBJECT_SCHEMES])
    suggestion = f"give an http(s) address, a path, or an object as {objects}"
    return ValidationIssue("address", f"{shown(url)} cannot be opened", suggestion)


def _flaw_of_path(path: str) -> ValidationIssue | None:
    if found := _NO_NAME.search(path):
        message = f"{shown(path)} has {_named(found[0])} in it"
        return ValidationIssue("address", message, "take it out")
    size = len(path.encode())
    if size > MAX_PATH_BYTES and path[:5].casefold() != "data:":
        return _too_long(size, f"{MAX_PATH_BYTES} bytes")
    return _no_path(path)


def _no_path(path: str) -> ValidationIssue | None:
    """What looks like a path and is plainly something else."""
    if path[:5].casefold() == "data:":
        message = "a data: address carries the picture itself"
        return ValidationIssue(
            "data-url", message, "save the picture and give its path"
        )
    if path.startswith("//"):
        message = f"{shown(path)} does not say http or https"
        return ValidationIssue("address", message, f"write https:{path[:80]}")
    if path[:5].casefold() == "file:":
        return _foreign(path)
    if _DRIVE.match(path):
        message = f"{shown(path)} is a path of Windows"
        suggestion = "write it with / and relative to the manifest"
        return ValidationIssue("local-file", message, suggestion)
    if posixpath.basename(path) in {"", ".", ".."}:
        message = f"{shown(path)} names no file"
        return ValidationIssue("address", message, "give the path of one picture")
    return None


def _too_long(length: int, most: str) -> ValidationIssue:
    unit = most.split()[1]
    message = f"an address of {length} {unit} is too long"
    return ValidationIssue("too-long", message, f"give one of at most {most}")


def _flaw_of_object(url: str) -> ValidationIssue | None:
    if found := _NO_NAME.search(url):
        message = f"{shown(url)} has {_named(found[0])} in it"
        return ValidationIssue("address", message, "take it out")
    bucket, _, key = url.partition("://")[2].partition("/")
    if "@" in bucket:
        return _password(url)
    if not bucket or not key or key.endswith("/"):
        message = f"{shown(url)} names no object"
        return ValidationIssue(
            "address", message, "write it like s3://bucket/pictures/mug.jpg"
        )
    return None


def _flaw_of_web(url: str) -> ValidationIssue | None:
    if found := _FORBIDDEN.search(url):
        return ValidationIssue(
            "address",
            f"{shown(url)} has {_named(found[0])} in it",
            f"write it as %{ord(found[0]):02X}"
            if found[0] in ' "<>'
            else "take it out",
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or not host.strip("."):
        return ValidationIssue(
            "address",
            f"{shown(url)} has no usable host",
            "write it like https://example.com/mug.jpg",
        )
    if "@" in parts.netloc:
        return _password(url)
    if standing_of_host(host) is Standing.NEVER:
        message = f"{shown(url)} is a link-local address or a metadata service"
        suggestion = "give an address that everybody can open"
        return ValidationIssue("link-local", message, suggestion)
    return None


def _password(url: str) -> ValidationIssue:
    return ValidationIssue(
        "password-in-address",
        f"{shown(url)} carries a user or password",
        "give an address that needs none, such as a signed one",
    )


def _named(char: str) -> str:
    if char == " ":
        return "a space"
    return shown(char) if char.isprintable() else f"the character U+{ord(char):04X}"
