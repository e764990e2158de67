"""What `reelmill` says of itself: every command in a few words, and where to begin.

It fits a terminal of 24 lines and 80 columns. What a command takes stands in its own
help.
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from producer.cli.app import EXIT_CODES

#: Every command by its group: the left half of the screen, the right one, and below.
LEFT: Mapping[str, Mapping[str, str]] = {
    "Manifests": {
        "init": "write one to begin with",
        "check": "find every problem",
        "price": "tell cost and time",
        "run": "render it here",
        "submit": "hand it to a fleet",
    },
    "Nights and fleets": {
        "schedule": "manifests by the clock",
        "scheduler": "fire what is due",
        "worker": "work for the fleet",
        "hooks": "hear the provider's calls",
        "metrics": "figures for Prometheus",
        "rebuild": "a ledger from its store",
    },
}
RIGHT: Mapping[str, Mapping[str, str]] = {
    "Batches": {
        "list": "all there are",
        "show": "a batch, its jobs, one job",
        "watch": "how it goes",
        "report": "cost, and what came of it",
        "pause": "start nothing more",
        "resume": "start again",
        "cancel": "take back what is not sent",
        "collect": "fetch what is paid",
        "retry": "let failed jobs wait again",
        "resolve": "settle a lost answer",
    },
}
BELOW: Mapping[str, Mapping[str, str]] = {
    "This set-up": {
        "demo": "all of it, no key, no cost",
        "doctor": "what is wrong here",
        "models": "inputs, limits, prices",
        "sandbox": "the stand-in provider",
        "completion": "for bash, zsh and fish",
    },
}

#: Manifests that are likely meant, where one of them is there.
LIKELY = ("products.yaml", "products.csv")

_WIDE, _HALF = 80, 39
_TITLE = "reelmill turns product pictures and prompts into videos, each paid for once."


def overview(environment: Mapping[str, str], folder: Path, width: int) -> str:
    """All commands, and which one to begin with, as text.

    Args:
        environment: tells whether a key is set.
        folder: where the person is; a manifest in it is named.
        width: columns of the terminal; a narrow one has one command on each line.
    """
    lines = [_TITLE]
    if width < _WIDE:
        lines += _groups({**LEFT, **RIGHT, **BELOW})
    else:
        lines += _beside([*_groups(LEFT)], [*_groups(RIGHT)])
        heading, *below = _groups(BELOW)
        half = (len(below) + 1) // 2
        lines += [heading, *_beside(below[:half], below[half:])]
    lines += ["", *begin(environment, folder), *EXIT_CODES.strip().splitlines()]
    return "\n".join(lines) + "\n"


def begin(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """What is missing, and the very next command."""
    there = next((name for name in LIKELY if (folder / name).is_file()), "")
    if not environment.get("WAVESPEED_API_KEY"):
        yield "Begin: reelmill demo; for real videos set WAVESPEED_API_KEY to your key."
    elif there:
        yield f"Begin: reelmill check {there}, then reelmill run {there}."
    else:
        yield f"Begin: reelmill init writes {LIKELY[0]}; reelmill run {LIKELY[0]}."
    yield "reelmill COMMAND --help has examples; reelmill doctor checks the set-up."


def _groups(groups: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, commands in groups.items():
        yield name
        yield from _lines(commands)


def _lines(commands: Mapping[str, str]) -> Iterator[str]:
    for name, words in commands.items():
        yield f"  {name:<10} {words}"


def _beside(left: list[str], right: list[str]) -> Iterator[str]:
    for one, other in zip_longest(left, right, fillvalue=""):
        yield f"{one:<{_HALF}}  {other}".rstrip()
