"""What came of it, as lines of text."""

from collections.abc import Iterator, Mapping

from tests.chaos.tally import Tally

WIDTH = 48

#: More sentences than anybody reads.
MOST_PROBLEMS = 40


def table(title: str, tally: Tally) -> Iterator[str]:
    """The figures of one form, then what is wrong, if anything is."""
    yield f"{title}:"
    yield from _lines({f"killed: {kind}": n for kind, n in tally.kills.items()})
    yield from _lines(
        {f"ended by itself with {c}": n for c, n in tally.endings.items()}
    )
    yield from _lines({"audits of the ledger": tally.audits})
    yield from _lines(tally.figures)
    for problem in tally.problems[:MOST_PROBLEMS]:
        yield f"  WRONG: {problem}"
    rest = len(tally.problems) - MOST_PROBLEMS
    if rest > 0:
        yield f"  ... and {rest} more"
    yield "  all is well" if not tally.problems else ""


def _lines(figures: Mapping[str, object]) -> Iterator[str]:
    for what, value in figures.items():
        yield f"  {what:<{WIDTH}} {value}"
