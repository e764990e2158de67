"""The whole provider in one place, without HTTP: accounts, predictions, money, files.

Amounts are whole micro-dollars. The outcome of a prediction is drawn when it is
created; afterwards its status is a function of the time, and nothing runs while it is
generating. Endings are booked as their time comes, each once, so that no request walks
through all predictions. With a journal, a file of everything that was created, a
restarted sandbox goes on where it was. Keys are kept as digests only.
"""

import asyncio
import base64
import contextlib
import hashlib
import heapq
import json
import math
import secrets
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from sandbox.media import Media, Outcome, samples
from sandbox.models import Model, picture_urls
from sandbox.settings import Faults, Settings, draw

#: Length of the window in which starts are counted, in seconds.
WINDOW_S = 60.0
#: Until a prediction is looked at again whose picture is still being fetched.
RETRY_S = 0.05
#: Longest time after its start that a prediction still says `created`, in seconds.
CREATED_S = 1.0

COMPLETED = Outcome("completed")
DELETED = Outcome("deleted", 0, "The prediction was deleted.")

#: What each fault of an outcome makes of a prediction.
OUTCOMES = {
    "outcome_1200": Outcome(
        "failed", 1200, "Content flagged as potentially sensitive. Change the inputs."
    ),
    "outcome_1400": Outcome("failed", 1400, "A required parameter is missing.", True),
    "outcome_1402": Outcome(
        "failed", 1402, "Media access failed: the picture cannot be reached.", True
    ),
    "outcome_5000": Outcome("failed", 5000, "Internal error while generating.", True),
    "outcome_5003": Outcome("failed", 5003, "The model is unavailable just now.", True),
    "outcome_timeout": Outcome("timeout", 5004, "The generation timed out.", True),
    "outcome_cancelled": Outcome("cancelled", 0, "The task was cancelled.", True),
    "outcome_deleted": DELETED,
    "outcome_never": Outcome("processing"),
}


@dataclass(slots=True)
class Prediction:
    """One prediction of one key."""

    id: str
    #: Its number, from 1; all chance is drawn from the seed and this.
    sequence: int
    model: str
    inputs: dict[str, Any]
    price_usd_micros: int
    created_at_s: float
    due_at_s: float
    outcome: Outcome
    #: The fetch of its pictures from this machine, and why they cannot be used.
    fetch: asyncio.Task[Outcome | None] | None = None
    #: Made by another client of the same key.
    stranger: bool = False
    #: The client was never told its id.
    lost_answer: bool = False
    deleted: bool = False
    refunded_usd_micros: int = 0
    #: How often its result, and its video, was asked for.
    polls: int = 0
    downloads: int = 0

    def over(self, now_s: float) -> bool:
        """Whether the work is done; a deletion does not stop it."""
        if now_s < self.due_at_s or self.outcome.status == "processing":
            return False
        return self.fetch is None or self.fetch.done()

    def ending(self) -> Outcome:
        """How the work ends; true once it is over."""
        return (self.fetch and self.fetch.result()) or self.outcome

    def status(self, now_s: float) -> Outcome:
        """Its status now, with its error code and text."""
        if self.deleted:
            return DELETED
        if self.over(now_s):
            return self.ending()
        lead_s = min(CREATED_S, (self.due_at_s - self.created_at_s) / 10)
        is_new = now_s < self.created_at_s + lead_s
        return Outcome("created" if is_new else "processing")


class Entry(NamedTuple):
    """One row of the billing."""

    #: Unix seconds from which it counts.
    at_s: float
    #: `deduct` or `refund`.
    kind: str
    prediction: Prediction


@dataclass(slots=True)
class RateWindow:
    """The starts of the last 60 seconds: exact, in any such window."""

    times_s: deque[float] = field(default_factory=deque)
    #: Most starts that any 60 seconds have seen.
    worst: int = 0

    def add(self, now_s: float) -> None:
        """Count a start."""
        self.times_s.append(now_s)
        self.worst = max(self.worst, self._count(now_s))

    def wait_s(self, now_s: float, limit: int) -> float:
        """Seconds until another start fits; 0 if one fits now."""
        over = self._count(now_s) - limit
        return 0.0 if over < 0 else self.times_s[over] + WINDOW_S - now_s

    def _count(self, now_s: float) -> int:
        while self.times_s and self.times_s[0] <= now_s - WINDOW_S:
            self.times_s.popleft()
        return len(self.times_s)


@dataclass(slots=True)
class Account:
    """Everything that belongs to one key."""

    #: For people, never the key itself.
    name: str
    #: A digest of the key.
    owner: str
    balance_usd_micros: int
    starts: RateWindow = field(default_factory=RateWindow)
    #: In the order of creation.
    predictions: list[Prediction] = field(default_factory=list)
    billing: list[Entry] = field(default_factory=list)
    #: A heap of those whose ending is not booked yet, by the time to look at them.
    open: list[tuple[float, int, Prediction]] = field(default_factory=list)
    #: A heap of refunds that do not count yet: when they do, and their amount.
    pending: list[tuple[float, int]] = field(default_factory=list)
    #: How many of the client's own are open, now and at most.
    generating: int = 0
    most_concurrent: int = 0

    def add(self, prediction: Prediction) -> None:
        """Take in a new prediction and deduct its price."""
        self.predictions.append(prediction)
        self.balance_usd_micros -= prediction.price_usd_micros
        self.billing.append(Entry(prediction.created_at_s, "deduct", prediction))
        entry = (prediction.due_at_s, prediction.sequence, prediction)
        heapq.heappush(self.open, entry)
        if not prediction.stranger:
            self.starts.add(prediction.created_at_s)
            self.generating += 1
            self.most_concurrent = max(self.most_concurrent, self.generating)

    def book_endings(self, now_s: float, refund_delay_s: float) -> None:
        """Book the endings, and the refunds, of which the time has come."""
        while self.open and self.open[0][0] <= now_s:
            _, sequence, prediction = heapq.heappop(self.open)
            if not prediction.over(now_s):
                heapq.heappush(self.open, (now_s + RETRY_S, sequence, prediction))
                continue
            self.generating -= not prediction.stranger
            if prediction.ending().refunded:
                amount, at_s = prediction.price_usd_micros, prediction.due_at_s
                prediction.refunded_usd_micros = amount
                heapq.heappush(self.pending, (at_s + refund_delay_s, amount))
                self.billing.append(Entry(at_s + refund_delay_s, "refund", prediction))
        while self.pending and self.pending[0][0] <= now_s:
            self.balance_usd_micros += heapq.heappop(self.pending)[1]

    def newest_first(self, from_s: float, to_s: float) -> Iterator[Prediction]:
        """Predictions created in a time, both ends included, without deleted ones."""
        for prediction in reversed(self.predictions):
            if from_s <= prediction.created_at_s <= to_s and not prediction.deleted:
                yield prediction


@dataclass(slots=True)
class Upload:
    """A file that was announced, and its bytes once they came."""

    #: Below the files origin; it cannot be guessed.
    path: str
    content_type: str
    size_bytes: int
    #: Must come with the bytes: who drops the ticket's headers is refused.
    seal: str = field(default_factory=lambda: secrets.token_hex(16))
    body: bytes | None = None
    #: When the bytes came, in Unix seconds.
    kept_at_s: float = 0.0


class JournalError(Exception):
    """A file of books that cannot be used: which, and what to do."""


class Provider:
    """Everything one process of the sandbox knows."""

    def __init__(
        self,
        url: str,
        files_url: str,
        folder: Path,
        pool: Executor,
        keys: frozenset[str] = frozenset(),
    ) -> None:
        """Make a provider with empty books.

        Args:
            url: Origin of the API as clients see it, without a slash at the end.
            files_url: Origin of the files, likewise.
            folder: Where videos may be written.
            pool: Threads for pictures and videos; they leave the event loop free.
            keys: The only keys that are let in; none means any key.
        """
        self.url = url
        self.files_url = files_url
        self.keys = keys
        began_s = time.time() - time.monotonic()
        #: Unix seconds now, which never run backwards.
        self.clock: Callable[[], float] = lambda: began_s + time.monotonic()
        self.faults = Faults()
        #: By their path.
        self.uploads: dict[str, Upload] = {}
        self.media = Media(folder, pool, self._own_file)
        #: Accounts by the digest of their key.
        self.accounts: dict[str, Account] = {}
        self.predictions: dict[str, tuple[Account, Prediction]] = {}
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        #: How many webhooks were sent, and how they were answered.
        self.webhooks: Counter[str] = Counter()
        #: Webhooks that are still to be sent; their loop holds tasks only weakly.
        self.calls: set[object] = set()
        #: Unknown inputs that were dropped, of requests and of quotes.
        self.dropped_inputs = 0
        #: Requests that carried a key to the files origin.
        self.key_leaks = 0
        #: A file of everything that was created; None keeps all in memory.
        self.journal: Path | None = None

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self.faults.settings

    def restore(self, journal: Path) -> None:
        """Go on with what is in a journal, and write down there what comes.

        Raises:
            JournalError: it cannot be read, or another version wrote it.
        """
        try:
            with journal.open("a+", encoding="utf-8") as file:
                file.seek(0)
                for text in file:
                    # The process may have been killed while it wrote one.
                    with contextlib.suppress(json.JSONDecodeError):
                        self._restore_line(json.loads(text))
        except (OSError, KeyError, TypeError) as error:
            problem = f"{type(error).__name__}: {error}"
            raise JournalError(
                f"{journal} is no file of books of this version ({problem}); "
                "name a new file with --books"
            ) from None
        self.journal = journal

    def account(self, key: str) -> Account:
        """The account of a key, made when the key is first seen."""
        account = self._account_of(hashlib.sha256(key.encode()).hexdigest())
        account.book_endings(self.clock(), self.settings.refund_delay_s)
        return account

    def create(
        self, account: Account, model: Model, inputs: dict[str, Any]
    ) -> Prediction:
        """Start and charge a prediction, and at times another client's beside it."""
        if not self.faults.happens("stranger"):
            return self._create(account, model, inputs)
        picture = f"https://stranger.example/{len(self.predictions) + 1}.jpg"
        pictures = {"image": picture, "end_image": picture, "images": [picture]}
        similar = inputs | {name: pictures[name] for name in pictures.keys() & inputs}
        before = draw(self.settings.seed, "before", len(self.predictions)) < 1 / 2
        if before:
            self._create(account, model, similar, stranger=True)
        prediction = self._create(account, model, inputs)
        if not before:
            self._create(account, model, similar, stranger=True)
        return prediction

    def price_usd_micros(self, model: Model, inputs: Mapping[str, Any]) -> int:
        """What a prediction costs here and now: the list price, more or less."""
        return model.price_usd_micros(inputs) * self.settings.price_percent // 100

    def find(self, account: Account, prediction_id: str) -> Prediction | None:
        """A prediction of this account by its id."""
        owner, prediction = self.predictions.get(prediction_id, (None, None))
        return prediction if owner is account else None

    def delete(self, prediction: Prediction) -> None:
        """Forget a prediction; its money stays where it is."""
        prediction.deleted = True
        self._write({"deleted_id": prediction.id})

    def expect(self, filename: str, content_type: str, size_bytes: int) -> Upload:
        """Announce a file; only the end of its name is shown."""
        plain = filename.replace("\\", "/").rpartition("/")[2] or "upload"
        path = f"/uploads/{secrets.token_hex(16)}/{plain}"
        upload = self.uploads[path] = Upload(path, content_type, size_bytes)
        return upload

    def keep(self, upload: Upload, body: bytes) -> None:
        """Keep the bytes of an announced file."""
        upload.body, upload.kept_at_s = body, self.clock()
        text = base64.b64encode(body).decode()
        self._write({"upload": asdict(replace(upload, body=None)), "body": text})

    def upload(self, path: str) -> Upload | None:
        """An uploaded file that came and is not gone yet."""
        upload = self.uploads.get(path)
        oldest_s = self.clock() - self.settings.upload_kept_s
        is_there = upload and upload.body is not None and upload.kept_at_s >= oldest_s
        return upload if is_there else None

    def upload_url(self, upload: Upload) -> str:
        """Where the file is put to and read from."""
        return self.files_url + quote(upload.path)

    def _own_file(self, url: str) -> bytes | None:
        if not url.startswith(f"{self.files_url}/"):
            return None
        path = unquote(url.removeprefix(self.files_url).partition("?")[0])
        upload = self.upload(path)
        return upload.body if upload else samples().get(path)

    def _restore_line(self, line: dict[str, Any]) -> None:
        if "deleted_id" in line:
            self.predictions[line["deleted_id"]][1].deleted = True
        elif "upload" in line:
            upload = Upload(**line["upload"])
            upload.body = base64.b64decode(line["body"])
            self.uploads[upload.path] = upload
        else:
            account = self._account_of(line.pop("owner"))
            self._add(
                account, Prediction(**line | {"outcome": Outcome(**line["outcome"])})
            )

    def _account_of(self, owner: str) -> Account:
        if owner not in self.accounts:
            name = f"key-{len(self.accounts) + 1}"
            balance = self.settings.balance_usd_micros
            self.accounts[owner] = Account(name, owner, balance)
        return self.accounts[owner]

    def _create(
        self,
        account: Account,
        model: Model,
        inputs: dict[str, Any],
        *,
        stranger: bool = False,
    ) -> Prediction:
        settings, now_s = self.settings, self.clock()
        sequence = len(self.predictions) + 1
        check = settings.check_pictures
        prediction = Prediction(
            # Random and not drawn from the seed: a restarted sandbox must not hand out
            # the ids that a client already keeps in its own records.
            id=uuid.uuid4().hex,
            sequence=sequence,
            model=model.id,
            inputs=inputs,
            price_usd_micros=self.price_usd_micros(model, inputs),
            created_at_s=now_s,
            due_at_s=now_s + draw_generation_s(settings, sequence),
            outcome=COMPLETED if stranger else self._draw_outcome(inputs),
            fetch=self.media.fetch(picture_urls(inputs), check=check),
            stranger=stranger,
        )
        self._add(account, prediction)
        if self.journal:
            line = asdict(replace(prediction, fetch=None))
            self._write({"owner": account.owner, **line})
        return prediction

    def _draw_outcome(self, inputs: Mapping[str, Any]) -> Outcome:
        """The outcome of the next prediction; of several faults the first decides."""
        happened = [name for name in OUTCOMES if self.faults.happens(name)]
        flagged = self.settings.flagged_word.casefold()
        if flagged and flagged in str(inputs.get("prompt")).casefold():
            return OUTCOMES["outcome_1200"]
        return OUTCOMES[happened[0]] if happened else COMPLETED

    def _add(self, account: Account, prediction: Prediction) -> None:
        account.add(prediction)
        self.predictions[prediction.id] = (account, prediction)

    def _write(self, line: dict[str, Any]) -> None:
        if self.journal:
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def draw_generation_s(settings: Settings, sequence: int) -> float:
    """Seconds the prediction numbered `sequence` takes: log-normal, some stragglers."""
    chance = draw(settings.seed, "generation", sequence)
    # The normal curve has no value at exactly 0.
    z = NormalDist().inv_cdf(max(chance, 1e-12))
    seconds = settings.generation_s * math.exp(settings.spread * z)
    if draw(settings.seed, "straggler", sequence) < settings.stragglers:
        seconds *= settings.straggler_factor
    return seconds
