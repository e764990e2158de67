"""The pages of the documentation: none is lost, no link dead, no command wrong."""

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from producer.cli import app

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> set[str]:
    """The places of a page that a link may name, as GitHub makes them."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    found = set()
    for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()
        found.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


def dead_links(page: Path) -> list[str]:
    dead = []
    text = _FENCE.sub("", page.read_text("utf-8"))
    for name, place in _LINK.findall(text):
        target = page.parent / name if name else page
        known = target.suffix != ".md" or not place or place in anchors(target)
        if not target.exists() or not known:
            dead.append(f"{name}#{place}")
    return dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def test_the_index_has_every_page_once() -> None:
    index = DOCS / "README.md"
    text = index.read_text("utf-8")
    rows = re.findall(r"^\| \[([\w.]+)\]\(\1\) \|", text, re.MULTILINE)
    others = sorted(page.name for page in DOCS.glob("*.md") if page != index)
    assert sorted(rows) == others


def test_every_file_that_the_architecture_names_exists() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    named = re.findall(r"`((?:jobs|producer|worker|sandbox|deploy)/[\w./]*)`", page)
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []


def commands(page: Path) -> list[list[str]]:
    """The words of every `reelmill …` that stands in a block of commands."""
    found = []
    for language, block in _FENCE.findall(page.read_text("utf-8")):
        if language != "sh":
            continue
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            starts = [at for at, word in enumerate(words) if _is_ours(word)]
            if starts:
                found.append(_until_the_end(words[starts[0] + 1 :]))
    return found


def _is_ours(word: str) -> bool:
    return word == "reelmill" or word.endswith("/bin/reelmill")


def _until_the_end(words: list[str]) -> list[str]:
    """The words of one command: nothing of what the shell does with it."""
    ends = [at for at, word in enumerate(words) if re.match(r"[|;&]|\d?>", word)]
    return words[: ends[0]] if ends else words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one_that_there_is(page: Path) -> None:
    for words in commands(page):
        app.parse_args(words, print_error=False, exit_on_error=False)


@pytest.mark.parametrize("words", ["frobnicate", "report --bild", "resolve", "price"])
def test_a_command_that_there_is_not_would_be_found(words: str) -> None:
    with pytest.raises(CycloptsError):
        app.parse_args(words.split(), print_error=False, exit_on_error=False)
    assert sum(map(len, map(commands, PAGES))) > 60
