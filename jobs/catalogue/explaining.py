"""What a model takes and costs, in the words of a page for people.

It words the catalogue for whoever writes a manifest, on a page or in a starter, and
decides nothing; what is right for a model is decided in `model` and `inputs`.
"""

from jobs.catalogue.inputs import Input
from jobs.catalogue.model import Model, PictureLimits
from jobs.money import usd
from jobs.text import choice, plain


def takes(spec: Input) -> str:
    """What may be given: `whole number, 5 or 10`.

    >>> takes(Input("integer", choices=(5, 10)))
    'whole number, 5 or 10'
    """
    if spec.type == "list" and spec.item:
        return f"list of {_count(spec)}{_items(spec.item)}"
    words = "whole number" if spec.type == "integer" else spec.type
    if spec.allowed:
        words += f", {spec.allowed}"
    if spec.max_chars and not spec.choices:
        words += f", at most {spec.max_chars} characters"
    return words


def explained(spec: Input) -> str:
    """What may be given, and what happens when nothing is."""
    if spec.required:
        return f"{takes(spec)}; required"
    if spec.default is None:
        return takes(spec)
    return f"{takes(spec)}; {plain(spec.default)} if it is left out"


def costs(model: Model) -> str:
    """What a video costs by our price list, with the list's date."""
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


def pictures(limits: PictureLimits) -> str:
    """What the provider takes as a picture."""
    formats = choice(limits.formats)
    megabytes = limits.max_bytes / 1e6
    words = f"{formats}, at most {megabytes:g} MB, each side at least "
    words += f"{limits.min_side_px} px"
    if limits.min_aspect is not None and limits.max_aspect is not None:
        words += f", width by height {limits.min_aspect:g} to {limits.max_aspect:g}"
    return words


def rules(model: Model) -> list[str]:
    """Which inputs depend on each other, a sentence each."""
    one = [f"give exactly one of {choice(names, word='and')}" for names in model.one_of]
    exclusive = [
        f"never {choice(names, word='and')} together"
        for names in model.mutually_exclusive
    ]
    sums = [
        f"the {total.field}s of {total.list} sum to {total.minimum} to "
        f"{total.maximum} s"
        for total in model.total
    ]
    return one + exclusive + sums


def _count(spec: Input) -> str:
    if spec.max_items is None:
        return f"at least {spec.min_items}"
    return f"{spec.min_items} to {spec.max_items}"


def _items(item: Input) -> str:
    if item.type != "object":
        return f" {takes(item)}s"
    parts = [f"{name} ({explained(part)})" for name, part in item.fields.items()]
    return f", each with {choice(parts, word='and')}"
