"""The catalogue: which models there are, found by id, short name or alias."""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

from pydantic import TypeAdapter, ValidationError

from jobs.catalogue.model import Model, RequestForm, model_of_form
from jobs.text import choice, guesses, shown

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Model",
    "UnknownModelError",
    "builtin",
    "load",
]

#: Models that are offered where a name begins many.
MAX_GUESSES = 5


class CatalogueError(Exception):
    """The catalogue's own data is wrong: where and what."""


class UnknownModelError(Exception):
    """A name that no model of the catalogue has."""

    def __init__(
        self, name: str, nearest: Sequence[Model] = (), reason: str = ""
    ) -> None:
        #: The models that were probably meant, with maker and price, best first.
        self.offers = tuple(model.offer for model in nearest)
        meant = f"; did you mean {choice(self.offers)}?" if nearest else ""
        what = f"{name} cannot be used: {reason}" if reason else ""
        super().__init__(what or f"there is no model {shown(name)}{meant}")
        self.name = name
        #: Why it cannot be used, where the provider has it; empty where it has not.
        self.reason = reason
        #: Their short names.
        self.guesses = tuple(model.name for model in nearest)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All models, by their full ids."""

    models: Mapping[str, Model]
    _by_name: Mapping[str, Model] = field(repr=False)
    #: Why a model of the provider cannot be used, by its names.
    refused: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: Reads further models, once a name is none of these.
    _more: Callable[[], "Catalogue"] | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, models: Iterable[Model], refused: Mapping[str, str] | None = None
    ) -> "Catalogue":
        """The catalogue of these models.

        Raises:
            CatalogueError: two of them share an id, a short name or an alias.
        """
        by_id = {model.id: model for model in models}
        by_name: dict[str, Model] = {}
        for model in by_id.values():
            for name in (model.id, model.name, *model.aliases):
                other = by_name.setdefault(name.casefold(), model)
                if other is not model:
                    message = f"{name} names both {other.id} and {model.id}"
                    raise CatalogueError(f"catalogue: {message}")
        return cls(by_id, by_name, refused or {})

    def with_more(self, more: Callable[[], "Catalogue"]) -> "Catalogue":
        """The same, with another behind it that is read once a name is none of these.

        It is asked each time, so `more` remembers what it read.
        """
        return replace(self, _more=more)

    def of_job(self, model_id: str, form: RequestForm | None) -> Model | None:
        """What sends a job's inputs; None if this version does not know its model."""
        return model_of_form(model_id, form) if form else self.models.get(model_id)

    def find(self, name: str) -> Model:
        """The model with this id, short name or alias, in whatever case.

        Raises:
            UnknownModelError: no model has that name, or it cannot be used.
        """
        folded = name.strip().casefold()
        found = self._by_name.get(folded)
        if found is not None:
            return found
        if self._more:
            return self._more().find(name)
        if name.strip() in self.refused:
            raise UnknownModelError(name, reason=self.refused[name.strip()])
        begun = [
            known for known in self._by_name if folded and known.startswith(folded)
        ]
        near = begun or guesses(name, self._by_name)
        meant = {known.id: known for known in map(self._by_name.__getitem__, near)}
        raise UnknownModelError(name, [*meant.values()][:MAX_GUESSES])


def load(text: str) -> Catalogue:
    """The catalogue that a TOML text in the form of `catalogue.toml` describes.

    Raises:
        CatalogueError: the text is not such a catalogue; it says where and why.
    """
    try:
        document = TypeAdapter(dict[str, list[Model]]).validate_python(
            tomllib.loads(text)
        )
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"catalogue: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CatalogueError(f"catalogue, {place}: {first['msg']}") from None
    if [*document] != ["model"]:
        raise CatalogueError("catalogue: write [[model]] for each, and nothing else")
    return Catalogue.of(document["model"])


@cache
def builtin() -> Catalogue:
    """The catalogue that comes with reelmill."""
    file = resources.files("jobs.catalogue") / "catalogue.toml"
    return load(file.read_text(encoding="utf-8"))
