"""Who may know whom, and how long anything may grow; told by reading the code.

`broken_rules` reads the syntax tree of every module and runs nothing. That it finds
what it should is shown in `test_architecture`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

#: Package -> the packages of ours that it may import.
DIRECTIONS = {
    "jobs": {"jobs"},
    "producer": {"producer", "jobs"},
    "worker": {"worker", "jobs"},
    "sandbox": {"sandbox"},
}
OURS = {*DIRECTIONS, "tests"}

#: Library -> the one door inside `jobs` that may import it.
DOORS = {
    "redis": "jobs.ledger",
    "valkey": "jobs.ledger",
    "celery": "jobs.broker",
    "kombu": "jobs.broker",
    "obstore": "jobs.storage",
    "aiohttp": "jobs.net",
    "pydantic_settings": "jobs.settings",
}

#: Modules of `jobs` that are not pure: they keep something or read the world.
IMPURE = frozenset(DOORS.values())

#: What brings clock, environment, randomness, network or other processes in.
WORLD = {
    *("time", "random", "secrets", "uuid", "os", "socket", "ssl", "subprocess"),
    *("threading", "asyncio", "tempfile", "httpx", "aiohttp", "requests"),
    *("urllib.request", "http.client"),
}

#: Methods that read the clock of the machine.
CLOCKS = {"now", "utcnow", "today"}

#: Names that say nothing of what is inside.
DRAWERS = {"utils", "util", "common", "helpers", "misc", "constants", "types"}

MOST_FUNCTION_LINES = 50
MOST_FILE_LINES = 600

#: `reelmill:` and then no blank is a key; with a blank it is a message to a person.
KEY_PREFIX = re.compile(r"reelmill:(?=\S|$)")
TASK_NAME = re.compile(r"reelmill\.[a-z_]+")


@dataclass(frozen=True, slots=True)
class Module:
    """A module that was read and not run."""

    name: str
    path: Path
    nodes: tuple[ast.AST, ...]
    lines: int

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def pure(self) -> bool:
        return self.package == "jobs" and not any(self.belongs_to(i) for i in IMPURE)

    def belongs_to(self, name: str) -> bool:
        return within(self.name, name)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def read_modules(root: Path) -> dict[str, Module]:
    found = {}
    for package in DIRECTIONS:
        for path in sorted((root / package).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            name = name.removesuffix(".__init__")
            text = path.read_text(encoding="utf-8")
            lines = len(text.splitlines())
            found[name] = Module(name, path, syntax(text), lines)
    return found


@cache
def syntax(text: str) -> tuple[ast.AST, ...]:
    """Every node of a module; kept, as the planted copies differ in one file."""
    return tuple(ast.walk(ast.parse(text)))


def imports(module: Module, known: dict[str, Module]) -> Iterator[str]:
    """What it imports, wherever in it: late, for types only, or by a name in a text."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = origin(module, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in known or inner in WORLD else base
        elif isinstance(node, ast.Call) and called(node) in {
            "import_module",
            "__import__",
        }:
            yield from filter(None, map(text_of, node.args))


def origin(module: Module, node: ast.ImportFrom) -> str:
    """The full name that a `from` names, its dots counted out."""
    if not node.level:
        return node.module or ""
    is_package = module.path.name == "__init__.py"
    above = module.name.split(".")
    kept = above[: len(above) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def text_of(node: ast.AST) -> str:
    """The text of a literal; empty for all else."""
    value = node.value if isinstance(node, ast.Constant) else ""
    return value if isinstance(value, str) else ""


def wrong_imports(module: Module, known: dict[str, Module]) -> Iterator[str]:
    for name in imports(module, known):
        top = name.partition(".")[0]
        if top in OURS and top not in DIRECTIONS[module.package]:
            yield f"imports {name}: {module.package} may not know {top}"
        if module.package != "jobs":
            continue
        if top in DOORS and not module.belongs_to(DOORS[top]):
            yield f"imports {name}: only {DOORS[top]} may"
        if module.pure and any(within(name, part) for part in WORLD):
            yield f"imports {name}: it is pure; take the value as an argument"


def wrong_readings(module: Module) -> Iterator[str]:
    """The clock in a pure module; the environment outside of the settings."""
    if module.package != "jobs":
        return
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS and module.pure:
            yield f"reads the clock by .{node.attr}: take the time as an argument"
        environment = {"environ", "getenv"} & set(names_in(node))
        if environment and not module.belongs_to("jobs.settings"):
            yield f"reads {environment.pop()}: only jobs.settings may"


def names_in(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Attribute(attr=name) | ast.alias(name=name) | ast.Name(id=name):
            yield name


def wrong_words(module: Module) -> Iterator[str]:
    """Keys of Redis outside of the ledger, names of tasks outside of the broker."""
    loggers = {
        argument
        for node in module.nodes
        if isinstance(node, ast.Call)
        and called(node) in {"getLogger", "get_task_logger"}
        for argument in node.args
    }
    for node in module.nodes:
        text = "" if node in loggers else text_of(node)
        if KEY_PREFIX.search(text) and not module.belongs_to("jobs.ledger"):
            yield f"spells a Redis key, {text[:40]!r}: only jobs.ledger may"
        if TASK_NAME.fullmatch(text) and not module.belongs_to("jobs.broker"):
            yield f"spells the task {text!r}: take its name from jobs.broker"


def wrong_sizes(module: Module) -> Iterator[str]:
    if module.lines > MOST_FILE_LINES:
        yield f"has {module.lines} lines, more than {MOST_FILE_LINES}: split it"
    if set(module.name.split(".")) & DRAWERS:
        yield f"is called {module.name}: name it after what it does"
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > MOST_FUNCTION_LINES:
                yield f"has {node.name} of {lines} lines: most is {MOST_FUNCTION_LINES}"


def import_cycles(known: dict[str, Module]) -> Iterator[str]:
    graph = {
        name: {other for other in imports(module, known) if other in known} - {name}
        for name, module in known.items()
    }
    while cycle := some_cycle(graph):
        yield "import cycle: " + " -> ".join(cycle)
        graph[cycle[1]].discard(cycle[0])


def room_cycles(known: dict[str, Module]) -> Iterator[str]:
    """Packages of `jobs` that need each other, by way of whichever modules."""
    graph: dict[str, set[str]] = {}
    for name, module in known.items():
        if room := room_of(name, known):
            needed = {room_of(other, known) for other in imports(module, known)}
            graph.setdefault(room, set()).update(needed - {"", room})
    if cycle := some_cycle(graph):
        yield "rooms need each other: " + " -> ".join(cycle)


def room_of(name: str, known: dict[str, Module]) -> str:
    """The package of `jobs` that a module lies in; empty if it lies in none."""
    room = ".".join(name.split(".")[:2])
    top = known.get(room)
    is_room = top and top.package == "jobs" != room and top.path.stem == "__init__"
    return room if is_room else ""


def some_cycle(graph: dict[str, set[str]]) -> list[str]:
    """One way round, back to the module where it begins; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def broken_rules(root: Path) -> list[str]:
    """Each breach of a rule, as a sentence with its place."""
    known = read_modules(root)
    found = []
    for module in known.values():
        place = module.path.relative_to(root)
        checks = (
            wrong_imports(module, known),
            wrong_readings(module),
            wrong_words(module),
            wrong_sizes(module),
        )
        found += [f"{place} {said}" for check in checks for said in check]
    return [*found, *import_cycles(known), *room_cycles(known)]
