"""What templates are made of: where values come from, and what may go wrong.

It holds the words that `template`, `reading` and `filters` share, and how a value
becomes text; it decides nothing about any one template.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from jobs.text import plain

#: More than any prompt or key takes, and little enough to be made for each row.
MOST_CHARS = 100_000


class BadTemplateError(Exception):
    """A template that cannot be used: as such, or with the cells of one row."""

    def __init__(self, message: str, suggestion: str) -> None:
        super().__init__(f"{message}; {suggestion}")
        self.message = message
        self.suggestion = suggestion


class Scope(Protocol):
    """Where a template finds its values."""

    def value(self, name: str, *, quiet: bool) -> object:
        """The value of that name; None where it is empty and the asker is quiet.

        Raises:
            BadTemplateError: there is nothing of that name, or more than one; or it is
                empty and the asker is not quiet.
        """


#: Is shown every text that a value puts into a template, and may raise.
Fits = Callable[[str], None]
#: Makes a part of the text from the values of a row.
Part = Callable[[Scope, Fits | None], Iterator[str]]


def text_of(value: object) -> str:
    """A value as text; a list as its items with commas between them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value))
    return "" if value is None else plain(value)


def held(chars: int) -> None:
    """Complains of a text that grows beyond all use, before it is made.

    Raises:
        BadTemplateError: there would be too many characters.
    """
    if chars > MOST_CHARS:
        message = f"a template makes more than {MOST_CHARS} characters here"
        raise BadTemplateError(message, "shorten it with truncate(200)")
