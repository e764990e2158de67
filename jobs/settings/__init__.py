"""What a person sets from outside: the environment, checked as a whole.

The only module that reads environment variables. A variable of ours that does not
exist is an error rather than a silent default, and settings that contradict each other
are refused at the start.
"""

import hashlib
import os
import socket
import tempfile
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import quote, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from jobs import redis_url
from jobs.money import usd_micros
from jobs.pace.limits import Limits, tiers
from jobs.settings.keeping import KeepingSettings
from jobs.settings.telling import TellingSettings

PREFIX = "REELMILL_"
#: A Unix socket's path must fit into 108 bytes with its closing zero, on macOS 104.
LONGEST_SOCKET_PATH = 100


class SettingsError(Exception):
    """The environment asks for something that cannot be; says which variable."""


class _OwnSettings(BaseModel):
    """What concerns the making of videos."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    api_key: SecretStr | None = Field(
        None, alias="WAVESPEED_API_KEY", description="key of the account that pays"
    )
    base_url: str = Field(
        "https://api.wavespeed.ai",
        alias="WAVESPEED_BASE_URL",
        description="origin of the provider's API, without /api/v3",
    )
    redis_url: str | None = Field(
        None,
        alias="REELMILL_REDIS_URL",
        description="ledger and broker of a fleet; unset: a private one in the home",
        repr=False,  # it may hold a password
    )
    home: Path = Field(
        Path(".reelmill"),
        alias="REELMILL_HOME",
        description="data of the private ledger, logs, partial downloads",
    )
    server: str = Field(
        "",
        alias="REELMILL_SERVER",
        description="valkey-server or redis-server to start; unset: the bundled one",
    )
    store: str = Field(
        "videos",
        alias="REELMILL_STORE",
        description="folder or URL that videos and reports go to",
    )
    account: str = Field(
        "",
        alias="REELMILL_ACCOUNT",
        description="name of the account; unset: derived from origin and key",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
    )
    tier: str = Field(
        "bronze",
        alias="REELMILL_TIER",
        description="account level: bronze, silver, gold or ultra",
    )
    videos_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None,
        alias="REELMILL_VIDEOS_PER_MINUTE",
        description="starts in any 60 s, instead of the tier's",
    )
    concurrent_videos: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None,
        alias="REELMILL_CONCURRENT_VIDEOS",
        description="generating at once, instead of the tier's",
    )
    daily_budget: str = Field(
        "",
        alias="REELMILL_DAILY_BUDGET",
        description="most dollars that one UTC day of the account may cost",
    )
    starts: bool = Field(
        default=True,
        alias="REELMILL_STARTS",
        description="whether this worker starts videos, or only ends what was started",
    )
    attempts: int = Field(
        3,
        alias="REELMILL_ATTEMPTS",
        description="most paid attempts a job may have",
        ge=1,
        le=20,
    )
    poll_min_s: float = Field(
        5.0,
        alias="REELMILL_POLL_MIN_S",
        description="least seconds between two looks at one prediction",
        ge=0.05,
        le=600,
    )
    first_poll_s: Annotated[float, Field(ge=0.05, le=3600)] | None = Field(
        None,
        alias="REELMILL_FIRST_LOOK_S",
        description="seconds to the first look; unset: as generation times are learnt",
    )
    overdue_s: float = Field(
        3_600.0,
        alias="REELMILL_OVERDUE_S",
        description="how long a prediction keeps its slot, unless its kind takes long",
        ge=1,
        le=604_800,
    )
    settle_s: float = Field(
        180.0,
        alias="REELMILL_SETTLE_S",
        description=(
            "how late a paid request may reach the provider; a lost answer is absent "
            "a third later"
        ),
        ge=1,
        le=86_400,
    )
    webhook_url: str = Field(
        "",
        alias="REELMILL_WEBHOOK_URL",
        description="where the provider reaches `reelmill hooks`; unset: no webhooks",
    )
    lease_s: float = Field(
        30.0,
        alias="REELMILL_LEASE_S",
        description="seconds until a dead worker's jobs are looked at by another",
        ge=1,
        le=600,
    )
    pulse_s: float = Field(
        0.5,
        alias="REELMILL_PULSE_S",
        description="seconds between two looks at what is due",
        ge=0.02,
        le=60,
    )
    submit_timeout_s: float = Field(
        60.0,
        alias="REELMILL_SUBMIT_TIMEOUT_S",
        description="patience for the answer to a paid request",
        ge=1,
        le=600,
    )
    request_timeout_s: float = Field(
        30.0,
        alias="REELMILL_REQUEST_TIMEOUT_S",
        description="patience for any other answer",
        ge=1,
        le=600,
    )
    stop_s: float = Field(
        60.0,
        alias="REELMILL_STOP_S",
        description="how long a worker that is told to stop may finish what it began",
        ge=1,
        le=3_600,
    )

    @field_validator("api_key")
    @classmethod
    def _key_is_one_word(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value().strip() if key else ""
        if not text:
            return None
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("holds a character that no key has; copy it once more")
        return SecretStr(text)

    @field_validator("base_url")
    @classmethod
    def _base_is_an_origin(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an origin such as https://api.wavespeed.ai")
        if parts.path.strip("/") or parts.query or "@" in parts.netloc:
            raise ValueError("must be an origin alone, without /api/v3 or a key")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("webhook_url")
    @classmethod
    def _webhook_is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        plain = not (parts.query or parts.fragment or "@" in parts.netloc)
        if url and not (parts.scheme in ("http", "https") and parts.hostname and plain):
            raise ValueError("must be a plain address like https://hooks.example.com")
        return url.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _redis_is_a_known_form(cls, url: str | None) -> str | None:
        if url:
            redis_url.read(url)
        return url or None

    @field_validator("daily_budget")
    @classmethod
    def _daily_budget_is_money(cls, text: str) -> str:
        if text.strip() and usd_micros(text) < 0:
            raise ValueError("cannot be less than nothing")
        return text.strip()

    @field_validator("tier")
    @classmethod
    def _tier_is_known(cls, name: str) -> str:
        if name.lower() not in tiers():
            raise ValueError(f"must be one of {', '.join(tiers())}")
        return name.lower()

    @model_validator(mode="after")
    def _times_fit_together(self) -> Self:
        if self.pulse_s >= self.lease_s:
            raise ValueError(
                "REELMILL_LEASE_S must exceed REELMILL_PULSE_S: "
                "a lease that ends before the next pulse is sent twice"
            )
        if self.settle_s <= self.submit_timeout_s:
            raise ValueError(
                "REELMILL_SETTLE_S must exceed REELMILL_SUBMIT_TIMEOUT_S: "
                "a request that is still on its way must not count as absent"
            )
        if self.settle_s < self.poll_min_s:
            raise ValueError(
                "REELMILL_SETTLE_S must be at least REELMILL_POLL_MIN_S: "
                "a lost answer must be looked for more than once"
            )
        return self

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
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"reelmill-{os.getuid()}"
        return folder / f"{digest}.sock"

    @property
    def ledger_url(self) -> str:
        """Address of the ledger: the fleet's, or the private one of the home."""
        return self.redis_url or f"unix://{quote(str(self.socket_path))}?db=0"


class Settings(TellingSettings, KeepingSettings, _OwnSettings):
    """Every setting, with its default. The alias is the environment variable."""


def read(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:  # noqa: ANN401 - a setting has its own type
    """The settings of an environment; `overrides` by field name win.

    Raises:
        SettingsError: with one line for every variable that is wrong.
    """
    environ = os.environ if environ is None else environ
    aliases = {str(f.alias): name for name, f in Settings.model_fields.items()}
    unknown = [n for n in environ if n.startswith(PREFIX) and n not in aliases]
    if unknown:
        raise SettingsError("\n".join(_unknown(name, aliases) for name in unknown))
    given = {aliases[n]: v for n, v in environ.items() if n in aliases and v != ""}
    try:
        return Settings.model_validate({**given, **overrides})
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


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
    # The prefix is the same in all of them: with it everything would look alike.
    endings = {other.removeprefix(PREFIX): other for other in known}
    close = get_close_matches(name.removeprefix(PREFIX), endings, n=1)
    hint = f"; did you mean {endings[close[0]]}?" if close else "; unset it"
    return f"{name} is no setting of reelmill{hint}"


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        field = Settings.model_fields.get(name)
        where = f"{field.alias if field else name}: " if name else ""
        lines.append(where + problem["msg"].removeprefix("Value error, "))
    return "\n".join(lines)
