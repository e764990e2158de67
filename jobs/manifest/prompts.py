"""What a person did probably not mean to send: tags, entities and broken letters."""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Doubt(NamedTuple):
    """Why a text looks wrong."""

    #: A stable word for programs.
    kind: str
    #: What it has, to follow `prompts have`.
    message: str
    #: With the column that it came from as `{column}`.
    suggestion: str
    #: The piece of text that shows it.
    found: str


_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]*)?/?>")
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});")
#: UTF-8 that was read as cp1252 or Latin-1, and what could not be read at all.
_BROKEN = re.compile(
    "[ÃÂ][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2044\u20ac\u2122]|â€.|â\u201a¬|ï»¿|\ufffd|[ÐÑ][\u0080-\u00bf]"
)

_STRIP = "add the filter striptags, as in {{{{ {column} | striptags }}}}"
_DOUBTS = (
    ("html", _TAG, "HTML tags in them", _STRIP),
    ("entities", _ENTITY, "HTML entities in them", _STRIP),
    (
        "mojibake",
        _BROKEN,
        "letters that were read in a wrong encoding",
        "save the table as UTF-8, or pass the --encoding that it has",
    ),
)


def doubts(text: str) -> Iterator[Doubt]:
    """What looks wrong with a finished prompt.

    >>> [doubt.kind for doubt in doubts("<p>CafÃ© &amp; bar</p>")]
    ['html', 'entities', 'mojibake']
    """
    if text.isascii() and "<" not in text and "&" not in text:
        return
    for kind, pattern, message, suggestion in _DOUBTS:
        if found := pattern.search(text):
            yield Doubt(kind, message, suggestion, found[0])
