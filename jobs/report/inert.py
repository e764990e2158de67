"""Text of others in Markdown: it is read, and does nothing.

What a manifest or the provider wrote goes into a code span, where no dialect knows
markup, links, pictures or HTML; what chats take for a mention even there is broken up
by a joiner that nobody sees. It decides nothing about what is said; that is `markdown`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from jobs.report.page_words import step, visible

#: Characters of one text; a ticket is no place for whole prompts.
MOST_CHARS: Final = 300

#: Marks of direction that scripts could need; in a line of ours they turn our words.
_MARKS: Final = re.compile("[\u061c\u200b-\u200f]")

#: What begins a mention, or a tag: `@all`, `<!here>`, `<script>`.
_OPENERS: Final = re.compile("[@<\uff20\uff1c]")
_WORD_JOINER: Final = "\u2060"

#: A bar ends a cell of a table even within a code span, and not every dialect knows how
#: to escape it there.
_BAR: Final = str.maketrans("|", "\u00a6")

#: Sentences of our own: no markup, and nothing that a reader could take for an address.
_OURS: Final = re.compile(
    r"[A-Z](?:[A-Za-z0-9 ,;'$()%+-]|[.:](?= |$|csv\b)|\.(?=\d)|_(?=[A-Z]))*"
)


def code(text: object) -> str:
    r"""Foreign text as a code span on one line.

    >>> code("a mug"), code("a `b`\n|c|"), code("")
    ('`a mug`', '``a `b` ¦c¦``', '(empty)')
    """
    shown = _MARKS.sub(lambda m: f"[U+{ord(m[0]):04X}]", visible(str(text)))
    line = " ".join(shown.split()).translate(_BAR)
    if len(line) > MOST_CHARS:
        line = line[:MOST_CHARS].rstrip() + "…"
    if not line:
        return "(empty)"
    runs = [len(run) for run in re.findall("`+", line)]
    fence = "`" * (max(runs, default=0) + 1)
    room = " " if line[0] == "`" or line[-1] == "`" else ""
    inside = _OPENERS.sub(lambda found: found[0] + _WORD_JOINER, line)
    return f"{fence}{room}{inside}{room}{fence}"


def sentence(text: str) -> str:
    """A sentence of our own, with the command at its end as code.

    >>> sentence("Settle each with: reelmill resolve spring JOB")
    'Settle each with: `reelmill resolve spring JOB`'
    """
    words, command = step(text)
    said = words if not words or _OURS.fullmatch(words) else code(words)
    return " ".join(part for part in (said, code(command) if command else "") if part)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str]
) -> list[str]:
    """A table; its cells are inert already, and those of `numbers` stand to the right.

    >>> table(["model", "n"], [["`a`", "1"]], ["n"])
    ['| model | n |', '| --- | ---: |', '| `a` | 1 |']
    """
    ruler = ["---:" if column in numbers else "---" for column in columns]
    return ["| " + " | ".join(cells) + " |" for cells in (columns, ruler, *rows)]
