"""The two servers in one process: starting them, and ending them within a second.

It decides where to listen and when to stop. What is answered stands in `app`; the
command line in `__main__`.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.app import api_app, files_app
from sandbox.faults import Faults
from sandbox.journal import Journal
from sandbox.pictures import Gallery
from sandbox.provider import Provider
from sandbox.settings import Settings, changed
from sandbox.uploads import Uploads
from sandbox.videos import Shelf

#: How often the life of a parent is checked, in seconds.
PARENT_S = 0.25
#: Threads for pictures and videos; they leave the event loop free.
THREADS = 2


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, and how clients name it."""

    host: str = "127.0.0.1"
    #: 0 is any free one.
    port: int = 8787
    files_port: int = 0
    #: The host in URLs; empty is `host`.
    public_host: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run of the sandbox is to be."""

    address: Address
    keys: frozenset[str] = field(default=frozenset(), repr=False)
    changes: Mapping[str, object] = field(default_factory=dict)
    with_parent: bool = False
    #: A file that outlives the process, as do the pictures in a folder beside it; None
    #: keeps books and pictures in memory.
    books: Path | None = None


class PortTaken(Exception):  # noqa: N818 - says what is wrong
    """The port is somebody else's already."""


class OpenLine(H11Protocol):
    """A connection that a handler may close by itself, to act a lost line."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # always one here
        """Give the requests of this connection its two ends."""
        # Typed as the server types its own: it only ever makes TCP connections.
        self.closed = asyncio.Event()
        self.app_state = {
            **self.app_state,
            "transport": transport,
            "closed": self.closed,
        }
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait for the end of the line."""
        super().connection_lost(exc)
        self.closed.set()


class Server(uvicorn.Server):
    """A server that leaves signals to us: there are two of it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def hang_up(self) -> None:
        """Stop, and close every line at once, in the middle of a download too."""
        self.should_exit = True
        self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()


async def serve(plan: Plan) -> None:
    """Serve until a signal comes, or the parent is gone.

    Raises:
        PortTaken: there is no listening there.
        SettingRefused: a setting is wrong.
    """
    # Before a port is asked for: a slip of the pen is told first.
    changed(Settings(), Faults(), plan.changes)
    api_socket = _listen(plan.address.host, plan.address.port)
    files_socket = _listen(plan.address.host, plan.address.files_port)
    folder = Path(tempfile.mkdtemp(prefix="reelmill-sandbox-"))
    pool = ThreadPoolExecutor(THREADS, "sandbox")
    host = plan.address.public_host or plan.address.host
    try:
        provider = new_provider(
            _url(host, api_socket), _url(host, files_socket), folder, pool, plan.keys
        )
        provider.configure(plan.changes)
        if plan.books:
            provider.restore(Journal(plan.books))
            provider.uploads.restore(plan.books.with_suffix(".uploads"))
        api = _server(api_app(provider))
        files = _server(files_app(provider))
        async with asyncio.TaskGroup() as group:
            group.create_task(api.serve([api_socket]))
            group.create_task(files.serve([files_socket]))
            group.create_task(_until_the_end(plan, provider, (api, files)))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        shutil.rmtree(folder, ignore_errors=True)


def new_provider(
    url: str,
    files_url: str,
    folder: Path,
    pool: ThreadPoolExecutor,
    keys: frozenset[str] = frozenset(),
) -> Provider:
    """A provider with fresh books, whose time never runs backwards."""
    began_s = time.time() - time.monotonic()
    uploads = Uploads(files_url)
    gallery = Gallery(pool, uploads.own_file)
    provider = Provider(
        url=url,
        files_url=files_url,
        clock=lambda: began_s + time.monotonic(),
        gallery=gallery,
        shelf=Shelf(folder, pool, gallery),
        uploads=uploads,
        keys=keys,
    )
    uploads.oldest_s = lambda: provider.clock() - provider.settings.upload_kept_s
    return provider


def _server(app: Starlette) -> Server:
    config = uvicorn.Config(
        app,
        http=OpenLine,
        lifespan="off",
        log_config=None,
        # Broken answers are made on purpose here, and are no news.
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
    )
    return Server(config)


async def _until_the_end(
    plan: Plan, provider: Provider, servers: tuple[Server, Server]
) -> None:
    """Say where we are once both listen, wait for the end, and bring it about."""
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    for server in servers:
        await server.listening.wait()
    # A look at the parent's id instead of the kernel's death signal: that one is sent
    # when the parent's *thread* ends, and there is only one on Linux. Asked before the
    # line below, for who has read that may be gone at once.
    parent = os.getppid()
    ready = {"url": provider.url, "files_url": provider.files_url, "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    while not end.is_set() and not (plan.with_parent and os.getppid() != parent):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), PARENT_S)
    for server in servers:
        server.hang_up()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=_family(host), backlog=4_096)
    except OSError as error:
        raise PortTaken(
            f"Cannot listen on {host}:{port} ({error.strerror}); "
            "name another port with --port, or 0 for any free one."
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _url(host: str, listening: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"
