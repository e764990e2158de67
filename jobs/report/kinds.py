"""Which jobs cost the same: those of one model, one duration and the same options.

What counts as an option is read from the price list of the catalogue, never from a
list of names: an input with a price factor is one. The lines of `by_model`, in the
report and in the invoice, are such kinds.
"""

from collections.abc import Iterable
from typing import NamedTuple

from jobs import catalogue
from jobs.catalogue.model import Factor
from jobs.job import Job


class Kind(NamedTuple):
    """What decides the price of a job."""

    #: Full model id.
    model: str
    #: Seconds of video; None where the model does not say.
    duration_s: int | None
    #: What multiplies its price, in words such as `sound`; empty if nothing does.
    options: str


def kind_of(job: Job) -> Kind:
    """The kind of a job; of a model that the catalogue lost, options are not known."""
    model = catalogue.builtin().models.get(job.model)
    if model is None:
        return Kind(job.model, job.duration_s, "")
    # The catalogue's own id, so that a hundred thousand rows do not each keep one.
    return Kind(model.id, job.duration_s, in_words(model.factors(job.inputs)))


def in_words(factors: Iterable[Factor]) -> str:
    """Price factors for a person: a switch by its name, all else with its value."""
    return ", ".join(_in_words(each) for each in factors if each.factor != 1)


def in_order(kinds: Iterable[Kind]) -> list[Kind]:
    """Kinds as a report has them, one model after the other."""
    return sorted(kinds, key=lambda kind: (kind.model, kind.duration_s or 0, *kind[2:]))


def _in_words(factor: Factor) -> str:
    name = factor.input.replace("_", " ")
    if isinstance(factor.value, bool):
        return name if factor.value else f"no {name}"
    return f"{name} {factor.value}"
