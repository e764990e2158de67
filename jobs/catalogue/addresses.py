"""Addresses of pictures: how one may be written, and what is wrong with one.

A picture is named by an http(s) address, by the URL of an object in a bucket, or by a
path. The text alone is judged: no disk and no host is asked.
"""

import posixpath
import re
from urllib.parse import urlsplit

from jobs.catalogue.validation import InvalidValueError, invalid
from jobs.net import Standing, standing_of_host
from jobs.text import choice, shown

MAX_URL_CHARS = 2048
#: Longest path that Linux opens.
MAX_PATH_BYTES = 4096
#: Schemes of buckets that pictures are read from.
OBJECT_SCHEMES = ("s3", "gs", "az")

#: Nearly every address: a host without port, user or brackets, and a path.
_USUAL_URL = re.compile(r"https?://([a-z0-9.-]*[a-z0-9])/[!#-;=?-\[\]-~]*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_FORBIDDEN_IN_URL = re.compile(r'[\s\\<>"\x00-\x20\x7f-\xa0\ud800-\udfff]')
_FORBIDDEN_IN_PATH = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


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


def resolved(address: str, file: str) -> str:
    """The address, a relative path being taken from the folder of the manifest.

    The listing of a folder ends with a slash; its paths can be opened as they are.

    >>> resolved("../a.jpg", "shop/lists/a.csv"), resolved("https://a.b/c", "x/a.csv")
    ('shop/a.jpg', 'https://a.b/c')
    """
    if "/" not in file or file.endswith("/") or not is_local(address):
        return address
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), address))


def check_address(address: str) -> None:
    """Accept an address that can name a picture.

    Raises:
        InvalidValueError: it cannot, or it leads to a metadata service.
    """
    scheme = _SCHEME.match(address)
    if address[:5].casefold() in {"data:", "file:"}:
        raise _not_a_name(address)
    if scheme is None:
        _check_path(address)
    elif len(address) > MAX_URL_CHARS:
        raise _too_long(len(address), MAX_URL_CHARS, "characters")
    elif is_http(address):
        _check_url(address)
    elif is_object(address):
        _check_object(address)
    else:
        objects = choice([f"{one}://" for one in OBJECT_SCHEMES])
        suggestion = f"give an http(s) address, a path, or an object as {objects}"
        raise invalid("address", f"{shown(address)} cannot be opened", suggestion)


def _not_a_name(address: str) -> InvalidValueError:
    if address[:5].casefold() == "data:":
        message = "a data: address carries the picture itself"
        return invalid("data-url", message, "save the picture and give its path")
    message = f"{shown(address)} is written as a URL"
    return invalid("local-file", message, "write the path alone")


def _check_path(path: str) -> None:
    _refuse(_FORBIDDEN_IN_PATH, path)
    size = len(path.encode())
    if size > MAX_PATH_BYTES:
        raise _too_long(size, MAX_PATH_BYTES, "bytes")
    if path.startswith("//"):
        message = f"{shown(path)} does not say http or https"
        raise invalid("address", message, f"write https:{path[:80]}")
    if _DRIVE.match(path):
        suggestion = "write it with / and relative to the manifest"
        raise invalid("local-file", f"{shown(path)} is a path of Windows", suggestion)
    if posixpath.basename(path) in {"", ".", ".."}:
        suggestion = "give the path of one picture"
        raise invalid("address", f"{shown(path)} names no file", suggestion)


def _check_object(url: str) -> None:
    _refuse(_FORBIDDEN_IN_PATH, url)
    bucket, _, key = url.partition("://")[2].partition("/")
    if "@" in bucket:
        raise _password(url)
    if not bucket or not key or key.endswith("/"):
        suggestion = "write it like s3://bucket/pictures/mug.jpg"
        raise invalid("address", f"{shown(url)} names no object", suggestion)


def _check_url(url: str) -> None:
    usual = _USUAL_URL.fullmatch(url)
    if standing_of_host(usual[1] if usual else _host_of(url)) is Standing.NEVER:
        message = f"{shown(url)} is a link-local address or a metadata service"
        suggestion = "give an address that everybody can open"
        raise invalid("link-local", message, suggestion)


def _host_of(url: str) -> str:
    _refuse(_FORBIDDEN_IN_URL, url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or not host.strip("."):
        suggestion = "write it like https://example.com/mug.jpg"
        raise invalid("address", f"{shown(url)} has no usable host", suggestion)
    if "@" in parts.netloc:
        raise _password(url)
    return host


def _refuse(forbidden: re.Pattern[str], address: str) -> None:
    if found := forbidden.search(address):
        char = found[0]
        name = shown(char) if char.isprintable() else f"the character U+{ord(char):04X}"
        message = f"{shown(address)} has {'a space' if char == ' ' else name} in it"
        can_be_quoted = forbidden is _FORBIDDEN_IN_URL and char in ' "<>'
        instead = f"write it as %{ord(char):02X}" if can_be_quoted else "take it out"
        raise invalid("address", message, instead)


def _too_long(length: int, most: int, unit: str) -> InvalidValueError:
    message = f"an address of {length} {unit} is too long"
    return invalid("too-long", message, f"give one of at most {most} {unit}")


def _password(url: str) -> InvalidValueError:
    message = f"{shown(url)} carries a user or password"
    suggestion = "give an address that needs none, such as a signed one"
    return invalid("password-in-address", message, suggestion)
