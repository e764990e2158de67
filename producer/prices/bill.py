"""What is to be paid for a manifest: as the provider quotes it, else by our price list.

It counts jobs by what decides their price; the quote of one is the price of all that
cost the same. It asks nobody and prints nothing. How that is shown stands in `view`,
when it will be done in `finishing`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Protocol

from jobs.catalogue.model import Model
from jobs.job import Job
from jobs.money import MICROS_PER_USD
from jobs.text import plain
from producer.account import Balance, Quote


@dataclass(frozen=True, slots=True)
class Combination:
    """Jobs that cost the same for the same reasons."""

    model: Model
    duration_s: int
    #: What decides the price beside model and duration, defaults filled in.
    options: Mapping[str, Any]
    #: One of the jobs, for questions about all of them.
    example: Job

    @property
    def key(self) -> str:
        """A name that no other combination has, fit to be read."""
        return f"{self.model.name} {self.option}"

    @property
    def option(self) -> str:
        """Duration and options as a person says them: `5 s, sound`."""
        said = [_said(name, value) for name, value in self.options.items()]
        return ", ".join([f"{self.duration_s} s", *filter(None, said)])

    @property
    def question(self) -> tuple[str, Mapping[str, Any]]:
        """Model id and inputs to ask a quote for."""
        return self.model.id, self.example.inputs


def _said(name: str, value: object) -> str:
    if isinstance(value, bool):
        return name if value else ""
    return f"{name}={plain(value)}"


@dataclass(slots=True)
class Combinations:
    """Counts jobs by combination; holds one job of each, however many there are."""

    _examples: dict[tuple[Any, ...], Job] = field(default_factory=dict)
    _counts: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    _models: dict[str, tuple[Model, dict[str, Any]]] = field(default_factory=dict)
    _quotes: dict[tuple[Any, ...], Quote] = field(default_factory=dict)

    def add(self, job: Job, model: Model) -> None:
        """Count a job that is to be paid."""
        self._counts[self.see(job, model)] += 1

    def see(self, job: Job, model: Model) -> tuple[Any, ...]:
        """Note a job that may be paid later; what decides its price."""
        key = self._key(job, model)
        self._examples.setdefault(key, job)
        return key

    def quote(self, quotes: Mapping[str, Quote]) -> None:
        """Take what the provider answered to `questions`."""
        named = {key: self._combination(key).key for key in self._examples}
        self._quotes = {k: quotes[name] for k, name in named.items() if name in quotes}

    def priced(self, job: Job, model: Model) -> Job:
        """The job at the provider's quote, or at our list's price without one."""
        quote = self._quotes.get(self._key(job, model))
        if not isinstance(quote, int):
            return job
        return replace(job, price_usd_micros=quote, quoted=True)

    @property
    def lines(self) -> tuple["Line", ...]:
        """What is to be paid, by model and duration, a line for each combination."""
        keys = [key for key in self._examples if self._counts[key]]
        return tuple(
            Line(self._combination(key), self._counts[key], self._quotes.get(key, ""))
            for key in sorted(keys, key=lambda key: (*key[:2], str(key[2:])))
        )

    @property
    def questions(self) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """What to ask the provider a quote for, by the key of its combination."""
        each = (self._combination(key) for key in self._examples)
        return {one.key: one.question for one in each}

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """Model id and seconds of video, as generation times are learnt by them."""
        each = (line.combination for line in self.lines)
        return list(dict.fromkeys((one.model.id, one.duration_s) for one in each))

    def _key(self, job: Job, model: Model) -> tuple[Any, ...]:
        if model.name not in self._models:
            self._models[model.name] = model, _deciding(model)
        inputs, decides = job.inputs, self._models[model.name][1]
        options = [inputs.get(name, default) for name, default in decides.items()]
        # Nothing documents how several shots are billed, so they are asked for apart.
        shots = [total.list in inputs for total in model.total]
        return (model.name, model.duration_s(inputs), *options, *shots)

    def _combination(self, key: tuple[Any, ...]) -> Combination:
        model, decides = self._models[key[0]]
        shots = [total.list for total in model.total]
        pairs = list(zip([*decides, *shots], key[2:], strict=True))
        options = {n: v for n, v in pairs if v or (v is False and n in decides)}
        return Combination(
            model=model,
            duration_s=key[1],
            options=options,
            example=self._examples[key],
        )


def _deciding(model: Model) -> dict[str, Any]:
    """Inputs that decide the price, with their defaults; duration is not among them."""
    if model.price:
        names = {factor.input for factor in model.price.factors}
    else:  # whatever is chosen from a few may decide a price that is not known
        names = {n for n, i in model.inputs.items() if i.choices or i.type == "boolean"}
    return {
        name: spec.default
        for name, spec in model.inputs.items()
        if name in names and name != "duration"
    }


class Part(Protocol):
    """The jobs of one model and duration."""

    jobs: int
    reused: int
    following: int


class Found(Protocol):
    """What a manifest asks for."""

    jobs: int
    combinations: Combinations

    @property
    def shares(self) -> Mapping[tuple[str, int], Part]:
        """By short name of the model and seconds of video."""


@dataclass(frozen=True, slots=True)
class Line:
    """Videos of one combination, and what each costs."""

    combination: Combination
    jobs: int
    #: The provider's quote for one of them; empty where nobody asked.
    quote: Quote = ""

    @property
    def list_usd_micros(self) -> int | None:
        """Price of one attempt by our list; None where it has none."""
        return self.combination.example.price_usd_micros

    @property
    def quote_usd_micros(self) -> int | None:
        """Price of one attempt by the provider's quote; None where there is none."""
        return self.quote if isinstance(self.quote, int) else None

    @property
    def each_usd_micros(self) -> int | None:
        """Price of one attempt that counts: the quote, else our list's, if known."""
        return self.list_usd_micros if self.is_unquoted else self.quote_usd_micros

    @property
    def cost_usd_micros(self) -> int | None:
        """What all of them cost, an attempt each."""
        return (
            None if self.each_usd_micros is None else self.each_usd_micros * self.jobs
        )

    @property
    def is_unquoted(self) -> bool:
        """Whether the provider's price is not known."""
        return self.quote_usd_micros is None

    @property
    def tenths(self) -> int | None:
        """How far the quote is above the list, in tenths of a percent of the list."""
        listed, quoted = self.list_usd_micros, self.quote_usd_micros
        if quoted is None or listed is None:
            return None
        return tenths_above(quoted, listed)


@dataclass(frozen=True, slots=True)
class Bill:
    """All that is to be paid."""

    lines: tuple[Line, ...]

    @classmethod
    def of(cls, found: Found) -> "Bill":
        """The bill of what was found, by the quotes that are known of it."""
        return cls(found.combinations.lines)

    @property
    def cost_usd_micros(self) -> int:
        """What is to be paid; videos without a known price are left out."""
        return sum(line.cost_usd_micros or 0 for line in self.lines)

    @property
    def unpriced(self) -> int:
        """Videos whose price neither the provider nor our list tells."""
        return sum(line.jobs for line in self.lines if line.cost_usd_micros is None)

    @property
    def compared(self) -> tuple[int, int] | None:
        """Sums of quotes and of our list, over what both have a price for."""
        both = [
            (line.jobs * line.quote_usd_micros, line.jobs * line.list_usd_micros)
            for line in self.lines
            if line.quote_usd_micros is not None and line.list_usd_micros is not None
        ]
        if not both:
            return None
        return sum(quoted for quoted, _ in both), sum(listed for _, listed in both)

    @property
    def tenths(self) -> int | None:
        """How far the quotes are above the list in all, in tenths of a percent."""
        return tenths_above(*self.compared) if self.compared else None

    @property
    def unquoted(self) -> list[Line]:
        """What there is no quote for."""
        return [line for line in self.lines if line.is_unquoted]

    @property
    def priced(self) -> int:
        """Videos whose price is known."""
        return sum(line.jobs for line in self.lines) - self.unpriced

    @property
    def even(self) -> bool:
        """Whether they all cost the same."""
        return len({line.each_usd_micros or 0 for line in self.lines}) <= 1

    @property
    def dearest_usd_micros(self) -> int:
        """The highest price of one video."""
        return max((line.each_usd_micros or 0 for line in self.lines), default=0)

    @property
    def oldest(self) -> date | None:
        """When the oldest price of our list that counts was read."""
        prices = (line.combination.model.price for line in self.unquoted)
        return min((price.read_on for price in prices if price), default=None)

    def covered(self, usd_micros: int) -> int:
        """How many of the videos an amount pays for, the mean price taken for each."""
        cost, count = self.cost_usd_micros, self.priced
        return count if cost <= usd_micros else max(0, usd_micros) * count // cost


def tenths_above(amount: int, base: int) -> int | None:
    """How far an amount is above another, in tenths of a percent of that.

    >>> tenths_above(230, 210), tenths_above(189, 210), tenths_above(1, 0)
    (95, -100, None)
    """
    return round(Decimal(amount - base) * 1_000 / base) if base else None


def balance_usd_micros(balance: Balance) -> int | None:
    """The account's money, no part of a micro-dollar more; None if it is not known."""
    if balance.usd is None:
        return None
    micros = Decimal(str(balance.usd)) * MICROS_PER_USD
    return int(micros.to_integral_value(ROUND_FLOOR))


def by_kind(bill: Bill) -> Mapping[tuple[str, int], Sequence[Line]]:
    """The lines of a bill by short name of the model and seconds of video."""
    kinds: dict[tuple[str, int], list[Line]] = {}
    for line in bill.lines:
        one = line.combination
        kinds.setdefault((one.model.name, one.duration_s), []).append(line)
    return kinds
