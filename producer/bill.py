"""What is to be paid for a manifest: as the provider quotes it, else by our price list.

Jobs are counted by what decides their price; the quote of one is the price of all that
cost the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, Decimal
from itertools import groupby
from typing import Any

from jobs.catalogue.model import Model
from jobs.job import Job
from jobs.money import MICROS_PER_USD
from jobs.text import plain
from producer.account import Balance, Quote


@dataclass(slots=True)
class Line:
    """Jobs that cost the same for the same reasons, and what each costs."""

    model: Model
    duration_s: int
    #: What decides the price beside model and duration, defaults filled in.
    options: Mapping[str, Any]
    #: One of the jobs, for questions about all of them.
    example: Job
    #: How many of them are to be paid.
    jobs: int = 0
    #: The provider's quote for one of them; empty where nobody asked.
    quote: Quote = ""

    @property
    def key(self) -> str:
        """A name that no other line has, fit to be read."""
        return f"{self.model.name} {self.option}"

    @property
    def option(self) -> str:
        """Duration and options that are no default, for people: `5 s, sound`."""
        said = [f"{self.duration_s} s"] if self.duration_s else []
        for name, value in self.options.items():
            if value == self.model.inputs[name].default:
                continue
            if isinstance(value, bool):
                said.append(name if value else f"no {name}")
            else:
                said.append(f"{name}={plain(value)}")
        return ", ".join(said)

    @property
    def list_usd_micros(self) -> int | None:
        """Price of one attempt by our list; None where it has none."""
        return self.example.price_usd_micros

    @property
    def quote_usd_micros(self) -> int | None:
        """Price of one attempt by the provider's quote; None where there is none."""
        return self.quote if isinstance(self.quote, int) else None

    @property
    def each_usd_micros(self) -> int | None:
        """Price of one attempt that counts: the quote, else our list's, if known."""
        quoted = self.quote_usd_micros
        return self.list_usd_micros if quoted is None else quoted

    @property
    def cost_usd_micros(self) -> int | None:
        """What all of them cost, an attempt each."""
        each = self.each_usd_micros
        return None if each is None else each * self.jobs


@dataclass(slots=True)
class Share:
    """The jobs of one model and duration."""

    jobs: int = 0
    #: Those whose video is stored already.
    reused: int = 0
    #: Those whose video is being made already, by whichever batch.
    following: int = 0
    #: Those that failed or were cancelled before; a person may retry them.
    given_up: int = 0


@dataclass(slots=True)
class Bill:
    """Counts jobs by what decides their price; holds one of each, however many."""

    _lines: dict[tuple[Any, ...], Line] = field(default_factory=dict)
    #: By name of the model: inputs that decide its price, and those that are counted.
    _deciding: dict[str, tuple[dict[str, Any], list[str]]] = field(default_factory=dict)

    def add(self, job: Job, model: Model) -> None:
        """Count a job that is to be paid."""
        self.see(job, model).jobs += 1

    def see(self, job: Job, model: Model) -> Line:
        """Note a job that may be paid later."""
        key = self._key(job, model)
        if key not in self._lines:
            options = {name: v for name, v in key[2:] if v or v is False}
            self._lines[key] = Line(model, key[1], options, job)
        return self._lines[key]

    def take_quotes(self, quotes: Mapping[str, Quote]) -> None:
        """Take what the provider answered to `questions`."""
        for line in self._lines.values():
            line.quote = quotes.get(line.key, "")

    def priced(self, job: Job, model: Model) -> Job:
        """The job at the provider's quote, or at our list's price without one."""
        line = self._lines.get(self._key(job, model))
        quote = line.quote_usd_micros if line else None
        if quote is None:
            return job
        return replace(job, price_usd_micros=quote, quoted=True)

    @property
    def lines(self) -> list[Line]:
        """What is to be paid, by model and duration, a line for each combination."""
        keys = [key for key, line in self._lines.items() if line.jobs]
        keys.sort(key=lambda key: (*key[:2], str(key[2:])))
        return [self._lines[key] for key in keys]

    @property
    def by_kind(self) -> dict[tuple[str, int], list[Line]]:
        """The lines by short name of the model and seconds of video."""
        kinds = groupby(self.lines, lambda line: (line.model.name, line.duration_s))
        return {kind: list(lines) for kind, lines in kinds}

    @property
    def questions(self) -> dict[str, tuple[Model, Mapping[str, Any]]]:
        """Model and inputs to ask the provider a quote for, by a line's key."""
        return {
            line.key: (line.model, line.example.inputs) for line in self._lines.values()
        }

    @property
    def cost_usd_micros(self) -> int:
        """What is to be paid; videos without a known price are left out."""
        return cost(self.lines)

    @property
    def unpriced(self) -> int:
        """Videos whose price neither the provider nor our list tells."""
        return unpriced(self.lines)

    @property
    def priced_jobs(self) -> int:
        """Videos whose price is known."""
        return sum(line.jobs for line in self.lines) - self.unpriced

    @property
    def unquoted(self) -> list[Line]:
        """What there is no quote for."""
        return [line for line in self.lines if line.quote_usd_micros is None]

    def covered(self, usd_micros: int) -> int:
        """How many of the videos an amount pays for, the mean price taken for each."""
        whole, count = self.cost_usd_micros, self.priced_jobs
        if whole <= max(0, usd_micros):
            return count
        return max(0, usd_micros) * count // whole

    def _key(self, job: Job, model: Model) -> tuple[Any, ...]:
        """Model, duration, and name and value of all else that decides the price."""
        if model.name not in self._deciding:
            self._deciding[model.name] = _deciding(model), _counted(model)
        decides, counts = self._deciding[model.name]
        options = [(name, job.inputs.get(name, decides[name])) for name in decides]
        counted = [(name, _count(model, job.inputs.get(name))) for name in counts]
        return (model.name, model.duration_s(job.inputs), *options, *counted)


def _deciding(model: Model) -> dict[str, Any]:
    """Inputs that decide the price, with their defaults; duration is not among them."""
    if model.price:
        names = {factor.input for factor in model.price.factors}
    else:  # nothing says what decides the price: words, pictures and the seed do not
        kinds = {"integer", "number", "boolean"}
        names = {n for n, i in model.inputs.items() if i.choices or i.type in kinds}
        names -= {"seed"}
    return {
        name: spec.default
        for name, spec in model.inputs.items()
        if name in names and (name != "duration" or spec.type == "number")
    }


def _counted(model: Model) -> list[str]:
    """Inputs whose presence, or number of items, may decide the price."""
    if model.price:  # nothing documents how several shots are billed
        return [total.list for total in model.total]
    return [
        name
        for name, spec in model.inputs.items()
        if spec.item or (spec.is_picture and not spec.required)
    ]


def _count(model: Model, value: object) -> int:
    """How many items there are; where there is a price list, only whether."""
    if isinstance(value, list) and not model.price:
        return len(value)
    return value is not None or 0


def cost(lines: Sequence[Line]) -> int:
    """What these cost; videos without a known price are left out."""
    return sum(line.cost_usd_micros or 0 for line in lines)


def unpriced(lines: Sequence[Line]) -> int:
    """Videos of these without a known price."""
    return sum(line.jobs for line in lines if line.each_usd_micros is None)


def balance_usd_micros(balance: Balance) -> int | None:
    """The account's money, no part of a micro-dollar more; None if it is not known."""
    if balance.usd is None:
        return None
    micros = Decimal(str(balance.usd)) * MICROS_PER_USD
    return int(micros.to_integral_value(ROUND_FLOOR))
