"""The rules of `tests.architecture` are kept, and a breach of each would be found."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobs.ledger.rights import ON_KEYS, OTHERS
from tests.architecture import DIRECTIONS, broken_rules, read_modules

ROOT = Path(__file__).parent.parent


def test_the_code_keeps_the_rules() -> None:
    assert broken_rules(ROOT) == []


def test_all_packages_were_read() -> None:
    assert {module.package for module in read_modules(ROOT).values()} == set(DIRECTIONS)


def test_every_command_of_a_script_is_among_the_rights_that_users_need() -> None:
    known = " ".join([*ON_KEYS.values(), *OTHERS]).split()
    scripts = (ROOT / "jobs" / "ledger" / "lua").glob("*.lua")
    texts = [script.read_text("utf-8") for script in scripts]
    used = {name for text in texts for name in re.findall(r"\.p?call\('(\w+)'", text)}
    assert used - set(known) == set(), "name them in jobs/ledger/rights.py"


PLANTED = [
    ("jobs/states.py", "import producer", "jobs may not know producer"),
    ("jobs/states.py", "from worker import app", "jobs may not know worker"),
    ("jobs/states.py", "import tests.jobs", "jobs may not know tests"),
    ("producer/bad.py", "from worker.app import app", "may not know worker"),
    ("worker/bad.py", "import producer as p", "worker may not know producer"),
    ("worker/bad.py", "import sandbox.books", "worker may not know sandbox"),
    ("producer/bad.py", "import sandbox", "producer may not know sandbox"),
    ("sandbox/bad.py", "from jobs import pricing", "sandbox may not know jobs"),
    ("sandbox/bad.py", "from ..jobs import pricing", "sandbox may not know jobs"),
    ("jobs/states.py", "import redis", "only jobs.ledger may"),
    ("jobs/states.py", "from redis.asyncio import Redis", "only jobs.ledger may"),
    ("jobs/storage/__init__.py", "import redis", "only jobs.ledger may"),
    ("jobs/ledgers.py", "import redis", "only jobs.ledger may"),
    ("jobs/states.py", "from celery import Celery", "only jobs.broker may"),
    ("jobs/states.py", "import obstore.store", "only jobs.storage may"),
    ("jobs/states.py", "import pydantic_settings", "only jobs.settings may"),
    ("jobs/states.py", "import time", "it is pure"),
    ("jobs/states.py", "from random import random", "it is pure"),
    ("jobs/states.py", "import os.path", "it is pure"),
    ("jobs/states.py", "import socket", "it is pure"),
    ("jobs/states.py", "import httpx", "it is pure"),
    ("jobs/states.py", "from urllib import request", "it is pure"),
    ("jobs/states.py", "def late():\n    import time", "it is pure"),
    ("jobs/states.py", "if TYPE_CHECKING:\n    import httpx", "it is pure"),
    ("jobs/states.py", "import_module('time')", "it is pure"),
    ("jobs/states.py", "x = datetime.now(UTC)", "reads the clock by .now"),
    ("jobs/states.py", "x = dt.date.today()", "reads the clock by .today"),
    ("jobs/storage/__init__.py", "x = os.environ['A']", "reads environ"),
    ("jobs/storage/__init__.py", "from os import getenv", "reads getenv"),
    ("worker/bad.py", "KEY = 'reelmill:job:1'", "spells a Redis key"),
    ("producer/bad.py", "key = f'reelmill:{batch}'", "spells a Redis key"),
    ("worker/bad.py", "NAME = 'reelmill.submit'", "spells the task"),
    ("jobs/bad.py", "send('reelmill.poll')", "spells the task"),
    ("worker/bad.py", "def f():\n" + "    x = 1\n" * 50, "has f of 51 lines"),
    ("sandbox/bad.py", "x = 1\n" * 601, "has 601 lines"),
    ("jobs/utils.py", "", "is called jobs.utils"),
    ("jobs/states.py", "from jobs.records import Attempt", "import cycle: "),
    ("jobs/states.py", "from jobs import records", "import cycle: "),
    ("jobs/job.py", "def f():\n    from . import records", "import cycle: "),
    ("jobs/there/other.py", "from jobs import here", "rooms need each other: "),
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copied")
    for package in DIRECTIONS:
        (root / package).mkdir()
    for name in ("states", "records", "job", "pricing"):
        shutil.copy(ROOT / "jobs" / f"{name}.py", root / "jobs")
    for name in ("settings", "storage"):
        shutil.copytree(ROOT / "jobs" / name, root / "jobs" / name)
    for room, needs in (("here", "from jobs.there import thing"), ("there", "")):
        (root / "jobs" / room).mkdir()
        (root / "jobs" / room / "__init__.py").touch()
        (root / "jobs" / room / "thing.py").write_text(needs, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def breaches(copied: Path) -> set[str]:
    return set(broken_rules(copied))


@pytest.fixture
def planted(
    copied: Path, breaches: set[str]
) -> Iterator[Callable[[str, str], set[str]]]:
    """Adds a line to a copy of the code and tells what is newly broken."""
    undo = ExitStack()

    def plant(file: str, line: str) -> set[str]:
        path = copied / file
        if path.exists():
            old = path.read_text(encoding="utf-8")
            undo.callback(path.write_text, old, encoding="utf-8")
        else:
            old = ""
            undo.callback(path.unlink)
        path.write_text(f"{old}\n{line}\n" if old else line, encoding="utf-8")
        return set(broken_rules(copied)) - breaches

    with undo:
        yield plant


@pytest.mark.parametrize(("file", "line", "said"), PLANTED)
def test_a_planted_breach_is_found(
    planted: Callable[[str, str], set[str]], file: str, line: str, said: str
) -> None:
    assert [breach for breach in planted(file, line) if said in breach]


ALLOWED = [
    ("jobs/ledger.py", "import redis, time, random"),
    ("jobs/broker.py", "from celery import Celery\nNAME = 'reelmill.submit'"),
    ("jobs/storage/__init__.py", "import obstore"),
    ("jobs/settings/__init__.py", "import os\nx = os.environ"),
    ("jobs/planning.py", "from datetime import UTC, datetime"),
    ("producer/words.py", "import os, time\nfrom jobs import pricing"),
    ("worker/words.py", "import celery\nlog = getLogger('reelmill.worker')"),
    ("producer/words.py", "print(f'reelmill: {error}')"),
    ("worker/words.py", "def f():\n" + "    x = 1\n" * 49),
    ("sandbox/words.py", "from sandbox import books"),
]


@pytest.mark.parametrize(("file", "line"), ALLOWED)
def test_what_is_allowed_is_not_found(
    planted: Callable[[str, str], set[str]], file: str, line: str
) -> None:
    assert planted(file, line) == set()


def test_a_package_may_be_a_door(
    planted: Callable[[str, str], set[str]], copied: Path
) -> None:
    (copied / "jobs" / "ledger").mkdir(exist_ok=True)
    line = "import redis\nKEY = 'reelmill:x'"
    assert planted("jobs/ledger/planted.py", line) == set()
