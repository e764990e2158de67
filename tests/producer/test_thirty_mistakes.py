"""Every mistake is named at its place, all at once, and nothing is sent for any."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from producer.cli import app
from producer.exits import Exit
from tests.producer.running import Desk, desk, quick_sandbox
from tests.sandbox.running import RunningSandbox

SAMPLE = resources.files("jobs") / "samples" / "mistakes.csv"
NOT_LOOKED_AT = ("--no-look",)

MISTAKES = [
    (3, "model", "unknown-model"),
    (4, "id", "duplicate-id"),
    (6, "duration", "not-allowed"),
    (7, "duration", "not-an-integer"),
    (8, "image", "missing"),
    (8, "prompt", "missing"),
    (9, "image", "local-file"),
    (10, "image", "data-url"),
    (11, "image", "password-in-address"),
    (12, "image", "address"),
    (13, "image", "address"),
    (14, "image", "link-local"),
    (15, "sound", "other-model"),
    (16, "guidance_scale", "not-a-number"),
    (17, "guidance_scale", "out-of-range"),
    (18, "sound", "not-a-boolean"),
    (19, "multi_prompt", "together"),
    (20, "end_image", "together"),
    (21, "multi_prompt", "sum"),
    (22, "multi_prompt", "out-of-range"),
    (23, "multi_prompt", "unknown-input"),
    (24, "multi_prompt", "not-text"),
    (25, "multi_prompt", "not-an-object"),
    (25, "multi_prompt", "not-an-object"),
    (26, "element_list", "too-long"),
    (27, "element_list", "items"),
    (28, "images", "not-a-list"),
    (29, "images", "address"),
    (29, "aspect_ratio", "not-allowed"),
    (30, "durration", "misspelt"),
    (31, "model", "missing"),
    (32, "prompt", "formula"),
    (33, "prompt", "template"),
    (34, "prompt", "control-character"),
    (35, "prompt", "blank"),
    (36, "prompt", "missing"),
    (37, None, "cells"),
    (38, None, "quote"),
]

HEADER = "id,model,image,prompt\n"
MUG = "https://example.com/mug.jpg"
ROW = f"a,kling-v2.6-std,{MUG},Slow orbit\n"
ITEM = f"- {{model: kling-v2.6-std, image: '{MUG}', prompt: Slow orbit}}\n"

#: Mistakes that one CSV cannot have: name, content, options, and what is told.
Told = list[tuple[int | None, str | int | None, str]]
OTHERS: dict[str, tuple[str, str | bytes, tuple[str, ...], Told]] = {
    "a row in another encoding": (
        *("m.csv", (HEADER + ROW + ROW.replace("Slow", "Für")).encode("cp1252"), ()),
        [(3, None, "encoding")],
    ),
    "no text": ("m.csv", HEADER + ROW + "\0", (), [(None, None, "not-a-manifest")]),
    "an input named twice": (
        *("m.csv", "image,image,prompt\n" + ROW, ()),
        [(1, "image", "header")],
    ),
    "names that mean nothing": (
        *("m.csv", "sku,colour\nA-1,red\n", ()),
        [(1, None, "header")],
    ),
    "no rows": ("m.csv", HEADER, (), [(None, None, "no-rows")]),
    "nothing at all": ("m.csv", "", (), [(None, None, "empty")]),
    "an unknown ending": ("m.doc", "words\n", (), [(None, None, "ending")]),
    "a line that is not JSON": (
        *("m.jsonl", '{"id": a}\n', ()),
        [(1, 8, "json")],
    ),
    "an alias in YAML": (
        "m.yaml",
        "- &x {}\n- *x\n",
        (),
        [(1, 3, "yaml"), (2, 3, "yaml")],
    ),
    "a tab in YAML": ("m.yaml", f"{ITEM}\t- x\n", (), [(2, 1, "yaml")]),
    "an id for all": (
        *("m.yaml", f"defaults: {{id: a}}\nitems:\n{ITEM}", ()),
        [(1, "id", "default-id")],
    ),
    "a misspelt default": (
        *("m.yaml", f"defaults:\n  promt: So\nitems:\n{ITEM}", ()),
        [(2, "promt", "unknown-input")],
    ),
    "a template for a column that is not there": (
        "m.csv",
        f"id,model,image,title\na,kling-v2.6-std,{MUG},Mug\n",
        ("--prompt", "{{ titel }} turning"),
        [(2, "prompt", "template")],
    ),
    "a mapped column that is not there": (
        *("m.csv", HEADER + ROW, ("--map", "end_image=Image Src")),
        [(1, "Image Src", "map")],
    ),
    "a key that climbs": (
        *("m.csv", HEADER + ROW, ("--key", "../{id}")),
        [(None, "key", "key")],
    ),
    "one key for two videos": (
        *("m.csv", HEADER + ROW + "b" + ROW[1:], ("--key", "{model}")),
        [(3, None, "duplicate-key")],
    ),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def table(sandbox: RunningSandbox) -> Iterator[Desk]:
    with desk(sandbox) as made:
        made.write("mistakes.csv", SAMPLE.read_bytes())
        yield made


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a person's own, in which a command is given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    return tmp_path


def places(document: Any) -> Told:
    return [(p["line"], p["column"], p["rule"]) for p in document["problems"]]


def asked(sandbox: RunningSandbox) -> tuple[int, dict[str, int]]:
    """What the provider began to render, and was asked, its list of models aside."""
    books = sandbox.books()
    requests = {name: n for name, n in books["requests"].items() if name != "models"}
    return books["predictions"], requests


def test_every_kind_of_mistake_is_named_at_their_place(table: Desk) -> None:
    ended = table.here("check", "mistakes.csv", *NOT_LOOKED_AT, "--json")
    assert ended.code == Exit.USAGE
    found = ended.json()
    assert places(found) == MISTAKES
    assert found["count"] == len(MISTAKES)
    kinds = Counter(kind for *_, kind in MISTAKES)
    assert found["by_kind"] == kinds
    assert len(kinds) >= 29
    for problem in found["problems"]:
        assert problem["message"]
        assert problem["suggestion"]
        assert problem["file"] == "mistakes.csv"
    assert found["jobs"] == 2  # what follows a broken quote is not read
    assert "hunter2" not in ended.out + ended.err


def test_each_of_them_is_a_line_for_other_programs(table: Desk) -> None:
    ended = table.here("check", "mistakes.csv", *NOT_LOOKED_AT)
    assert ended.code == Exit.USAGE
    lines = ended.out.splitlines()
    for line, (number, column, kind) in zip(lines, MISTAKES, strict=False):
        place = f"{number}" if column is None else f"{number}:{column}"
        assert line.startswith(f"mistakes.csv:{place}: {kind}: ")
    assert lines[-1] == f"{len(MISTAKES)} problems; nothing was sent"


@pytest.mark.parametrize("command", ["check", "price", "run"])
def test_nothing_is_sent_for_a_manifest_with_mistakes(
    table: Desk, sandbox: RunningSandbox, command: str
) -> None:
    words = ["--yes"] if command == "run" else []
    ended = table.here(command, "mistakes.csv", *NOT_LOOKED_AT, *words)
    assert ended.code == Exit.USAGE
    assert f"{len(MISTAKES)} problems; nothing was sent" in ended.out + ended.err
    assert asked(sandbox) == (0, {})
    assert table.videos() == []


def test_without_mistakes_the_same_command_does_ask_the_provider() -> None:
    with quick_sandbox() as sandbox, desk(sandbox) as made:
        made.write("good.csv", HEADER + ROW)
        ended = made.here("price", "good.csv", *NOT_LOOKED_AT)
        assert ended.code == Exit.STORED, ended.err
        assert asked(sandbox)[1] != {}


@pytest.mark.parametrize(
    ("name", "content", "words", "told"), OTHERS.values(), ids=OTHERS
)
def test_a_mistake_in_another_form_is_named_as_well(
    place: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str | bytes,
    words: tuple[str, ...],
    told: Told,
) -> None:
    given = content.encode() if isinstance(content, str) else content
    (place / name).write_bytes(given)
    assert app(["check", name, *NOT_LOOKED_AT, "--json", *words]) == Exit.USAGE
    assert places(json.loads(capsys.readouterr().out)) == told


def test_a_picture_that_cannot_be_used_is_a_mistake_of_its_row(table: Desk) -> None:
    table.write("small.png", png(200, 300))
    table.write("page.jpg", "<!doctype html><title>Not found</title>")
    pictures = ["gone.jpg", "small.png", "page.jpg"]
    lines = [f"{n},kling-v2.6-std,{name},So\n" for n, name in enumerate(pictures)]
    table.write("pictures.csv", HEADER + "".join(lines))
    ended = table.here("check", "pictures.csv", "--json")
    assert ended.code == Exit.USAGE
    found = ended.json()
    assert [place[:2] for place in places(found)] == [(n, "image") for n in (2, 3, 4)]
    assert [problem["value"] for problem in found["problems"]] == pictures
    assert len({problem["rule"] for problem in found["problems"]}) == 3


def test_many_mistakes_of_one_kind_are_counted(table: Desk) -> None:
    rows = [f"r{n},kling-v9{n},{MUG},So\n" for n in range(1, 251)]
    table.write("many.csv", HEADER + "".join(rows))
    ended = table.here("check", "many.csv", *NOT_LOOKED_AT, "--json")
    found = json.loads(ended.out)
    assert len(found["problems"]) == 100
    assert found["by_kind"] == {"unknown-model": 250}
    assert found["left_out"] == {"unknown-model": 150}


def png(width_px: int, height_px: int) -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (width_px, height_px), "teal").save(kept, "PNG")
    return kept.getvalue()
