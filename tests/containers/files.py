"""The compose file and the Dockerfile as values, for tests that look at them."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")


class _Strict(yaml.SafeLoader):
    """Refuses what Compose refuses, too: a name that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        twice = {key for key in keys if keys.count(key) > 1}
        assert not twice, f"{sorted(twice)} stand twice, from line {node.start_mark}"
        return super().construct_mapping(node, deep)


COMPOSE: dict[str, Any] = yaml.load(TEXT, _Strict)  # noqa: S506 - a safe loader
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text("utf-8")

#: Services that run our own image.
OURS = sorted(n for n, each in SERVICES.items() if each["image"] == "reelmill")


def dockerfile() -> list[str]:
    """The instructions of the Dockerfile, one a line."""
    text = (ROOT / ".docker" / "Dockerfile").read_text("utf-8")
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and line[0] != "#"]


def base_images() -> set[str]:
    """The images that others make."""
    used = {each["image"] for name, each in SERVICES.items() if name not in OURS}
    return used | {line.split()[1] for line in dockerfile() if line.startswith("FROM")}


def as_words(command: str | list[str]) -> list[str]:
    """A command as the container gets it."""
    words = shlex.split(command) if isinstance(command, str) else command
    return [word.replace("$$", "$") for word in words]


def command_of(name: str) -> list[str]:
    """What the container of a service runs."""
    service = SERVICES[name]
    return [*service.get("entrypoint", []), *as_words(service["command"])]


def health_of(name: str) -> list[str]:
    """What says whether the container of a service is well."""
    kind, *words = SERVICES[name]["healthcheck"]["test"]
    return as_words(words if kind == "CMD" else ["sh", "-c", *words])


def volumes() -> Iterator[str]:
    """Every mount of every service."""
    for service in SERVICES.values():
        yield from service.get("volumes", [])
