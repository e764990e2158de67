"""What can be set on the sandbox, at its start and while it runs.

It decides which values are allowed and says in a sentence what is wrong with others.
It never acts on a setting; faults have their own module, though a person sets both in
the same way and under the same roof of names.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.faults import FAULTS, Faults

#: Video starts in any 60 s, and predictions at once, by tier; source: the newer of the
#: two published tables at wavespeed.ai/docs/account-levels.
TIERS = {
    "bronze": (2, 2),
    "silver": (500, 300),
    "gold": (3_000, 3_000),
    "ultra": (5_000, 10_000),
}

CHOICES: dict[str, tuple[object, ...]] = {
    "tier": tuple(TIERS),
    "over_concurrency": ("refuse", "queue"),
    "retry_after": ("none", "seconds", "date", "absurd"),
    "insufficient": (402, 403, 200),
    "quality": ("demo", "small"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, with the values of an ordinary day."""

    seed: int = 1
    #: Limits of each key, unless the next two say otherwise.
    tier: str = "silver"
    #: Starts in any 60 s; 0 leaves it to the tier.
    videos_per_minute: int = 0
    #: Predictions not yet over; 0 leaves it to the tier.
    concurrent: int = 0
    #: Over the concurrency: `refuse` with 429, or `queue` (it stays `created`).
    over_concurrency: str = "refuse"
    #: Which Retry-After a 429 carries.
    retry_after: str = "none"
    #: Seconds it names; 0 is until there is room again.
    retry_after_s: float = 0.0
    #: Median of the time a prediction takes, log-normal with this sigma.
    generation_s: float = 20.0
    spread: float = 0.25
    #: Share of predictions that take `straggler_factor` times as long.
    stragglers: float = 0.0
    straggler_factor: float = 5.0
    #: What each key has when it is first seen.
    balance_usd_micros: int = 1_000_000_000
    #: HTTP status of a refusal for want of money; with 200, `data.code` says 1407.
    insufficient: int = 402
    #: What keys pay, and are quoted as discounted price, in percent of the list.
    price_percent: int = 100
    #: How long an uploaded file is there.
    upload_kept_s: float = 604_800.0
    #: Whether routes are there that came later: upload tickets, and `model/price`.
    newer_routes: bool = True
    #: From the end of a failed prediction to the refund in the billing.
    refund_delay_s: float = 0.0
    #: How long a prediction, or a row of the billing, is not yet listed.
    history_lag_s: float = 0.0
    billing_lag_s: float = 0.0
    #: Whether listed predictions, or results, show what was asked for.
    history_inputs: bool = False
    result_inputs: bool = False
    #: Most items on a page, whatever was asked for; 0 is as asked for.
    page_cap: int = 0
    #: Whether the billing says `total` instead of `has_more`.
    billing_total: bool = False
    #: Whether pictures under 300 px a side fail a prediction, as the pages say.
    check_pictures: bool = True
    #: A prompt with this word in it ends as `outcome_1200` does; empty is no word.
    flagged_word: str = ""
    #: A prompt or model with this word in it is refused with 403; empty is no word.
    forbidden_word: str = ""
    #: A prompt with this word in it is refused with 400 and quoted; empty is no word.
    quoted_word: str = ""
    #: `small` is quick to make: 160 px, 5 frames a second.
    quality: str = "demo"
    submit_late_s: float = 90.0
    #: Until a request that is held up is handled, whether or not anybody still waits.
    submit_held_s: float = 90.0
    unknown_status_looks: int = 3
    drip_bytes_per_s: int = 2_000
    #: From the end of a prediction to a webhook that is late.
    webhook_late_s: float = 30.0
    #: Before the second try of a webhook that nobody took; twice that before the third.
    webhook_retry_s: float = 1.0
    #: Which secret of an account signs its webhooks; another number is another one.
    webhook_secret: int = 1
    #: The first so many requests for each video answer 404.
    download_404_first: int = 0

    @property
    def starts_per_60_s(self) -> int:
        """Most starts in any 60 s."""
        return self.videos_per_minute or TIERS[self.tier][0]

    @property
    def most_at_once(self) -> int:
        """Most predictions not yet over."""
        return self.concurrent or TIERS[self.tier][1]


class SettingRefused(ValueError):  # noqa: N818 - a setting was refused; that is the name
    """A setting that does not exist, or a value it cannot have."""


def changed(
    settings: Settings, faults: Faults, changes: Mapping[str, object]
) -> tuple[Settings, Faults]:
    """Settings and faults after the changes, all of them or, if one is wrong, none.

    Raises:
        SettingRefused: names the setting, and what it takes.
    """
    new_faults = Faults(faults.seed, dict(faults.odds), faults.asked.copy())
    values: dict[str, object] = {}
    for name, value in changes.items():
        if name in FAULTS:
            _set_fault(new_faults, name, value)
        else:
            values[name] = _checked(name, value)
    # Every value has just been checked against its field's type.
    new = dataclasses.replace(settings, **values)  # type: ignore[arg-type]  # checked above
    new_faults.seed = new.seed
    return new, new_faults


def as_json(settings: Settings, faults: Faults) -> dict[str, object]:
    """Every setting and every fault by name, as `changed` takes them."""
    odds = dict.fromkeys(FAULTS, 0.0) | {
        name: odds.written() for name, odds in faults.odds.items()
    }
    return dataclasses.asdict(settings) | odds


def _set_fault(faults: Faults, name: str, value: object) -> None:
    try:
        faults.set(name, value)
    except ValueError as error:
        raise SettingRefused(f"{name}: {error}") from None


def _checked(name: str, value: object) -> object:
    defaults = dataclasses.asdict(Settings())
    if name not in defaults:
        known = ", ".join([*defaults, *FAULTS])
        raise SettingRefused(f"{name}: no such setting; there are {known}")
    default = defaults[name]
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        kind = type(default).__name__
        raise SettingRefused(f"{name}: must be {kind}, as {default!r}; got {value!r}")
    if name in CHOICES and value not in CHOICES[name]:
        choices = ", ".join(map(str, CHOICES[name]))
        raise SettingRefused(f"{name}: must be one of {choices}; got {value!r}")
    if isinstance(value, int | float) and not 0 <= value < float("inf"):
        raise SettingRefused(f"{name}: must not be negative or endless; got {value!r}")
    return value
