"""The address of the ledger's server, in the one form that a person writes.

It decides what such an address means and refuses what it cannot mean; it never
connects. How Celery's transport and redis-py are told the same stands in `broker` and
in `ledger.connecting`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

PLAIN, TLS, UNIX = "redis", "rediss", "unix"
SENTINEL, SENTINEL_TLS = "sentinel", "sentinels"

SCHEMES = (PLAIN, TLS, UNIX, SENTINEL, SENTINEL_TLS)

PORTS = {PLAIN: 6379, TLS: 6379, SENTINEL: 26379, SENTINEL_TLS: 26379}

LARGEST_PORT = 65_535

#: Options about certificates: files, and what is demanded of the other side.
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
DEMANDS = {
    "ssl_cert_reqs": ("required", "optional", "none"),
    "ssl_check_hostname": ("true", "false"),
}
#: Whether sentinels ask for the servers' user and password as well.
SENTINEL_AUTH = {"sentinel_auth": ("true", "false")}

#: Which of them an address of a scheme may have.
CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    PLAIN: {},
    TLS: DEMANDS,
    UNIX: {},
    SENTINEL: SENTINEL_AUTH,
    SENTINEL_TLS: {**SENTINEL_AUTH, **DEMANDS},
}

_QUOTE = "write /, ?, @ and # in a password as %2F, %3F, %40 and %23"


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Where the ledger's server is, or who knows where it is."""

    scheme: str
    #: Host and port of the server, or of each sentinel; empty for a socket.
    hosts: tuple[tuple[str, int], ...] = ()
    #: Path of a Unix socket.
    socket: str = ""
    #: The name that sentinels know the server by.
    master: str = ""
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    #: Whether sentinels ask for user and password too.
    sentinel_auth: bool = False
    #: Options of a TLS connection, in redis-py's names.
    tls: Mapping[str, str | bool] = field(default_factory=dict)

    @property
    def is_sentinel(self) -> bool:
        """Whether `hosts` are sentinels rather than the server."""
        return self.scheme in (SENTINEL, SENTINEL_TLS)

    @property
    def is_tls(self) -> bool:
        """Whether everything goes over TLS."""
        return self.scheme in (TLS, SENTINEL_TLS)


def read(text: str) -> RedisUrl:
    """The address that is written like this.

        redis://[user:password@]host[:port][/db]
        rediss://[user:password@]host[:port][/db][?ssl_ca_certs=FILE&...]
        unix:///path/of/socket[?db=0]
        sentinel://[user:password@]host[:port],host[:port],.../name[/db]
        sentinels://...                          the same over TLS

    >>> read("sentinel://:secret@a,b:26380/mymaster/1").hosts
    (('a', 26379), ('b', 26380))

    Raises:
        ValueError: it has no meaning; the message never holds the password.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator or scheme not in SCHEMES:
        raise ValueError(
            "must begin with redis://, rediss://, unix://, sentinel:// or sentinels://"
        )
    rest, _, query = rest.partition("?")
    options = _options(scheme, query)
    if scheme == UNIX:
        return _socket(rest, options)
    username, password, rest = _user(rest)
    hosts, _, path = rest.partition("/")
    master = ""
    if scheme in (SENTINEL, SENTINEL_TLS):
        master, _, path = path.partition("/")
        if not master:
            raise ValueError(
                "needs the name that sentinels know the server by: "
                "sentinel://host:26379,host:26379/mymaster"
            )
    return RedisUrl(
        scheme,
        hosts=_hosts(scheme, hosts),
        master=unquote(master),
        db=_number(path),
        username=username,
        password=password,
        sentinel_auth=options.pop("sentinel_auth", "false") == "true",
        tls=_tls(options),
    )


def _socket(path: str, options: Mapping[str, str]) -> RedisUrl:
    if not path.startswith("/") or path == "/":
        raise ValueError(
            "needs the whole path of a socket, and no password, because its "
            "permissions protect it: unix:///run/valkey.sock"
        )
    return RedisUrl(UNIX, socket=unquote(path), db=_number(options.get("db", "")))


def _user(rest: str) -> tuple[str | None, str | None, str]:
    """User and password, and what comes behind them."""
    before, at, after = rest.rpartition("@")
    if "/" in before or "@" in before or "#" in rest:
        raise ValueError(_QUOTE)
    name, _, password = before.partition(":")
    return unquote(name) or None, unquote(password) or None, after if at else rest


def _hosts(scheme: str, text: str) -> tuple[tuple[str, int], ...]:
    several = text.split(",")
    if len(several) > 1 and scheme in (PLAIN, TLS):
        raise ValueError("names several hosts; only sentinel:// can")
    return tuple(_host(each, PORTS[scheme]) for each in several)


def _host(text: str, port: int) -> tuple[str, int]:
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        colon, digits = rest[:1], rest[1:]
        if not bracket or (rest and colon != ":"):
            raise ValueError("has a [ without its ]: write [::1]:6379")
    else:
        name, colon, digits = text.partition(":")
    if not name:
        raise ValueError("has no host, such as redis://localhost:6379")
    if not colon:
        return name, port
    if not digits.isdecimal() or not 0 < int(digits) <= LARGEST_PORT:
        raise ValueError("has a port that is no number from 1 to 65535")
    return name, int(digits)


def _number(text: str) -> int:
    if text and not text.isdecimal():
        raise ValueError("has a database that is no number: redis://localhost:6379/0")
    return int(text or 0)


def _options(scheme: str, query: str) -> dict[str, str]:
    if "@" in query or "#" in query:
        raise ValueError(_QUOTE)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("has an option that is not NAME=VALUE") from None
    options = dict(pairs)
    choices = CHOICES[scheme]
    files = FILES if choices.keys() >= DEMANDS.keys() else ()
    known = {*choices, *files, *(("db",) if scheme == UNIX else ())}
    for name, value in options.items():
        if name not in known:
            several = ", ".join(sorted(known)) or "none"
            raise ValueError(f"{name} is no option of {scheme}://; it has {several}")
        if name in choices and value not in choices[name]:
            raise ValueError(f"{name} must be {' or '.join(choices[name])}")
    return options


def _tls(options: Mapping[str, str]) -> dict[str, str | bool]:
    tls: dict[str, str | bool] = dict(options)
    if "ssl_check_hostname" in tls:
        tls["ssl_check_hostname"] = tls["ssl_check_hostname"] == "true"
    return tls


def shown(text: str) -> str:
    """The address for a person to read, without user and password."""
    scheme, _, rest = text.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
