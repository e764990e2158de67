"""What is wrong with a value: a sentence for people, a word for programs."""

from dataclasses import dataclass
from typing import Any, TypeAlias

#: A value of an input: text, a number, true or false, a list or an object.
InputValue: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class ValidationIssue:
    """What is wrong with one value, and what to do about it."""

    #: A stable word for programs.
    kind: str
    #: What is wrong, with the value in it.
    message: str
    #: What to do next.
    suggestion: str
    #: The input it was given for; empty where it is not known yet.
    input: str = ""
    #: As it was given; None where nothing was.
    value: object = None
    #: A mapping of columns that would end it, as `image=Photo`; empty if none would.
    map: str = ""


def given_twice(name: str, other: str) -> ValidationIssue:
    """The issue of an input that is given under two names, with different values."""
    names = other if other == name else f"{name}, also called {other},"
    message = f"{names} is given twice, with different values"
    return ValidationIssue("given-twice", message, "leave one of them empty", name)


class InvalidValueError(Exception):
    """A value that cannot be used."""

    def __init__(self, *issues: ValidationIssue) -> None:
        super().__init__(
            "; ".join(f"{one.message}; {one.suggestion}" for one in issues)
        )
        self.issues = issues

    @property
    def issue(self) -> ValidationIssue:
        """The first issue; of most values there is only one."""
        return self.issues[0]


class MarkedText(str):
    """A cell that is not what the spreadsheet shows, such as an error."""

    __slots__ = ("is_bad", "issue")
    issue: ValidationIssue
    #: Whether the text must not be used.
    is_bad: bool

    @classmethod
    def of(cls, text: str, issue: ValidationIssue, *, is_bad: bool) -> "MarkedText":
        """The text with what a person should know of it."""
        marked = cls(text)
        marked.issue, marked.is_bad = issue, is_bad
        return marked


def check_mark(value: object) -> None:
    """Refuse a cell that holds an error instead of a value.

    Raises:
        InvalidValueError: it does.
    """
    if isinstance(value, MarkedText) and value.is_bad:
        raise InvalidValueError(value.issue)


def invalid(kind: str, message: str, suggestion: str) -> InvalidValueError:
    """The error of one issue."""
    return InvalidValueError(ValidationIssue(kind, message, suggestion))


def is_given(value: object) -> bool:
    """True unless it counts as left out: nothing at all, or only white space."""
    if isinstance(value, str):
        return value != "" and not value.isspace()
    return value is not None
