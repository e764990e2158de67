"""Uploading the pictures of a manifest, with a real ledger, worker and sandbox."""

import errno
import hashlib
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest

from jobs import settings
from jobs.attempt.links import FRESH_S, USED_S
from jobs.ledger import Ledger
from jobs.settings import Settings
from producer import image_checks
from producer.exits import CommandError, Exit
from producer.uploading import BLOCK, Opened, Uploaded, upload_all
from sandbox.files_api import MAX_BYTES
from sandbox.media import samples
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox

PICTURES = [samples()[f"/pictures/{name}.jpg"] for name in ("mug", "bag", "lamp")]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox() as running:
        yield running


@dataclass(slots=True)
class Desk:
    """Pictures by address, and an account that they are uploaded to."""

    settings: Settings
    ledger: Ledger
    folder: Path
    sandbox: RunningSandbox
    opened: list[str] = field(default_factory=list)

    def write(self, body: bytes, name: str = "") -> tuple[str, str]:
        """A picture, as it is needed: its content and its address."""
        path = self.folder / (name or f"{uuid.uuid4().hex}.jpg")
        path.write_bytes(body)
        return hashlib.sha256(body).hexdigest(), str(path)

    def open(self, address: str) -> AbstractContextManager[BinaryIO]:
        self.opened.append(address)
        return image_checks.open_image(address)

    def upload(self, *needed: tuple[str, str]) -> Uploaded:
        return upload_all(self.settings, self.ledger, needed, self.open)

    def url(self, content: str) -> str:
        """Where the ledger says that a content is."""
        links = self.ledger.links.find(self.settings.account_id, [content])
        return links[content].url

    def age(self, content: str, age_s: float) -> None:
        until_s = self.ledger.now_s() + USED_S - age_s
        account, url = self.settings.account_id, self.url(content)
        self.ledger.links.keep(account, content, url, until_s)


@pytest.fixture
def desk(
    ledger: Ledger, home: Path, sandbox: RunningSandbox, tmp_path: Path
) -> Iterator[Desk]:
    before = sandbox.configure()
    key = f"key-{uuid.uuid4().hex}"
    chosen = settings.read({}, home=home, base_url=sandbox.url, api_key=key)
    yield Desk(chosen, ledger, tmp_path, sandbox)
    sandbox.configure(**before)
    assert sandbox.books()["key_leaks"] == 0


def fetched(url: str) -> bytes:
    answer = httpx.get(url, trust_env=False)
    return answer.raise_for_status().content


def test_each_content_is_uploaded_once_and_its_link_kept(desk: Desk) -> None:
    needed = [desk.write(body) for body in PICTURES]
    again = desk.write(PICTURES[0], "the same elsewhere.jpg")
    size = sum(map(len, PICTURES))
    assert desk.upload(*needed, again) == Uploaded(3, size, kept=0)
    assert [fetched(desk.url(content)) for content, _ in needed] == PICTURES
    assert desk.upload(*needed) == Uploaded(0, 0, kept=3)
    assert len(desk.opened) == 3


def test_what_is_old_is_uploaded_anew_before_it_runs_out(desk: Desk) -> None:
    content, address = desk.write(PICTURES[0])
    desk.upload((content, address))
    first = desk.url(content)
    desk.age(content, FRESH_S - 60)
    assert desk.upload((content, address)).kept == 1
    desk.age(content, FRESH_S + 60)
    assert desk.upload((content, address)).count == 1
    assert desk.url(content) != first


def test_nothing_is_started_where_nothing_is_needed(desk: Desk) -> None:
    nowhere = desk.settings.model_copy(update={"base_url": "http://127.0.0.1:9"})
    assert upload_all(nowhere, desk.ledger, [], desk.open) == Uploaded(0, 0, 0)


def test_more_pictures_than_a_block_are_told_one_by_one(desk: Desk) -> None:
    bodies = [PICTURES[0] + number.to_bytes(2) for number in range(40)]
    # The same few again and again, over more than one block.
    needed = [desk.write(body) for body in bodies] * (BLOCK // 40 + 2)
    told: list[tuple[int, int]] = []
    done = upload_all(
        desk.settings,
        desk.ledger,
        needed,
        desk.open,
        lambda *so_far: told.append(so_far),
    )
    assert done.count == 40
    assert [count for count, _ in told] == list(range(1, 41))
    assert told[-1] == (40, done.bytes) == (40, 40 * (len(PICTURES[0]) + 2))


def test_an_interrupted_run_goes_on_where_it_was(desk: Desk) -> None:
    needed = [desk.write(PICTURES[0] + bytes([number])) for number in range(20)]

    def interrupt(count: int, _: int) -> None:
        if count == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload_all(desk.settings, desk.ledger, needed, desk.open, interrupt)
    assert desk.upload(*needed) == Uploaded(13, 13 * (len(PICTURES[0]) + 1), kept=7)


def test_a_picture_that_changed_is_not_uploaded(desk: Desk) -> None:
    content, address = desk.write(PICTURES[0])
    Path(address).write_bytes(PICTURES[1])
    with pytest.raises(
        CommandError, match="has changed since it was checked; run"
    ) as stop:
        desk.upload((content, address))
    assert address in str(stop.value)
    assert desk.ledger.links.find(desk.settings.account_id, [content]) == {}


@contextmanager
def broken(_: str) -> Iterator[BinaryIO]:
    """A picture on a disk that fails."""
    raise OSError(errno.EIO, "Input/output error")
    yield


@pytest.mark.parametrize(
    ("opened", "words"),
    [
        (image_checks.open_image, r"\.jpg is not there; .*, and run the same"),
        (broken, r"\.jpg cannot be read \(Input/output error\)"),
    ],
)
def test_a_picture_that_cannot_be_read_is_named(
    desk: Desk, opened: Opened, words: str
) -> None:
    needed = [desk.write(PICTURES[0])]
    Path(needed[0][1]).unlink()
    with pytest.raises(CommandError, match=words):
        upload_all(desk.settings, desk.ledger, needed, opened)


def test_a_picture_that_is_refused_is_named_and_the_others_are_kept(desk: Desk) -> None:
    good, large = desk.write(PICTURES[0]), desk.write(bytes(MAX_BYTES + 1), "large")
    with pytest.raises(CommandError, match=r"does not take .*/large: HTTP 413") as stop:
        desk.upload(good, large)
    assert stop.value.code == Exit.USAGE
    assert fetched(desk.url(good[0])) == PICTURES[0]


def test_trouble_with_the_account_says_what_to_do(desk: Desk) -> None:
    keyless = desk.settings.model_copy(update={"api_key": None})
    needed = [desk.write(PICTURES[0] + bytes([number])) for number in range(20)]
    with pytest.raises(CommandError, match="check WAVESPEED_API_KEY") as stop:
        upload_all(keyless, desk.ledger, needed, desk.open)
    assert stop.value.code == Exit.UNREACHABLE
    assert len(desk.opened) < 20


def test_bad_luck_on_the_way_is_overcome(desk: Desk) -> None:
    desk.sandbox.configure(upload_put_drop="first 1")
    content, address = desk.write(PICTURES[0])
    assert desk.upload((content, address)).count == 1
    assert fetched(desk.url(content)) == PICTURES[0]


def test_a_picture_whose_disk_hangs_holds_up_no_end(desk: Desk) -> None:
    """Its thread is left alone: nobody can end a read."""
    go_on = threading.Event()
    # Whoever waits for it shall not wait for ever.
    timer = threading.Timer(20, go_on.set)
    timer.start()
    hanging, missing = desk.write(PICTURES[0]), desk.write(PICTURES[1])
    Path(missing[1]).unlink()

    @contextmanager
    def opened(address: str) -> Iterator[BinaryIO]:
        if address == hanging[1]:
            go_on.wait()
        with desk.open(address) as file:
            yield file

    with pytest.raises(CommandError):
        upload_all(desk.settings, desk.ledger, (hanging, missing), opened)
    assert not go_on.is_set()
    timer.cancel()
    go_on.set()
