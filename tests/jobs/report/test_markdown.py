"""Reports as Markdown: they read well, and nothing that others wrote acts in them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from jobs.records import Failure
from jobs.report.inert import sentence
from jobs.report.markdown import as_markdown
from jobs.report.page_words import DISTURBING
from jobs.states import State
from tests.jobs.report.reported import (
    SPRING,
    documents,
    of,
    one_job,
    one_try,
)

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

#: All that our reports consist of; no link, no picture, no HTML, no block of code.
OURS = {
    *("inline", "text", "softbreak", "code_inline"),
    *(f"{name}_{end}" for name in ("strong", "em") for end in ("open", "close")),
    *(
        f"{name}_{end}"
        for name in ("heading", "paragraph", "bullet_list", "list_item")
        for end in ("open", "close")
    ),
    *(
        f"{name}_{end}"
        for name in ("table", "thead", "tbody", "tr", "th", "td")
        for end in ("open", "close")
    ),
}


def tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def check(text: str) -> None:
    """See that nothing acts, and that every line of a table has as many cells."""
    found = list(tokens(text))
    assert {token.type for token in found} <= OURS
    assert not re.search(r"[@<\uff20\uff1c](?!\u2060)", text)
    assert not DISTURBING.search(text.replace("\u2060", ""))
    assert not re.search("[\u061c\u200b-\u200f]", text)
    # An address is a text of somebody else, so it is code, which nobody links.
    prose = " ".join(t.content for t in found if t.type == "text")
    assert not re.search(r"://|www\.|\w@\w|evil", prose)
    rows = re.findall(r"^\|.*\|$", text, re.MULTILINE)
    drawn = sum(token.type == "tr_open" for token in found)
    # The ruler below a heading is a line of the text and none of the table.
    assert drawn == len(rows) - sum(token.type == "table_open" for token in found)


@settings(max_examples=60)
@given(documents)
def test_no_report_acts(document: dict[str, Any]) -> None:
    check(as_markdown(document))


def test_a_sentence_of_ours_is_prose_and_its_command_is_code() -> None:
    said = sentence("Correct their rows in failed.csv, beside this report: $0.21 at 5.")
    assert "`" not in said
    assert sentence("Pay for it: reelmill retry spring 'a b'") == (
        "Pay for it: `reelmill retry spring 'a b'`"
    )
    assert sentence("See https://evil.example").startswith("`")


def test_a_ticket_says_what_failed_why_and_what_to_do() -> None:
    failure = Failure("refused", "the picture is too small")
    lost = one_job(State.UNRESOLVED, one_try("unknown"))
    text = as_markdown(
        of(
            one_job(State.STORED, one_try()),
            one_job(State.FAILED, one_try("failed", 210_000), failure=failure),
            lost,
            batch=replace(SPRING, labels={"team": "shoes"}),
        )
    )
    assert text.startswith("## `spring`: 1 of 3 videos\n")
    assert "1 stored, 1 failed, 1 unresolved" in text
    assert "net **$0.42**" in text
    assert "labels `team=shoes`" in text
    assert "- **1** `refused`: `the picture is too small`, charged $0.21" in text
    assert "### Unresolved: 1" in text
    assert "`reelmill resolve spring mug`" in text
