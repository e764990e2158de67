"""Words for people: values shown safely, choices, counts, durations and moments.

The one place that makes text of strangers safe for a terminal: characters that move a
cursor, turn a line round or are not seen at all are written as escapes.
"""

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches

SHOWN_CHARS = 60

_MINUTE_S = 60

# Control characters; what has no width, or turns text round; halves of surrogate pairs,
# which no terminal can be given. Tab and line feed are told apart by what follows.
_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f"
    "\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffc\\ufffe\\uffff\\ud800-\\udfff"
    "\\U000e0000-\\U000e007f]"
)
_GAPS = re.compile(r"[\s_-]+")
_PASSWORD = re.compile(r"//[^/?#\s]*@")


def plain(value: object) -> str:
    """A value as text: text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return "a value too large to be shown"


def masked(text: str) -> str:
    """The text without the user and password that an address in it may carry."""
    return _PASSWORD.sub("//***@", text) if "@" in text else text


def shown(value: object) -> str:
    r"""A value for a sentence: quoted, one line, short, nothing unprintable.

    >>> shown("12"), shown("a\nb"), shown(True)
    ('"12"', '"a\\nb"', 'true')
    """
    text = masked(plain(value))
    if len(text) > SHOWN_CHARS:
        text = text[:SHOWN_CHARS] + "…"
    safe = visible(text)
    return f'"{safe}"' if isinstance(value, str) else safe


def visible(text: str, *, keep: str = "") -> str:
    r"""The text with all that would act on a terminal, or not be seen, as escapes.

    Args:
        text: what a stranger wrote.
        keep: control characters that stay, such as a line feed.

    >>> visible("mug\x1b[2J\u202egpj"), visible("a\nb"), visible("a\nb", keep="\n")
    ('mug\\x1b[2J\\u202egpj', 'a\\nb', 'a\nb')
    """
    return _UNSEEN.sub(
        lambda found: found[0] if found[0] in keep else _escaped(found[0]), text
    )


def visible_block(text: str) -> str:
    r"""The same for a page or a cell, which may have lines, tabs and joiners.

    >>> visible_block("a\r\n\tb\x00"), visible_block("safe\u202efdp.exe")
    ('a\n\tb\\x00', 'safe\\u202efdp.exe')
    """
    return visible(text.replace("\r\n", "\n"), keep="\t\n\u061c\u200e\u200f")


def one_line(text: str) -> str:
    r"""The same on one line, with single blanks; for words of providers and stores.

    >>> one_line("not  found\nhere\x07")
    'not found here\\x07'
    """
    return visible(" ".join(text.split()))


def json_text(value: object, indent: int | None = None) -> str:
    r"""A value as JSON that acts on no terminal, and is the same value.

    >>> json_text({"id": "müg\u202e\x9b"})
    '{"id": "müg\\u202e\\u009b"}'
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNSEEN.sub(
        lambda found: "\n" if found[0] == "\n" else json.dumps(found[0])[1:-1], text
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def counted(number: int, word: str, several: str = "") -> str:
    """A number and what it counts.

    >>> counted(1, "row"), counted(1200, "row"), counted(0, "try", "tries")
    ('1 row', '1,200 rows', '0 tries')
    """
    return f"{number:,} {word if number == 1 else several or word + 's'}"


def choice(values: Iterable[object], *, word: str = "or") -> str:
    """Choices for a sentence.

    >>> choice([5, 10]), choice(["1:1", "16:9", "9:16"])
    ('5 or 10', '1:1, 16:9 or 9:16')
    """
    *others, last = [plain(value) for value in values] or [""]
    return f"{', '.join(others)} {word} {last}" if others else last


def guesses(word: str, known: Iterable[str], most: int = 3) -> tuple[str, ...]:
    """The known words that `word` probably means, best first.

    >>> guesses("kling-v3-std", ["kling-v3.0-std", "kling-v2.6-std"])[0]
    'kling-v3.0-std'
    """
    by_fold = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold()[:200], by_fold, n=most, cutoff=0.6)
    return tuple(by_fold[fold] for fold in close)


def misspelt(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is a slip of the pen away from, if there is one.

    Case, spaces and hyphens count as slips; a word that only resembles does not.

    >>> misspelt("promt", ["prompt"]), misspelt("Negative Prompt", ["negative_prompt"])
    ('prompt', 'negative_prompt')
    >>> misspelt("round", ["sound"]) is None
    True
    """
    folded = _GAPS.sub("_", word.strip().casefold())
    same_start = [name for name in known if name[:1] == folded[:1]]
    for name in same_start:
        if sorted(name) == sorted(folded):
            return name
    close = get_close_matches(folded[:200], same_start, n=1, cutoff=0.86)
    return close[0] if close else None


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(42), duration(130), duration(7300)
    ('42 s', '2 min', '2 h 2 min')
    """
    if round(seconds) < _MINUTE_S:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _MINUTE_S), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def iso(at_s: float) -> str:
    """Unix seconds as a moment in UTC, for a program.

    >>> iso(1_780_000_000.0)
    '2026-05-28T20:26:40+00:00'
    """
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")


def iso_ms(at_s: float) -> str:
    """The same to the millisecond, as reports have it.

    >>> iso_ms(1_780_000_000.0)
    '2026-05-28T20:26:40.000Z'
    """
    when = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
    return when.replace("+00:00", "Z")


def local(at_s: float) -> str:
    """Unix seconds as a moment of this machine, for a person."""
    return f"{datetime.fromtimestamp(at_s, UTC).astimezone():%Y-%m-%d %H:%M}"


def by(now_s: float, in_s: float, zone: tzinfo | None = None) -> str:
    """The minute by which so many seconds have passed, with the day if needed.

    Args:
        now_s: unix seconds.
        in_s: seconds from now.
        zone: that of this machine unless given.
    """
    # A minute that has begun is not over.
    at_s = math.ceil((now_s + in_s) / _MINUTE_S) * _MINUTE_S
    at, now = (datetime.fromtimestamp(s, UTC).astimezone(zone) for s in (at_s, now_s))
    if at.date() == now.date():
        return f"{at:%H:%M}"
    year = "" if at.year == now.year else f" {at.year}"
    return f"{at:%H:%M} on {at:%a} {at.day} {at:%b}{year}"
