"""From the tables of a catalogue to models: every key known, every type right.

It decides whether the data can be trusted and never what is in it; a slip of the pen in
`catalogue.toml` ends here with a sentence, not later with a wrong bill.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from jobs.catalogue.inputs import TYPES, Input
from jobs.catalogue.model import Factor, Model, PictureLimits, Price, Total, Typical
from jobs.money import usd_micros
from jobs.text import choice, guesses, shown

_NUMBER = (int, float)


class CatalogueError(Exception):
    """The catalogue's own data is wrong: where, what, and what to do."""


@dataclass(slots=True)
class _Table:
    """A table of the catalogue, whose keys are taken one by one until none is left."""

    where: str
    left: dict[str, Any]
    known: list[str]

    @classmethod
    def of(cls, where: str, value: object) -> "_Table":
        if not isinstance(value, dict):
            raise CatalogueError(f"{where}: {shown(value)} is not a table")
        return cls(where, dict(value), [])

    def take(self, name: str, kind: type | tuple[type, ...]) -> Any:  # noqa: ANN401 - many types
        """The value under a key that must be there."""
        found = self.may_take(name, kind)
        if found is None:
            raise CatalogueError(f"{self.where}: {name} is missing")
        return found

    def may_take(
        self,
        name: str,
        kind: type | tuple[type, ...],
        default: Any = None,  # noqa: ANN401 - many types
    ) -> Any:  # noqa: ANN401 - many types
        """The value under a key that may be left out."""
        self.known.append(name)
        found = self.left.pop(name, None)
        if found is None:
            return default
        wrong = not isinstance(found, kind)
        if wrong or (isinstance(found, bool) and kind not in (bool, object)):
            raise CatalogueError(f"{self.where}: {name} cannot be {shown(found)}")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, empty if it is left out."""
        found = self.may_take(name, list, [])
        if not all(isinstance(one, str) for one in found):
            raise CatalogueError(f"{self.where}: {name} holds more than texts")
        return tuple(found)

    def end(self) -> None:
        """Complains of keys that nobody took."""
        for name in self.left:
            meant = guesses(name, self.known) or sorted(self.known)
            raise CatalogueError(
                f"{self.where}: {name} is not known; did you mean {choice(meant)}?"
            )


def model_of(value: object) -> Model:
    """The model that one [[model]] of the catalogue describes.

    Raises:
        CatalogueError: a key is unknown or missing, or values contradict each other.
    """
    table = _Table.of("catalogue, a model", value)
    model_id = table.take("id", str)
    table.where = f"catalogue, {model_id}"
    tables = _Table.of(f"{table.where}, inputs", table.take("inputs", dict))
    inputs = {
        name: _input(f"{table.where}, input {name}", spec)
        for name, spec in tables.left.items()
    }
    model = Model(
        id=model_id,
        name=table.take("name", str),
        aliases=table.texts("aliases"),
        title=table.take("title", str),
        path=table.take("path", str),
        inputs=MappingProxyType(inputs),
        pictures=_pictures(table),
        typical=_typical(table),
        source=table.take("source", str),
        read_on=table.take("read_on", date),
        price=_price(table),
        one_of=_groups(table, "one_of"),
        mutually_exclusive=_groups(table, "mutually_exclusive"),
        total=tuple(_total(table, one) for one in table.may_take("total", list, [])),
        fixed_duration_s=table.may_take("fixed_duration_s", int),
    )
    table.end()
    _agree(table.where, model)
    return model


def _input(where: str, value: object) -> Input:
    table = _Table.of(where, value)
    fields = table.may_take("fields", dict, {})
    item = table.may_take("item", dict)
    spec = Input(
        type=table.take("type", str),
        required=table.may_take("required", bool, default=False),
        default=table.may_take("default", object),
        minimum=table.may_take("minimum", _NUMBER),
        maximum=table.may_take("maximum", _NUMBER),
        max_chars=table.may_take("max_chars", int),
        choices=tuple(table.may_take("choices", list, [])),
        min_items=table.may_take("min_items", int, 0),
        max_items=table.may_take("max_items", int),
        item=None if item is None else _input(f"{where}, item", item),
        fields={name: _input(f"{where}, {name}", one) for name, one in fields.items()},
        wire=table.may_take("wire", str, ""),
    )
    table.end()
    for wrong in _contradictions(spec):
        raise CatalogueError(f"{where}: {wrong}")
    return spec


def _contradictions(spec: Input) -> list[str]:
    wrong: list[str] = []
    if spec.type not in TYPES:
        return [f"type {shown(spec.type)} is none of {choice(sorted(TYPES))}"]
    if (spec.type == "list") is not (spec.item is not None):
        wrong.append("a list, and nothing else, has an item")
    if (spec.type == "object") is not bool(spec.fields):
        wrong.append("an object, and nothing else, has fields")
    if spec.wire not in {"", "string"}:
        wrong.append(f'wire {shown(spec.wire)} is not "string"')
    if None not in (spec.minimum, spec.maximum) and spec.minimum > spec.maximum:  # type: ignore[operator]  # neither is None here
        wrong.append("minimum is above maximum")
    if spec.default is not None and not wrong:
        wrong += [f"default: {flaw.message}" for flaw in spec.flaws_of(spec.default)]
    return wrong


def _pictures(table: _Table) -> PictureLimits:
    part = _Table.of(f"{table.where}, pictures", table.take("pictures", dict))
    limits = PictureLimits(
        formats=part.texts("formats"),
        max_bytes=part.take("max_bytes", int),
        min_side_px=part.take("min_side_px", int),
        source=part.take("source", str),
        read_on=part.take("read_on", date),
        min_aspect=part.may_take("min_aspect", _NUMBER),
        max_aspect=part.may_take("max_aspect", _NUMBER),
    )
    part.end()
    return limits


def _price(table: _Table) -> Price | None:
    value = table.may_take("price", dict)
    if value is None:
        return None
    part = _Table.of(f"{table.where}, price", value)
    price = Price(
        usd_micros=_amount(part),
        source=part.take("source", str),
        read_on=part.take("read_on", date),
        per_s=part.may_take("per_s", int),
        factors=tuple(_factor(part, one) for one in part.may_take("factors", list, [])),
    )
    part.end()
    if price.usd_micros <= 0 or (price.per_s is not None and price.per_s <= 0):
        raise CatalogueError(f"{part.where}: a price is above nothing")
    return price


def _amount(part: _Table) -> int:
    try:
        return usd_micros(part.take("usd", str))
    except ValueError as error:
        raise CatalogueError(f"{part.where}, usd: {error}") from None


def _factor(part: _Table, value: object) -> Factor:
    table = _Table.of(f"{part.where}, factor", value)
    written = table.take("factor", str)
    try:
        exact = Fraction(Decimal(written))
    except (InvalidOperation, ValueError, OverflowError):
        raise CatalogueError(f"{table.where}: {shown(written)} is no number") from None
    factor = Factor(table.take("input", str), table.take("value", object), exact)
    table.end()
    return factor


def _typical(table: _Table) -> Typical:
    part = _Table.of(f"{table.where}, typical", table.take("typical", dict))
    times = part.take("typical_s", dict)
    right = all(key.isdecimal() and type(times[key]) in _NUMBER for key in times)
    if not times or not right:
        raise CatalogueError(f"{part.where}: write typical_s as {{ 5 = 90.0 }}")
    by_length = {int(key): float(times[key]) for key in sorted(times, key=int)}
    typical = Typical(by_length, part.take("source", str), part.take("read_on", date))
    part.end()
    return typical


def _groups(table: _Table, name: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(group) for group in table.may_take(name, list, []))


def _total(table: _Table, value: object) -> Total:
    part = _Table.of(f"{table.where}, total", value)
    total = Total(
        list=part.take("list", str),
        field=part.take("field", str),
        minimum=part.take("minimum", int),
        maximum=part.take("maximum", int),
    )
    part.end()
    return total


def _agree(where: str, model: Model) -> None:
    """Complains of rules and prices that speak of inputs the model does not have."""
    named = [
        name for group in (*model.one_of, *model.mutually_exclusive) for name in group
    ]
    named += [factor.input for factor in model.price.factors] if model.price else []
    named += [total.list for total in model.total]
    for name in named:
        if name not in model.inputs:
            raise CatalogueError(f"{where}: there is no input {shown(name)}")
    for total in model.total:
        item = model.inputs[total.list].item
        part = item.fields.get(total.field) if item else None
        if part is None or type(part.default) is not int:
            raise CatalogueError(f"{where}: the total needs a default {total.field}")
    for factor in model.price.factors if model.price else ():
        if model.inputs[factor.input].default is None:
            raise CatalogueError(f"{where}: {factor.input} needs a default")
    duration = model.inputs.get("duration")
    known = duration.default if duration else model.fixed_duration_s
    if type(known) is not int:
        raise CatalogueError(
            f"{where}: give duration a default, or set fixed_duration_s"
        )
    if not model.path.startswith("/"):
        raise CatalogueError(f"{where}: the path begins with /")
