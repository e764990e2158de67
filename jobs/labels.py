"""Labels: words of a person's own on a batch, such as `team=shoes`.

It decides how they are written and which batches they choose. A label never touches
what is sent or paid, and is no part of a batch's identity; what they are for, sums of
money by whoever asked for the videos, is `report.statement`'s.
"""

import re
from collections.abc import Iterable, Mapping

#: Most labels that one batch carries.
MOST = 20

MAX_VALUE = 200

_NAME = re.compile(r"[a-z0-9_.-]{1,63}")


class LabelError(ValueError):
    """Not a label, or one too many; says what to write instead."""


def parsed(texts: Iterable[str]) -> dict[str, str]:
    """Labels as a person writes them, by name, in the order of their names.

    >>> parsed(["team=shoes", "season = spring 2027"])
    {'season': 'spring 2027', 'team': 'shoes'}

    Raises:
        LabelError: one of them is none, one is named twice, or they are too many.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, value = _pair(text)
        if found.get(name, value) != value:
            raise LabelError(f"{name} is given twice; a batch has one value of each")
        found[name] = value
    if len(found) > MOST:
        raise LabelError(f"{len(found)} labels are too many; a batch has up to {MOST}")
    return dict(sorted(found.items()))


def missing(has: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Those of the given labels that a batch can still get: its own stay as they are.

    Raises:
        LabelError: with them it would have too many.
    """
    new = {name: value for name, value in given.items() if name not in has}
    if len(has) + len(new) > MOST:
        raise LabelError(
            f"it has {len(has)} labels and would get {len(new)} more; "
            f"a batch has up to {MOST}"
        )
    return new


def fit(has: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether a batch has all the labels that are wanted."""
    return all(has.get(name) == value for name, value in wanted.items())


def told(labels: Mapping[str, str]) -> str:
    """Labels as a person writes them, for a line."""
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value:
        raise LabelError(f"{text!r} is no label; write it as NAME=VALUE: team=shoes")
    if not _NAME.fullmatch(name):
        raise LabelError(
            f"{name!r} cannot name a label: up to 63 small letters, digits, "
            "'-', '_' and '.'"
        )
    if len(value) > MAX_VALUE:
        raise LabelError(
            f"the value of {name} has {len(value)} characters; "
            f"up to {MAX_VALUE} are kept"
        )
    if not value.isprintable():
        raise LabelError(f"the value of {name} has characters that cannot be printed")
    return name, value
