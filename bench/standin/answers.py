"""What the stand-in answers: the provider's routes, and two of its own below `/bench`.

Every answer is made at once from memory, so a connection may ask many things without
waiting. The common ones, a paid request and a look, are written without a JSON encoder;
what is looked up rarely stands in `listings`.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import parse_qs

from bench.standin import listings
from bench.standin.books import Books, BusyError, Prediction
from bench.standin.times import Times
from jobs.catalogue import builtin

PREDICTIONS = b"/api/v3/predictions"
FILES = b"/files/"
#: What webhooks are signed with.
WEBHOOK_SECRET = "whsec_0123456789abcdef0123456789abcdef"  # noqa: S105 - a stand-in's

_API = b"/api/v3/"
_RUNNING = (
    '{"code":200,"message":"success","data":{"id":"%s","model":"%s","outputs":[],'
    '"urls":{"get":"%s/api/v3/predictions/%s/result"},"has_nsfw_contents":[],'
    '"status":"%s","created_at":"%s","error":"","code":0,"executionTime":0,'
    '"timings":{"inference":0}}}'
)
_COMPLETED = (
    '{"code":200,"message":"success","data":{"id":"%s","model":"%s",'
    '"outputs":["%s/files/%s.mp4"],"urls":{"get":"%s/api/v3/predictions/%s/result"},'
    '"has_nsfw_contents":[false],"status":"completed","created_at":"%s","error":"",'
    '"code":0,"executionTime":%d,"timings":{"inference":%d}}}'
)
#: Longest time after its creation that a prediction still says `created`, in seconds.
_CREATED_S = 1.0

#: Calls an address once a prediction is over.
Promise = Callable[[Prediction, str], None]


class NoAnswerError(Exception):
    """A request that is answered with an error of HTTP."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(slots=True)
class Answers:
    """The answers of one stand-in."""

    url: str
    books: Books
    times: Times
    #: The whole answer to a request for a file, head and all.
    file: bytes = field(repr=False)
    #: None where nobody is called.
    promise: Promise | None = None
    _models: frozenset[str] = field(default_factory=lambda: frozenset(builtin().models))
    _date: tuple[int, bytes] = (0, b"")

    def look(self, path: bytes) -> bytes:
        """The answer to a GET of anything but a file."""
        if path.startswith(PREDICTIONS + b"/"):
            return self._found(path.removesuffix(b"/result")[len(PREDICTIONS) + 1 :])
        now_s = time.time()
        match path:
            case b"/bench/books":
                return self.said(json.dumps(self.books.told(now_s)))
            case b"/bench/counts":
                return self.said(json.dumps(self.books.counts(now_s)))
            case b"/api/v3/balance":
                return self._success(listings.balance(self.books))
            case b"/api/v3/webhook/secret":
                return self._success({"secret": WEBHOOK_SECRET})
        raise NoAnswerError(404, "no such route")

    def post(self, path: bytes, query: bytes, body: bytes) -> bytes:
        """The answer to a POST."""
        if path == b"/bench/reset":
            self.books = Books(self.books.limits)
            return self.said("{}")
        if not path.startswith(_API):
            raise NoAnswerError(404, "no such route")
        asked = _object(body)
        model = path[len(_API) :].decode("latin-1")
        if model in self._models:
            return self._created(model, asked, query)
        listing = listings.ROUTES.get(model)
        if listing is None:
            raise NoAnswerError(404, f"model not found: {model}")
        try:
            return self._success(listing(self.books, asked, time.time()))
        except (LookupError, TypeError, ValueError) as error:
            raise NoAnswerError(400, f"what is this? {error}") from None

    def fetched(self, path: bytes) -> Prediction:
        """Whose video is asked for.

        Raises:
            NoAnswerError: 404, there is none yet.
        """
        name = path[len(FILES) :].removesuffix(b".mp4").decode("latin-1")
        found = self.books.predictions.get(name)
        if found is None or found.completed_at_s > time.time():
            raise NoAnswerError(404, "no such file")
        self.books.files += 1
        return found

    def said(self, text: str, status: str = "200 OK") -> bytes:
        """A whole answer, head and all."""
        body = text.encode()
        now = int(time.time())
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True).encode())
        return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ndate: %b\r\n" % (
            status.encode(),
            self._date[1],
        ) + b"content-length: %d\r\n\r\n%b" % (len(body), body)

    def refused(self, refusal: NoAnswerError) -> bytes:
        """An error of HTTP in the provider's form."""
        said = {"code": refusal.status, "message": str(refusal)}
        return self.said(json.dumps(said), f"{refusal.status} Refused")

    def _created(self, model: str, inputs: dict[str, object], query: bytes) -> bytes:
        if not inputs.get("prompt"):
            raise NoAnswerError(400, "invalid input: prompt: is required")
        name, took_s = os.urandom(16).hex(), self.times.took_s
        try:
            made = self.books.create(name, model, inputs, time.time(), took_s)
        except BusyError as busy:
            raise NoAnswerError(429, str(busy)) from None
        if self.promise is not None and query:
            for address in parse_qs(query.decode("latin-1")).get("webhook", ()):
                self.promise(made, address)
        return self.said(self.shown(made, made.created_at_s))

    def _found(self, name: bytes) -> bytes:
        found = self.books.predictions.get(name.decode("latin-1"))
        if found is None:
            raise NoAnswerError(404, "prediction not found")
        self.books.gets += 1
        found.looks += 1
        return self.said(self.shown(found, time.time()))

    def shown(self, found: Prediction, now_s: float) -> str:
        """A prediction as it is now, in its envelope."""
        name, created = found.id, iso(found.created_at_s)
        if now_s < found.completed_at_s:
            new = now_s < found.created_at_s + _CREATED_S
            status = "created" if new else "processing"
            return _RUNNING % (name, found.model, self.url, name, status, created)
        took_ms = round((found.completed_at_s - found.created_at_s) * 1_000)
        links = (self.url, name, self.url, name)
        return _COMPLETED % (name, found.model, *links, created, took_ms, took_ms)

    def _success(self, data: object) -> bytes:
        return self.said(json.dumps({"code": 200, "message": "success", "data": data}))


def iso(at_s: float) -> str:
    """A time as the provider writes it: UTC, with nanoseconds."""
    at = datetime.fromtimestamp(at_s, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}000Z"


def _object(body: bytes) -> dict[str, object]:
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        raise NoAnswerError(400, "the body is not valid JSON") from None
    if not isinstance(asked, dict):
        raise NoAnswerError(400, "the body must be a JSON object")
    return asked
