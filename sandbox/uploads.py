"""What clients handed over, under names that cannot be guessed, and sample pictures."""

import secrets
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from urllib.parse import quote, unquote

MAX_BYTES = 20 * 1024 * 1024
KEPT_BYTES = 256 * 1024 * 1024
KEPT_TICKETS = 10_000


@dataclass(slots=True)
class Upload:
    """A file that was announced, and its bytes once they came."""

    #: Below the files origin.
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
    """Uploads by their path; the oldest ones make room."""

    files_url: str
    by_path: dict[str, Upload] = field(default_factory=dict)
    kept_bytes: int = 0

    def expect(self, filename: str, content_type: str, size_bytes: int) -> Upload:
        """Announce a file; only the end of its name is shown."""
        plain = filename.replace("\\", "/").rpartition("/")[2] or "upload"
        path = f"/uploads/{secrets.token_hex(16)}/{plain}"
        upload = self.by_path[path] = Upload(path, content_type, size_bytes)
        self._trim()
        return upload

    def keep(self, upload: Upload, body: bytes, now_s: float) -> None:
        """Keep the bytes of an announced file."""
        self.by_path[upload.path] = upload
        self.kept_bytes += len(body) - len(upload.body or b"")
        upload.body, upload.kept_at_s = body, now_s
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


@cache
def samples() -> dict[str, bytes]:
    """The sample pictures by their path below the files origin."""
    entries = (files("sandbox") / "samples").iterdir()
    pictures = (entry for entry in entries if entry.name.endswith(".jpg"))
    return {f"/pictures/{entry.name}": entry.read_bytes() for entry in pictures}
