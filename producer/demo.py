"""The demo: the whole pipeline against a stand-in provider on this machine."""

import json as jsonlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import httpx
from cyclopts import Parameter

from jobs import catalogue, settings, storage
from jobs.ledger import Ledger
from jobs.money import usd
from jobs.settings import Settings
from producer import console
from producer.exits import CommandError, Exit
from producer.load import read
from producer.local_server import claimed, ledger_of
from producer.options import Json, Reading, Spending, chosen_settings
from producer.run import run_survey
from producer.subprocesses import Child
from producer.survey import Survey

#: Median seconds that the stand-in takes for a video; the provider takes minutes.
GENERATION_S = 4.0

#: So many videos of a kind are as good as known to take that long.
KNOWN_VIDEOS = 100

SAMPLE = "products.csv"

#: Where the sample says that its pictures are; the stand-in serves the same ones.
SAMPLE_PICTURES = "../../sandbox/samples/"


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
        folder = base.home / "demo"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise CommandError(
                f"{folder}: cannot be made ({error.strerror}); set REELMILL_HOME "
                "to a folder that can be written"
            ) from None
        with _sandbox(folder) as ready:
            console.say(f"a stand-in for the provider answers at {ready['url']}")
            manifest = _manifest(folder, ready["files_url"])
            chosen = _settings(base, folder, ready["url"])
            return _render(manifest, chosen, json=json)


def _render(manifest: Path, chosen: Settings, *, json: bool) -> int:
    """Render the sample, and compare its price with the books of the stand-in."""
    reading, spending = Reading(look=False), Spending(yes=True, fresh_ledger=True)
    with closing(read(str(manifest), reading, chosen, whole=True)) as found:
        with ledger_of(chosen, alone=True) as ledger:
            _learn(ledger, chosen, found)
        code = run_survey(found, chosen, spending, json=json)
        answer = httpx.get(f"{chosen.base_url}/sandbox/books", trust_env=False)
        books = answer.raise_for_status().json()
        charged = int(books["charged_usd_micros"])
        if charged == found.bill.cost_usd_micros and code == Exit.STORED:
            console.say(
                f"the stand-in's own books: {books['predictions']} predictions, "
                f"${usd(charged)} charged; the report equals them"
            )
            return code
        console.say(f"the stand-in's own books: ${usd(charged)} charged; they differ")
        return max(code, Exit.FAILED)


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
    return subprocess.run(command, check=False).returncode


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
def _sandbox(folder: Path) -> Iterator[dict[str, str]]:
    """A stand-in provider while the context lasts; its addresses."""
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
        yield jsonlib.loads(line)


def _manifest(folder: Path, files_url: str) -> Path:
    """The sample manifest, with its pictures where the stand-in serves them."""
    sample = resources.files("jobs").joinpath("samples", SAMPLE)
    text = sample.read_text(encoding="utf-8")
    path = folder / SAMPLE
    path.write_text(text.replace(SAMPLE_PICTURES, f"{files_url}/pictures/"), "utf-8")
    return path


def _settings(base: Settings, folder: Path, url: str) -> Settings:
    """Settings of a demo: nothing of the real account, everything a little faster."""
    # It never writes into a real bucket.
    is_folder = storage.parse(base.store)[0] == "file"
    store = f"{base.store.rstrip('/')}/demo" if is_folder else None
    return settings.read(
        {},
        api_key="demo",
        base_url=url,
        home=folder,
        store=store or f"{base.home}/demo-videos",
        server=base.server,
        tier="silver",
        poll_min_s=0.5,
    )


def _learn(ledger: Ledger, chosen: Settings, found: Survey) -> None:
    """Let it be known how fast the stand-in is: estimates go by the provider's pace."""
    known = catalogue.builtin()
    kinds = set()
    for job, _ in found.asked():
        model = known.find(job.model)
        kinds.add((model.id, model.duration_s(job.inputs)))
    times = dict.fromkeys(kinds, [GENERATION_S] * KNOWN_VIDEOS)
    ledger.times.learn(chosen.account_id, times)
