"""Reports as Markdown: they read well, and nothing that others wrote acts in them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from jobs.records import Failure
from jobs.report.inert import code, sentence
from jobs.report.markdown import as_markdown
from jobs.report.page_words import DISTURBING
from jobs.states import State
from tests.jobs.report.reported import (
    HOSTILE,
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

EVIL = [
    *HOSTILE,
    "[a](https://evil.example)",
    "![a](https://evil.example/x.png)",
    "<https://evil.example>",
    "<img src=x onerror=alert(1)>",
    "`` ` ``",
    "`</code>`",
    "a|b|c",
    "\\|",
    "\\",
    "@channel <!here> <@U1> \uff20all",
    "\u202ecod.exe \u2066x\u200f",
    "a\n\n# b\n\n- c",
    "&lt;script&gt;&#64;all",
    "www.evil.example mail@evil.example",
    "~~a~~ **b** __c__",
]

evil = st.sampled_from(EVIL) | st.text(st.sampled_from("`|\\<>@[]()!*_#&\n\u202e a"))


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


@settings(max_examples=40)
@given(documents)
def test_no_report_acts(document: dict[str, Any]) -> None:
    check(as_markdown(document))


def evil_report(text: str) -> str:
    """A report with this wherever somebody else writes."""
    failure = Failure(text, text)
    last = replace(one_try("failed"), failure=failure)
    given = {"prompt": text, "image": text}
    jobs = [
        replace(
            record, job=replace(record.job, id=f"{text}{n}", model=text, inputs=given)
        )
        for n, record in enumerate(
            [
                one_job(State.FAILED, last, failure=failure),
                one_job(State.UNRESOLVED, one_try("unknown")),
            ]
        )
    ]
    batch = replace(SPRING, id=text, manifest=text, labels={"team": text})
    invoice = {
        **dict.fromkeys(("billed_usd", "billed_refunded_usd", "billed_net_usd"), "1"),
        "differences": [
            dict.fromkeys(("id", "what", "prediction_id"), text)
            | {"attempt": 1, "booked_usd": "0.21", "billed_usd": "0.42"}
        ],
        "unexplained": [
            {"prediction_id": text, "model": text, "billed_usd": "1", "at": text}
        ],
    }
    document = of(*jobs, batch=batch)
    return as_markdown(document | {"invoice": invoice, "warnings": [text]})


@settings(max_examples=60)
@given(evil)
@example("a|b")
def test_whatever_others_write_stays_text(text: str) -> None:
    check(evil_report(text))


@pytest.mark.parametrize("text", EVIL)
def test_what_is_hostile_stays_text(text: str) -> None:
    check(evil_report(text))


@given(evil)
def test_a_code_span_is_one_span(text: str) -> None:
    _, inline, _ = PARSER.parse(f"x {code(text)} y")
    kinds = [token.type for token in inline.children or ()]
    is_empty = code(text) == "(empty)"
    assert kinds == (["text"] if is_empty else ["text", "code_inline", "text"])


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
