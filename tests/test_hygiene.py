"""What the repository may hold: no machine's paths, no index, no clutter."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent

TOP_LEVEL = {
    *("pyproject.toml", "Makefile", "README.md", "LICENSE", "CHANGELOG.md"),
    *("docker-compose.yml", "jobs", "producer", "worker", "sandbox", "tests"),
    *("docs", "bench", "deploy", "findings"),
}

#: Hosts that serve packages; a lock made elsewhere must not send people to ours.
INDEX = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|crates|conda|artifactory|nexus)\.[a-z]{2,}\b"
    r"|--(?:extra-)?index-url[ =]|--find-links[ =]",
    re.IGNORECASE,
)

#: A folder of one person's machine.
MACHINE = re.compile(r"(?<![\w./:-])/(?:home|Users|root|opt|work)/\w")

#: A linter that is told to look away, and not why.
UNREASONED = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?![:\[]\s*[^#]*?\s(?:- |# )\S)")


def repository_files() -> list[Path]:
    """What git tracks, and what it would once it is added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name.decode() for name in names.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def found(pattern: re.Pattern[str], suffix: str = "") -> list[str]:
    """Each line of the repository that has the pattern, with its place."""
    places = []
    for path in repository_files():
        content = path.read_bytes()
        if b"\0" in content or not path.name.endswith(suffix):
            continue
        for number, line in enumerate(content.decode().splitlines(), 1):
            if pattern.search(line):
                places.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return places


def test_no_file_names_a_package_index() -> None:
    assert found(INDEX) == []


def test_no_file_names_a_folder_of_a_machine() -> None:
    assert found(MACHINE) == []


def test_every_exception_to_a_rule_has_its_reason() -> None:
    assert found(UNREASONED, ".py") == []


@pytest.mark.parametrize(
    ("pattern", "text", "bad"),
    [
        (INDEX, "see " + "pypi" + ".org", True),
        (INDEX, "https://files." + "pythonhosted" + ".org/x", True),
        (INDEX, "pip install --index" + "-url x", True),
        (INDEX, "--no-emit-index-url --no-emit-find-links", False),
        (MACHINE, "open('" + "/home" + "/ann/x')", True),
        (MACHINE, "https://example.com/home/x", False),
        (MACHINE, "docs/work/x", False),
        (UNREASONED, "x = 1  #" + " noqa: E501", True),
        (UNREASONED, "x = 1  #" + " noqa", True),
        (UNREASONED, "x = 1  #" + " type: ignore[attr-defined]", True),
        (UNREASONED, "x = 1  #" + " noqa: E501, S101 - a table", False),
        (UNREASONED, "x = 1  #" + " type: ignore[misc]  # why", False),
    ],
)
def test_the_patterns_find_what_they_should(
    pattern: re.Pattern[str], text: str, *, bad: bool
) -> None:
    assert bool(pattern.search(text)) is bad


def test_the_top_level_has_only_what_belongs_there() -> None:
    tops = {path.relative_to(ROOT).parts[0] for path in repository_files()}
    assert {name for name in tops if not name.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_every_locked_version_has_its_hashes(name: str) -> None:
    text = (ROOT / ".constraints" / name).read_text("utf-8")
    for entry in re.split(r"\n(?=\S)", text.strip()):
        pin, *hashes = entry.replace("\\\n", "\n").splitlines()
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+(?: ; .+)?", pin.strip()), pin
        assert hashes
        for line in hashes:
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line.strip())


def test_the_locked_versions_are_those_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "run.txt": [*project["dependencies"], *extras["sandbox"]],
        "dev.txt": [*project["dependencies"], *extras["sandbox"], *extras["flower"]],
    }
    for name, asked in wanted.items():
        text = (ROOT / ".constraints" / name).read_text("utf-8")
        for requirement in map(Requirement, asked):
            pattern = rf"^{requirement.name.lower()}==([\w.]+)"
            versions = re.findall(pattern, text, re.MULTILINE)
            assert versions
            for version in versions:
                assert requirement.specifier.contains(version), requirement
