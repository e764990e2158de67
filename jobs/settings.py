"""What a person sets from outside: the environment, checked as a whole.

The only module that reads environment variables. A variable of ours that does not
exist is an error rather than a silent default, and settings that contradict each other
are refused at the start.
"""

import ast
import hashlib
import inspect
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from email.utils import parseaddr
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from jobs import redis_url
from jobs.money import usd_micros
from jobs.pace.limits import Limits, tiers
from jobs.quality import limits_of

PREFIX = "REELMILL_"
#: A Unix socket's path must fit into 108 bytes with its closing zero, on macOS 104.
MAX_SOCKET_PATH = 100


Count = Annotated[int, Field(ge=1, le=1_000_000)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Timeout = Annotated[float, Field(ge=1, le=600)]


class SettingsError(Exception):
    """The environment asks for something that cannot be; says which variable."""


class Smtp(BaseModel):
    """A mail server, and who writes."""

    host: str
    port: int
    #: TLS from the first byte; otherwise it is begun where the server offers it.
    tls: bool
    user: str = Field(repr=False)
    password: str = Field(repr=False)
    sender: str

    @classmethod
    def read(cls, url: str) -> "Smtp":
        """The server that an address means.

        Raises:
            ValueError: it is none; the message does not quote it.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("has a port or host that cannot be") from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("must be smtp(s)://user:password@host:port?from=address")
        sender = dict(parse_qsl(parts.query)).get("from", "")
        if not _is_mail(sender):
            raise ValueError("must end with ?from= and the sender's mail address")
        tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=port or (465 if tls else 587 if parts.username else 25),
            tls=tls,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            sender=sender,
        )


def _is_word(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    return bool(usable) and parts.scheme in ("http", "https") and _is_word(url)


def _is_plain(url: str) -> bool:
    return _is_web(url) and not {"?", "#"} & set(url)


def _is_mail(text: str) -> bool:
    name, at, host = parseaddr(text)[1].rpartition("@")
    return bool(name and at and host) and text.isprintable() and " " not in text


#: What a text must be, by field, and what is said of another; what raises a
#: `ValueError` says so itself.
CHECKS: dict[str, tuple[Callable[[str], object], str]] = {
    "api_key": (_is_word, "holds a character that no key has; copy it once more"),
    "base_url": (
        lambda url: _is_plain(url) and not urlsplit(url).path,
        "must be an origin alone, such as https://api.wavespeed.ai",
    ),
    "webhook_url": (_is_plain, "must be an address such as https://hooks.example.com"),
    "notify_url": (_is_web, "must be an http(s) address without user and password"),
    "notify_email": (
        lambda text: all(
            _is_mail(part) for each in text.split(",") if (part := each.strip())
        ),
        "must be addresses such as me@example.com, by commas",
    ),
    "report_url": (
        lambda url: _is_web(url) and "{batch}" in url,
        "must be an http(s) address with {batch} in it",
    ),
    "daily_budget": (lambda text: usd_micros(text) >= 0, "cannot be less than nothing"),
    "redis_url": (redis_url.read, ""),
    "quality_limits": (limits_of, ""),
    "smtp_url": (Smtp.read, ""),
}


class Settings(BaseModel):
    """Every setting, with its default. The alias is the environment variable."""

    model_config = ConfigDict(
        frozen=True,
        populate_by_name=True,
        extra="forbid",
        alias_generator=lambda name: PREFIX + name.upper(),
    )

    api_key: SecretStr | None = Field(None, alias="WAVESPEED_API_KEY")
    """key of the account that pays"""
    base_url: str = Field("https://api.wavespeed.ai", alias="WAVESPEED_BASE_URL")
    """origin of the provider's API, without /api/v3"""
    # It may hold a password.
    redis_url: str | None = Field(None, repr=False)
    """ledger and broker of a fleet; unset: a private one in the home"""
    home: Path = Path(".reelmill")
    """data of the private ledger, logs, partial downloads"""
    server: str = ""
    """valkey-server or redis-server to start; unset: the bundled one"""
    store: str = "videos"
    """folder or URL that videos and reports go to"""
    account: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    """name of the account; unset: derived from origin and key"""
    tier: Literal["bronze", "silver", "gold", "ultra"] = "bronze"
    """account level: bronze, silver, gold or ultra"""
    videos_per_minute: Count | None = None
    """starts in any 60 s, instead of the tier's"""
    concurrent_videos: Count | None = None
    """generating at once, instead of the tier's"""
    daily_budget: str = ""
    """most dollars that one UTC day of the account may cost"""
    starts: bool = True
    """whether this worker starts videos, or only ends what was started"""
    attempts: int = Field(3, ge=1, le=20)
    """most paid attempts a job may have"""
    poll_min_s: float = Field(5.0, ge=0.05, le=600)
    """least seconds between two polls of one prediction"""
    first_poll_s: Annotated[float, Field(ge=0.05, le=3600)] | None = None
    """seconds to the first poll; unset: as generation times are learnt"""
    overdue_s: float = Field(3_600.0, ge=1, le=604_800)
    """how long a prediction keeps its slot, unless its kind takes long"""
    settling_s: float = Field(180.0, ge=1, le=86_400)
    """how late a paid request may reach the provider, before it counts as absent"""
    webhook_url: str = ""
    """where the provider reaches `reelmill hooks`; unset: no webhooks"""
    lease_s: Timeout = 30.0
    """seconds until another worker takes over the jobs of a dead one"""
    tick_s: float = Field(0.5, ge=0.02, le=60)
    """seconds between two ticks of the dispatcher"""
    submit_timeout_s: Timeout = 60.0
    """time-out of the answer to a paid request"""
    request_timeout_s: Timeout = 30.0
    """time-out of any other answer"""
    download_timeout_s: float = Field(600.0, ge=1, le=3_000)
    """time-out of one whole video"""
    stop_s: float = Field(60.0, ge=1, le=3_600)
    """how long a worker that is told to stop may finish what it began"""
    posters: Literal["auto", "off"] = "auto"
    """a poster beside each video: auto, where it can be made, or off"""
    quality: Literal["auto", "off"] = "auto"
    """checks of each video for faults: auto, where it can be decoded, or off"""
    quality_limits: str = ""
    """other limits for these checks, as `reelmill quality tune` proposes them"""
    store_checksum: Literal["on", "off"] = "on"
    """off for a store that refuses checksums, as Backblaze B2 does"""
    keep_days: Days = 30
    """days that job records are kept after their batch was reported"""
    # Longer than from one season to the same of the next year.
    reuse_days: Days = 400
    """days that videos are reused after their job records were deleted"""
    notify_url: SecretStr | None = None
    """web address, Slack's included, that is told of ended batches"""
    notify_secret: SecretStr | None = None
    """secret that signs what is told to the web address"""
    notify_email: str = ""
    """mail addresses that are told, by commas; needs the SMTP URL"""
    smtp_url: SecretStr | None = None
    """mail server: smtp(s)://user:password@host:port?from=address"""
    report_url: str = ""
    """where people open a report, {batch} in it; unset: in the store"""

    @field_validator("tier", "posters", "quality", "store_checksum", mode="before")
    @classmethod
    def _lower(cls, word: object) -> object:
        return word.lower() if isinstance(word, str) else word

    @field_validator("base_url", "webhook_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        # The scheme in small letters: the account's name is derived from it.
        scheme, colon, rest = url.rstrip("/").partition(":")
        return scheme.lower() + colon + rest

    @field_validator(*CHECKS)
    @classmethod
    def _is_fit(
        cls, value: str | SecretStr | None, info: ValidationInfo
    ) -> str | SecretStr | None:
        is_fit, words = CHECKS[str(info.field_name)]
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text and not is_fit(text):
            raise ValueError(words)
        return value

    @model_validator(mode="after")
    def _settings_fit_together(self) -> Self:
        if self.tick_s >= self.lease_s:
            raise ValueError("REELMILL_LEASE_S must exceed REELMILL_TICK_S")
        # A request that is still on its way must not count as absent.
        if self.settling_s <= self.submit_timeout_s:
            raise ValueError(
                "REELMILL_SETTLING_S must exceed REELMILL_SUBMIT_TIMEOUT_S"
            )
        # A lost answer is looked for more than once.
        if self.settling_s < self.poll_min_s:
            raise ValueError("REELMILL_SETTLING_S must be at least REELMILL_POLL_MIN_S")
        if self.notify_email and self.smtp_url is None:
            raise ValueError("REELMILL_NOTIFY_EMAIL needs REELMILL_SMTP_URL")
        return self

    @property
    def notifies(self) -> bool:
        """Whether anybody is told anything."""
        return self.notify_url is not None or bool(self.notify_email)

    @property
    def limits(self) -> Limits:
        """The account's limits: the tier's, or what is set instead."""
        tier = tiers()[self.tier]
        return Limits(
            videos_per_minute=self.videos_per_minute or tier.videos_per_minute,
            concurrent_videos=self.concurrent_videos or tier.concurrent_videos,
        )

    @property
    def own_limits(self) -> bool:
        """Whether a limit is set beside those of the tier."""
        return bool(self.videos_per_minute or self.concurrent_videos)

    @property
    def daily_budget_usd_micros(self) -> int | None:
        """Cap over what one UTC day of the account may cost; None is no cap."""
        return usd_micros(self.daily_budget) if self.daily_budget else None

    @property
    def account_id(self) -> str:
        """Name of the account in the ledger.

        Derived from origin and key unless it is set, so that what one key has paid for
        is never asked of another account. It does not reveal the key.
        """
        if self.account:
            return self.account
        key = self.api_key.get_secret_value() if self.api_key else ""
        digest = hashlib.sha256(f"{self.base_url}\n{key}".encode()).hexdigest()
        return f"a{digest[:12]}"

    @property
    def socket_path(self) -> Path:
        """Unix socket of the private ledger; elsewhere if the home's path is long."""
        path = self.home.absolute() / "ledger.sock"
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"reelmill-{os.getuid()}"
        return folder / f"{digest}.sock"

    @property
    def ledger_url(self) -> str:
        """Address of the ledger: the fleet's, or the private one of the home."""
        return self.redis_url or f"unix://{quote(str(self.socket_path))}?db=0"


def read(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings of an environment; `overrides` by field name win.

    Raises:
        SettingsError: with one line for every variable that is wrong.
    """
    environ = os.environ if environ is None else environ
    aliases = {str(f.alias): name for name, f in Settings.model_fields.items()}
    unknown = [n for n in environ if n.startswith(PREFIX) and n not in aliases]
    if unknown:
        raise SettingsError("\n".join(_unknown(name, aliases) for name in unknown))
    given = {aliases[n]: v.strip() for n, v in environ.items() if n in aliases}
    given = {name: text for name, text in given.items() if text}
    if blank := [n for n, v in environ.items() if n in aliases and v and not v.strip()]:
        raise SettingsError(f"{blank[0]} is blank; set it, or unset it")
    try:
        return Settings.model_validate({**given, **overrides})
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def descriptions() -> dict[str, str]:
    """What each setting is for, by field name: the text below it in the class.

    pydantic reads it too (`use_attribute_docstrings`), but at every start, in 30 ms.
    """
    (declared,) = ast.parse(inspect.getsource(Settings)).body
    return {
        ast.unparse(field.target): str(ast.literal_eval(text.value))
        for field, text in pairwise(cast("ast.ClassDef", declared).body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr)
    }


def sends_checksums() -> bool:
    """Whether a bucket in S3 is sent checksums, by `REELMILL_STORE_CHECKSUM`.

    Asked where a bucket is opened, whose endpoint and credentials are read from the
    environment there as well.
    """
    return os.environ.get(f"{PREFIX}STORE_CHECKSUM", "").strip().lower() != "off"


def child_environment(settings: Settings) -> dict[str, str]:
    """An environment in which another process reads the same settings."""
    rest = {n: v for n, v in os.environ.items() if not n.startswith(PREFIX)}
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        rest[str(field.alias)] = "" if value is None else str(value)
    return rest


def worker_name() -> str:
    """A name for this process that no other has at the same time."""
    return f"{os.getpid()}@{socket.gethostname()}"


def _unknown(name: str, known: Mapping[str, str]) -> str:
    # With the prefix everything would look alike.
    endings = {other.removeprefix(PREFIX): other for other in known}
    close = get_close_matches(name.removeprefix(PREFIX), endings, n=1)
    hint = f"; did you mean {endings[close[0]]}?" if close else "; unset it"
    return f"{name} is no setting of reelmill{hint}"


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        field = Settings.model_fields.get(str(*problem["loc"][:1]))
        where = f"{field.alias}: " if field else ""
        lines.append(where + problem["msg"].removeprefix("Value error, "))
    return "\n".join(lines)
