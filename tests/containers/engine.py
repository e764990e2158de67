"""A fleet in real containers: the compose file as it is, and what can be done to it.

Everything runs under a project of its own and is taken down at the end. What is done
to it, and what must come of it, stands in `__main__`.
"""

import json
import secrets
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.containers.files import ROOT

SANDBOX_URL = "http://127.0.0.1:8787"
FLOWER_URL = "http://127.0.0.1:5555"
METRICS_URL = "http://127.0.0.1:9470"

#: Longest that one command of the engine may take; a build installs everything.
COMMAND_S = 900.0


class EngineError(Exception):
    """The engine refused a command."""


def engine_answers() -> bool:
    """Whether there is a container engine with Compose."""
    try:
        for words in (("docker", "info"), ("docker", "compose", "version")):
            subprocess.run(words, capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def run(words: Sequence[str], *, cwd: Path = ROOT) -> str:
    """What a command prints.

    Raises:
        EngineError: it failed; with its last words.
    """
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, check=False, timeout=COMMAND_S
    )
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise EngineError(f"{' '.join(words)} ended with {done.returncode}:\n{last}")
    return done.stdout


def docker(*words: str) -> str:
    """What `docker` prints."""
    return run(("docker", *words))


def remove_images(*names: str) -> None:
    """Remove images; ones that were never made are passed over."""
    for name in names:
        with suppress(EngineError):
            docker("rmi", name)


@dataclass(slots=True)
class Fleet:
    """One project of Compose."""

    folder: Path
    name: str = field(default_factory=lambda: f"fleettest{secrets.token_hex(3)}")
    #: Files that say more than the one of the repository, by their names.
    more: dict[str, str] = field(default_factory=dict)
    password: str = field(default_factory=lambda: secrets.token_hex(12))

    def __post_init__(self) -> None:
        values = {
            "WAVESPEED_API_KEY": "a-key-of-the-fleet-test",
            "WAVESPEED_BASE_URL": "http://sandbox:8787",
            "VALKEY_PASSWORD": self.password,
            "FLOWER_BASIC_AUTH": f"ann:{self.password}",
            "COMPOSE_PROFILES": "s3,sandbox",
            "REELMILL_STORE": "s3://videos",
            "AWS_ENDPOINT_URL": "http://s3:8333",
            "AWS_ACCESS_KEY_ID": "fleet",
            "AWS_SECRET_ACCESS_KEY": self.password,
            "AWS_REGION": "us-east-1",
            "REELMILL_TIER": "silver",
            "REELMILL_VIDEOS_PER_MINUTE": "40",
            "REELMILL_SUBMIT_TIMEOUT_S": "20",
            "REELMILL_SETTLE_S": "120",
        }
        lines = (f"{name}={value}\n" for name, value in values.items())
        (self.folder / ".env").write_text("".join(lines))

    def compose(self, *words: str) -> str:
        """What `docker compose` prints for this project."""
        files = [ROOT / "docker-compose.yml"]
        for name, text in self.more.items():
            files.append(self.folder / name)
            files[-1].write_text(text)
        options = [word for file in files for word in ("--file", str(file))]
        env = ("--env-file", str(self.folder / ".env"), "--project-name", self.name)
        return run(("docker", "compose", *options, *env, *words))

    def reelmill(self, *words: str) -> Any:
        """What a command of reelmill prints as JSON, run beside the scheduler."""
        text = self.compose("exec", "-T", "scheduler", "reelmill", *words, "--json")
        return json.loads(text)

    def submit(self, manifest: Path) -> str:
        """Hand in a manifest as the documentation does; the batch's id."""
        mount = ("-v", f"{manifest.parent}:/in:ro")
        words = ("reelmill", "submit", f"/in/{manifest.name}", "--yes")
        said = self.compose("run", "--rm", "-T", *mount, "worker", *words)
        return said.split()[-1]

    def containers(self, service: str) -> list[str]:
        """Names of the running containers of a service."""
        return self.compose("ps", "--format", "{{.Name}}", service).split()

    def unwell(self) -> list[str]:
        """Containers that are not running, or not well by their own check."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        found = [json.loads(line) for line in lines if line.strip()]
        return [
            f"{each['Name']} ({each['State']} {each['Health']})"
            for each in found
            if each["State"] != "running" or each["Health"] not in ("", "healthy")
        ]

    def configure_sandbox(self, **settings: object) -> None:
        """Change settings and faults of the stand-in."""
        url = f"{SANDBOX_URL}/sandbox/settings"
        httpx.post(url, json=settings, trust_env=False).raise_for_status()

    def books(self) -> dict[str, Any]:
        """The stand-in's own books, with their rows."""
        url = f"{SANDBOX_URL}/sandbox/books"
        answer = httpx.get(url, params={"rows": "1"}, trust_env=False, timeout=30)
        return dict(answer.raise_for_status().json())

    def down(self) -> None:
        """Take everything down, with the volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
