"""The tutorial of the documentation, typed word for word into a real shell."""

import json
import os
import re
import socket
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.tutorial.page import PAGE, blocks, shown, steady, written
from tests.tutorial.shell import Typed, type_all

TEXT = PAGE.read_text("utf-8")
BLOCKS = blocks(TEXT)

IDS = ("stoneware-mug", "desk-lamp", "lounge-chair", "canvas-bag", "field-watch")


@pytest.mark.browser
def test_what_the_tutorial_shows_is_what_its_commands_print(home: Path) -> None:
    typed = type_all(home, [block.commands for block in BLOCKS])
    for block, each in zip_longest(BLOCKS, typed):
        assert block
        assert each, f"the shell got no further than: {block.commands}"
        if block.output is None:
            assert each.code == 0, each.output
        else:
            assert steady(shown(each.output)) == steady(block.output)
    the_report_was_opened(typed)
    nothing_was_paid_twice(home / "my-shop" / "videos")


def test_a_port_that_is_in_use_is_told_and_nothing_waits(home: Path) -> None:
    (start,) = (each.commands for each in BLOCKS if "reelmill sandbox" in each.commands)
    assert start.count("8787") == 1
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        typed = subprocess.run(
            ["/bin/bash", "-c", start.replace("8787", port)],
            cwd=home,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert f"Cannot listen on 127.0.0.1:{port}" in typed.stderr


def the_report_was_opened(typed: list[Typed]) -> None:
    """The browser wrote down the page as it was once its script had run."""
    (opened,) = (
        each.output
        for block, each in zip(BLOCKS, typed, strict=True)
        if "webbrowser" in block.commands
    )
    assert "<html" in opened
    assert [name for name in IDS if name not in opened] == []
    assert "Content flagged" in opened


def nothing_was_paid_twice(videos: Path) -> None:
    reports = [json.loads(path.read_text()) for path in videos.glob("*/report.json")]
    charged = {each["batch"].rpartition("-")[0]: each["cost"] for each in reports}
    assert {name: cost["charged_usd"] for name, cost in charged.items()} == {
        "shop": "1.26",
        "monday": "0.42",
        "mended": "0.21",
    }


def test_no_command_of_the_page_stands_outside_of_the_blocks_that_are_run() -> None:
    fences = re.findall(r"^```(\w*)$", TEXT, re.MULTILINE)
    opened = [word for word in fences if word]
    assert set(opened) == {"sh", "text"}
    assert opened.count("sh") == len(BLOCKS)
    assert opened.count("text") == sum(block.output is not None for block in BLOCKS)
    assert len(fences) == 2 * len(opened)


def test_nobody_waits_for_a_run_that_has_ended(tmp_path: Path) -> None:
    (waits,) = re.findall(r"^until .*run\.log.*$", TEXT, re.MULTILINE)
    script = f"echo no key > run.log & wait $!; false & {waits}; echo over"
    done = subprocess.run(
        ["/usr/bin/env", "bash", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "over\n"


def test_writing_outputs_changes_nothing_but_them() -> None:
    outputs = [block.output or "" for block in BLOCKS]
    assert written(TEXT, outputs) == TEXT
    others = written(TEXT, ["other\n"] * len(BLOCKS))
    assert [block.commands for block in blocks(others)] == [
        block.commands for block in BLOCKS
    ]
    assert {block.output for block in blocks(others)} == {"other\n", None}
