"""What can be set on the sandbox, at its start and while it runs: settings and faults.

Whether a fault happens is repeatable: it depends on the seed and on how often that
fault was asked about, never on the clock.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

#: Video starts in any 60 s, and predictions at once, by tier; source: the newer of the
#: two published tables at wavespeed.ai/docs/account-levels.
TIERS = {
    "bronze": (2, 2),
    "silver": (500, 300),
    "gold": (3_000, 3_000),
    "ultra": (5_000, 10_000),
}

#: Every fault by name, with what it does.
FAULTS = {
    "submit_drop_before": "the line drops; nothing was created",
    "submit_drop_after": "created and charged; the line drops without an answer",
    "submit_5xx_before": "503; nothing was created",
    "submit_5xx_after": "created and charged; the answer is 502",
    "submit_garbled": "created and charged; the answer is 200 with half of a JSON",
    "submit_no_id": "created and charged; the answer is 200 without an id",
    "submit_late": "created and charged; the answer comes after `submit_late_s`",
    "submit_held": "created, charged and answered only after `submit_held_s`",
    "submit_429": "429; nothing was created",
    "result_5xx": "503",
    "result_429": "429",
    "result_drop": "the line drops",
    "result_html": "200 with a web page",
    "result_huge": "200 with 10 MB of JSON",
    "result_wrong_types": "200 with a prediction whose fields have other types",
    "result_unknown_status": "an unknown status word for `unknown_status_looks` polls",
    "result_id_slashes": "an id with slashes in the answer",
    "result_url_scheme": "an output URL that names a file of the reader's machine",
    "result_redirect": "a redirect to another origin",
    "result_redirect_scheme": "a redirect to a file of the reader's machine",
    "result_404": "404 for this prediction, now and always",
    "status_upper": "the status in capitals, in every answer",
    "status_synonym": "another word for the status, in every answer",
    "outputs_null": "nothing and an empty text before the video's address",
    "outputs_cover": "the address of a picture before that of the video",
    "outputs_object": "the video's address inside an object",
    "outputs_space": "an address with a space in it",
    "outputs_none": "completed, with no outputs",
    "outcome_never": "it is processed forever",
    "outcome_1200": "failed: content moderation, not refunded",
    "outcome_1400": "failed: parameter missing",
    "outcome_1402": "failed: picture out of reach",
    "outcome_5000": "failed: internal error",
    "outcome_5003": "failed: service unavailable",
    "outcome_timeout": "status `timeout`",
    "outcome_cancelled": "status `cancelled`",
    "outcome_deleted": "status `deleted`, not refunded",
    "download_5xx": "503",
    "download_truncated": "the line drops after half of the video",
    "download_html": "200 with a web page",
    "download_endless": "a body that never ends, without a length",
    "download_drip": "the video at `drip_bytes_per_s`",
    "download_wrong_length": "Content-Length says less than what is sent",
    "download_403": "403 for this video, now and always",
    "download_redirect": "a redirect to a file of the reader's machine",
    "history_5xx": "503",
    "billing_5xx": "503",
    "price_5xx": "503 instead of a quote",
    "upload_put_drop": "the line to that host drops; nothing is kept",
    "webhook_never": "no webhook is sent",
    "webhook_twice": "the webhook is sent twice",
    "webhook_late": "the webhook is sent `webhook_late_s` after the end",
    "webhook_forged": "the webhook is signed with a wrong secret",
    "webhook_early": "the answer to the paid request comes after its webhook",
    "stranger": "another client of the same key starts a similar prediction",
}

T = TypeVar("T")
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Tier = Literal["bronze", "silver", "gold", "ultra"]
RetryAfter = Literal["none", "seconds", "date", "absurd"]


def about(default: T, text: str) -> T:
    """A setting with its default and what it means."""
    field: T = Field(default=default, description=text)
    return field


class Settings(BaseModel):
    """Every setting, with the values of an ordinary day, and the faults by their names.

    The odds of a fault are a number from 0 to 1, or text such as `first 3`.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    seed: Count = about(1, "what all chance is drawn from")
    tier: Tier = about("silver", f"limits of each key: {', '.join(TIERS)}")
    videos_per_minute: Count = about(0, "starts in any 60 s; 0 is the tier's")
    concurrent: Count = about(0, "predictions at once; 0 is the tier's")
    retry_after: RetryAfter = about("none", "of a 429; or seconds, date, absurd")
    retry_after_s: Amount = about(0.0, "what Retry-After says; 0 is the true time")
    generation_s: Amount = about(20.0, "median time of a prediction")
    spread: Amount = about(0.25, "sigma of these times, which are log-normal")
    stragglers: Amount = about(0.0, "share of predictions that are slow")
    straggler_factor: Amount = about(5.0, "how many times slower those are")
    balance_usd_micros: Count = about(1_000_000_000, "what each key has at first")
    insufficient: Literal[402, 403, 200] = about(
        402, "status when money is short: 402, 403, or 200 with code 1407"
    )
    price_percent: Count = about(100, "what keys pay, in percent of the list price")
    upload_kept_s: Amount = about(604_800.0, "how long an uploaded file is kept")
    refund_delay_s: Amount = about(0.0, "from the end of a failure to its refund")
    history_lag_s: Amount = about(0.0, "until a prediction is listed")
    billing_lag_s: Amount = about(0.0, "until a row of the billing is listed")
    history_inputs: bool = about(False, "whether listed predictions show inputs")
    result_inputs: bool = about(False, "whether results show inputs")
    page_cap: Count = about(0, "most items on a page; 0 is as asked for")
    drop_unknown: bool = about(False, "unknown inputs are dropped, not refused")
    unlisted: str = about("", "id of a model that is not in the list any more")
    check_pictures: bool = about(True, "pictures under 300 px a side fail")
    flagged_word: str = about("", "in a prompt: it ends as outcome_1200 does")
    forbidden_word: str = about("", "in a prompt or model: 403")
    quoted_word: str = about("", "in a prompt: 400, and the prompt is quoted")
    quality: Literal["demo", "small"] = about("demo", "or small, quick to make")
    submit_late_s: Amount = about(90.0, "of the fault submit_late")
    submit_held_s: Amount = about(90.0, "of the fault submit_held")
    unknown_status_looks: Count = about(3, "polls with result_unknown_status")
    drip_bytes_per_s: Count = about(2_000, "of the fault download_drip")
    webhook_late_s: Amount = about(30.0, "of the fault webhook_late")
    webhook_retry_s: Amount = about(1.0, "before a webhook's second try; then twice")
    webhook_secret: Count = about(1, "which secret signs webhooks")
    download_404_first: Count = about(0, "first requests of each video that are 404")

    @property
    def starts_per_60_s(self) -> int:
        """Most starts in any 60 s."""
        return self.videos_per_minute or TIERS[self.tier][0]

    @property
    def max_at_once(self) -> int:
        """Most predictions that are not over."""
        return self.concurrent or TIERS[self.tier][1]

    @property
    def odds(self) -> dict[str, object]:
        """The odds of every fault."""
        return {name: (self.model_extra or {}).get(name, 0) for name in FAULTS}

    @model_validator(mode="after")
    def _check_faults(self) -> "Settings":
        for name, odds in (self.model_extra or {}).items():
            if name not in FAULTS:
                known = "--help and GET /sandbox/settings list them"
                raise ValueError(f"{name}: no such setting; {known}")
            _chance(name, odds)
        return self


class SettingError(ValueError):
    """A setting that does not exist, or a value it cannot have."""


def draw(seed: int, *parts: object) -> float:
    """A random number in [0, 1) that only depends on its arguments."""
    text = "/".join(map(str, (seed, *parts)))
    digest = hashlib.blake2b(text.encode(), digest_size=7).digest()
    # 53 bits are what a float holds exactly, so the result stays below 1.
    return (int.from_bytes(digest) >> 3) / 2**53


def describe(problem: ErrorDetails, unknown: str) -> str:
    """One problem that pydantic found: where, and what is wrong."""
    where = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]
    )
    words = problem["msg"].removeprefix("Value error, ")
    words = unknown if problem["type"] == "extra_forbidden" else words
    return f"{where[1:]}: {words}" if where else words


def _chance(name: str, odds: object) -> tuple[float, int]:
    """The chance of a fault, and how many times it happens first."""
    if isinstance(odds, int | float) and 0 <= odds <= 1:
        return float(odds), 0
    word, _, times = odds.partition(" ") if isinstance(odds, str) else ("", "", "")
    if word == "first" and times.isdecimal():
        return 0.0, int(times)
    raise ValueError(f'{name}: give a number from 0 to 1, or "first 3"; got {odds!r}')


@dataclass(slots=True)
class Faults:
    """The settings, and how often each fault was asked about."""

    settings: Settings = field(default_factory=Settings)
    #: Chance, and how many times first, of the faults that are switched on.
    chances: dict[str, tuple[float, int]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def change(self, changes: Mapping[str, object]) -> None:
        """Change settings and faults; the count of a fault that is set begins anew.

        Raises:
            SettingError: names the setting, and what it takes; nothing was changed.
        """
        try:
            self.settings = Settings(**(self.settings.model_dump() | dict(changes)))
        except ValidationError as error:
            raise SettingError(describe(error.errors()[0], "")) from None
        odds = self.settings.odds.items()
        self.chances = {name: _chance(name, value) for name, value in odds if value}
        for name in changes:
            self.asked.pop(name, None)

    def happens(self, name: str) -> bool:
        """Whether the fault happens this time."""
        if name not in self.chances:
            return False
        self.asked[name] += 1
        return self.happens_to(name, self.asked[name])

    def happens_to(self, name: str, index: int) -> bool:
        """Whether the fault happens to number `index`, from 1; always the same."""
        chance, first = self.chances.get(name, (0.0, 0))
        return index <= first or draw(self.settings.seed, name, index) < chance
