"""The command `init`: what it writes is in order at once, and nothing is lost by it."""

import json
from pathlib import Path

import pytest

from jobs.catalogue import builtin
from jobs.job import Job
from producer.exits import CommandError, Exit
from producer.init import init
from producer.manifests import Options, plan
from tests.jobs.manifest.asked import flat

NAMES = [model.name for model in builtin().models.values()]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's folder, in which the command is given."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(name: str | None = None, *models: str, force: bool = False) -> Exit:
    path = None if name is None else Path(name)
    return Exit(init(path, model=tuple(models), force=force))


def refusal(name: str, *models: str) -> str:
    with pytest.raises(CommandError) as stop:
        start(name, *models)
    assert stop.value.code == Exit.USAGE
    return str(stop.value)


@pytest.mark.parametrize("ending", [".yaml", ".yml", ".csv"])
@pytest.mark.parametrize("models", [*([name] for name in NAMES), NAMES], ids=len)
def test_the_reader_finds_nothing_wrong_with_a_starter(
    models: list[str], ending: str
) -> None:
    assert start(f"m{ending}", *models) == Exit.STORED
    found = flat(plan(Path(f"m{ending}"), Options(), builtin()))
    planned = [one for one in found if isinstance(one, Job)]
    assert [str(one) for one in found if not isinstance(one, Job)] == []
    assert [builtin().models[job.model].name for job in planned] == models


def test_without_a_name_it_is_yaml_for_the_first_model(folder: Path) -> None:
    assert start() == Exit.STORED
    text = (folder / "products.yaml").read_text("utf-8")
    assert f"model: {NAMES[0]}" in text
    assert [path.name for path in folder.iterdir()] == ["products.yaml"]


def test_a_table_is_explained_at_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start("m.csv", "kling-v3.0-std")
    said = capsys.readouterr()
    assert "m.csv written" in said.out
    assert "whole number, 3 to 15; 5 if it is left out" in said.err
    assert "reelmill check --no-look m.csv" in said.err
    assert [path.name for path in folder.iterdir()] == ["m.csv"]


def test_a_program_is_told_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert init(Path("m.yaml"), model=("kling-v1.6-std",), json=True) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "written": ["m.yaml"],
        "models": ["kling-v1.6-i2v-standard"],
    }


def test_no_file_is_written_over_unless_asked_for(folder: Path) -> None:
    (folder / "m.yaml").write_text("mine")
    said = refusal("m.yaml")
    assert "m.yaml is there already" in said
    assert "--force" in said
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]
    assert start("m.yaml", force=True) == Exit.STORED
    assert (folder / "m.yaml").read_text("utf-8") != "mine"


@pytest.mark.parametrize(
    ("name", "models", "said"),
    [
        ("m.json", (), "name it .yaml, .yml or .csv, such as m.yaml"),
        ("m", (), "such as m.yaml"),
        (".", (), "such as products.yaml"),
        ("/", (), "such as /products.yaml"),
        ("nowhere/m.yaml", (), "name a file in a folder that you can write to"),
        ("m.yaml", ("klng-v2.6-std",), "did you mean kling-v2.6-std"),
        ("m.yaml", ("nothing like it",), "reelmill models lists them"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(
    folder: Path, name: str, models: tuple[str, ...], said: str
) -> None:
    assert said in refusal(name, *models)
    assert list(folder.iterdir()) == []
