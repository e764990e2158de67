"""What a template may do with the text of a cell: the filters, by their names.

It decides what each filter makes of a value and how much it may make; which of them a
template uses is read in `reading`. Names and meanings are those of Jinja, except that
`truncate` adds nothing, and that a text with commas is a list to `first`, `last` and
`join`.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jobs.manifest.template.parts import BadTemplateError, held, text_of

_WORD = re.compile(r"[^\s\-([{<]+")
_TAG = re.compile(r"<[^<>]*>")
#: Tags between which texts are apart, though no white space stands there.
_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figure|footer|h[1-6]"
    r"|header|hr|li|main|ol|p|pre|section|table|td|th|tr|ul)\b[^<>]*>",
    re.IGNORECASE,
)
#: What is never text, from its beginning to its end.
_UNSEEN = (
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"(?i)<script\b"), re.compile(r"(?i)</script\s*>")),
    (re.compile(r"(?i)<style\b"), re.compile(r"(?i)</style\s*>")),
)


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: what it does, and how many values it takes in brackets."""

    apply: Callable[..., object]
    fewest: int = 0
    most: int = 0


def _items(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [text_of(one).strip() for one in value]
    parts = (part.strip() for part in text_of(value).split(","))
    return [part for part in parts if part]


def _title(value: object) -> str:
    return _WORD.sub(lambda word: word[0].capitalize(), text_of(value))


def _trim(value: object, chars: object = None) -> str:
    return text_of(value).strip(None if chars is None else text_of(chars))


def _replace(value: object, old: object, new: object) -> str:
    text, before, after = text_of(value), text_of(old), text_of(new)
    held(len(text) + text.count(before) * max(0, len(after) - len(before)))
    return text.replace(before, after)


def _truncate(value: object, chars: object) -> str:
    """At most so many characters, cut between two words if there are two."""
    if type(chars) is not int or chars < 1:
        raise BadTemplateError("truncate takes a number of characters", "truncate(80)")
    text = text_of(value).strip()
    if len(text) <= chars:
        return text
    cut = text[: chars + 1]
    words = cut.rstrip()
    if len(words) > chars:
        kept = re.split(r"\s+\S*$", cut, maxsplit=1)[0]
        words = kept if len(kept) <= chars else cut[:chars]
    return words.rstrip()


def _striptags(value: object) -> str:
    """The text of HTML: no tags, entities as their characters, single spaces."""
    text = text_of(value)
    for start, end in _UNSEEN:
        text = _without(text, start, end)
    text = _TAG.sub("", _BLOCK.sub(" ", text))
    return " ".join(html.unescape(text).split())


def _without(text: str, start: re.Pattern[str], end: re.Pattern[str]) -> str:
    kept, *rest = start.split(text)
    for part in rest:
        closed = end.search(part)
        kept += part[closed.end() :] if closed else ""
    return kept


def _join(value: object, between: object = ", ") -> str:
    items, separator = _items(value), text_of(between)
    held(sum(map(len, items)) + len(items) * len(separator))
    return separator.join(items)


#: The filters by name. What `default` does is decided in `reading`, for it alone is
#: given empty cells.
FILTERS: Mapping[str, Filter] = {
    "capitalize": Filter(lambda value: text_of(value).capitalize()),
    "default": Filter(text_of, 1, 2),
    "first": Filter(lambda value: next(iter(_items(value)), "")),
    "join": Filter(_join, 0, 1),
    "last": Filter(lambda value: next(reversed(_items(value)), "")),
    "lower": Filter(lambda value: text_of(value).lower()),
    "replace": Filter(_replace, 2, 2),
    "striptags": Filter(_striptags),
    "title": Filter(_title),
    "trim": Filter(_trim, 0, 1),
    "truncate": Filter(_truncate, 1, 1),
    "upper": Filter(lambda value: text_of(value).upper()),
}
