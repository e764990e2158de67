"""The catalogue: which models there are, found by id, short name or alias.

It decides what a name means and refuses a catalogue that contradicts itself; what a
model takes and costs stands in `model`, the facts in `catalogue.toml`, and how those
are read in `reading`.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType

from jobs.catalogue.model import InputProblem, Model, PictureLimits, Price
from jobs.catalogue.reading import CatalogueError, model_of
from jobs.text import choice, guesses, shown

__all__ = [
    "Catalogue",
    "CatalogueError",
    "InputProblem",
    "Model",
    "PictureLimits",
    "Price",
    "UnknownModelError",
    "builtin",
    "load",
]


#: Models that are offered where a name begins many.
MOST_GUESSES = 5


class UnknownModelError(Exception):
    """A name that no model of the catalogue has."""

    def __init__(self, name: str, guesses: tuple[str, ...]) -> None:
        meant = f"; did you mean {choice(guesses)}?" if guesses else ""
        super().__init__(f"there is no model {shown(name)}{meant}")
        self.name = name
        #: Short names of the models that were probably meant, best first.
        self.guesses = guesses


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All models, by their full ids."""

    models: Mapping[str, Model]
    _by_name: Mapping[str, Model] = field(repr=False)

    @classmethod
    def of(cls, models: Iterable[Model]) -> "Catalogue":
        """The catalogue of these models.

        Raises:
            CatalogueError: two of them share an id, a short name or an alias.
        """
        by_id: dict[str, Model] = {}
        by_name: dict[str, Model] = {}
        for model in models:
            by_id[model.id] = model
            for name in dict.fromkeys((model.id, model.name, *model.aliases)):
                other = by_name.setdefault(name.casefold(), model)
                if other is not model:
                    raise CatalogueError(
                        f"catalogue: {name} names both {other.id} and {model.id}"
                    )
        return cls(MappingProxyType(by_id), MappingProxyType(by_name))

    def find(self, name: str) -> Model:
        """The model with this id, short name or alias, in whatever case.

        Raises:
            UnknownModelError: no model has that name.
        """
        folded = name.strip().casefold()
        found = self._by_name.get(folded)
        if found is not None:
            return found
        begun = [
            known for known in self._by_name if folded and known.startswith(folded)
        ]
        near = begun or guesses(name, self._by_name)
        meant = dict.fromkeys(self._by_name[known].name for known in near)
        raise UnknownModelError(name, tuple(meant)[:MOST_GUESSES])


def load(text: str) -> Catalogue:
    """The catalogue that a TOML text in the form of `catalogue.toml` describes.

    Raises:
        CatalogueError: the text is not such a catalogue; it says where and why.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"catalogue: not TOML: {error}") from None
    tables = document.pop("model", [])
    if document:
        raise CatalogueError(f"catalogue: {choice(document, word='and')} is not known")
    if not isinstance(tables, list) or not tables:
        raise CatalogueError("catalogue: it has no [[model]]")
    return Catalogue.of(model_of(table) for table in tables)


@cache
def builtin() -> Catalogue:
    """The catalogue that comes with reelmill."""
    file = resources.files("jobs.catalogue") / "catalogue.toml"
    return load(file.read_text(encoding="utf-8"))
