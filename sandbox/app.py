"""The routes of the two origins, and what is true of every request to them.

It counts questions and answers, turns refusals into answers, closes the line where a
fault says so, and catches a key that went where it does not belong. What a route says
stands in the module it is taken from.
"""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import (
    control,
    downloads,
    hooks,
    listings,
    results,
    submissions,
    transfers,
)
from sandbox.answers import LineDropped, Refusal
from sandbox.provider import Provider

Handler = Callable[[Provider, Request], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]

#: Method, path, name in the books, and who answers. The first that fits is taken, and
#: a model id fits almost everything: it is the last.
API: tuple[tuple[str, str, str, Handler], ...] = (
    ("GET", "/api/v3/predictions/{id}/result", "result", results.result),
    ("GET", "/api/v3/predictions/{id}", "result", results.result),
    ("POST", "/api/v3/predictions", "history", listings.history),
    ("POST", "/api/v3/predictions/delete", "delete", results.delete),
    ("POST", "/api/v3/billings/search", "billing", listings.billing),
    ("POST", "/api/v3/model/price", "price", listings.price),
    ("POST", "/api/v3/model/pricing", "pricing", listings.pricing),
    ("GET", "/api/v3/models", "models", listings.models),
    ("GET", "/api/v3/webhook/secret", "webhook_secret", hooks.secret),
    ("GET", "/api/v3/balance", "balance", listings.balance),
    ("POST", "/api/v3/media/uploads", "upload_ticket", transfers.ticket),
    ("POST", "/api/v3/media/upload/binary", "upload_binary", transfers.binary),
    ("POST", "/api/v3/{model:path}", "submit", submissions.submit),
)
FILES: tuple[tuple[str, str, str, Handler], ...] = (
    ("GET", "/predictions/{id}/1.mp4", "video", downloads.video),
    ("GET", "/pictures/{name}", "picture", transfers.sample),
    ("PUT", "/uploads/{token}/{name}", "upload_put", transfers.put),
    ("GET", "/uploads/{token}/{name}", "upload_get", transfers.get),
    ("GET", "/elsewhere/{path:path}", "elsewhere", downloads.elsewhere),
)
#: The sandbox's own, which are not counted.
CONTROL: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/sandbox/health", control.health),
    ("GET", "/sandbox/books", control.books),
    ("GET", "/sandbox/settings", control.show_settings),
    ("POST", "/sandbox/settings", control.change_settings),
)


def api_app(provider: Provider) -> Starlette:
    """The origin that takes the key."""
    routes = [
        Route(path, _counted(provider, name, handler), methods=[method])
        for method, path, name, handler in API
    ]
    routes += [
        Route(path, _answered(provider, handler), methods=[method])
        for method, path, handler in CONTROL
    ]
    return _app(routes)


def files_app(provider: Provider) -> Starlette:
    """The origin of the files, which must never be shown a key."""
    routes = [
        Route(path, _counted(provider, name, _keyless(handler)), methods=[method])
        for method, path, name, handler in FILES
    ]
    return _app(routes)


def _app(routes: list[Route]) -> Starlette:
    async def not_here(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        words = {404: "no such route", 405: "method not allowed"}
        return Refusal(status, words.get(status, "internal error")).response()

    return Starlette(routes=routes, exception_handlers={HTTPException: not_here})


def _counted(provider: Provider, name: str, handler: Handler) -> Endpoint:
    """The handler with its questions and answers counted in the books."""
    answered = _answered(provider, handler)

    async def endpoint(request: Request) -> Response:
        provider.requests[name] += 1
        try:
            response = await answered(request)
        except LineDropped:
            provider.answers["dropped"] += 1
            return await _hang_up(request)
        provider.answers[str(response.status_code)] += 1
        return response

    return endpoint


def _answered(provider: Provider, handler: Handler) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(provider, request)
        except Refusal as refusal:
            return refusal.response()

    return endpoint


def _keyless(handler: Handler) -> Handler:
    async def guarded(provider: Provider, request: Request) -> Response:
        if "authorization" in request.headers:
            provider.key_leaks += 1
            raise Refusal(400, "the API key must not be sent to a file host")
        return await handler(provider, request)

    return guarded


async def _hang_up(request: Request) -> Response:
    request.state.transport.abort()
    # Until the server has noticed, it would still write the answer below.
    await request.state.closed.wait()
    return Response()
