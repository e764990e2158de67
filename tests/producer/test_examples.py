"""Every example in every command's help, executed as it stands there.

Only what no help can know is put in its place: ids, ports, a bucket and a folder. What
an example needs to find, such as a batch with a lost answer, is made before it.
"""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from unittest.mock import patch

import httpx
import pytest

from jobs.ledger.transitions import Applied
from jobs.states import Event
from tests.jobs.ledger.play import LEASE_S, PLENTY, move_by, open_batch, record_of
from tests.producer.fleet import Fleet, fleet
from tests.producer.running import Begun, Ended, as_csv, quick_sandbox, rows, until
from tests.producer.test_cli import COMMANDS, examples
from tests.sandbox.running import RunningSandbox

KEY = "of-the-examples"
BATCH, OTHER, JOB = "products-1f0c33ab", "products-77ab01de", "mug-orbit"
PREDICTION = "6376541342614005"

#: The job whose answer was lost, in each batch that has one.
LOST_JOB = "row-1"

#: Commands that run until they are told to stop, and what they say once they are ready.
LASTING = {
    "worker --concurrency 8": "ready.",
    "scheduler": "",
    "metrics --port 9470": "figures at http",
    "hooks --port 8788": "",
    "sandbox --port 8787 --tier silver --generation-s 5": '"url"',
}

#: Examples that are executed as they stand by a test of their own: test_demo.
ELSEWHERE = {"demo"}

#: How examples end that tell of batches a person must settle.
CODES = {"watch": 3}

#: Ports of the examples; any free one does as well.
PORTS = {"9470": "0", "8788": "0", "8787": "0"}

#: A row whose prompt has this word fails, as the stand-in was told.
BAD_WORD = "forbidden"


class Terminal(StringIO):
    """A terminal, as far as a command asks for one."""

    def isatty(self) -> bool:
        return True


@dataclass(slots=True)
class Office:
    """A fleet at work, the files that the examples name, and batches in every state."""

    fleet: Fleet
    sandbox: RunningSandbox
    #: Batches with a job whose answer was lost.
    lost: list[str]
    made: int = 0
    stored: list[str] = field(default_factory=list)

    def do(self, *words: str) -> Ended:
        """Do in this process what a person asks for."""
        with patch.object(sys, "stdin", Terminal("y\n")):
            return self.fleet.desk.here(*words)

    def done(self, *words: str) -> str:
        """What a command printed that had to succeed."""
        ended = self.do(*words)
        assert ended.code == 0, (words, ended)
        return ended.out

    def new_batch(self, *words: str, prompt: str = "Slow orbit", code: int = 0) -> str:
        """Id of one more batch of one row, like none before."""
        self.made += 1
        (row,) = rows(self.sandbox, 1, ["kling-v2.6-std"])
        told = {**row, "id": JOB, "prompt": f"{prompt}, take {self.made}"}
        name = f"take-{self.made}.csv"
        self.fleet.desk.write(name, as_csv([told]))
        ended = self.do("submit", name, "--yes", *words)
        assert ended.code == code, ended
        return ended.out.split()[-1]

    def finished(self) -> dict[str, str]:
        """Two batches that are over."""
        while len(self.stored) < 2:
            self.stored.append(self.new_batch("--wait", "--label", "team=shoes"))
        return dict(zip((BATCH, OTHER), self.stored, strict=True))

    def newest(self) -> dict[str, str]:
        """A batch that is over, and no other is newer."""
        return {BATCH: self.new_batch("--wait")}

    def held(self) -> dict[str, str]:
        """A batch that waits, for the account is paused."""
        assert self.do("pause", "--account").code == 0
        return {BATCH: self.new_batch()}

    def failed(self) -> dict[str, str]:
        """A batch whose job has failed."""
        return {BATCH: self.new_batch("--wait", prompt=BAD_WORD, code=1)}

    def unresolved(self) -> dict[str, str]:
        """A batch with a lost answer, and a prediction that may be it."""
        model = "kwaivgi/kling-v2.6-std/image-to-video"
        picture = f"{self.sandbox.files_url}/pictures/mug.jpg"
        answer = httpx.post(
            f"{self.sandbox.url}/api/v3/{model}",
            json={"image": picture, "prompt": "Slow orbit", "duration": 5},
            headers={"Authorization": f"Bearer {KEY}"},
            trust_env=False,
        )
        made = answer.raise_for_status().json()["data"]["id"]
        return {BATCH: self.lost.pop(), JOB: LOST_JOB, PREDICTION: made}

    def scheduled(self) -> dict[str, str]:
        """A schedule is there."""
        words = ("nightly", "tonight.csv", "--cron", "0 22 * * *", "--budget", "9")
        assert self.do("schedule", "add", *words, "--replace").code == 0
        return {}

    def places(self) -> dict[str, str]:
        """A folder and a store, where the examples name those of a company."""
        folder = self.fleet.desk.folder
        return {
            "/srv/shop": str(folder),
            "s3://shop/videos": str(self.fleet.desk.store),
        }


#: What must be there before the examples of a command, and what stands for what.
BEFORE: Mapping[str, Callable[[Office], dict[str, str]]] = {
    **dict.fromkeys(("show", "watch", "report"), Office.finished),
    "collect": Office.newest,
    **dict.fromkeys(("pause", "resume", "cancel"), Office.held),
    "retry": Office.failed,
    "resolve": Office.unresolved,
    "schedule remove": Office.scheduled,
    "schedule run-now": Office.scheduled,
    "schedule add": Office.places,
    "rebuild": Office.places,
}


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    quick = quick_sandbox("--key", KEY, flagged_word=BAD_WORD, generation_s=0.2)
    with quick as sandbox, fleet(sandbox, KEY) as made:
        lost = [lose(made, f"lost-{n}") for n in range(len(examples("resolve")))]
        write_files(made, sandbox)
        yield Office(made, sandbox, lost)


def lose(made: Fleet, name: str) -> str:
    """A batch whose only answer was lost; nobody works yet who could settle it."""
    ledger, account = made.ledger, made.chosen.account_id
    (ref,) = open_batch(ledger, name, 1, account=account, store=made.chosen.store)
    ledger.permits.set_limits(account, PLENTY)
    assert ledger.permits.grant(account, 1, LEASE_S) == [ref]
    for event in (Event.CLAIM, Event.LOSE, Event.GIVE_UP):
        move = move_by(name, record_of(ledger, ref), event, now_s=ledger.now_s())
        assert ledger.transitions.apply([move]) == [Applied.YES]
    return name


def write_files(made: Fleet, sandbox: RunningSandbox) -> None:
    """The manifests and pictures that examples name."""
    picture = f"{sandbox.files_url}/pictures/mug.jpg"
    (row,) = rows(sandbox, 1, ["kling-v2.6-std"])
    made.desk.write("products.csv", as_csv([{**row, "id": JOB}]))
    made.desk.write("decisions.csv", f"job,prediction\n{LOST_JOB},absent\n")
    made.desk.write("tonight.csv", as_csv([{**row, "prompt": "Tonight"}]))
    made.desk.write("shop.csv", f"Handle,Title,Image Src\nmug,Mug,{picture}\n")
    (made.desk.folder / "pictures").mkdir()
    content = httpx.get(picture, trust_env=False).content
    made.desk.write("pictures/mug.jpg", content)


@pytest.fixture(scope="module")
def lasting(office: Office) -> Iterator[dict[str, Begun]]:
    """The commands that last, begun as their examples say; told to stop at the end."""
    desk = office.fleet.desk
    begun = {
        line: desk.start(*(PORTS.get(word, word) for word in line.split()))
        for line in LASTING
    }
    # Celery says that it is ready before the worker is heard of.
    until(lambda: office.do("worker", "--check").code == 0)
    yield begun
    for each in begun.values():
        each.send(signal.SIGTERM)
    codes = {line: each.ended().code for line, each in begun.items()}
    assert set(codes.values()) <= {0, -signal.SIGTERM}, codes


def says(begun: Begun, words: str) -> bool:
    """Whether a command has said so by now; it must not have ended."""
    assert begun.process.poll() is None, begun.said
    return words in begun.said + begun.out.read_text("utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_of_every_help_works(
    name: str, office: Office, lasting: dict[str, Begun]
) -> None:
    for words in examples(name):
        line = " ".join(words)
        if line in lasting:
            until(partial(says, lasting[line], LASTING[line]))
        elif line not in ELSEWHERE:
            instead = BEFORE[name](office) if name in BEFORE else {}
            ended = office.do(*(instead.get(word, word) for word in words))
            assert ended.code == CODES.get(line, 0), (line, ended)
            assert ended.out or ended.err
    office.do("resume", "--account")
