"""The routes of the two origins, and the one server that listens for both.

Requests and answers are counted here, refusals become answers, a line is closed where a
fault asks for it, and a key that is sent to the files origin is noticed.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox import api, books, files_api, webhooks, wire
from sandbox.settings import Faults
from sandbox.state import Provider

Handler = Callable[[Provider, Request], Awaitable[Response]]
Routes = tuple[tuple[str, str, str, Handler], ...]

#: Method, path, name in the books, and handler. The first that fits is taken, and a
#: model id fits almost everything: it is the last.
API: Routes = (
    ("GET", "/api/v3/predictions/{id}/result", "result", api.result),
    ("GET", "/api/v3/predictions/{id}", "result", api.result),
    ("POST", "/api/v3/predictions", "history", api.history),
    ("POST", "/api/v3/predictions/delete", "delete", api.delete),
    ("POST", "/api/v3/billings/search", "billing", api.billing),
    ("POST", "/api/v3/model/price", "price", api.price),
    ("GET", "/api/v3/models", "models", api.models),
    ("GET", "/api/v3/webhook/secret", "webhook_secret", webhooks.secret),
    ("GET", "/api/v3/balance", "balance", api.balance),
    ("POST", "/api/v3/media/uploads", "upload_ticket", files_api.ticket),
    ("POST", "/api/v3/{model:path}", "submit", api.submit),
    # The sandbox's own, which are not counted.
    ("GET", "/sandbox/health", "", books.health),
    ("GET", "/sandbox/books", "", books.books),
    ("GET", "/sandbox/settings", "", books.show_settings),
    ("POST", "/sandbox/settings", "", books.change_settings),
)
FILES: Routes = (
    ("GET", "/predictions/{id}/1.mp4", "video", files_api.video),
    ("GET", "/pictures/{name}", "picture", files_api.sample),
    ("PUT", "/uploads/{token}/{name}", "upload_put", files_api.put),
    ("GET", "/uploads/{token}/{name}", "upload_get", files_api.get),
    ("GET", "/elsewhere/{path:path}", "elsewhere", files_api.elsewhere),
)
#: Threads for pictures and videos; they leave the event loop free.
THREADS = 2


class PortError(Exception):
    """The port cannot be listened on."""


def app(provider: Provider, routes: Routes) -> Starlette:
    """One of the two origins; that of the files must never be shown a key."""

    async def refuse(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        words = {404: "no such route", 405: "method not allowed"}
        return wire.refusal(HTTPException(status, words.get(status)))

    def route(method: str, path: str, name: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            if routes is FILES and "authorization" in request.headers:
                provider.key_leaks += 1
                return await _answer(provider, request, name, _refuse_key)
            return await _answer(provider, request, name, handler)

        return Route(path, endpoint, methods=[method])

    made = [route(*one) for one in routes]
    return Starlette(routes=made, exception_handlers={HTTPException: refuse})


async def _answer(
    provider: Provider, request: Request, name: str, handler: Handler
) -> Response:
    """What a handler answers, with requests and answers counted in the books."""
    provider.requests.update([name] if name else [])
    try:
        response = await handler(provider, request)
    except HTTPException as error:
        response = wire.refusal(error)
    except wire.LineDroppedError:
        provider.answers["dropped"] += 1
        request.state.transport.abort()
        # Until the server has noticed, it would still write the answer below.
        await wire.disconnected(request.receive)
        return Response()
    provider.answers.update([str(response.status_code)] if name else [])
    return response


async def _refuse_key(_: Provider, __: Request) -> Response:
    raise HTTPException(400, "the API key must not be sent to a file host")


class Connection(H11Protocol):
    """A connection that a handler may close by itself, to act a lost line."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # typed as the server makes them: TCP only
        """Show the requests of this connection their transport."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Server(uvicorn.Server):
    """A server that says where it is, and ends within a moment and with code 0."""

    def __init__(self, app: ASGIApp, ready: str, *, with_parent: bool) -> None:
        config = uvicorn.Config(
            app,
            http=Connection,
            lifespan="off",
            log_config=None,
            # Broken answers are made on purpose here, and are no news.
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
        )
        super().__init__(config)
        self.ready = ready
        # Not the kernel's death signal, which on Linux is sent when the parent's
        # *thread* ends. Asked now: a parent that has read the line may be gone at once.
        self.parent = os.getppid() if with_parent else None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so in one line on standard output."""
        await super().startup(sockets)
        sys.stdout.write(f"{self.ready}\n")
        sys.stdout.flush()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to end."""
        orphaned = self.parent not in {None, os.getppid()}
        return await super().on_tick(counter) or orphaned

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End at a signal, and not by sending it to ourselves again afterwards."""
        del sig, frame
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close every line at once, in the middle of a download too."""
        self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def serve(options: argparse.Namespace, changes: Mapping[str, object]) -> None:
    """Serve until a signal comes, or the parent is gone.

    Args:
        options: as `__main__` reads them.
        changes: settings and faults to begin with.

    Raises:
        PortError: there is no listening there.
        SettingError: a setting is wrong.
        JournalError: the books cannot be used.
    """
    # Before a port is asked for: a wrong setting is told first.
    Faults().change(changes)
    sockets = [_listen(options.host, n) for n in (options.port, options.files_port)]
    host = options.public_host or options.host
    host = f"[{host}]" if ":" in host else host
    ports = [each.getsockname()[1] for each in sockets]
    url, files_url = (f"http://{host}:{port}" for port in ports)
    folder = Path(tempfile.mkdtemp(prefix="reelmill-sandbox-"))
    pool = ThreadPoolExecutor(THREADS, "sandbox")
    try:
        provider = Provider(url, files_url, folder, pool, frozenset(options.key))
        provider.faults.change(changes)
        if options.books:
            provider.restore(options.books)
        origins = [app(provider, routes) for routes in (API, FILES)]
        apps = dict(zip(ports, origins, strict=True))

        async def by_port(scope: Scope, receive: Receive, send: Send) -> None:
            await apps[scope["server"][1]](scope, receive, send)

        ready = json.dumps({"url": url, "files_url": files_url, "pid": os.getpid()})
        server = Server(by_port, ready, with_parent=options.with_parent)
        asyncio.run(server.serve(sockets))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        shutil.rmtree(folder, ignore_errors=True)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family, backlog=4_096)
    except (OSError, OverflowError) as error:  # there is no such port
        why = getattr(error, "strerror", None) or error
        raise PortError(
            f"Cannot listen on {host}:{port} ({why}); "
            "name another port with --port, or 0 for any free one."
        ) from None
    # Connections inherit this. asyncio sets it only where a socket names its protocol;
    # without it an answer of two writes takes 40 ms.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
