"""A fleet in real containers: the compose file as it is, and what can be done to it.

Everything runs under a project of its own and is taken down at the end. What is done
to it stands in `breaking` and `restoring`, what must come of it in `checking`.
"""

import json
import os
import secrets
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.containers.files import ROOT, base_images

SANDBOX_URL = "http://127.0.0.1:8787"
FLOWER_URL = "http://127.0.0.1:5555"
METRICS_URL = "http://127.0.0.1:9470"

#: Who may look at Flower, with the fleet's password.
USER = "ann"

#: So low that rows are left to be sent at every fault.
STARTS_PER_MINUTE = 25

#: Longer than anything here keeps a paid request waiting.
SETTLING_S = 120

#: How variables begin that the compose file reads, and Compose itself.
READ = ("REELMILL_", "WAVESPEED_", "VALKEY_", "FLOWER_", "AWS_", "COMPOSE_")

#: Longest that one command of the engine may take; a build installs everything.
COMMAND_S = 900.0


#: A condition that does not come true in this time never does.
CONDITION_S = 600.0


class EngineError(Exception):
    """The engine refused a command."""


def run(
    words: Sequence[str],
    *,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    ends: Collection[int] = (0,),
) -> str:
    """What a command prints.

    Raises:
        EngineError: it ended with none of these codes, or not in time; with its last
            words.
    """
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_S,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(str(error)) from None
    if done.returncode not in ends:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise EngineError(f"{' '.join(words)} ended with {done.returncode}:\n{last}")
    return done.stdout


def docker(*words: str) -> str:
    """What `docker` prints."""
    return run(("docker", *words))


def why_not() -> str:
    """Why nothing can be tried here; empty if it can be.

    An image that is not here is fetched.
    """
    try:
        run(("docker", "info"))
        run(("docker", "compose", "version"))
    except (OSError, EngineError):
        return "no container engine with Compose answers"
    for image in sorted(base_images()):
        with suppress(EngineError):
            docker("image", "inspect", image)
            continue
        try:
            docker("pull", "--quiet", image)
        except EngineError:
            return f"the image {image} is not here and cannot be fetched"
    return ""


def remove_images(*names: str) -> None:
    """Remove images; ones that were never made are passed over."""
    for name in names:
        with suppress(EngineError):
            docker("rmi", name)


def say(text: str) -> None:
    """Print what is done, and when."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def until(what: str, true: Callable[[], Any], timeout_s: float = CONDITION_S) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true.
    """
    end_s = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end_s:
            raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
        # Each question starts a process in a container.
        time.sleep(1.0)


def for_s(seconds: float) -> None:
    """Let something that was broken stay so: that is the fault, not a wait for it."""
    time.sleep(max(0.0, seconds))


@dataclass(slots=True)
class Fleet:
    """One project of Compose."""

    folder: Path
    name: str = field(default_factory=lambda: f"fleettest{secrets.token_hex(3)}")
    #: Files that say more than the one of the repository, by their names.
    more: dict[str, str] = field(default_factory=dict)
    password: str = field(default_factory=lambda: secrets.token_hex(12))
    #: What containers said that are there no more, and what the others said so far.
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        values = {
            "WAVESPEED_API_KEY": "a-key-of-the-fleet-test",
            "WAVESPEED_BASE_URL": "http://sandbox:8787",
            "VALKEY_PASSWORD": self.password,
            "FLOWER_BASIC_AUTH": f"{USER}:{self.password}",
            "COMPOSE_PROFILES": "s3,sandbox",
            "REELMILL_STORE": "s3://videos",
            "AWS_ENDPOINT_URL": "http://s3:8333",
            "AWS_ACCESS_KEY_ID": "fleet",
            "AWS_SECRET_ACCESS_KEY": self.password,
            "AWS_REGION": "us-east-1",
            "REELMILL_TIER": "silver",
            "REELMILL_VIDEOS_PER_MINUTE": str(STARTS_PER_MINUTE),
            "REELMILL_SUBMIT_TIMEOUT_S": "20",
            "REELMILL_SETTLING_S": str(SETTLING_S),
        }
        lines = (f"{name}={value}\n" for name, value in values.items())
        (self.folder / ".env").write_text("".join(lines))

    def compose(self, *words: str) -> str:
        """What `docker compose` prints for this project.

        Raises:
            EngineError: it failed.
        """
        return self.shell(shlex.join(("docker", "compose", *words)))

    def shell(self, command: str, *ends: int) -> str:
        """What a command prints that a person would give, in this fleet's folder.

        Args:
            command: as the documentation has it.
            ends: exit codes that are right; without any, 0 alone.

        Raises:
            EngineError: it ended otherwise.
        """
        files = [ROOT / "docker-compose.yml"]
        for name, text in self.more.items():
            files.append(self.folder / name)
            files[-1].write_text(text)
        # What a person has exported would come before the file.
        others = {n: v for n, v in os.environ.items() if not n.startswith(READ)}
        environment = others | {
            "COMPOSE_FILE": os.pathsep.join(map(str, files)),
            "COMPOSE_ENV_FILES": str(self.folder / ".env"),
            "COMPOSE_PROJECT_NAME": self.name,
        }
        words = ("bash", "-c", command)
        return run(words, cwd=self.folder, environment=environment, ends=ends or (0,))

    def keep_logs(self) -> None:
        """Keep what was said so far, before containers are replaced."""
        self.said.append(self.compose("logs", "--no-color", "--no-log-prefix"))

    def reelmill(self, *words: str) -> Any:
        """What a command of reelmill prints as JSON, run beside the scheduler."""
        text = self.compose("exec", "-T", "scheduler", "reelmill", *words, "--json")
        return json.loads(text)

    def counts(self, batch: str) -> Counter[str]:
        """How many rows of a batch are in which state."""
        found = [each for each in self.reelmill("list") if each["batch"] == batch]
        return Counter(found[0]["jobs"])

    def submit(self, manifest: Path) -> str:
        """Hand in a manifest as the documentation does; the batch's id."""
        mount = ("-v", f"{manifest.parent}:/in:ro")
        words = ("reelmill", "submit", f"/in/{manifest.name}", "--yes")
        said = self.compose("run", "--rm", "-T", *mount, "worker", *words)
        return said.split()[-1]

    def containers(self, service: str) -> list[str]:
        """Names of the running containers of a service."""
        return self.compose("ps", "--format", "{{.Name}}", service).split()

    def container_ids(self, service: str) -> list[str]:
        """Ids of the running containers of a service, as they know them themselves."""
        ids = self.compose("ps", "--quiet", service).split()
        return [each[:12] for each in ids]

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

    def is_sandbox_up(self) -> bool:
        """Whether the stand-in answers."""
        with suppress(httpx.HTTPError):
            url = f"{SANDBOX_URL}/sandbox/health"
            return httpx.get(url, trust_env=False).is_success
        return False

    def books(self) -> dict[str, Any]:
        """The stand-in's own books, with their rows."""
        url = f"{SANDBOX_URL}/sandbox/books"
        answer = httpx.get(url, params={"rows": "1"}, trust_env=False, timeout=30)
        return dict(answer.raise_for_status().json())

    def sent(self, model: str = "") -> int:
        """How many rows have a prediction, of all or of one model."""
        rows = self.books()["rows"]
        own = [row for row in rows if model in row["model"]]
        return len({row["inputs"]["prompt"] for row in own})

    def down(self) -> None:
        """Take everything down, with the volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
