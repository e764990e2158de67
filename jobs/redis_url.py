"""The address of the ledger's server: what it means, and what it cannot mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PLAIN, TLS, UNIX = "redis", "rediss", "unix"
PORT = 6379

#: Options of a TLS connection: files, and what is demanded of the other side.
TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
TLS_CHOICES = {
    "ssl_cert_reqs": ("required", "optional", "none"),
    "ssl_check_hostname": ("true", "false"),
}
OPTIONS = {PLAIN: (), TLS: (*TLS_FILES, *TLS_CHOICES), UNIX: ("db",)}

_QUOTE = "write /, ?, @ and # in a password as %2F, %3F, %40 and %23"


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Where the ledger's server is."""

    scheme: str
    host: str = ""
    port: int = PORT
    #: Path of a Unix socket; empty for a host.
    socket: str = ""
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    #: Options of a TLS connection, in redis-py's names.
    tls: Mapping[str, str | bool] = field(default_factory=dict)

    @property
    def is_tls(self) -> bool:
        """Whether everything goes over TLS."""
        return self.scheme == TLS


def read(text: str) -> RedisUrl:
    """The address that is written like this.

        redis://[user:password@]host[:port][/db]
        rediss://[user:password@]host[:port][/db][?ssl_ca_certs=FILE&...]
        unix:///path/of/socket[?db=0]

    >>> read("rediss://:secret@a:26380/1").port
    26380

    Raises:
        ValueError: it has no meaning; the message never holds the password.
    """
    scheme, separator, _ = text.strip().partition("://")
    if not separator or scheme not in OPTIONS:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        raise ValueError("has a [ without its ]: write [::1]:6379") from None
    if "#" in text or "@" in parts.query:
        raise ValueError(_QUOTE)
    options = _options(scheme, parts.query)
    if scheme == UNIX:
        if parts.netloc or parts.path in ("", "/"):
            raise ValueError(
                "needs the whole path of a socket, and no password, because its "
                "permissions protect it: unix:///run/valkey.sock"
            )
        return RedisUrl(UNIX, socket=unquote(parts.path), db=_db(options.get("db", "")))
    if parts.netloc.count("@") > 1 or "@" in parts.path:
        raise ValueError(_QUOTE)
    if not parts.hostname:
        raise ValueError("has no host, such as redis://localhost:6379")
    if "," in parts.netloc.rpartition("@")[2]:
        raise ValueError("names several hosts; give the name that a failover moves on")
    return RedisUrl(
        scheme,
        host=parts.hostname,
        port=_port(parts),
        db=_db(parts.path.removeprefix("/")),
        username=unquote(parts.username or "") or None,
        password=unquote(parts.password or "") or None,
        tls={
            name: value == "true" if name == "ssl_check_hostname" else value
            for name, value in options.items()
        },
    )


def _port(parts: SplitResult) -> int:
    try:
        port = PORT if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not port:
        raise ValueError("has a port that is no number from 1 to 65535")
    return port


def _db(text: str) -> int:
    if text and not text.isdecimal():
        raise ValueError("has a database that is no number: redis://localhost:6379/0")
    return int(text or 0)


def _options(scheme: str, query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ValueError("has an option that is not NAME=VALUE") from None
    for name, value in pairs:
        if name not in OPTIONS[scheme]:
            several = ", ".join(sorted(OPTIONS[scheme])) or "none"
            raise ValueError(f"{name} is no option of {scheme}://; it has {several}")
        choices = TLS_CHOICES.get(name)
        if choices and value not in choices:
            raise ValueError(f"{name} must be {' or '.join(choices)}")
    return dict(pairs)


def shown(text: str) -> str:
    """The address for a person to read, without user and password."""
    scheme, _, rest = text.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
