r"""How the page of a report words things: text that stays text, amounts, times, steps.

It decides how a value is shown to a person and never which values are shown; that
stands in `page` and `page_rows`. All that a manifest or the provider said goes through
`visible` before it comes near a browser.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

#: Characters that would hide, reorder or break what stands around them: controls but
#: tab and line feed, directions that outlast a word, what has no width, noncharacters
#: and halves of pairs. Joiners and plain direction marks stay: scripts need them.
DISTURBING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffc\ufffe\uffff\U000e0000-\U000e007f]"
)

#: Where Unicode has a picture for each of the first 32 control characters.
_PICTURES: Final = 0x2400
_FIRST_PRINTABLE: Final = 0x20
_DELETE: Final = 0x7F

_COMMAND: Final = re.compile(r"\breelmill [a-z].*\Z", re.DOTALL)


def visible(text: str) -> str:
    r"""The text with a visible sign for each character that would disturb.

    >>> visible("a\x00b"), visible("safe\u202efdp.exe"), visible("tidy\n")
    ('a␀b', 'safe[U+202E]fdp.exe', 'tidy\n')
    """
    return DISTURBING.sub(_sign, text.replace("\r\n", "\n"))


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < _FIRST_PRINTABLE:
        return chr(_PICTURES + code)
    return "\u2421" if code == _DELETE else f"[U+{code:04X}]"


def all_visible(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """The value with every text in it made visible, names included."""
    match value:
        case str():
            return visible(value)
        case dict():
            return {visible(str(k)): all_visible(v) for k, v in value.items()}
        case list() | tuple():
            return [all_visible(each) for each in value]
    return value


def dollars(amount: str | None) -> str:
    """A decimal amount as a person reads it.

    >>> dollars("12600.50"), dollars("-0.252"), dollars(None)
    ('$12,600.50', '\u2212$0.252', 'unknown')
    """
    if amount is None:
        return "unknown"
    sign = "\u2212" if amount.startswith("-") else ""
    whole, _, part = amount.removeprefix("-").partition(".")
    return f"{sign}${int(whole or 0):,}.{part or '00'}"


def lasting(seconds: float) -> str:
    """Seconds as a person says them.

    >>> lasting(7.24), lasting(95), lasting(7384)
    ('7.2 s', '1 min 35 s', '2 h 3 min')
    """
    if seconds < 10:  # noqa: PLR2004 - a short time deserves its tenths
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def moment(iso: str) -> str:
    """A time of the document, in UTC, to the minute.

    >>> moment("2026-11-21T12:28:46.958Z")
    '21 Nov 2026, 12:28 UTC'
    """
    when = datetime.fromisoformat(iso)
    return f"{when.day} {when:%b} {when.year}, {when:%H:%M} UTC"


def step(sentence: str) -> tuple[str, str]:
    """A next step as its words and the command at its end, which may be empty.

    >>> step("Settle each with: reelmill resolve spring JOB")
    ('Settle each with:', 'reelmill resolve spring JOB')
    """
    found = _COMMAND.search(sentence)
    if not found:
        return sentence, ""
    return sentence[: found.start()].rstrip(), found[0].rstrip()


def web(url: object) -> str | None:
    """A web address as it is; None for all else, such as `javascript:` or a path."""
    if not isinstance(url, str) or DISTURBING.search(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an address whose brackets do not match
        return None
    return url if parts.scheme in {"http", "https"} and parts.netloc else None


def short_names(models: Iterable[str]) -> Mapping[str, str]:
    """What each model is called on the page: its own part, where that tells them apart.

    >>> short_names(["kwaivgi/kling-v2.6-std/image-to-video", "sora"])
    {'kwaivgi/kling-v2.6-std/image-to-video': 'kling-v2.6-std', 'sora': 'sora'}
    """
    several = sorted(set(models))
    own = [_own_part(model) for model in several]
    return {
        model: visible(short if own.count(short) == 1 else model)
        for model, short in zip(several, own, strict=True)
    }


def _own_part(model: str) -> str:
    parts = model.split("/")
    return parts[1] if len(parts) > 1 and parts[1] else model
