"""Words for people: a value shown safely, choices, a likely meaning, a duration.

It decides nothing about what is right; that stands in `catalogue.inputs`,
`catalogue.model` and `manifest.judging`, which write their sentences with it. Nothing
shown here can move a terminal's cursor or give away a password.
"""

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches

SHOWN_CHARS = 60

_MINUTE_S = 60

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
    safe = "".join(c if c.isprintable() else _escaped(c) for c in text)
    return f'"{safe}"' if isinstance(value, str) else safe


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def choice(values: Iterable[object], *, word: str = "or") -> str:
    """Choices for a sentence.

    >>> choice([5, 10]), choice(["1:1", "16:9", "9:16"])
    ('5 or 10', '1:1, 16:9 or 9:16')
    """
    texts = [plain(value) for value in values]
    if len(texts) < 2:  # noqa: PLR2004 - one choice needs no joining word
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {word} {texts[-1]}"


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
