"""The demo: the whole pipeline against a stand-in provider on this machine."""

import json as jsonlib
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from jobs import catalogue, settings, storage
from jobs.ledger import Ledger
from jobs.money import usd
from jobs.settings import Settings
from producer import console
from producer.exits import CommandError, Exit
from producer.local_server import claimed, ledger_of
from producer.options import Json, Reading, Spending, chosen_settings
from producer.run import run_survey
from producer.submit import read
from producer.subprocesses import Child
from producer.survey import Survey

#: Median seconds that the stand-in takes for a video; the provider takes minutes.
GENERATION_S = 4.0

#: So many videos of a kind are as good as known to take that long.
KNOWN_VIDEOS = 100

SAMPLE = "products.csv"

#: Where the sample says that its pictures are; the stand-in serves the same ones.
SAMPLE_PICTURES = "../../sandbox/samples/"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A stand-in provider that is running."""

    url: str
    files_url: str

    def books(self) -> dict[str, Any]:
        """What it says it has charged."""
        with urllib.request.urlopen(f"{self.url}/sandbox/books") as answer:  # noqa: S310 - our own child
            return dict(jsonlib.load(answer))


def demo(*, json: Json = False) -> int:
    """Render the sample manifest against the sandbox: no key, no cost.

    Starts a stand-in for the provider on this machine, runs all five models through
    the whole pipeline and shows that the report equals the provider's books.

        reelmill demo

    Args:
        json: Print the outcome as JSON.
    """
    base = chosen_settings()
    with claimed(base.home, needed=True, name="demo.lock"):
        return _demo(base, json=json)


def _demo(base: Settings, *, json: bool) -> int:
    folder = base.home / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise CommandError(
            f"{folder}: cannot be made ({error.strerror}); set REELMILL_HOME "
            "to a folder that can be written"
        ) from None
    with _running(folder) as sandbox:
        manifest = _manifest(folder, sandbox)
        chosen = _settings(base, folder, sandbox)
        console.say(f"a stand-in for the provider answers at {sandbox.url}")
        reading, spending = Reading(look=False), Spending(yes=True, fresh_ledger=True)
        with closing(read(str(manifest), reading, chosen, whole=True)) as found:
            with ledger_of(chosen, alone=True) as ledger:
                _learn(ledger, chosen, found)
            code = run_survey(found, chosen, spending, json=json)
            return _compare(sandbox, found.bill.cost_usd_micros, code)


def sandbox(
    *options: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
) -> int:
    """Run the stand-in provider alone; `reelmill sandbox --help` tells its options.

    For example:

        reelmill sandbox --port 8787 --tier silver --generation-s 5

    Args:
        options: Options of the sandbox.
    """
    _require_sandbox()
    # It goes when this process is ended by a signal that it does not get itself.
    command = [sys.executable, "-m", "sandbox", "--with-parent", *options]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - a command of our own


def _require_sandbox() -> None:
    missing = [
        name for name in ("starlette", "uvicorn", "av", "PIL") if not find_spec(name)
    ]
    if missing:
        raise CommandError(
            f"the sandbox needs {', '.join(missing)}; "
            "install reelmill with its extra: pip install 'reelmill[sandbox]'"
        )


@contextmanager
def _running(folder: Path) -> Iterator[Sandbox]:
    _require_sandbox()
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--with-parent"]
    command += ["--tier", "silver", "--generation-s", str(GENERATION_S)]
    log = folder / "sandbox.log"
    with Child("the sandbox", command, log=log, read=True) as child:
        line = child.output.readline()
        if not line:
            raise CommandError(
                f"the sandbox did not start; the end of {log}:\n{child.last_words()}",
                Exit.UNREACHABLE,
            )
        ready = jsonlib.loads(line)
        yield Sandbox(ready["url"], ready["files_url"])


def _manifest(folder: Path, sandbox: Sandbox) -> Path:
    """The sample manifest, with its pictures where the stand-in serves them."""
    sample = resources.files("jobs").joinpath("samples", SAMPLE)
    text = sample.read_text(encoding="utf-8")
    path = folder / SAMPLE
    path.write_text(
        text.replace(SAMPLE_PICTURES, f"{sandbox.files_url}/pictures/"),
        encoding="utf-8",
    )
    return path


def _settings(base: Settings, folder: Path, sandbox: Sandbox) -> Settings:
    """Settings of a demo: nothing of the real account, everything a little faster."""
    return settings.read(
        {},
        api_key="demo",
        base_url=sandbox.url,
        home=folder,
        store=_store(base),
        server=base.server,
        tier="silver",
        poll_min_s=0.5,
    )


def _store(base: Settings) -> str:
    """A folder for the videos; a demo never writes into a real bucket."""
    local = storage.parse(base.store)[0] == "file"
    return f"{base.store.rstrip('/')}/demo" if local else f"{base.home}/demo-videos"


def _learn(ledger: Ledger, chosen: Settings, found: Survey) -> None:
    """Let it be known how fast the stand-in is: estimates go by the provider's pace."""
    known = catalogue.builtin()
    kinds = set()
    for job, _ in found.asked():
        model = known.find(job.model)
        kinds.add((model.id, model.duration_s(job.inputs)))
    times = dict.fromkeys(kinds, [GENERATION_S] * KNOWN_VIDEOS)
    ledger.times.learn(chosen.account_id, times)


def _compare(sandbox: Sandbox, estimated_usd_micros: int, code: int) -> int:
    books = sandbox.books()
    charged = int(books["charged_usd_micros"])
    if charged == estimated_usd_micros and code == Exit.STORED:
        console.say(
            f"the stand-in's own books: {books['predictions']} predictions, "
            f"${usd(charged)} charged; the report equals them"
        )
        return code
    console.say(f"the stand-in's own books: ${usd(charged)} charged; they differ")
    return max(code, Exit.FAILED)
