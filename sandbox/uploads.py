"""Files that clients hand over, and the six sample pictures: what the files origin has.

It keeps bytes under names that cannot be guessed, within bounds, and finds them again.
Tickets and HTTP are made in `transfers`.
"""

import json
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote, unquote

MOST_BYTES = 20 * 1024 * 1024
KEPT_BYTES = 256 * 1024 * 1024
KEPT_TICKETS = 10_000


@dataclass(slots=True)
class Upload:
    """A file that was announced, and its bytes once they came."""

    filename: str
    content_type: str
    size_bytes: int
    #: Must come with the bytes: whoever drops the ticket's headers is refused.
    seal: str
    body: bytes | None = None
    #: When the bytes came, in seconds of the provider's clock.
    kept_at_s: float = 0.0


@dataclass(slots=True)
class Uploads:
    """Uploads by their path below the files origin."""

    files_url: str
    #: Files that came before this time are gone.
    oldest_s: Callable[[], float] = float
    by_path: OrderedDict[str, Upload] = field(default_factory=OrderedDict)
    kept_bytes: int = 0
    #: Where they outlive the process; None is nowhere.
    folder: Path | None = None

    def restore(self, folder: Path) -> None:
        """Go on with the files of an earlier process, and keep there what comes."""
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.upload"):
            head, _, body = file.read_bytes().partition(b"\n")
            told = json.loads(head)
            path = str(told.pop("path"))
            seal = secrets.token_hex(16)
            self.by_path[path] = Upload(**told, size_bytes=len(body), seal=seal)
            self.keep(path, body, self.by_path[path].kept_at_s)
        self.folder = folder

    def expect(self, filename: str, content_type: str, size_bytes: int) -> str:
        """Announce a file; returns the path that it will be put to and read from."""
        # A name is shown and never used as a path of this machine.
        plain = filename.replace("\\", "/").rpartition("/")[2] or "upload"
        path = f"/uploads/{secrets.token_hex(16)}/{plain}"
        seal = secrets.token_hex(16)
        self.by_path[path] = Upload(plain, content_type, size_bytes, seal)
        while len(self.by_path) > KEPT_TICKETS:
            self._drop_oldest()
        return path

    def keep(self, path: str, body: bytes, now_s: float) -> None:
        """Keep the bytes of an announced file; the oldest ones make room."""
        upload = self.by_path[path]
        self.kept_bytes += len(body) - len(upload.body or b"")
        upload.body, upload.kept_at_s = body, now_s
        if self.folder:
            told = {
                "path": path,
                "filename": upload.filename,
                "content_type": upload.content_type,
                "kept_at_s": now_s,
            }
            file = _file_of(self.folder, path)
            new = file.with_suffix(".new")  # a process may be killed while it writes
            new.write_bytes(json.dumps(told).encode() + b"\n" + body)
            new.replace(file)
        while self.kept_bytes > KEPT_BYTES and len(self.by_path) > 1:
            self._drop_oldest()

    def find(self, path: str) -> Upload | None:
        """A file that came and is not gone yet."""
        upload = self.by_path.get(path)
        if upload is None or upload.body is None:
            return None
        return upload if upload.kept_at_s >= self.oldest_s() else None

    def url(self, path: str) -> str:
        """Where the file is put to and read from."""
        return self.files_url + quote(path)

    def own_file(self, url: str) -> bytes | None:
        """The bytes of an upload or a sample by its URL; None for any other URL."""
        if not url.startswith(f"{self.files_url}/"):
            return None
        path = unquote(url.removeprefix(self.files_url).partition("?")[0])
        upload = self.find(path)
        return upload.body if upload else samples().get(path)

    def _drop_oldest(self) -> None:
        path, oldest = self.by_path.popitem(last=False)
        self.kept_bytes -= len(oldest.body or b"")
        if self.folder:
            _file_of(self.folder, path).unlink(missing_ok=True)


def _file_of(folder: Path, path: str) -> Path:
    """Where an upload is kept: named by its secret, for its name is a client's."""
    return folder / f"{path.split('/')[2]}.upload"


@cache
def samples() -> dict[str, bytes]:
    """The sample pictures by their path below the files origin."""
    folder = files("sandbox") / "samples"
    return {
        f"/pictures/{entry.name}": entry.read_bytes()
        for entry in folder.iterdir()
        if entry.name.endswith(".jpg")
    }
