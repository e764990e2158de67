"""The models: listed, shown one at a time, and the provider's list read anew."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Annotated, Any

from cyclopts import Parameter

from jobs.catalogue import Model, UnknownModelError, builtin
from jobs.catalogue.inputs import Input
from jobs.catalogue.model import costs, rules
from jobs.catalogue.validation import InvalidValueError
from jobs.money import dollars, usd, usd_micros
from jobs.provider.prices import SOME_PICTURE
from jobs.settings import Settings
from jobs.text import choice, counted, plain
from producer import account, console, model_list
from producer.console import Table, print_json
from producer.exits import CommandError, Exit
from producer.options import AnyModel, Flag, Json, chosen_settings

#: Quotes that are asked for to show what a model costs.
MAX_QUOTES = 24

#: Inputs that move the price of many models.
_PRICED = ("duration", "resolution", "sound")


def _dollars(_kind: object, text: str | None) -> None:
    """Refuse at once what is no amount."""
    if text is not None:
        usd_micros(text)


@Parameter(name="*", negative="")
@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models are listed."""

    maker: str | None = None
    """Only models of this maker, such as kwaivgi."""
    max_price: Annotated[str | None, Parameter(validator=_dollars)] = None
    """Only models whose base price is at most so many dollars."""
    duration: int | None = None
    """Only models that make videos of so many seconds."""
    resolution: str | None = None
    """Only models with this resolution, such as 1080p."""
    last_image: bool = False
    """Only models that take a last picture."""
    images: bool = False
    """Only models that take several pictures."""

    def includes(self, model: Model) -> bool:
        """Whether it is one of them."""
        base, most = _base(model), self.max_price
        pictures = {"last_image": self.last_image, "images": self.images}
        return (
            self.maker in {None, model.maker}
            and (most is None or (base is not None and base <= usd_micros(most)))
            and (self.duration is None or _takes(model, "duration", self.duration))
            and (not self.resolution or _takes(model, "resolution", self.resolution))
            and all(
                model.input_name(name) in model.inputs
                for name, need in pictures.items()
                if need
            )
        )


ALL = Wanted()


def list_(
    text: str = "",
    *,
    wanted: Wanted = ALL,
    offline: Flag = False,
    json: Json = False,
) -> int:
    """List the models that make videos of pictures, by their short names.

    With an API key these are all that the provider has; its list is kept for an hour.

        reelmill models list
        reelmill models list kling --resolution 4k --last-image
        reelmill models list --maker google --max-price 1

    Args:
        text: Only models whose id has this in it.
        wanted: Which models are listed.
        offline: Ask nobody; use the last copy of the list.
        json: Print the models as JSON.
    """
    listed = model_list.read(chosen_settings(), offline=offline)
    known = listed.catalogue if listed else builtin()
    every = known.models.values()
    named = (model for model in every if text.casefold() in model.id.casefold())
    found = [model for model in named if wanted.includes(model)]
    if json:
        print_json([_document(model) for model in found])
        return Exit.STORED
    if found:
        console.out.print(_models_table(found))
    how = "reelmill models show NAME tells all about one"
    console.tell(f"{counted(len(found), 'model')}; {how}")
    return Exit.STORED


def show(name: AnyModel, /, *, offline: Flag = False, json: Json = False) -> int:
    """Show everything about a model: its inputs, their ranges, what it costs.

    With an API key the provider is asked what the usual lengths cost; asking is free.

        reelmill models show kling-v3.0-std

    Args:
        name: Short name or full id of a model.
        offline: Ask nobody; use the last copy of the list.
        json: Print it as JSON.
    """
    chosen = chosen_settings()
    try:
        model = model_list.catalogue(chosen, offline=offline).find(name or "")
    except UnknownModelError as error:
        raise CommandError(f"{error}; reelmill models list shows them") from None
    quotes = {} if offline or not chosen.api_key else _quotes(chosen, model)
    if json:
        listed = [{**dict(key), "price": told} for key, told in quotes.items()]
        print_json(_document(model) | {"quotes": listed})
        return Exit.STORED
    console.out.print(_inputs_table(model))
    for line in _lines(model):
        console.tell(line)
    if quotes:
        console.out.print(_quotes_table(quotes))
    console.tell(f"next: reelmill init products.csv --model {model.name}")
    return Exit.STORED


def refresh() -> int:
    """Read the provider's list of models now, whatever is kept of it.

    reelmill models refresh
    """
    chosen = chosen_settings()
    before = model_list.kept(chosen)
    now = model_list.refreshed(chosen)
    console.tell(f"{counted(len(now.catalogue.models), 'model')} can be used")
    if before is None:
        return Exit.STORED
    for name in sorted(now.ids - before.ids):
        console.tell(f"new: {name}")
    for name in sorted(before.ids - now.ids):
        console.tell(f"gone: {name}")
    for name in sorted(now.changes.keys() & before.ids & now.ids):
        console.tell(f"changed: {name}: {now.change(name)}")
    return Exit.STORED


def _base(model: Model) -> int | None:
    """The base price of the list, or that of our own price list at the defaults."""
    return model.base_usd_micros or model.price_usd_micros({})


def _takes(model: Model, name: str, value: object) -> bool:
    """Whether a value is allowed for an input that the model has."""
    if name not in model.inputs:
        return name == "duration" and model.fixed_duration_s == value
    try:
        model.inputs[name].read(value)
    except InvalidValueError:
        return False
    return True


def _models_table(models: Sequence[Model]) -> Table:
    columns = ("model", "maker", "seconds", "resolution", "pictures", "base price")
    made = Table(*columns, numbers=("base price",), sentences=columns[2:5])
    for model in models:
        base = _base(model)
        made.add(
            model.name,
            model.maker,
            _allowed_of(model, "duration") or str(model.fixed_duration_s or "fixed"),
            _allowed_of(model, "resolution"),
            ", ".join(
                n for n in ("image", "last_image", "images") if n in model.inputs
            ),
            "" if base is None else dollars(base),
        )
    return made


def _allowed_of(model: Model, name: str) -> str:
    spec = model.inputs.get(name)
    return spec.allowed or spec.type if spec else ""


def _inputs_table(model: Model) -> Table:
    columns = ("input", "type", "needed", "default", "allowed")
    made = Table(*columns, sentences=("default", "allowed"))
    for name, spec in model.inputs.items():
        default = "" if spec.default is None else plain(spec.default)
        needed = "yes" if spec.required else ""
        made.add(name, spec.type, needed, default, _allowed(name, spec))
    return made


def _allowed(name: str, spec: Input) -> str:
    words = spec.allowed
    if spec.max_chars:
        words = f"up to {spec.max_chars} characters"
    if spec.max_items:
        words = f"{spec.min_items} to {spec.max_items} items"
    own = f"the model calls it {spec.field}" if spec.field not in {"", name} else ""
    also = f"or {choice(spec.also)}" if spec.also else ""
    return "; ".join(filter(None, (words, own, also)))


def _lines(model: Model) -> Iterator[str]:
    """What is to be known of one model beside its inputs, a line each."""
    yield model.id if model.title == model.id else f"{model.title}: {model.id}"
    if model.aliases:
        yield f"also called {choice(model.aliases, word='and')}"
    yield costs(model)
    yield from rules(model)
    if model.conditions:
        yield "some inputs do not go together: reelmill check FILE says which"
    limits = model.pictures
    if limits is None:
        yield "pictures: the provider names no limits"
        return
    formats, megabytes = ", ".join(limits.formats), limits.max_bytes / 1e6
    side = f"at least {limits.min_side_px} px"
    yield f"pictures: {formats}, up to {megabytes:.0f} MB, sides of {side}"


_Combination = tuple[tuple[str, Any], ...]


def _quotes(chosen: Settings, model: Model) -> dict[_Combination, account.Quote]:
    """What the usual combinations of its inputs cost, by the provider."""
    base = {
        name: _example(spec) for name, spec in model.inputs.items() if spec.required
    }
    names = [name for name in _PRICED if name in model.inputs]
    every = product(*(_values(model.inputs[name]) for name in names))
    asked: dict[_Combination, tuple[Model, Mapping[str, Any]]] = {}
    for values in islice(every, MAX_QUOTES):
        inputs, issues = model.check(base | dict(zip(names, values, strict=True)))
        if not issues:
            asked[tuple(zip(names, values, strict=True))] = model, inputs
    return account.balance_and_quotes(chosen, asked)[1]


def _values(spec: Input) -> Iterable[Any]:
    if spec.type == "boolean":
        return (False, True)
    bounds = [spec.minimum, spec.default, spec.maximum]
    return spec.choices or sorted({one for one in bounds if one is not None})


def _example(spec: Input) -> Any:
    if spec.choices:
        return spec.choices[0]
    if spec.is_picture:
        return [SOME_PICTURE] * max(1, spec.min_items) if spec.item else SOME_PICTURE
    return spec.minimum if spec.type in {"integer", "number"} else "a slow turn"


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else plain(value)


def _quotes_table(quotes: Mapping[_Combination, account.Quote]) -> Table:
    names = [name for name, _ in next(iter(quotes))]
    made = Table(*names, "price", numbers=("price",))
    for key, told in quotes.items():
        price = dollars(told) if isinstance(told, int) else told
        made.add(*(_shown(value) for _, value in key), price)
    return made


def _document(model: Model) -> dict[str, Any]:
    base = _base(model)
    return {
        "id": model.id,
        "name": model.name,
        "aliases": list(model.aliases),
        "maker": model.maker,
        "title": model.title,
        "base_price": None if base is None else usd(base),
        "price": _price(model),
        "inputs": {
            name: {
                "type": spec.type,
                "required": spec.required,
                "default": spec.default,
                "allowed": spec.allowed,
            }
            for name, spec in model.inputs.items()
        },
    }


def _price(model: Model) -> dict[str, Any] | None:
    if model.price is None:
        return None
    return {
        "usd": usd(model.price.usd_micros),
        "per_s": model.price.per_s,
        "factors": [
            {"input": f.input, "value": f.value, "factor": float(f.factor)}
            for f in model.price.factors
        ],
        "read_on": model.price.read_on.isoformat(),
    }
