"""The provider's own list of models: asked for with the key, kept for an hour.

The list stands behind the models that come with reelmill: it is asked for only when a
name is none of those. Where it cannot be had, the last copy serves, with its date.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
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

#: A change is mentioned for so long.
NEWS_DAYS = 30

#: What is kept of an entry.
_KEPT = ("model_id", "type", "base_price", "api_schema")


@dataclass(frozen=True, slots=True)
class ModelList:
    """A copy of the list."""

    entries: Sequence[Mapping[str, Any]]
    read_at_s: float
    #: What changed lately, by model id: on which day, and what.
    changes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def ids(self) -> set[str]:
        """The ids of its models."""
        return {entry["model_id"] for entry in self.entries}

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
            model_id = entry["model_id"]
            name = names[model_id]
            try:
                model = model_of(entry, name, self.read_on)
                found.append(replace(model, change=self.change(model_id)))
            except SchemaError as error:
                refused |= dict.fromkeys((name, model_id), str(error))
        gone = self.changes.keys() - names.keys()
        for model_id, name in short_names(gone, names.values()).items():
            refused |= dict.fromkeys((name, model_id), self.change(model_id))
        return Catalogue.of(found, refused)

    def change(self, model_id: str) -> str:
        """What changed in a model lately; empty if nothing did."""
        day, words = self.changes.get(model_id, ("", ""))
        return f"{words} (seen on {day})" if words else ""


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
    now_s, before = time.time(), kept(settings)
    changes = _changes(before, entries, now_s) if before else {}
    _keep(settings, now := ModelList(entries, now_s, changes))
    return now


def _changes(
    before: ModelList, entries: Sequence[Mapping[str, Any]], now_s: float
) -> dict[str, Sequence[str]]:
    """What changed lately, as far as it decides what a row asks for; by model id."""
    day = datetime.fromtimestamp(now_s, UTC).date()
    new_enough = str(day - timedelta(days=NEWS_DAYS))
    now = {entry["model_id"]: entry for entry in entries}
    changes = {
        model_id: change
        for model_id, change in before.changes.items()
        if change[0] >= new_enough and model_id not in now.keys() - before.ids
    }
    for old in before.entries:
        model_id = old["model_id"]
        new = now.get(model_id)
        if new is None:
            changes[model_id] = (str(day), "the provider has taken it off its list")
        elif words := _difference(old, new, day):
            changes[model_id] = (str(day), words)
    return changes


def _difference(old: Mapping[str, Any], new: Mapping[str, Any], day: date) -> str:
    """Defaults that are others now; empty if none are, or nobody knows."""
    try:
        was, now = (model_of(entry, "", day).defaults for entry in (old, new))
    except SchemaError:
        return ""
    return ", ".join(
        f"{name} was {was.get(name, 'empty')} by default, is {now.get(name, 'empty')}"
        for name in {**was, **now}
        if was.get(name) != now.get(name)
    )


def kept(settings: Settings) -> ModelList | None:
    """The last copy of this provider's list, however old; None if there is none."""
    try:
        raw = json.loads(_path(settings).read_bytes())
        if raw["base_url"] != settings.base_url:
            return None
        changes = dict(raw.get("changes", {}))
        return ModelList(raw["models"], float(raw["read_at_s"]), changes)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _keep(settings: Settings, copy: ModelList) -> None:
    """Put a copy in place of the last one, whole or not at all."""
    make_home(settings.home)
    path = _path(settings)
    half = path.with_suffix(f".{os.getpid()}")
    text = {
        "base_url": settings.base_url,
        "read_at_s": copy.read_at_s,
        "models": copy.entries,
        "changes": copy.changes,
    }
    try:
        half.write_text(json.dumps(text), encoding="utf-8")
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        console.say(f"the list of models is not kept: {path}: {error.strerror}")


def _path(settings: Settings) -> Path:
    return settings.home / FILE
