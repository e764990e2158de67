"""The whole provider in one place, without HTTP: accounts, predictions, files, counts.

With a journal, a file of everything that was created, a restarted sandbox goes on where
it was; without one the books live in memory. Keys are kept as digests only.
"""

import base64
import contextlib
import hashlib
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sandbox.account import Account, Billing, take_slot
from sandbox.models import Model, picture_urls
from sandbox.pictures import Pictures
from sandbox.prediction import (
    COMPLETED,
    Outcome,
    Prediction,
    draw_generation_s,
    draw_outcome,
)
from sandbox.settings import Faults, Settings, changed, draw
from sandbox.uploads import Upload, Uploads, samples
from sandbox.videos import Videos


def steady_clock() -> Callable[[], float]:
    """Unix seconds that never run backwards."""
    began_s = time.time() - time.monotonic()
    return lambda: began_s + time.monotonic()


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
        #: Unix seconds now.
        self.clock = steady_clock()
        self.settings = Settings()
        self.faults = Faults()
        self.uploads = Uploads(files_url)
        self.pictures = Pictures(pool, self.own_file)
        self.videos = Videos(folder, pool, self.pictures)
        #: Accounts by the digest of their key.
        self.accounts: dict[str, Account] = {}
        self.predictions: dict[str, tuple[Account, Prediction]] = {}
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        #: How many webhooks were sent, and how they were answered.
        self.webhooks: Counter[str] = Counter()
        #: Webhooks that are still to be sent; their loop holds tasks only weakly.
        self.calls: set[object] = set()
        #: Requests that carried a key to the files origin.
        self.key_leaks = 0
        #: A file of everything that was created; None keeps all in memory.
        self.journal: Path | None = None

    def configure(self, changes: Mapping[str, object]) -> None:
        """Change settings and faults.

        Raises:
            SettingError: one of them is wrong; none was changed.
        """
        self.settings, self.faults = changed(self.settings, self.faults, changes)

    def restore(self, journal: Path) -> None:
        """Go on with what is in a journal, and write down there what comes.

        Raises:
            JournalError: it cannot be read, or another version wrote it.
        """
        try:
            for line in _lines(journal):
                self._restore_line(line)
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
        account.settle(self.clock(), self.settings.refund_delay_s)
        return account

    def new_billing(self) -> Billing:
        """The billing of a key that has spent nothing yet."""
        return Billing(self.settings.balance_usd_micros)

    def create(
        self, account: Account, model: type[Model], inputs: dict[str, Any]
    ) -> Prediction:
        """Start and charge a prediction, and at times another client's beside it."""
        other = self.faults.happens("stranger")
        before = draw(self.settings.seed, "before", len(self.predictions)) < 1 / 2
        if other and before:
            self._create(account, model, self._inputs_of_another(inputs), stranger=True)
        prediction = self._create(account, model, inputs)
        if other and not before:
            self._create(account, model, self._inputs_of_another(inputs), stranger=True)
        return prediction

    def price_usd_micros(self, model: type[Model], inputs: Mapping[str, Any]) -> int:
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

    def keep(self, upload: Upload, body: bytes) -> None:
        """Keep the bytes of an announced file."""
        now_s = self.clock()
        names = ("path", "content_type", "size_bytes")
        told = {name: getattr(upload, name) for name in names}
        text = base64.b64encode(body).decode()
        self._write({"upload": told, "body": text, "at_s": now_s})
        self.uploads.keep(upload, body, now_s)

    def own_file(self, url: str) -> bytes | None:
        """The bytes of an upload or a sample by its URL; None for any other URL."""
        path = self.uploads.path_of(url)
        upload = self.upload(path)
        return upload.body if upload else samples().get(path)

    def upload(self, path: str) -> Upload | None:
        """An uploaded file that came and is not gone yet."""
        upload = self.uploads.by_path.get(path)
        oldest_s = self.clock() - self.settings.upload_kept_s
        if upload and upload.body is not None and upload.kept_at_s >= oldest_s:
            return upload
        return None

    def _restore_line(self, line: dict[str, Any]) -> None:
        if "deleted_id" in line:
            self.predictions[line["deleted_id"]][1].deleted = True
        elif "upload" in line:
            upload = Upload(**line["upload"])
            self.uploads.keep(upload, base64.b64decode(line["body"]), line["at_s"])
        else:
            line["outcome"] = Outcome(**line["outcome"])
            owner = line.pop("owner")
            self._add(self._account_of(owner), Prediction(**line))

    def _account_of(self, owner: str) -> Account:
        if owner not in self.accounts:
            name = f"key-{len(self.accounts) + 1}"
            self.accounts[owner] = Account(name, owner, self.new_billing())
        return self.accounts[owner]

    def _inputs_of_another(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The same inputs with another picture."""
        picture = f"https://stranger.example/{len(self.predictions) + 1}.jpg"
        pictures = {"image": picture, "end_image": picture, "images": [picture]}
        return inputs | {name: pictures[name] for name in pictures.keys() & inputs}

    def _create(
        self,
        account: Account,
        model: type[Model],
        inputs: dict[str, Any],
        *,
        stranger: bool = False,
    ) -> Prediction:
        settings, now_s = self.settings, self.clock()
        sequence = len(self.predictions) + 1
        length_s = draw_generation_s(settings, sequence)
        starts_at_s = now_s
        if settings.over_concurrency == "queue" and not stranger:
            starts_at_s = take_slot(
                account.slot_ends_s, now_s, length_s, settings.most_at_once
            )
        drawn = COMPLETED
        if not stranger:
            drawn = draw_outcome(self.faults, inputs, settings.flagged_word)
        prediction = Prediction(
            # Random and not drawn from the seed: a restarted sandbox must not hand out
            # the ids that a client already keeps in its own records.
            id=uuid.uuid4().hex,
            sequence=sequence,
            model=model.id,
            inputs=inputs,
            price_usd_micros=self.price_usd_micros(model, inputs),
            created_at_s=now_s,
            starts_at_s=starts_at_s,
            due_at_s=starts_at_s + length_s,
            outcome=drawn,
            fetch=self.pictures.fetch(
                picture_urls(inputs), check=settings.check_pictures
            ),
            stranger=stranger,
        )
        self._add(account, prediction)
        if self.journal:
            # The fetch of its pictures is shared with others, and not begun anew.
            line = asdict(replace(prediction, fetch=None))
            self._write({"owner": account.owner, **line})
        return prediction

    def _add(self, account: Account, prediction: Prediction) -> None:
        account.add(prediction)
        self.predictions[prediction.id] = (account, prediction)

    def _write(self, line: dict[str, Any]) -> None:
        if self.journal:
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("a+", encoding="utf-8") as file:
        file.seek(0)
        for line in file:
            # The process may have been killed while it wrote one.
            with contextlib.suppress(ValueError):
                yield json.loads(line)
