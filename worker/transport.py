"""The seam to httpx: one client, one question about its errors.

The question is whether anything could have left this machine, because a paid request
may be repeated only if nothing did. httpx's class alone does not answer it: the
transport behind it reports a connection that broke *after* the request as
`ConnectTimeout`. So what counts is the transport's own error underneath, and whatever
is not known to happen before the first byte counts as sent.
"""

import os
from http.cookiejar import CookieJar, DefaultCookiePolicy

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

#: Connections one process holds; more requests at once wait for one.
CONNECTIONS = 128

CONNECT_TIMEOUT_S = 10.0

#: aiohttp's errors while it is still connecting: not a byte of the request has left.
BEFORE_SENDING_BELOW = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)

#: httpx's errors that it raises by itself before it asks the transport for anything,
#: or, on its own transport, while connecting.
BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


#: All that a request can end in: aiohttp's own errors are not all translated.
REQUEST_ERRORS = (
    httpx.HTTPError,
    httpx.InvalidURL,
    aiohttp.ClientError,
    OSError,
    ValueError,
)


def could_have_left(error: BaseException) -> bool:
    """Whether a request that ended in `error` may have reached the provider."""
    below = error.__cause__
    if isinstance(below, aiohttp.ClientError | TimeoutError | OSError):
        return not isinstance(below, BEFORE_SENDING_BELOW)
    return not isinstance(error, BEFORE_SENDING)


def make_client(read_timeout_s: float) -> httpx.AsyncClient:
    """A client for one event loop; it follows no redirect and keeps no cookie."""
    # With proxies from the environment aiohttp also takes logins from `.netrc`: it
    # would show them to file hosts, and refuse every request that has our own key.
    os.environ["NETRC"] = os.devnull

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=True,
        )

    timeout = httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S)
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(
        transport=AiohttpTransport(client=session),
        timeout=timeout,
        cookies=no_cookies,
        follow_redirects=False,
    )
