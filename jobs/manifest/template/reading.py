"""Reading a template: what may stand in one, and how each part of it is filled.

Jinja only takes the text apart; nothing is compiled or run, and what is not named here
cannot be written: no loop, no call, no attribute, no arithmetic. What filters do stands
in `filters`; `template` is the only one that asks for this module.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

from jobs.manifest.template.filters import FILTERS
from jobs.manifest.template.parts import BadTemplateError, Fits, Part, Scope, text_of
from jobs.text import choice, guesses, shown

MOST_TEMPLATE_CHARS = 10_000

_Value = Callable[[Scope], object]

_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "lteq": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gteq": lambda left, right: left >= right,
}
_CALLED = {
    nodes.Call: "a call",
    nodes.For: "a loop",
    nodes.Getattr: "a dot",
    nodes.Getitem: "a part of a value",
    nodes.Test: "a test with “is”",
}


def whole(text: str) -> Part:
    """How a template is filled.

    Raises:
        BadTemplateError: it is not well formed, or has something in it that it may not.
    """
    try:
        return _block(_parsed(text))
    except RecursionError:
        raise _unread(text) from None


def _parsed(text: str) -> list[nodes.Node]:
    if len(text) > MOST_TEMPLATE_CHARS:
        message = f"a template of {len(text)} characters is too long"
        raise BadTemplateError(message, f"write at most {MOST_TEMPLATE_CHARS}")
    try:
        return Environment(autoescape=True).parse(text).body
    except TemplateSyntaxError as error:
        message = f"{shown(text)} is no template: {str(error.message).rstrip('.')}"
        raise BadTemplateError(
            message, "write it like {{ title }} turning slowly"
        ) from None
    except ValueError:  # a number of thousands of digits
        raise _unread(text) from None


def _unread(text: str) -> BadTemplateError:
    return BadTemplateError(f"{shown(text)} cannot be read", "make it simpler")


def _refused(node: nodes.Node) -> BadTemplateError:
    name = _CALLED.get(type(node), f"“{type(node).__name__.lower()}”")
    suggestion = 'use {{ column }}, {{ row["Any Column"] }}, filters and if'
    return BadTemplateError(f"{name} cannot stand in a template", suggestion)


def _block(body: list[nodes.Node]) -> Part:
    parts = [part for node in body for part in _parts(node)]

    def make(scope: Scope, fits: Fits | None) -> Iterator[str]:
        for part in parts:
            yield from part(scope, fits)

    return make


def _parts(node: nodes.Node) -> Iterator[Part]:
    match node:
        case nodes.Output():
            yield from map(_printed, node.nodes)
        case nodes.If():
            yield _branches(node)
        case _:
            raise _refused(node)


def _printed(node: nodes.Expr) -> Part:
    if isinstance(node, nodes.TemplateData):
        text = node.data
        return lambda _scope, _fits: iter((text,))
    value = STRICT.value(node)
    may_be_empty = _may_be_empty(node)

    def make(scope: Scope, fits: Fits | None) -> Iterator[str]:
        text = text_of(value(scope))
        if not may_be_empty and not text.strip():
            message = "a part of the template comes out empty"
            raise BadTemplateError(message, 'add | default("…") to it')
        if fits is not None and text:
            fits(text)
        yield text

    return make


def _may_be_empty(node: nodes.Node | None) -> bool:
    """True if the template itself says what becomes of an empty cell."""
    if isinstance(node, nodes.Filter):
        return node.name == "default" or _may_be_empty(node.node)
    return isinstance(node, nodes.Const | nodes.CondExpr | nodes.And | nodes.Or)


def _branches(node: nodes.If) -> Part:
    choices = [(QUIET.value(one.test), _block(one.body)) for one in (node, *node.elif_)]
    otherwise = _block(node.else_)

    def make(scope: Scope, fits: Fits | None) -> Iterator[str]:
        for test, body in choices:
            if test(scope):
                return body(scope, fits)
        return otherwise(scope, fits)

    return make


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the values of expressions are found."""

    #: True where a cell may be empty: in a test, and before `default`.
    quiet: bool

    def value(self, node: nodes.Node) -> _Value:  # noqa: PLR0911 - one for each kind
        """How the value of an expression is found in a row.

        Raises:
            BadTemplateError: it is none that may stand in a template.
        """
        match node:
            case nodes.Const(value=constant):
                return lambda _scope: constant
            case nodes.Name(name=name):
                return self._column(name)
            case nodes.Getitem(
                node=nodes.Name(name="row"), arg=nodes.Const(value=str() as name)
            ):
                return self._column(name)
            case nodes.Filter():
                return self._filter(node)
            case nodes.CondExpr():
                return self._conditional(node)
            case nodes.Compare():
                return _comparison(node)
            case nodes.Not() | nodes.And() | nodes.Or():
                return self._logic(node)
            case nodes.Concat(nodes=several):
                values = [self.value(one) for one in several]
                return lambda scope: "".join(text_of(one(scope)) for one in values)
        raise _refused(node)

    def _column(self, name: str) -> _Value:
        quiet = self.quiet
        return lambda scope: scope.value(name, quiet=quiet)

    def _filter(self, node: nodes.Filter) -> _Value:
        known = FILTERS.get(node.name)
        if known is None:
            meant = guesses(node.name, FILTERS, most=1)
            instead = f"did you mean {meant[0]}?" if meant else f"use {choice(FILTERS)}"
            raise BadTemplateError(f"there is no filter {shown(node.name)}", instead)
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            message = f"the filter {node.name} takes no names in its brackets"
            raise BadTemplateError(message, "write the values alone")
        if not known.fewest <= len(node.args) <= known.most:
            wanted = " to ".join(dict.fromkeys((str(known.fewest), str(known.most))))
            message = f"the filter {node.name} takes {wanted} values in brackets"
            raise BadTemplateError(message, f"it has {len(node.args)}")
        if node.node is None:
            raise _refused(node)
        values = [self.value(one) for one in node.args]
        if node.name == "default":
            return _default(QUIET.value(node.node), values[0])
        inner, apply = self.value(node.node), known.apply
        return lambda scope: apply(inner(scope), *[one(scope) for one in values])

    def _logic(self, node: nodes.Not | nodes.And | nodes.Or) -> _Value:
        if isinstance(node, nodes.Not):
            inner = QUIET.value(node.node)
            return lambda scope: not inner(scope)
        first, second = QUIET.value(node.left), self.value(node.right)
        if isinstance(node, nodes.And):
            return lambda scope: second(scope) if first(scope) else ""
        return lambda scope: first(scope) or second(scope)

    def _conditional(self, node: nodes.CondExpr) -> _Value:
        test, then = QUIET.value(node.test), self.value(node.expr1)
        if node.expr2 is None:
            return lambda scope: then(scope) if test(scope) else ""
        other = self.value(node.expr2)
        return lambda scope: (then if test(scope) else other)(scope)


STRICT = _Reading(quiet=False)
QUIET = _Reading(quiet=True)


def _default(first: _Value, instead: _Value) -> _Value:
    """The first value; where it is empty, another, which is only then looked for."""

    def find(scope: Scope) -> object:
        value = first(scope)
        return value if text_of(value).strip() else instead(scope)

    return find


def _comparison(node: nodes.Compare) -> _Value:
    left = QUIET.value(node.expr)
    rest = [(one.op, QUIET.value(one.expr)) for one in node.ops]

    def compare(scope: Scope) -> bool:
        before = left(scope)
        for test, value in rest:
            after = value(scope)
            if not _holds(test, before, after):
                return False
            before = after
        return True

    return compare


def _holds(test: str, left: object, right: object) -> bool:
    """Numbers are compared as such where one of the two is written as a number."""
    if test in {"in", "notin"}:
        inside = right if isinstance(right, list | tuple) else text_of(right)
        return (text_of(left) in inside) == (test == "in")
    if isinstance(left, int | float) or isinstance(right, int | float):
        return _TESTS[test](_number(left), _number(right))
    return _TESTS[test](text_of(left).strip(), text_of(right).strip())


def _number(value: object) -> float:
    try:
        return float(value if isinstance(value, int | float) else text_of(value))
    except (ValueError, OverflowError):
        message = f"{shown(value)} is compared with a number and is none"
        raise BadTemplateError(
            message, 'put the number into quotes, as in == "5"'
        ) from None
