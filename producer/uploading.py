"""Uploading the pictures of this machine before their jobs need them, each once.

Every picture is copied into the home first and checked there: what is uploaded is what
was looked at. A process of the worker hands the copies to the provider; each link goes
into the ledger as it comes, so an interrupted run goes on where it was.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from jobs.attempt.links import USED_S
from jobs.catalogue.pictures import kind_of
from jobs.ledger import Ledger
from jobs.provider.answers import Trouble
from jobs.settings import Settings
from jobs.text import masked
from producer.account import Balance
from producer.conversation import MOST_UNDER_WAY, Conversation
from producer.exits import CommandError, Exit
from producer.image_checks import ImageCheckError

#: Pictures that the ledger is asked about at once.
BLOCK = 500

PIECE_BYTES = 256 << 10

#: What kinds of pictures are called on the wire.
CALLED = {"jpeg": "image/jpeg", "png": "image/png"}

#: What is wrong with the account is wrong for every picture.
ACCOUNT_TROUBLES = frozenset(Trouble)

#: From a picture as it is written in the manifest to something that reads its bytes.
Opened = Callable[[str], AbstractContextManager[BinaryIO]]

#: Folders of the home that hold copies of pictures, and when they were left behind.
COPIES = "uploads-"
LEFT_BEHIND_S = 86_400.0

#: Told how many pictures and bytes were uploaded so far.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of the pictures of a manifest."""

    #: Pictures that were uploaded now.
    count: int
    #: How many bytes that were.
    bytes: int
    #: Pictures whose links from before are still good.
    kept: int


def upload_all(
    settings: Settings,
    ledger: Ledger,
    needed: Iterable[tuple[str, str]],
    opened: Opened,
    progress: Progress | None = None,
) -> Uploaded:
    """Upload the pictures that the provider does not have for long enough.

    Args:
        settings: whose account, and which home.
        ledger: where the links are kept.
        needed: content (hex SHA-256) and address of each picture, as
            `jobs.attempt.links.to_upload` tells them; any may come several times.
        opened: opens a picture by its address.
        progress: told of every picture that was uploaded.

    Raises:
        CommandError: a picture has changed or is refused, or the provider cannot be
            used.
    """
    account, kept = settings.account_id, 0
    ledger.links.forget_old(account, ledger.now_s())
    with _working(settings, ledger, opened, progress) as work:
        rest = iter(needed)
        while block := dict(islice(rest, BLOCK)):
            links, now_s = ledger.links.find(account, list(block)), ledger.now_s()
            good = {c for c, link in links.items() if link.fresh(now_s)}
            kept += len(good)
            for content, address in block.items():
                if content not in good:
                    work.begin(content, address)
            # The next block may name the same pictures.
            work.finish()
        return Uploaded(work.count, work.bytes, kept)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A picture that is being uploaded."""

    address: str
    path: Path
    size_bytes: int
    #: Unix seconds by the ledger's clock, before the provider was given it.
    since_s: float


@dataclass(slots=True)
class _Work:
    """Copies pictures, has them uploaded, writes down their links."""

    settings: Settings
    ledger: Ledger
    opened: Opened
    progress: Progress | None
    #: Where the copies lie.
    folder: Path
    #: Ends what was begun.
    stack: ExitStack
    #: The process that uploads, from the first picture on.
    worker: Conversation | None = None
    under_way: dict[str, _Copy] = field(default_factory=dict)
    count: int = 0
    bytes: int = 0

    def begin(self, content: str, address: str) -> None:
        """Begin to upload a picture, once there is room for its copy."""
        if self.worker is None:
            begun = Conversation(self.settings, "uploads")
            self.worker = self.stack.enter_context(begun)
        if len(self.under_way) >= MOST_UNDER_WAY:
            self._take_answer(self.worker)
        path = self.folder / content
        kind, size_bytes = self._copied(content, address, path)
        question = {"sha256": content, "path": str(path)}
        since_s = self.ledger.now_s()
        self.worker.ask({**question, "size": size_bytes, "content_type": kind})
        self.under_way[content] = _Copy(address, path, size_bytes, since_s)

    def finish(self) -> None:
        """Return once everything that was begun is uploaded."""
        while self.worker and self.under_way:
            self._take_answer(self.worker)

    def _copied(self, content: str, address: str, path: Path) -> tuple[str, int]:
        """Copy a picture; its type on the wire, and its size in bytes."""
        digest, size_bytes, kind = hashlib.sha256(), 0, ""
        try:
            with self.opened(address) as source, path.open("xb") as copy:
                while piece := source.read(PIECE_BYTES):
                    kind = kind or CALLED.get(
                        kind_of(piece[:64]), "application/octet-stream"
                    )
                    size_bytes += len(piece)
                    digest.update(piece)
                    copy.write(piece)
        except ImageCheckError as error:
            raise CommandError(
                f"{_named(address)} {error.message}; {error.suggestion}, "
                "and run the same command again"
            ) from None
        except OSError as error:
            raise CommandError(
                f"{_named(address)} cannot be copied ({error.strerror or error}); "
                "once that is cured, run the same command again"
            ) from None
        if digest.hexdigest() != content:
            raise CommandError(
                f"{_named(address)} has changed since it was looked at; "
                "run the same command again, which looks at it anew"
            )
        return kind, size_bytes

    def _take_answer(self, worker: Conversation) -> None:
        failed = self._settle(worker.answer())
        if not failed:
            return
        # What was handed over meanwhile need not be uploaded again.
        while self.under_way:
            self._settle(worker.answer())
        raise failed

    def _settle(self, answer: Mapping[str, Any]) -> CommandError | None:
        """Write down the link of an answer, or say why there is none."""
        content = answer["sha256"]
        copy = self.under_way.pop(content)
        copy.path.unlink()
        if "url" not in answer:
            return _stop(self.settings, copy.address, answer)
        account, until_s = self.settings.account_id, copy.since_s + USED_S
        self.ledger.links.keep(account, content, answer["url"], until_s)
        self.count += 1
        self.bytes += copy.size_bytes
        if self.progress:
            self.progress(self.count, self.bytes)
        return None


@contextmanager
def _working(
    settings: Settings, ledger: Ledger, opened: Opened, progress: Progress | None
) -> Iterator[_Work]:
    """Room for copies in the home, and a process of the worker once it is needed."""
    with ExitStack() as stack:
        try:
            settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sweep(settings.home)
            made = tempfile.TemporaryDirectory(prefix=COPIES, dir=settings.home)
        except OSError as error:
            raise CommandError(
                f"{settings.home}: cannot hold copies of pictures ({error.strerror}); "
                "set REELMILL_HOME to a folder that can be written"
            ) from None
        folder = Path(stack.enter_context(made)).absolute()
        yield _Work(settings, ledger, opened, progress, folder, stack)


def _sweep(home: Path) -> None:
    """Take away what commands left behind that were killed."""
    for folder in home.glob(f"{COPIES}*"):
        if time.time() - folder.stat().st_mtime > LEFT_BEHIND_S:
            shutil.rmtree(folder, ignore_errors=True)


def _named(address: str) -> str:
    """A picture as a person finds it again: whole, on one line."""
    whole = masked(address)
    return "".join(c if c.isprintable() else "?" for c in whole)


def _stop(settings: Settings, address: str, answer: Mapping[str, Any]) -> CommandError:
    """Why a command ends whose picture was not uploaded."""
    trouble, reason = str(answer["trouble"]), str(answer["reason"])
    if trouble in ACCOUNT_TROUBLES:
        return Balance(trouble=trouble, reason=reason).stop(settings.base_url)
    if trouble == "refused":
        return CommandError(
            f"the provider does not take {_named(address)}: {reason}; "
            "replace the picture, or take its rows out"
        )
    return CommandError(
        f"{_named(address)} could not be uploaded: {reason}; what was uploaded is "
        "known, and nothing was paid for: run the same command again to go on",
        Exit.UNREACHABLE,
    )
