"""The compose file and the Dockerfile as values, for tests that look at them."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")

#: Services that run our own image.
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)


def dockerfile() -> list[str]:
    """The instructions of the Dockerfile, one a line."""
    text = (ROOT / ".docker" / "Dockerfile").read_text("utf-8")
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and line[0] != "#"]


def stages() -> dict[str, list[str]]:
    """The instructions of each stage, by its name."""
    found: dict[str, list[str]] = {}
    for line in dockerfile():
        if line.startswith("FROM"):
            found[line.split()[-1]] = []
        found[next(reversed(found))].append(line)
    return found


def as_words(command: str | list[str]) -> list[str]:
    """A command as the container gets it."""
    words = shlex.split(command) if isinstance(command, str) else command
    return [word.replace("$$", "$") for word in words]


def command_of(name: str) -> list[str]:
    """What the container of a service runs: its own, or its image's."""
    service = SERVICES[name]
    if "command" in service:
        return [*service.get("entrypoint", []), *as_words(service["command"])]
    lines = stages()[service["build"]["target"]]
    (own,) = (line for line in lines if line.startswith("CMD "))
    return list(json.loads(own.removeprefix("CMD ")))


def health_of(name: str) -> list[str]:
    """What says whether the container of a service is well."""
    kind, *words = SERVICES[name]["healthcheck"]["test"]
    return as_words(words if kind == "CMD" else ["sh", "-c", *words])


def volumes() -> Iterator[str]:
    """Every mount of every service."""
    for service in SERVICES.values():
        yield from service.get("volumes", [])
