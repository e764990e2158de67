"""A model: its inputs, the rules between them, its price, and its request on the wire.

It decides whether the values of a row are right for the model and what they cost; how a
single value is read stands in `inputs`, and which models there are in `catalogue`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from jobs.catalogue.addresses import ValidationIssue
from jobs.catalogue.inputs import Input, is_given
from jobs.text import choice, guesses


@dataclass(frozen=True, slots=True)
class InputProblem:
    """One thing that is wrong with the values given to a model."""

    input: str
    #: As it was given; None where nothing was.
    value: object
    message: str
    suggestion: str
    #: A stable word for programs.
    kind: str


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What the provider takes as a picture."""

    #: Kinds of file by their usual endings, without the dot.
    formats: tuple[str, ...]
    max_bytes: int
    #: Least width and least height.
    min_side_px: int
    source: str
    read_on: date
    #: Least and greatest width divided by height; None is no limit.
    min_aspect: float | None = None
    max_aspect: float | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """What multiplies a price when an input has a value."""

    input: str
    value: Any
    factor: Fraction


@dataclass(frozen=True, slots=True)
class Price:
    """What one attempt costs."""

    usd_micros: int
    source: str
    read_on: date
    #: Seconds of video that `usd_micros` buys; None if it buys the whole video.
    per_s: int | None = None
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True)
class Total:
    """A range for the sum of one field over a list of objects, in seconds."""

    list: str
    field: str
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Typical:
    """How long a generation takes before anything is learnt: a plan, not a promise."""

    #: Seconds of generation by seconds of video, the shortest video first.
    typical_s: Mapping[int, float]
    source: str
    read_on: date


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the provider, as the catalogue has it."""

    #: Full id, such as `kwaivgi/kling-v2.6-std/image-to-video`.
    id: str
    #: Short name, such as `kling-v2.6-std`.
    name: str
    aliases: tuple[str, ...]
    title: str
    #: Endpoint below the base URL, with a leading slash.
    path: str
    inputs: Mapping[str, Input]
    pictures: PictureLimits
    typical: Typical
    source: str
    read_on: date
    #: None where the price is not known.
    price: Price | None = None
    #: Exactly one of each group must be given.
    one_of: tuple[tuple[str, ...], ...] = ()
    #: No two of a group may be given together.
    mutually_exclusive: tuple[tuple[str, ...], ...] = ()
    total: tuple[Total, ...] = ()
    #: Length of its videos where it has no input `duration`.
    fixed_duration_s: int | None = None

    def check(
        self, values: Mapping[str, object]
    ) -> tuple[dict[str, Any], list[InputProblem]]:
        """The inputs, read and typed, and every problem with them.

        Values may be text, as in a CSV cell, or typed. Empty ones count as not given,
        and defaults are not filled in. With any problem the inputs are incomplete.
        """
        inputs: dict[str, Any] = {}
        problems: list[InputProblem] = []
        flaws: list[ValidationIssue] = []
        given: set[str] = set()
        for name, value in values.items():
            if not is_given(value):
                continue
            given.add(name)
            spec = self.inputs.get(name)
            if spec is None:
                problems.append(self._unknown(name, value))
                continue
            found = spec.read(value, flaws)
            if flaws:
                problems += [_problem(name, value, flaw) for flaw in flaws]
                flaws.clear()
            else:
                inputs[name] = found
        problems += self._missing(given)
        problems += self._together(given, values)
        problems += self._sums(inputs)
        return inputs, problems

    def request(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON body that is sent for inputs that `check` returned.

        What is not given is left to the provider, except what decides the price: that
        is always said, so that a changed default cannot change the bill.
        """
        body = dict(inputs)
        for name in self._priced_inputs():
            body.setdefault(name, self.inputs[name].default)
        if "duration" in self.inputs:
            body.setdefault("duration", self.duration_s(inputs))
        for total in self.total:
            if total.list in body:
                default = self._default_of(total)
                body[total.list] = [
                    {**item, total.field: item.get(total.field, default)}
                    for item in body[total.list]
                ]
        return {
            name: str(value) if self.inputs[name].wire == "string" else value
            for name, value in body.items()
        }

    def price_usd_micros(self, inputs: Mapping[str, Any]) -> int | None:
        """Price of one attempt in micro-dollars; None where it is not known.

        A part of a micro-dollar counts as a whole one.
        """
        if self.price is None:
            return None
        # Whole numbers throughout: exact, and much quicker than adding up fractions.
        amount, parts = self.price.usd_micros, 1
        if self.price.per_s is not None:
            amount, parts = amount * self.duration_s(inputs), self.price.per_s
        for factor in self.factors(inputs):
            amount *= factor.factor.numerator
            parts *= factor.factor.denominator
        return -(-amount // parts)

    def factors(self, inputs: Mapping[str, Any]) -> Iterator[Factor]:
        """What multiplies the price of one attempt with these inputs."""
        for factor in self.price.factors if self.price else ():
            default = self.inputs[factor.input].default
            if inputs.get(factor.input, default) == factor.value:
                yield factor

    def duration_s(self, inputs: Mapping[str, Any]) -> int:
        """Seconds of video that are billed: of several readings the longest."""
        sums = [
            self._sum(total, inputs) for total in self.total if total.list in inputs
        ]
        if "duration" not in self.inputs:
            return max([self.fixed_duration_s or 0, *sums])
        if sums and "duration" not in inputs:
            return max(sums)
        return int(
            max([inputs.get("duration", self.inputs["duration"].default), *sums])
        )

    def typical_s(self, inputs: Mapping[str, Any]) -> float:
        """Seconds a generation takes before anything is learnt: a plan figure."""
        wanted_s = self.duration_s(inputs)
        by_length = self.typical.typical_s
        long_enough = [length_s for length_s in by_length if length_s >= wanted_s]
        return by_length[min(long_enough, default=max(by_length))]

    def conflicts_with(self, name: str) -> set[str]:
        """The inputs that cannot be given together with this one."""
        groups = (*self.one_of, *self.mutually_exclusive)
        return {other for group in groups if name in group for other in group} - {name}

    def _priced_inputs(self) -> Iterator[str]:
        if self.price is not None:
            yield from (factor.input for factor in self.price.factors)

    def _default_of(self, total: Total) -> int:
        item = self.inputs[total.list].item
        return int(item.fields[total.field].default) if item else 0

    def _sum(self, total: Total, inputs: Mapping[str, Any]) -> int:
        default = self._default_of(total)
        return sum(item.get(total.field, default) for item in inputs[total.list])

    def _unknown(self, name: str, value: object) -> InputProblem:
        meant = guesses(name, self.inputs)
        suggestion = (
            f"did you mean {meant[0]}?"
            if meant
            else f"it has {choice(self.inputs, word='and')}"
        )
        message = f"{self.name} has no input of that name"
        return InputProblem(name, value, message, suggestion, "unknown-input")

    def _missing(self, given: set[str]) -> Iterator[InputProblem]:
        for name, spec in self.inputs.items():
            if spec.required and name not in given:
                message = f"{self.name} needs {name}"
                yield InputProblem(name, None, message, "fill it in", "missing")
        for group in self.one_of:
            if given.isdisjoint(group):
                message = f"{self.name} needs {choice(group)}"
                yield InputProblem(group[0], None, message, "fill in one", "missing")

    def _together(
        self, given: set[str], values: Mapping[str, object]
    ) -> Iterator[InputProblem]:
        for group in (*self.one_of, *self.mutually_exclusive):
            both = [name for name in group if name in given]
            if len(both) > 1:
                message = (
                    f"{self.name} does not take {choice(both, word='and')} together"
                )
                yield InputProblem(
                    both[1], values[both[1]], message, "leave one empty", "together"
                )

    def _sums(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        for total in self.total:
            if total.list not in inputs:
                continue
            found = self._sum(total, inputs)
            if not total.minimum <= found <= total.maximum:
                message = f"the {total.field}s of its items sum to {found} s"
                suggestion = f"let them sum to {total.minimum} to {total.maximum} s"
                value = inputs[total.list]
                yield InputProblem(total.list, value, message, suggestion, "sum")
            elif inputs.get(total.field, found) != found:
                # Which of the two is billed is not documented; so they must agree.
                message = f"the {total.field}s of {total.list} sum to {found} s"
                suggestion = f"write {found}, or leave it empty"
                value = inputs[total.field]
                yield InputProblem(total.field, value, message, suggestion, "sum")


def _problem(name: str, value: object, flaw: ValidationIssue) -> InputProblem:
    return InputProblem(name, value, flaw.message, flaw.suggestion, flaw.kind)
