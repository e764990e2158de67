"""The provider's own list of models: asked for with the key, kept for an hour.

The list stands behind the models that come with reelmill: it is asked for only when a
name is none of those. Where it cannot be had, the last copy serves, with its date.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.catalogue import Catalogue, Model, builtin
from jobs.catalogue.schema import SchemaError, model_of, short_names
from jobs.provider.answers import NoAnswerError
from jobs.settings import Settings
from producer import account, console
from producer.exits import CommandError, Exit
from producer.local_server import make_home

if TYPE_CHECKING:
    from jobs.provider.client import Provider

#: Seconds that a copy is used without asking; the vendor's own clients do the same.
FRESH_S = 3_600.0

FILE = "models.json"

#: What is kept of an entry.
_KEPT = ("model_id", "type", "base_price", "api_schema")


@dataclass(frozen=True, slots=True)
class ModelList:
    """A copy of the list."""

    entries: Sequence[Mapping[str, Any]]
    read_at_s: float

    @property
    def read_on(self) -> date:
        """The day of the copy (UTC)."""
        return datetime.fromtimestamp(self.read_at_s, UTC).date()

    @property
    def catalogue(self) -> Catalogue:
        """Its models, and those that come with reelmill in place of their entries.

        A model that cannot be used is known with the reason.
        """
        ours = builtin().models
        found: list[Model] = [*ours.values()]
        refused: dict[str, str] = {}
        listed = [one for one in self.entries if one["model_id"] not in ours]
        taken = [name for model in found for name in (model.name, *model.aliases)]
        names = short_names([one["model_id"] for one in listed], taken)
        for entry in listed:
            name = names[entry["model_id"]]
            try:
                found.append(model_of(entry, name, self.read_on))
            except SchemaError as error:
                refused |= dict.fromkeys((name, entry["model_id"]), str(error))
        return Catalogue.of(found, refused)


def catalogue(settings: Settings, *, offline: bool = False) -> Catalogue:
    """The models that come with reelmill, and the list behind them, read if needed."""
    return builtin().with_more(cache(partial(_or_ours, settings, offline=offline)))


def _or_ours(settings: Settings, *, offline: bool) -> Catalogue:
    found = read(settings, offline=offline)
    return found.catalogue if found else builtin()


def read(settings: Settings, *, offline: bool = False) -> ModelList | None:
    """The list: a fresh copy, else the provider's answer, else the last copy.

    None if there is neither; why is said. `offline` asks nobody.
    """
    copy = kept(settings)
    if copy and (offline or time.time() - copy.read_at_s < FRESH_S):
        return copy
    if offline or not settings.api_key:
        reason = "nothing was asked" if offline else "WAVESPEED_API_KEY is not set"
    else:
        try:
            return refreshed(settings)
        except CommandError as error:
            reason = str(error)
    if copy:
        console.say(f"the list of models is of {copy.read_on}: {reason}")
        return copy
    ours = len(builtin().models)
    console.say(f"only the {ours} models that come with reelmill are known: {reason}")
    return None


def refreshed(settings: Settings) -> ModelList:
    """The list as the provider has it now; it is kept for the next time.

    Raises:
        CommandError: the provider does not say.
    """

    async def question(provider: "Provider") -> list[dict[str, Any]]:
        return await provider.models()

    try:
        listed = account.ask(settings, question)
    except NoAnswerError as error:
        raise CommandError(
            f"the provider's list of models cannot be read: {error}", Exit.UNREACHABLE
        ) from None
    entries = [{name: one.get(name) for name in _KEPT} for one in listed]
    _keep(settings, entries, now_s := time.time())
    return ModelList(entries, now_s)


def kept(settings: Settings) -> ModelList | None:
    """The last copy of this provider's list, however old; None if there is none."""
    try:
        raw = json.loads(_path(settings).read_bytes())
        if raw["base_url"] != settings.base_url:
            return None
        return ModelList(raw["models"], float(raw["read_at_s"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _keep(
    settings: Settings, entries: Sequence[Mapping[str, Any]], read_at_s: float
) -> None:
    """Put a copy in place of the last one, whole or not at all."""
    make_home(settings.home)
    path = _path(settings)
    half = path.with_suffix(f".{os.getpid()}")
    text = {"base_url": settings.base_url, "read_at_s": read_at_s, "models": entries}
    try:
        half.write_text(json.dumps(text), encoding="utf-8")
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        console.say(f"the list of models is not kept: {path}: {error.strerror}")


def _path(settings: Settings) -> Path:
    return settings.home / FILE
