"""What is to be paid for a manifest: by our price list, and as the provider quotes it.

It counts jobs by what decides their price and compares the two prices; it asks nobody
and prints nothing. How that is shown stands in `view`, when it will be done in
`finishing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Protocol

from jobs.catalogue.model import Model
from jobs.job import Job
from jobs.pricing import MICROS_PER_USD
from jobs.wording import plain
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
    jobs: int

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

    @property
    def each_usd_micros(self) -> int | None:
        """Price of one attempt by our list; None where it has none."""
        return self.example.price_usd_micros


def _said(name: str, value: object) -> str:
    if isinstance(value, bool):
        return name if value else ""
    return f"{name}={plain(value)}"


@dataclass(slots=True)
class Combinations:
    """Counts jobs by combination; holds one job of each, however many there are."""

    _examples: dict[tuple[Any, ...], Job] = field(default_factory=dict)
    _counts: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _models: dict[str, tuple[Model, dict[str, Any]]] = field(default_factory=dict)

    def add(self, job: Job, model: Model) -> None:
        """Count a job that is to be paid."""
        if model.name not in self._models:
            self._models[model.name] = model, _deciding(model)
        inputs, decides = job.inputs, self._models[model.name][1]
        options = [inputs.get(name, default) for name, default in decides.items()]
        # Nothing documents how several shots are billed, so they are asked for apart.
        shots = [total.list in inputs for total in model.total]
        key = (model.name, model.duration_s(inputs), *options, *shots)
        self._examples.setdefault(key, job)
        self._counts[key] = self._counts.get(key, 0) + 1

    @property
    def distinct(self) -> list[Combination]:
        """Every combination, by model and duration."""
        return [
            self._combination(key)
            for key in sorted(self._counts, key=lambda key: (*key[:2], str(key[2:])))
        ]

    @property
    def questions(self) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """What to ask the provider a quote for, by the key of its combination."""
        return {one.key: one.question for one in self.distinct}

    @property
    def kinds(self) -> list[tuple[str, int]]:
        """Model id and seconds of video, as generation times are learnt by them."""
        pairs = ((one.model.id, one.duration_s) for one in self.distinct)
        return list(dict.fromkeys(pairs))

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
            jobs=self._counts[key],
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
    price_usd_micros: int
    unpriced: int
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
    """A combination beside its quote."""

    combination: Combination
    quote: Quote | None

    @property
    def jobs(self) -> int:
        """How many videos."""
        return self.combination.jobs

    @property
    def listed_usd_micros(self) -> int | None:
        """What they cost by our list, an attempt each."""
        each = self.combination.each_usd_micros
        return None if each is None else each * self.jobs

    @property
    def quoted_usd_micros(self) -> int | None:
        """What they cost by the provider's quote, an attempt each."""
        return None if self.quote is None else self.quote.price_usd_micros * self.jobs

    @property
    def tenths(self) -> int | None:
        """How far the quote is above the list, in tenths of a percent of the list."""
        listed, quoted = self.listed_usd_micros, self.quoted_usd_micros
        if quoted is None or listed is None:
            return None
        return tenths_above(quoted, listed)


@dataclass(frozen=True, slots=True)
class Bill:
    """All that is to be paid."""

    lines: tuple[Line, ...]

    @classmethod
    def of(cls, found: Found, quotes: Mapping[str, Quote | None] | None) -> "Bill":
        """The bill of what was found, with quotes by the key of their combination."""
        known = quotes or {}
        distinct = found.combinations.distinct
        return cls(tuple(Line(one, known.get(one.key)) for one in distinct))

    @property
    def listed_usd_micros(self) -> int:
        """By our list; what it has no price for is left out."""
        return sum(line.listed_usd_micros or 0 for line in self.lines)

    @property
    def unpriced(self) -> int:
        """Videos that our list has no price for."""
        return sum(line.jobs for line in self.lines if line.listed_usd_micros is None)

    @property
    def compared(self) -> tuple[int, int] | None:
        """Sums of quotes and of our list, over what both have a price for."""
        pairs = [
            (line.quoted_usd_micros, line.listed_usd_micros)
            for line in self.lines
            if line.tenths is not None
        ]
        if not pairs:
            return None
        return sum(quoted or 0 for quoted, _ in pairs), sum(
            own or 0 for _, own in pairs
        )

    @property
    def tenths(self) -> int | None:
        """How far the quotes are above the list in all, in tenths of a percent."""
        return tenths_above(*self.compared) if self.compared else None

    @property
    def unquoted(self) -> list[str]:
        """Keys of the combinations that there is no quote for."""
        return [line.combination.key for line in self.lines if not line.quote]

    @property
    def need_usd_micros(self) -> int:
        """What the account must hold: quotes count before our list."""
        return sum(_first(line) or 0 for line in self.lines)

    @property
    def priced(self) -> int:
        """Videos that our list has a price for."""
        return sum(line.jobs for line in self.lines) - self.unpriced

    @property
    def counted(self) -> int:
        """Videos whose price is known, from the one or the other."""
        return sum(line.jobs for line in self.lines if _first(line) is not None)

    @property
    def even(self) -> bool:
        """Whether they all cost the same."""
        return len({(_first(line) or 0) // line.jobs for line in self.lines}) <= 1

    @property
    def dearest_usd_micros(self) -> int:
        """The highest price of one video by our list."""
        prices = (line.combination.each_usd_micros for line in self.lines)
        return max((price or 0 for price in prices), default=0)

    @property
    def oldest(self) -> date | None:
        """When the oldest price in use was read."""
        prices = (line.combination.model.price for line in self.lines)
        return min((price.read_on for price in prices if price), default=None)

    def covered(self, usd_micros: int, *, by_list: bool = False) -> int:
        """How many of the videos an amount pays for, the mean price taken for each."""
        need = self.listed_usd_micros if by_list else self.need_usd_micros
        count = self.priced if by_list else self.counted
        return count if need <= usd_micros else max(0, usd_micros) * count // need


def _first(line: Line) -> int | None:
    quoted = line.quoted_usd_micros
    return line.listed_usd_micros if quoted is None else quoted


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
