"""A real S3 server for tests, and a gate before it that can be shut or made to refuse.

The server is SeaweedFS as its wheel brings it, on ports of its own and on loopback
only. What should come of a store that fails stands in the tests.
"""

import os
import re
import socket
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import unquote

import httpx
import obstore
from obstore.store import S3Store

from producer.subprocesses import Child

WEED = Path(sysconfig.get_path("scripts")) / "weed"

BUCKET = "videos"
KEY_ID = "reelmill-tests"
SECRET = "a-secret-of-the-store"

PATIENCE_S = 120.0

#: Every port it opens; each has a twin so far above.
TWIN = 10_000
PORTS = ("s3.port", "master.port", "filer.port", "volume.port", "admin.port")

OPTIONS = (
    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
    *("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"),
    "-s3.autoCreateBucket=false",
)


class S3:
    """A server with one bucket, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._child: Child | None = None

    @property
    def port(self) -> int:
        return self._ports["s3.port"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, **changes: str) -> dict[str, str]:
        """What a person sets so that it is found."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            **changes,
        }

    def bucket(self) -> S3Store:
        """The bucket as another program sees it."""
        return S3Store(
            BUCKET,
            endpoint=self.url,
            access_key_id=KEY_ID,
            secret_access_key=SECRET,
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )

    def keys(self, prefix: str) -> list[str]:
        """What is kept below a prefix."""
        listed = obstore.list(self.bucket(), prefix).collect()
        return sorted(str(found["path"]) for found in listed)

    def start(self) -> None:
        """Start it and wait until its bucket takes something."""
        data = self._folder / "data"
        data.mkdir(exist_ok=True)
        sockets = (
            f"-{name}.localSocket={data / name}.sock" for name in ("filer", "s3")
        )
        ports = (f"-{name}={port}" for name, port in self._ports.items())
        self._child = Child(
            "the S3 server",
            [str(WEED), "mini", f"-dir={data}", *OPTIONS, *sockets, *ports],
            log=self._folder / "weed.log",
            environment={
                "HOME": str(self._folder),
                "AWS_ACCESS_KEY_ID": KEY_ID,
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "S3_BUCKET": BUCKET,
            },
        )
        self._await_bucket(self._child)

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._child:
            self._child.stop(timeout_s=0.0)

    def _await_bucket(self, child: Child) -> None:
        # It says that it is healthy before its bucket is there.
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and child.running:
            with suppress(Exception):
                obstore.put(self.bucket(), "ready", b"1")
                return
            time.sleep(0.05)
        raise AssertionError(child.last_words(30))


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, and whose twins nobody uses.

    Both lie below those that the system gives away, so they stay free while the server
    is down.
    """
    found: list[int] = []
    start = os.getpid() * 53
    for number in range(start, start + TWIN):
        port = 11_000 + number % TWIN
        pair = socket.socket(), socket.socket()
        with closing(pair[0]), closing(pair[1]), suppress(OSError):
            pair[0].bind(("127.0.0.1", port))
            pair[1].bind(("127.0.0.1", port + TWIN))
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("too few ports are free")


@contextmanager
def running_s3(folder: Path) -> Iterator[S3]:
    """A server for as long as it is needed."""
    server = S3(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


#: What a failing store says, by what is wrong with it.
REFUSALS = {
    "full": (507, "InsufficientStorage", "There is not enough space"),
    "ill": (503, "ServiceUnavailable", "Please reduce your request rate"),
    "denied": (403, "AccessDenied", "Access Denied"),
    "skewed": (403, "RequestTimeTooSkewed", "The difference is too large"),
    "elsewhere": (301, "PermanentRedirect", "Use the other endpoint"),
}

#: What a server says that may be asked to keep nothing but what is new, and will not.
UNCONDITIONAL = {
    "not implemented": (501, "NotImplemented", "A header is not implemented"),
    "not allowed": (405, "MethodNotAllowed", "Not allowed"),
    "no such header": (400, "InvalidArgument", "Unsupported header"),
}
#: ... or it passes over that.
HEEDLESS = "heedless"

#: What of a head is refused where a server knows no checksums: any of them, or those
#: with which an upload in parts begins.
CHECKSUMS = {
    "checksums": rb"\r\n(x-amz-checksum-[a-z0-9]+):",
    "checksums of parts": rb"\r\n(x-amz-checksum-algorithm):",
}


class Gate(ThreadingTCPServer):
    """Stands before the server and lets through, or makes trouble."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, server: S3) -> None:
        super().__init__(("127.0.0.1", 0), Passage)
        self.behind = server
        #: A name of `REFUSALS` to refuse what is written, `spoilt` to change a byte
        #: of it, `shut`, or empty to let everything through. A name of
        #: `UNCONDITIONAL`, or `heedless`, is trouble with what is to replace nothing.
        self.trouble = ""
        #: How the addresses end that meet a refusal, and what is small enough to
        #: meet none.
        self.only = ""
        self.spared_bytes = -1
        #: Methods of the requests that came.
        self.seen: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Passage(StreamRequestHandler):
    """One request through the gate."""

    server: Gate

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        body = self.rfile.read(int(length[1]) if length else 0)
        method = head.split(b" ")[0].decode()
        self.server.seen.append(method)
        trouble = self.server.trouble
        if trouble == "shut":
            return
        if named := re.search(CHECKSUMS.get(trouble, rb"$^"), head.lower()):
            said = f"Unsupported header '{named[1].decode()}' for this call"
            self.wfile.write(refusal(400, "InvalidArgument", said))
            return
        path = head.split(b" ")[1].decode().partition("?")[0]
        refused = trouble in REFUSALS and path.endswith(self.server.only)
        refused &= len(body) > self.server.spared_bytes
        if refused and method in {"PUT", "POST"}:
            self.wfile.write(refusal(*REFUSALS[trouble]))
            return
        if method == "PUT" and b"\r\nif-none-match:" in head.lower():
            if trouble in UNCONDITIONAL:
                self.wfile.write(refusal(*UNCONDITIONAL[trouble]))
                return
            if trouble == HEEDLESS:
                with suppress(FileNotFoundError):
                    bucket = self.server.behind.bucket()
                    obstore.delete(bucket, unquote(path).removeprefix(f"/{BUCKET}/"))
        if trouble == "spoilt" and method == "PUT":
            body = body[:-1] + bytes([body[-1] ^ 1])
        self._hand_on(head, body)

    def _hand_on(self, head: bytes, body: bytes) -> None:
        line, _, rest = head.partition(b"\r\n")
        with socket.create_connection(("127.0.0.1", self.server.behind.port)) as there:
            there.sendall(line + b"\r\nConnection: close\r\n" + rest + body)
            while piece := there.recv(1 << 16):
                self.wfile.write(piece)


def refusal(status: int, code: str, words: str) -> bytes:
    """An answer of S3 that says no."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{words}</Message>"
    text = body + f"<SecretHint>{SECRET}</SecretHint></Error>"
    lines = (
        f"HTTP/1.1 {status} No",
        f"Content-Length: {len(text)}",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", text]).encode()


@contextmanager
def gate(server: S3) -> Iterator[Gate]:
    """A gate for as long as it is needed."""
    with Gate(server) as made:
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        yield made
        made.shutdown()


def headers_of(server: S3, key: str) -> httpx.Headers:
    """What the server says of a file, asked with a signed address."""
    url = obstore.sign(server.bucket(), "GET", key, timedelta(minutes=1))
    return httpx.get(url, trust_env=False).raise_for_status().headers
