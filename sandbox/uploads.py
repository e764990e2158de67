"""The files of the files origin: what clients handed over, and six sample pictures.

It keeps bytes under names that cannot be guessed, within bounds. The routes are in
`files_api`.
"""

import json
import secrets
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote, unquote

MAX_BYTES = 20 * 1024 * 1024
KEPT_BYTES = 256 * 1024 * 1024
KEPT_TICKETS = 10_000


@dataclass(slots=True)
class Upload:
    """A file that was announced, and its bytes once they came."""

    #: Below the files origin; a client's name at its end is only shown, never opened.
    path: str
    content_type: str
    size_bytes: int
    #: Must come with the bytes: who drops the ticket's headers is refused.
    seal: str = field(default_factory=lambda: secrets.token_hex(16))
    body: bytes | None = None
    #: When the bytes came, in Unix seconds.
    kept_at_s: float = 0.0


@dataclass(slots=True)
class Uploads:
    """Uploads by their path below the files origin."""

    files_url: str
    by_path: dict[str, Upload] = field(default_factory=dict)
    kept_bytes: int = 0
    #: Where they outlive the process; None is nowhere.
    folder: Path | None = None

    def restore(self, folder: Path) -> None:
        """Go on with the files of an earlier process, and keep there what comes."""
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob("*.upload"):
            head, _, body = file.read_bytes().partition(b"\n")
            path, content_type, kept_at_s = json.loads(head)
            upload = self.by_path[path] = Upload(path, content_type, len(body))
            self.keep(upload, body, kept_at_s)
        self.folder = folder

    def expect(self, filename: str, content_type: str, size_bytes: int) -> Upload:
        """Announce a file."""
        plain = filename.replace("\\", "/").rpartition("/")[2] or "upload"
        path = f"/uploads/{secrets.token_hex(16)}/{plain}"
        self.by_path[path] = Upload(path, content_type, size_bytes)
        self._trim()
        return self.by_path[path]

    def keep(self, upload: Upload, body: bytes, now_s: float) -> None:
        """Keep the bytes of an announced file; the oldest ones make room."""
        self.kept_bytes += len(body) - len(upload.body or b"")
        upload.body, upload.kept_at_s = body, now_s
        if self.folder:
            head = json.dumps([upload.path, upload.content_type, now_s])
            file = _file_of(self.folder, upload)
            new = file.with_suffix(".new")  # a process may be killed while it writes
            new.write_bytes(head.encode() + b"\n" + body)
            new.replace(file)
        self._trim()

    def url(self, upload: Upload) -> str:
        """Where the file is put to and read from."""
        return self.files_url + quote(upload.path)

    def path_of(self, url: str) -> str:
        """The path of a URL of the files origin; empty for any other URL."""
        if not url.startswith(f"{self.files_url}/"):
            return ""
        return unquote(url.removeprefix(self.files_url).partition("?")[0])

    def _trim(self) -> None:
        while self.kept_bytes > KEPT_BYTES or len(self.by_path) > KEPT_TICKETS:
            oldest = self.by_path.pop(next(iter(self.by_path)))
            self.kept_bytes -= len(oldest.body or b"")
            if self.folder:
                _file_of(self.folder, oldest).unlink(missing_ok=True)


def _file_of(folder: Path, upload: Upload) -> Path:
    """Where an upload is kept: named by the secret in its path."""
    return folder / f"{upload.path.split('/')[2]}.upload"


@cache
def samples() -> dict[str, bytes]:
    """The sample pictures by their path below the files origin."""
    entries = (files("sandbox") / "samples").iterdir()
    pictures = (entry for entry in entries if entry.name.endswith(".jpg"))
    return {f"/pictures/{entry.name}": entry.read_bytes() for entry in pictures}
