"""The app that the commands are registered with, and the arguments that they share."""

from typing import Annotated

from cyclopts import App, Parameter

EPILOGUE = """\
Exit codes: 0 all stored · 1 some jobs failed · 2 usage, settings or manifest ·
3 incomplete (budget, interrupted, unresolved) · 4 ledger or provider out of reach.

Settings come from the environment; `reelmill doctor` lists them.
"""


def _version() -> str:
    from importlib.metadata import version

    return version("reelmill")


app = App(
    name="reelmill",
    help="Turn a manifest of product pictures and prompts into videos, paid for once.",
    help_epilogue=EPILOGUE,
    help_format="markdown",
    version=_version,
    result_action="return_value",
)


def _no_option(_kind: object, value: str) -> None:
    """A manifest is `-` or has a name; what looks like an option is a slip."""
    if value.startswith("-") and value != "-":
        raise ValueError(f"{value} is no option of this command; see --help")


#: `-` alone is standard input.
Manifest = Annotated[str, Parameter(allow_leading_hyphen=True, validator=_no_option)]
Json = Annotated[bool, Parameter(name="--json", negative="")]
