"""The app that the commands are registered with, and the arguments that they share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter, Token

EPILOGUE = """\
Exit codes: 0 all stored · 1 some jobs failed · 2 usage, settings or manifest ·
3 incomplete: budget, stopped, unresolved, overdue · 4 ledger or provider away.

Begin with `reelmill demo`, which needs no key, or with `reelmill init`. Settings come
from the environment; `reelmill doctor` lists them.
"""


def version() -> str:
    """Which reelmill this is."""
    from importlib import metadata

    return metadata.version("reelmill")


def _told(default: object) -> str | None:
    """A default as the help tells it; what is off, or nothing, goes without saying."""
    return None if default in (None, False, (), "") else str(default)


app = App(
    name="reelmill",
    help="Turn a manifest of product pictures and prompts into videos, paid for once.",
    help_epilogue=EPILOGUE,
    help_format="markdown",
    version=version,
    result_action="return_value",
    default_parameter=Parameter(show_default=_told),
)


def _no_option(_kind: object, value: str) -> None:
    """A manifest is `-` or has a name; what looks like an option is a slip."""
    if value.startswith("-") and value != "-":
        raise ValueError(f"{value} is no option of this command")


def _word(_kind: object, tokens: Sequence[Token]) -> str:
    return tokens[0].value


if TYPE_CHECKING:
    Manifest = str
else:
    #: `-` alone is standard input. Shells are told that it is a path, so that they
    #: complete it; commands are given the text as it is, for it may be an address.
    Manifest = Annotated[
        Path,
        Parameter(allow_leading_hyphen=True, validator=_no_option, converter=_word),
    ]

Json = Annotated[bool, Parameter(name="--json", negative="")]


def _known(what: Literal["batches", "models", "schedules"]) -> Parameter:
    """What a shell may complete an argument with, looked up when it asks."""

    def complete(_context: object) -> list[str]:
        from producer import completing

        found: Callable[[], list[str]] = getattr(completing, what)
        return found()

    return Parameter(completer=complete)


#: Ids and names that a shell completes.
Batch = Annotated[str, _known("batches")]
AnyBatch = Annotated[str | None, _known("batches")]
AnyModel = Annotated[str | None, _known("models")]
ScheduleName = Annotated[str, _known("schedules")]
