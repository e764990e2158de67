"""What surrounds the code agrees with it: the gate, the readme, the changelog."""

import re
import stat
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_git_ignores_the_file_of_secrets() -> None:
    command = ["git", "check-ignore", "--no-index", "--quiet", ".env"]
    ignored = subprocess.run(command, cwd=ROOT, check=False)
    assert ignored.returncode == 0, "add .env to .gitignore"


def make_targets() -> set[str]:
    """The targets that `make help` lists."""
    command = ["make", "--no-print-directory", "help"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"^  make ([a-z-]+)", run.stdout, re.MULTILINE))


def test_the_readme_names_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert (
        set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= make_targets()
    )


def test_the_gate_runs_the_commands_of_the_makefile() -> None:
    gate = ROOT / ".ci" / "run"
    steps = set(
        re.findall(r"^step make ([a-z-]+)", gate.read_text("utf-8"), re.MULTILINE)
    )
    assert {"lint", "test"} <= steps <= make_targets()
    assert gate.stat().st_mode & stat.S_IXUSR
    subprocess.run(["bash", "-n", gate], check=True)  # noqa: S607 - any bash will do


def test_every_finding_is_listed_and_can_be_run() -> None:
    text = (ROOT / "findings" / "README.md").read_text("utf-8")
    scripts = {path.name: path for path in (ROOT / "findings").glob("*.sh")}
    listed = re.findall(r"^\| \[(\S+)\]\(\1\) \|", text, re.MULTILINE)
    assert sorted(listed) == sorted(scripts)
    for path in scripts.values():
        assert path.stat().st_mode & stat.S_IXUSR
        subprocess.run(["bash", "-n", path], check=True)  # noqa: S607 - any bash will do


def test_the_changelog_is_about_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## \[(\d[^]]*)\]", text, re.MULTILINE)
    assert newest
    assert newest[1] == PROJECT["version"]
