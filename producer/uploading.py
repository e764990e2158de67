"""Uploading the pictures of this machine before their jobs wait for them, each once.

Every picture is copied into the home first and checked there: what is uploaded is what
was looked at. A process of the worker hands the copies to the provider; each link goes
into the ledger as it comes, so an interrupted run goes on where it was.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO

from jobs.answers import Trouble
from jobs.ledger import Ledger
from jobs.links import USED_S
from jobs.settings import Settings, child_environment
from jobs.wording import shown
from producer.account import Balance
from producer.exits import Exit, Stop

#: Pictures that the ledger is asked about at once.
BLOCK = 500

#: Copies that lie in the home at a time; so many links an interruption may lose.
MOST_COPIES = 8

PIECE_BYTES = 256 << 10

#: How the bytes of a picture begin, and what that is called on the wire.
BEGINNINGS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}

#: A picture as it is written in the manifest, to something that reads its bytes.
Opened = Callable[[str], AbstractContextManager[BinaryIO]]

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
        needed: content (hex SHA-256) and address of pictures, as `jobs.links.to_upload`
            tells them; any may come several times.
        opened: opens a picture by its address.
        progress: told of every picture that was uploaded.

    Raises:
        Stop: a picture has changed or is refused, or the provider cannot be used.
    """
    with _uploads(settings, ledger, opened, progress or (lambda _c, _b: None)) as work:
        account = settings.account_id
        ledger.links.forget_old(account, ledger.now_s())
        kept = 0
        for block in _blocks(needed):
            links, now_s = ledger.links.find(account, list(block)), ledger.now_s()
            good = {c for c, link in links.items() if link.fresh(now_s)}
            kept += len(good)
            for content, address in block.items():
                if content not in good:
                    work.begin(content, address)
            # The next block may name the same pictures.
            work.finish()
        return Uploaded(work.count, work.bytes, kept)


def _blocks(needed: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """Addresses by content, a block of them at a time."""
    rest = iter(needed)
    while block := dict(islice(rest, BLOCK)):
        yield block


@contextmanager
def _uploads(
    settings: Settings, ledger: Ledger, opened: Opened, progress: Progress
) -> Iterator["_Uploads"]:
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="uploads-", dir=settings.home)
    except OSError as error:
        raise Stop(
            f"{settings.home}: cannot hold copies of pictures ({error.strerror}); "
            "set REELMILL_HOME to a folder that can be written"
        ) from None
    with folder as name:
        work = _Uploads(settings, ledger, opened, progress, Path(name).absolute())
        try:
            yield work
        finally:
            work.close()


@dataclass(slots=True)
class _Copy:
    """A picture that is being uploaded."""

    address: str
    path: Path
    size_bytes: int
    #: Unix seconds by the ledger's clock, before the provider was given it.
    since_s: float


@dataclass(slots=True)
class _Uploads:
    """Copies pictures, hands them to a process of the worker, writes down the links."""

    settings: Settings
    ledger: Ledger
    opened: Opened
    progress: Progress
    folder: Path
    count: int = 0
    bytes: int = 0
    under_way: dict[str, _Copy] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    stderr: IO[str] | None = None

    def begin(self, content: str, address: str) -> None:
        """Begin to upload a picture, once there is room for its copy."""
        while len(self.under_way) >= MOST_COPIES:
            self._take_answer()
        path = self.folder / content
        kind, size_bytes = self._copied(content, address, path)
        copy = _Copy(address, path, size_bytes, self.ledger.now_s())
        self.under_way[content] = copy
        asked = {
            "sha256": content,
            "path": str(path),
            "size": size_bytes,
            "content_type": kind,
        }
        self._tell(json.dumps(asked))

    def finish(self) -> None:
        """Return once everything that was begun is uploaded."""
        while self.under_way:
            self._take_answer()

    def close(self) -> None:
        """End the process, whatever it does."""
        if self.process:
            self.process.kill()
            self.process.communicate()
        if self.stderr:
            self.stderr.close()

    def _copied(self, content: str, address: str, path: Path) -> tuple[str, int]:
        """Copy a picture; its type on the wire, and its size in bytes."""
        digest, size_bytes, kind = hashlib.sha256(), 0, ""
        try:
            with self.opened(address) as source, path.open("xb") as copy:
                while piece := source.read(PIECE_BYTES):
                    kind = kind or _kind(piece)
                    size_bytes += len(piece)
                    digest.update(piece)
                    copy.write(piece)
        except OSError as error:
            raise Stop(
                f"{shown(address)} cannot be read any more "
                f"({error.strerror or error}); run the same command again"
            ) from None
        if digest.hexdigest() != content:
            raise Stop(
                f"{shown(address)} has changed since it was looked at; "
                "run the same command again, which looks at it anew"
            )
        return kind, size_bytes

    def _tell(self, line: str) -> None:
        if self.process is None:
            # Text files on disk: what it says is only read once it has ended.
            self.stderr = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the process
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker.ask", "uploads"],
                env=child_environment(self.settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.stderr,
                text=True,
                # Ctrl-C is for the command alone, which then ends this one.
                start_new_session=True,
            )
        to = self.process.stdin
        try:
            if to:
                to.write(line + "\n")
                to.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _take_answer(self) -> None:
        answer = self._answer()
        if "url" in answer:
            self._keep(answer)
            return
        address = self.under_way.pop(answer["sha256"]).address
        # What was handed over meanwhile need not be uploaded again.
        while self.under_way:
            other = self._answer()
            if "url" in other:
                self._keep(other)
            else:
                del self.under_way[other["sha256"]]
        raise _stop(self.settings, address, answer)

    def _keep(self, answer: Mapping[str, Any]) -> None:
        content = answer["sha256"]
        copy = self.under_way.pop(content)
        copy.path.unlink()
        account, until_s = self.settings.account_id, copy.since_s + USED_S
        self.ledger.links.keep(account, content, answer["url"], until_s)
        self.count += 1
        self.bytes += copy.size_bytes
        self.progress(self.count, self.bytes)

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline() if self._has_stdout else ""
        if not line:
            raise self._ended()
        return dict(json.loads(line))

    def _ended(self) -> Stop:
        return Stop("")


def _kind(beginning: bytes) -> str:
    """What a picture is by its first bytes, as it is called on the wire."""
    found = (k for magic, k in BEGINNINGS.items() if beginning.startswith(magic))
    return next(found, "application/octet-stream")


def _stop(settings: Settings, address: str, answer: Mapping[str, Any]) -> Stop:
    """The end of a command whose picture could not be uploaded."""
    trouble, reason = str(answer["trouble"]), str(answer["reason"])
    return Stop("")
