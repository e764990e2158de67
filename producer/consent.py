"""Asking a person before something is spent or given up, and saying how much it is."""

import sys
from collections.abc import Iterable

from rich.prompt import Confirm

from jobs.money import dollars
from producer import console
from producer.exits import CommandError, Exit


def consent(question: str, *, yes: bool) -> None:
    """Return if the person agrees, or has agreed already.

    Raises:
        CommandError: the person does not, or nobody is here to be asked.
    """
    if yes:
        return
    if not (sys.stdin and sys.stdin.isatty()):
        raise CommandError(
            f"{question} Nobody is here to answer; --yes answers for you"
        )
    if not Confirm.ask(question, console=console.err, default=False):
        raise CommandError("nothing was changed", Exit.INCOMPLETE)


def cost_of(prices: Iterable[int | None]) -> str:
    """The sum of prices in words, so that an unknown one is never taken for nothing.

    >>> cost_of([210_000, None])
    '$0.21 and 1 of unknown price'
    """
    every = list(prices)
    unknown = every.count(None)
    known = dollars(sum(filter(None, every)))
    return f"{known} and {unknown} of unknown price" if unknown else known
