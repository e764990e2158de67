"""The whole provider in one place: accounts, predictions, settings, faults, counts.

It creates predictions and finds them, and counts what was asked and answered; it speaks
no HTTP. The routes are in `app`, one module per kind of question beside it.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.account import Account
from sandbox.books import Books
from sandbox.faults import Faults, luck
from sandbox.journal import Journal, digest_of
from sandbox.models import Model, picture_urls
from sandbox.pictures import Gallery
from sandbox.predictions import (
    COMPLETED,
    FATES,
    Fate,
    Prediction,
    draw_fate,
    draw_generation_s,
    is_flagged,
)
from sandbox.settings import Settings, changed
from sandbox.uploads import Uploads
from sandbox.videos import Shelf


@dataclass(slots=True)
class Provider:
    """Everything one process of the sandbox knows."""

    #: Origins as clients see them, without a slash at the end.
    url: str
    files_url: str
    #: Unix seconds now.
    clock: Callable[[], float]
    gallery: Gallery
    shelf: Shelf
    uploads: Uploads
    #: The only keys that are let in; none means any key.
    keys: frozenset[str] = frozenset()
    settings: Settings = field(default_factory=Settings)
    faults: Faults = field(default_factory=Faults)
    accounts: dict[str, Account] = field(default_factory=dict)
    predictions: dict[str, tuple[Account, Prediction]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    #: Webhooks: how many were sent, and how they were answered.
    webhooks: Counter[str] = field(default_factory=Counter)
    #: Webhooks that are still to be sent.
    calls: set[asyncio.Task[None]] = field(default_factory=set)
    #: Requests that carried a key to the files origin, where none belongs.
    key_leaks: int = 0
    #: Where what is created is written down; None is nowhere.
    journal: Journal | None = None
    #: Accounts of an earlier process by the digest of their key.
    earlier: dict[str, Account] = field(default_factory=dict)

    def configure(self, changes: Mapping[str, object]) -> None:
        """Change settings and faults.

        Raises:
            SettingRefused: one of them is wrong; none was changed.
        """
        self.settings, self.faults = changed(self.settings, self.faults, changes)

    def account(self, key: str) -> Account:
        """The account of a key, made when the key is first seen."""
        if key not in self.accounts:
            known = self.earlier.pop(digest_of(key), None)
            self.accounts[key] = known or self._new_account()
        account = self.accounts[key]
        account.settle(self.clock(), self.settings.refund_delay_s)
        return account

    def restore(self, journal: Journal) -> None:
        """Go on with what a journal has, and write down there what is created."""
        for owner, prediction in journal.read():
            if owner not in self.earlier:
                self.earlier[owner] = self._new_account()
            account = self.earlier[owner]
            account.add(prediction)
            self.predictions[prediction.id] = (account, prediction)
        self.journal = journal

    def delete(self, prediction: Prediction) -> None:
        """Forget a prediction; its money stays where it is."""
        prediction.deleted = True
        if self.journal:
            self.journal.deleted(prediction.id)

    def _new_account(self) -> Account:
        name = f"key-{len(self.accounts) + len(self.earlier) + 1}"
        return Account(name, self.new_books())

    def new_books(self) -> Books:
        """The books of a key that has spent nothing yet."""
        return Books(self.settings.balance_usd_micros)

    def create(
        self, account: Account, model: Model, inputs: dict[str, Any]
    ) -> Prediction:
        """Start and charge a prediction, and now and then a stranger's beside it."""
        stranger = self.faults.strikes("stranger")
        before = luck(self.settings.seed, "before", len(self.predictions)) < 0.5  # noqa: PLR2004 - a coin
        if stranger and before:
            self._create_foreign(account, model, inputs)
        prediction = self._create(account, model, inputs)
        if stranger and not before:
            self._create_foreign(account, model, inputs)
        return prediction

    def price_usd_micros(self, model: Model, inputs: Mapping[str, Any]) -> int:
        """What a prediction costs here and now: the list price, more or less."""
        return model.price_usd_micros(inputs) * self.settings.price_percent // 100

    def find(self, account: Account, prediction_id: str) -> Prediction | None:
        """A prediction of this account by its id."""
        owner, prediction = self.predictions.get(prediction_id, (None, None))
        return prediction if owner is account else None

    def result_url(self, prediction: Prediction) -> str:
        """Where its result is asked for."""
        return f"{self.url}/api/v3/predictions/{prediction.id}/result"

    def video_url(self, prediction: Prediction) -> str:
        """Where its video is, once it is completed."""
        return f"{self.files_url}/predictions/{prediction.id}/1.mp4"

    def _create_foreign(
        self, account: Account, model: Model, inputs: dict[str, Any]
    ) -> None:
        picture = f"https://stranger.example/{len(self.predictions) + 1}.jpg"
        theirs = dict(inputs)
        for name in ("image", "end_image"):
            if name in theirs:
                theirs[name] = picture
        if "images" in theirs:
            theirs["images"] = [picture]
        self._create(account, model, theirs, stranger=True)

    def _create(
        self,
        account: Account,
        model: Model,
        inputs: dict[str, Any],
        *,
        stranger: bool = False,
    ) -> Prediction:
        now_s = self.clock()
        sequence = len(self.predictions) + 1
        length_s = draw_generation_s(self.settings, sequence)
        starts_at_s = now_s
        if self.settings.over_concurrency == "queue" and not stranger:
            limit = self.settings.most_at_once
            starts_at_s = account.slots.take(now_s, length_s, limit)
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
            fate=COMPLETED if stranger else self._fate(inputs),
            look=self.gallery.look(picture_urls(inputs), self.settings),
            stranger=stranger,
        )
        account.add(prediction)
        self.predictions[prediction.id] = (account, prediction)
        if self.journal:
            owner = next(key for key, each in self.accounts.items() if each is account)
            self.journal.created(digest_of(owner), prediction)
        return prediction

    def _fate(self, inputs: Mapping[str, Any]) -> Fate:
        drawn = draw_fate(self.faults)
        flagged = is_flagged(inputs, self.settings.flagged_word)
        return FATES["outcome_1200"] if flagged else drawn
