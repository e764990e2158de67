"""Problems as a person sees them: all of them counted, a hundred of a kind listed."""

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from jobs.manifest.rows import Problem
from jobs.text import json_text
from producer.problems import (
    MAX_KEPT_CHARS,
    MAX_OF_A_KIND,
    Problems,
    document,
    lines,
    print_problems,
)

WRONG = Problem(
    "m.csv", 3, "duration", "12", '"12" is not one of 5, 10', "write 5 or 10", "number"
)

HOSTILE = [
    "\x1b]0;title\x07",
    "\x1b[31mred",
    "a\rb\nc",
    "\u202egnp.gum",
    "\u2066left\u2069",
    "[bold]loud[/]",
    "[/nothing]",
    "[link=https://example.com]here[/link]",
    ":smile:",
    "\x9b31m",
    "\ud800",
    "\u200b",
]
#: All that a terminal would act on, and all that rich would.
ACTING = set("\x1b\x07\x9b\r\u202e\u2066\u2069\u200b")

texts = st.sampled_from(HOSTILE) | st.text(max_size=20)
problems_of_any_kind = st.builds(
    Problem,
    file=texts,
    line=st.none() | st.integers(1, 10**9),
    column=st.none() | st.integers(1, 10**6) | texts,
    value=st.none() | texts,
    message=texts,
    suggestion=texts,
    kind=st.sampled_from(["address", "id", "sum"]),
)


def collected(*problems: Problem) -> Problems:
    found = Problems()
    found.add_all(problems)
    return found


class Terminal(io.StringIO):
    """Where a person reads."""

    def isatty(self) -> bool:
        return True


def printed(problems: Problems, width: int, *, terminal: bool = True) -> str:
    out = Terminal() if terminal else io.StringIO()
    # As `FORCE_COLOR` has it in a pipe, too.
    console = Console(
        file=out, width=width, force_terminal=True, no_color=True, color_system=None
    )
    print_problems(problems, console)
    return out.getvalue()


def test_after_a_hundred_of_one_kind_the_rest_are_counted() -> None:
    each = (replace(WRONG, line=n, message=f"{n} is bad") for n in range(1, 251))
    many = collected(*each, WRONG)
    other = replace(WRONG, kind="id")
    many.add(other)
    assert many.count == 252
    assert many.by_kind == {"number": 251, "id": 1}
    assert len(many.kept) == MAX_OF_A_KIND + 1
    assert many.left_out == {"number": 151}
    *_, numbers, ids, total = lines(many)
    assert numbers == "number: 251, 151 more than are listed"
    assert ids == "id: 1"
    assert total == "252 problems; nothing was sent"
    for width in (80, 160):
        said = " ".join(printed(many, width).split())
        assert said.endswith("number 251 151 id 1 252 problems; nothing was sent")


def test_a_million_problems_need_no_more_room_than_a_hundred() -> None:
    huge = "x" * 10_000
    wrong = replace(WRONG, value=huge, column=huge)
    many = collected(*(replace(wrong, message=str(n)) for n in range(1000)))
    assert len(many.kept) == MAX_OF_A_KIND
    for kept in many.kept:
        assert len(str(kept.value)) == len(str(kept.column)) == MAX_KEPT_CHARS + 1


def test_what_many_rows_say_alike_is_shown_once_with_its_count() -> None:
    found = collected(*(replace(WRONG, line=line) for line in range(2, 26_249)))
    (kept,) = found.kept
    assert (kept.line, kept.more, found.count) == (2, 26_246, 26_247)
    assert found.left_out == {}
    first, *rest = lines(found)
    assert first.endswith("(the same in 26,246 rows below)")
    assert rest == ["number: 26247", "26,247 problems; nothing was sent"]
    (document_of,) = document(found)["problems"]
    assert document_of["more_rows"] == 26_246


def test_problems_stand_in_order_of_file_and_line() -> None:
    first, second = replace(WRONG, file="z.yaml", line=9), replace(WRONG, line=2)
    whole = replace(WRONG, file="z.yaml", line=None, column=None)
    later = replace(WRONG, file="z.yaml", line=4, kind="id")
    found = collected(first, second, whole, later)
    assert found.kept == [whole, later, first, second]


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (WRONG, 'm.csv:3:duration: number: "12" is not one of 5, 10; write 5 or 10'),
        (
            replace(WRONG, column=7, message="so"),
            "m.csv:3:7: number: so; write 5 or 10",
        ),
        (
            replace(WRONG, line=None, column=None, message="so"),
            "m.csv: number: so; write 5 or 10",
        ),
        (
            replace(WRONG, column="a\nb", message="\x1b[0m"),
            "m.csv:3:a\\nb: number: \\x1b[0m; write 5 or 10",
        ),
    ],
)
def test_a_program_reads_one_line_for_each_problem(problem: Problem, line: str) -> None:
    out = printed(collected(problem), 20, terminal=False)
    assert out.splitlines() == [line, "number: 1", "1 problem; nothing was sent"]


@pytest.mark.parametrize("width", [60, 120])
def test_a_table_says_where_what_and_what_to_do_at_any_width(width: int) -> None:
    problem = replace(WRONG, message="it is no length of this model", value="twelve")
    out = printed(collected(problem), width)
    assert max(map(len, out.splitlines())) <= width
    assert out.splitlines()[0].strip() == "m.csv"
    said = " ".join(out.split())
    for word in ("3", "duration", "twelve", "number", "write 5 or 10"):
        assert word in said
    assert said.endswith("1 problem; nothing was sent")


@given(st.lists(problems_of_any_kind, min_size=1, max_size=4))
def test_nothing_in_a_manifest_acts_on_a_terminal(problems: list[Problem]) -> None:
    found = collected(*problems)
    for width, terminal in ((80, True), (160, True), (80, False)):
        out = printed(found, width, terminal=terminal)
        assert not ACTING & set(out)
        out.encode()


@given(st.lists(problems_of_any_kind, max_size=4))
def test_the_document_has_every_kept_problem_and_can_be_written(
    problems: list[Problem],
) -> None:
    made = document(collected(*problems))
    assert json.loads(json_text(made)) == made
    assert made["count"] == len(problems)
    kept = sum(1 + each["more_rows"] for each in made["problems"])
    assert kept == len(problems)
    assert sum(made["by_kind"].values()) == len(problems)
    for each in made["problems"]:
        assert list(each) == [
            *("file", "line", "column", "value", "rule", "message", "suggestion"),
            "more_rows",
        ]


def test_no_password_is_kept() -> None:
    long = "https://anna:hunter2@example.com/" + "x" * 1000
    for value in (long, "https://anna:hunter2@example.com/"):
        (kept,) = collected(replace(WRONG, value=value)).kept
        assert "hunter2" not in repr(kept)
