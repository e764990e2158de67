"""The page of the tutorial: its commands, and what it says they print.

It decides which words of an output may differ from one run to the next; nothing else
may. It never runs anything; `shell` does.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "tutorial.md"

#: Commands, and the output that is shown behind them, if any is.
_BLOCK = re.compile(
    r"^```sh\n(?P<commands>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)

#: What may differ, and what stands in its place while two outputs are compared.
VOLATILE = {
    r"\b(shop|monday|mended)-[0-9a-f]{8}\b": r"\1-DIGEST",
    # Shortly before midnight the day is told, too.
    r"\b\d\d:\d\d( on [A-Z][a-z]{2} \d{1,2} [A-Z][a-z]{2})?\b": "HH:MM",
    r"\b\d{1,2} [A-Z][a-z]{2} \d{4}\b": "DATE",
    r"\(\d+ (s|min)\)": "(LENGTH)",
    # A worker tells a sample of the times it saw, so that may be enough or not.
    r"times (from the catalogue, because too few were measured yet"
    r"|as measured for this account)": "times KNOWN",
}

#: A line of the page that stands for lines of progress, as many as there are.
PROGRESS = "..."

_IS_PROGRESS = re.compile(r"^\d+ of \d+ stored · ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that a reader types one after the other."""

    commands: str
    #: None where the page shows none.
    output: str | None


def blocks(text: str) -> list[Block]:
    """The blocks of the page, in order."""
    return [
        Block(found["commands"], found["output"]) for found in _BLOCK.finditer(text)
    ]


def written(text: str, outputs: list[str]) -> str:
    """The page with these outputs, one for each of its blocks."""
    left = iter(outputs)

    def with_output(found: re.Match[str]) -> str:
        output = next(left)
        shown = f"\n```text\n{output}```\n" if found["output"] is not None else ""
        return f"```sh\n{found['commands']}```\n{shown}"

    return _BLOCK.sub(with_output, text)


def shown(output: str) -> str:
    """An output as the page has it: progress in one line, no spaces at line ends."""
    lines: list[str] = []
    for line in output.splitlines():
        kept = PROGRESS if _IS_PROGRESS.match(line) else line.rstrip()
        if kept != PROGRESS or lines[-1:] != [PROGRESS]:
            lines.append(kept)
    return "".join(f"{line}\n" for line in lines)


def steady(output: str) -> str:
    """An output without what may differ."""
    for pattern, name in VOLATILE.items():
        output = re.sub(pattern, name, output)
    return output
