"""Why a picture could not be seen: in words for a person, and whether it may pass.

It judges answers and errors of the web, and never asks anybody; who does is `asking`.
"""

from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
import httpx

from jobs.net import BarredError, Standing, barred_by
from producer.image_checks.seen import ImageCheckError

#: What a look can use; anything else is a trouble.
_USABLE = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.PARTIAL_CONTENT,
        HTTPStatus.NOT_MODIFIED,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    }
)
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        *(
            status
            for status in HTTPStatus
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR
        ),
    }
)

#: Answers that have nothing to do with a range. All else may be meant for it: hosts
#: refuse one with 400, 403, 501 or 503, and serve the whole.
_SAYS_ALL = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.GONE,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def check(answer: httpx.Response) -> None:
    """Let pass what a look can use.

    Raises:
        ImageCheckError: a look cannot use it.
    """
    status = answer.status_code
    if status in _USABLE:
        encoding = answer.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise ImageCheckError(
                "comes packed although it was asked for as it is",
                "turn compression off for pictures on that host",
            )
        return
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        suggestion = "let everybody read it, or give a signed address"
    elif status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        suggestion = "nothing is there: check the address"
    else:
        suggestion = "see whether that host is well, then try again"
    raise ImageCheckError(
        f"cannot be read: the host answers HTTP {status}",
        suggestion,
        passing=status in _PASSING,
        after_s=_after_s(answer),
        to_range="range" in answer.request.headers and status not in _SAYS_ALL,
    )


def _after_s(answer: httpx.Response) -> float:
    """Seconds that a host wants to be left alone; 0 where it does not say."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(answer.headers.get("date", ""))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def timed_out(limit_s: float) -> ImageCheckError:
    """What a person is told where an answer was not over in time."""
    return ImageCheckError(
        f"did not come within {limit_s:g} s",
        "see whether that host is well, then try again",
        passing=True,
    )


def trouble_of(error: Exception) -> ImageCheckError:
    """What a person is told of an error on the way."""
    if (barred := barred_by(error)) is not None:
        return _trouble_of_barred(barred)
    below = error.__cause__ or error
    if isinstance(below, aiohttp.ClientConnectorDNSError):
        return ImageCheckError(
            "cannot be reached: its host has no address",
            "check how the host is spelt",
            passing=True,
        )
    if isinstance(below, aiohttp.ClientSSLError):
        return ImageCheckError(
            "cannot be reached: its host's certificate is not valid",
            "give an address whose certificate is",
        )
    words = str(below).partition("\n")[0] or type(below).__name__
    return ImageCheckError(
        f"cannot be read ({words})", "see whether that host is up", passing=True
    )


def _trouble_of_barred(barred: BarredError) -> ImageCheckError:
    """What a person is told of an address that is not asked."""
    if barred.standing is Standing.NEVER:
        return ImageCheckError(
            "leads to a link-local address, which is never asked",
            "give an address that everybody can open",
            trouble=barred.standing.value,
        )
    return ImageCheckError(
        "leads to a private address, which the provider cannot reach",
        "give an address that everybody can open, or a local file, which is uploaded",
        trouble=barred.standing.value,
    )
