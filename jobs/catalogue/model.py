"""A model: its inputs, the rules between them, its price, and its request on the wire.

A model is data. Those that come with reelmill stand in `catalogue.toml`, which says
what each field means.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from jobs.catalogue.inputs import STRICT_DATA, Input
from jobs.catalogue.validation import (
    InputValue,
    InvalidValueError,
    ValidationIssue,
    given_twice,
    is_given,
)
from jobs.money import dollars, usd, usd_micros
from jobs.text import choice, guesses, plain, shown

_Exact = Annotated[Fraction, BeforeValidator(Fraction), Field(gt=0)]
_UsdMicros = Annotated[int, BeforeValidator(usd_micros), Field(gt=0)]
_Group = tuple[str, ...]

#: Seconds until a first poll of a model of which nothing is known.
UNKNOWN_TYPICAL_S = 60.0


@dataclass(frozen=True, slots=True, config=STRICT_DATA)
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


@dataclass(frozen=True, slots=True, config=STRICT_DATA)
class Factor:
    """What multiplies a price when an input has a value."""

    input: str
    value: Any
    factor: _Exact


@dataclass(frozen=True, slots=True, config=STRICT_DATA)
class Price:
    """What one attempt costs."""

    #: Written in dollars, as text.
    usd_micros: _UsdMicros = Field(alias="usd")
    source: str = Field()
    read_on: date = Field()
    #: Seconds of video that `usd_micros` buys; None if it buys the whole video.
    per_s: Annotated[int, Field(gt=0)] | None = None
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True, config=STRICT_DATA)
class Total:
    """A range for the sum of one field over a list of objects, in seconds."""

    list: str
    field: str
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True, config=STRICT_DATA)
class Typical:
    """How long a generation takes before anything is learnt: a plan, not a promise."""

    #: Seconds of generation by seconds of video.
    typical_s: Annotated[Mapping[int, float], Field(min_length=1)]
    source: str
    read_on: date


@dataclass(frozen=True, slots=True, config=STRICT_DATA)
class RequestForm:
    """What must be known of a model to send inputs that are complete.

    Each job of a model from the provider's list keeps it, so that nothing that happens
    to the list later changes what was asked for.
    """

    #: Names of the inputs that hold pictures.
    pictures: tuple[str, ...] = ()
    #: Our names of inputs, each with the model's own where that is another.
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, config=STRICT_DATA)
class Model:
    """One model of the provider, as the catalogue has it."""

    #: Full id, such as `kwaivgi/kling-v2.6-std/image-to-video`.
    id: str
    #: Short name, such as `kling-v2.6-std`.
    name: str
    title: str
    inputs: Mapping[str, Input]
    source: str
    read_on: date
    #: None where nobody says what is taken.
    pictures: PictureLimits | None = None
    #: None where it must be learnt.
    typical: Typical | None = None
    aliases: tuple[str, ...] = ()
    #: None where the price is not known.
    price: Price | None = None
    #: Exactly one of each group must be given.
    one_of: tuple[_Group, ...] = ()
    #: No two of a group may be given together.
    mutually_exclusive: tuple[_Group, ...] = ()
    total: tuple[Total, ...] = ()
    #: Length of its videos where it has no input `duration`.
    fixed_duration_s: int | None = None
    #: Keywords of JSON Schema that a request must fulfil beside its inputs.
    conditions: Mapping[str, Any] = Field(default_factory=dict)
    #: Whether every default is sent, for nobody says which of them decide the price.
    sends_defaults: bool = False
    #: What the provider's list calls its base price: of some models for the defaults,
    #: of others for a second. Nothing is reckoned by it.
    base_usd_micros: int | None = None
    #: What the provider changed in it lately; empty if nothing.
    change: str = ""

    @model_validator(mode="after")
    def _agrees(self) -> "Model":
        """Refuses rules and prices of inputs that the model does not have."""
        factors = self.price.factors if self.price else ()
        named = [name for group in self._groups for name in group]
        named += [factor.input for factor in factors]
        named += [total.list for total in self.total]
        for name in named:
            if name not in self.inputs:
                raise ValueError(f"there is no input {shown(name)}")
        for total in self.total:
            item = self.inputs[total.list].item
            if not item or type(item.fields[total.field].default) is not int:
                raise ValueError(f"the total needs a default {total.field}")
        for factor in factors:
            if self.inputs[factor.input].default is None:
                raise ValueError(f"{factor.input} needs a default")
        return self

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """What the provider takes for inputs that are left out, where it says so."""
        return {
            name: spec.default
            for name, spec in self.inputs.items()
            if spec.default is not None
        }

    @cached_property
    def other_names(self) -> dict[str, str]:
        """Names of inputs by the other names that a manifest may give them."""
        return {
            other: name
            for name, spec in self.inputs.items()
            for other in (spec.field, *spec.also)
            if other and other != name
        }

    def input_name(self, name: str) -> str:
        """The name of an input that is given by that or by another name."""
        return name if name in self.inputs else self.other_names.get(name, name)

    @cached_property
    def form(self) -> RequestForm | None:
        """What a job keeps of the model; None if the model comes with reelmill."""
        if not self.sends_defaults:
            return None
        pictures = (name for name, spec in self.inputs.items() if spec.is_picture)
        fields = (
            (name, spec.field) for name, spec in self.inputs.items() if spec.field
        )
        others = ((name, field) for name, field in fields if field != name)
        return RequestForm(tuple(pictures), tuple(others))

    def complete(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs with the defaults that are sent, whoever gave them."""
        return {**self.defaults, **inputs} if self.sends_defaults else dict(inputs)

    def is_picture(self, name: str) -> bool:
        """Whether an input holds pictures."""
        spec = self.inputs.get(name)
        return spec is not None and spec.is_picture

    @property
    def maker(self) -> str:
        """Who makes it: the first part of its id."""
        return self.id.partition("/")[0]

    @property
    def offer(self) -> str:
        """Name, maker and base price: `veo3.1-fast (google, $1.20)`."""
        base = self.base_usd_micros or self.price_usd_micros({})
        price = "" if base is None else f", {dollars(base)}"
        return f"{self.name} ({self.maker}{price})"

    @property
    def path(self) -> str:
        """Endpoint below the base URL, with a leading slash."""
        return f"/api/v3/{self.id}"

    @property
    def _groups(self) -> tuple[_Group, ...]:
        """Inputs that cannot be given together."""
        return (*self.one_of, *self.mutually_exclusive)

    def check(
        self, values: Mapping[str, object]
    ) -> tuple[dict[str, Any], list[ValidationIssue]]:
        """The inputs, read and typed, and every problem with them.

        Values may be text, as in a CSV cell, or typed. Empty ones count as not given,
        and defaults are not filled in. With any problem the inputs are incomplete.
        """
        inputs: dict[str, Any] = {}
        issues: list[ValidationIssue] = []
        given: dict[str, object] = {}
        for other, value in values.items():
            name = self.input_name(other)
            if is_given(value) and name in given and given[name] != value:
                issues.append(given_twice(name, other))
            elif is_given(value):
                given[name] = value
        for name, value in given.items():
            try:
                if name in self.inputs:
                    inputs[name] = self.inputs[name].read(value)
                else:
                    issues.append(self._unknown(name, value))
            except InvalidValueError as error:
                issues += [
                    replace(one, input=name, value=value) for one in error.issues
                ]
        issues += self._missing(given)
        issues += self._together(given)
        issues += self._sums(inputs)
        if self.conditions and not issues:
            issues += self._unfulfilled(inputs)
        return inputs, issues

    def request(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON body that is sent for inputs that `check` returned.

        What is not given is left to the provider, except what decides the price: that
        is always said, so that a changed default cannot change the bill.
        """
        body = self.complete(inputs)
        for factor in self.price.factors if self.price else ():
            body.setdefault(factor.input, self.inputs[factor.input].default)
        if "duration" in self.inputs:
            body.setdefault("duration", self.duration_s(inputs))
        for total in self.total:
            if total.list in body:
                default = self._default_of(total)
                body[total.list] = [
                    {**item, total.field: item.get(total.field, default)}
                    for item in body[total.list]
                ]
        return dict(self._as_sent(name, value) for name, value in body.items())

    def _as_sent(self, name: str, value: InputValue) -> tuple[str, InputValue]:
        spec = self.inputs.get(name)
        if spec is None:  # of a model that only a job's form is known of
            return name, value
        return spec.field or name, str(value) if spec.wire == "string" else value

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
        """Seconds of video that are billed: of several readings the longest.

        0 where nobody says how long its videos are.
        """
        sums = [
            self._sum(total, inputs) for total in self.total if total.list in inputs
        ]
        if "duration" not in self.inputs:
            return max([self.fixed_duration_s or 0, *sums])
        if sums and "duration" not in inputs:
            return max(sums)
        duration = inputs.get("duration", self.inputs["duration"].default)
        return math.ceil(max([duration or 0, *sums]))

    def typical_s(self, inputs: Mapping[str, Any]) -> float:
        """Seconds a generation takes before anything is learnt: a plan figure.

        Where nobody says anything it is `UNKNOWN_TYPICAL_S`: good to begin polling by,
        and not to promise anything by.
        """
        if self.typical is None:
            return UNKNOWN_TYPICAL_S
        wanted_s = self.duration_s(inputs)
        by_length = self.typical.typical_s
        long_enough = [length_s for length_s in by_length if length_s >= wanted_s]
        return by_length[min(long_enough, default=max(by_length))]

    def conflicts_with(self, name: str) -> set[str]:
        """The inputs that cannot be given together with this one."""
        groups = self._groups
        return {other for group in groups if name in group for other in group} - {name}

    def _unfulfilled(self, inputs: Mapping[str, Any]) -> Iterator[ValidationIssue]:
        """Conditions between inputs, defaults filled in, that do not hold."""
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # no types

        request = self.request(inputs)
        for error in Draft202012Validator(dict(self.conditions)).iter_errors(request):
            field = str(error.path[0]) if error.path else ""
            name = self.input_name(field)
            value = request.get(field)
            message = f"{self.name} does not take these inputs together"
            if field:
                message = f"{name} {shown(value)} does not fit the other inputs"
            allowed = error.validator_value if error.validator == "enum" else ()
            suggestion = f"write {choice(allowed)}" if allowed else "leave one empty"
            yield ValidationIssue("together", message, suggestion, name, value)

    def _default_of(self, total: Total) -> int:
        item = self.inputs[total.list].item
        return int(item.fields[total.field].default) if item else 0

    def _sum(self, total: Total, inputs: Mapping[str, Any]) -> int:
        default = self._default_of(total)
        return sum(item.get(total.field, default) for item in inputs[total.list])

    def _unknown(self, name: str, value: object) -> ValidationIssue:
        meant = guesses(name, self.inputs, most=1)
        known = f"it has {choice(self.inputs, word='and')}"
        suggestion = f"did you mean {meant[0]}?" if meant else known
        message = f"{self.name} has no input of that name"
        return ValidationIssue("unknown-input", message, suggestion, name, value)

    def _missing(self, given: Mapping[str, object]) -> Iterator[ValidationIssue]:
        for name, spec in self.inputs.items():
            if spec.required and name not in given:
                message = f"{self.name} needs {name}"
                yield ValidationIssue("missing", message, "fill it in", name)
        for group in self.one_of:
            if given.keys().isdisjoint(group):
                message = f"{self.name} needs {choice(group)}"
                yield ValidationIssue("missing", message, "fill in one", group[0])

    def _together(self, given: Mapping[str, object]) -> Iterator[ValidationIssue]:
        for group in self._groups:
            both = [name for name in group if name in given]
            if len(both) > 1:
                names = choice(both, word="and")
                message = f"{self.name} does not take {names} together"
                said = (message, "leave one empty", both[1], given[both[1]])
                yield ValidationIssue("together", *said)

    def _sums(self, inputs: Mapping[str, Any]) -> Iterator[ValidationIssue]:
        for total in self.total:
            if total.list not in inputs:
                continue
            found = self._sum(total, inputs)
            if not total.minimum <= found <= total.maximum:
                message = f"the {total.field}s of its items sum to {found} s"
                suggestion = f"let them sum to {total.minimum} to {total.maximum} s"
                name = total.list
            elif inputs.get(total.field, found) != found:
                # Which of the two is billed is not documented; so they must agree.
                message = f"the {total.field}s of {total.list} sum to {found} s"
                suggestion = f"write {found}, or leave it empty"
                name = total.field
            else:
                continue
            yield ValidationIssue("sum", message, suggestion, name, inputs[name])


@lru_cache(maxsize=1_000)
def model_of_form(model_id: str, form: RequestForm) -> Model:
    """A model as far as a job's form tells: enough to send the job's inputs."""
    pictures = {name: Input(type="picture") for name in form.pictures}
    named = {
        name: Input(type="picture" if name in pictures else "text", field=field)
        for name, field in form.fields
    }
    return Model(
        id=model_id,
        name=model_id,
        title=model_id,
        inputs=pictures | named,
        source="the job",
        read_on=date.min,
    )


def costs(model: Model) -> str:
    """What a video costs by our price list, with the list's date, for people."""
    price = model.price
    if price is None:
        return "the price is not known"
    per = f"for each {price.per_s} s" if price.per_s else "a video"
    factors = [
        f", times {float(factor.factor):g} with {factor.input} {plain(factor.value)}"
        for factor in price.factors
    ]
    read_on = f"read on {price.read_on.isoformat()}"
    return f"${usd(price.usd_micros)} {per}{''.join(factors)} ({read_on})"


def rules(model: Model) -> list[str]:
    """Which inputs depend on each other, a sentence each."""
    exclusive = model.mutually_exclusive
    return [
        *(f"give exactly one of {choice(group, word='and')}" for group in model.one_of),
        *(f"never {choice(group, word='and')} together" for group in exclusive),
        *(
            f"the {one.field}s of {one.list} sum to {one.minimum} to {one.maximum} s"
            for one in model.total
        ),
    ]
