"""Templates over the columns of a row, filled by Jinja's sandbox: `{{ title }} turns`.

What is not in `_ALLOWED` cannot be written: no loop, no call, no attribute, no
arithmetic. Names and meanings of filters are those of Jinja, except that `truncate`
adds nothing, and that a text with commas is a list to `first`, `last` and `join`.
"""

import html
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from itertools import islice
from typing import NamedTuple, TypeAlias

from jinja2 import TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from jobs.catalogue.validation import InvalidValueError, MarkedText, invalid, is_given
from jobs.text import choice, guesses, plain, shown, visible

#: Is shown every text that a value puts into a template, and may raise.
Fits: TypeAlias = Callable[[str], None]

_HELP = 'use {{ column }}, {{ row["Any Column"] }}, filters and if'
_ALLOWED = (
    nodes.Output
    | nodes.TemplateData
    | nodes.If
    | nodes.CondExpr
    | nodes.Const
    | nodes.Filter
    | nodes.Compare
    | nodes.Operand
    | nodes.Not
    | nodes.And
    | nodes.Or
    | nodes.Concat
)
#: How nodes are called where their own names would not do.
_CALLED = {
    nodes.Call: "a call",
    nodes.For: "a loop",
    nodes.Getattr: "a dot",
    nodes.Getitem: "a part of a value",
    nodes.Test: "a test with “is”",
}
#: Names that tables have for one thing.
_SAME = (
    (
        *("title", "name", "product_name", "product_title", "item_name", "product"),
        *("titel", "bezeichnung", "artikelname", "titre", "nom", "titolo", "nome"),
        *("nombre", "título", "naam", "nazwa", "название"),
    ),
    ("sku", "article_number", "item_number", "artikelnummer", "ugs", "referencia"),
    ("vendor", "brand", "manufacturer", "maker", "marke", "hersteller", "marque"),
    ("price", "regular_price", "preis", "prix", "prezzo", "precio", "prijs"),
)
#: Columns that are named to who names none of them.
MAX_NAMES = 8

_GAPS = re.compile(r"[^\w]+|_+")

_WORD = re.compile(r"[^\s\-([{<]+")
_TAG = re.compile(r"<[^<>]*>")
#: Tags between which texts are apart, though no white space stands there.
_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figure|footer|h[1-6]"
    r"|header|hr|li|main|ol|p|pre|section|table|td|th|tr|ul)\b[^<>]*>",
    re.IGNORECASE,
)
#: What is never text, from its beginning to its end.
_UNSEEN = re.compile(
    r"<!--.*?(?:-->|$)|<(script|style)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL
)


class Filter(NamedTuple):
    """One filter: what it does, and how many values it takes in brackets."""

    apply: Callable[..., object]
    fewest: int = 0
    most: int = 0


def _items(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [text_of(one).strip() for one in value]
    parts = (part.strip() for part in text_of(value).split(","))
    return [part for part in parts if part]


def _title(value: object) -> str:
    return _WORD.sub(lambda word: word[0].capitalize(), text_of(value))


def _trim(value: object, chars: object = None) -> str:
    return text_of(value).strip(None if chars is None else text_of(chars))


def _replace(value: object, old: object, new: object) -> str:
    return text_of(value).replace(text_of(old), text_of(new))


def _truncate(value: object, chars: object) -> str:
    """At most so many characters, cut between two words if there are two."""
    if type(chars) is not int or chars < 1:
        message = "truncate takes a number of characters"
        raise template_error(message, "write truncate(80)")
    text = text_of(value).strip()
    if len(text) <= chars:
        return text
    cut = text[: chars + 1]
    words = cut.rstrip()
    if len(words) > chars:
        kept = re.split(r"\s+\S*$", cut, maxsplit=1)[0]
        words = kept if len(kept) <= chars else cut[:chars]
    return words.rstrip()


def _striptags(value: object) -> str:
    """The text of HTML: no tags, entities as their characters, single spaces."""
    text = _TAG.sub("", _BLOCK.sub(" ", _UNSEEN.sub("", text_of(value))))
    return " ".join(html.unescape(text).split())


def _join(value: object, between: object = ", ") -> str:
    return text_of(between).join(_items(value))


def _default(value: object, other: object, *_: object) -> object:
    return value if text_of(value).strip() else other


#: The filters by name; `default` is the only one that is given empty cells.
FILTERS: Mapping[str, Filter] = {
    "capitalize": Filter(lambda value: text_of(value).capitalize()),
    "default": Filter(_default, 1, 2),
    "first": Filter(lambda value: next(iter(_items(value)), "")),
    "join": Filter(_join, 0, 1),
    "last": Filter(lambda value: next(reversed(_items(value)), "")),
    "lower": Filter(lambda value: text_of(value).lower()),
    "replace": Filter(_replace, 2, 2),
    "striptags": Filter(_striptags),
    "title": Filter(_title),
    "trim": Filter(_trim, 0, 1),
    "truncate": Filter(_truncate, 1, 1),
    "upper": Filter(lambda value: text_of(value).upper()),
}


def template_error(message: str, suggestion: str) -> InvalidValueError:
    """A template that cannot be used: as such, or with the cells of one row."""
    return invalid("template", message, suggestion)


def is_template(text: str) -> bool:
    """True if something in it would be filled in."""
    return "{{" in text or "{%" in text or "{#" in text


def text_of(value: object) -> str:
    """A value as text; a list as its items with commas between them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value))
    return "" if value is None or isinstance(value, Undefined) else plain(value)


class _Cell(str):
    """A cell: compared as a number with numbers, else as a text without its margins."""

    __slots__ = ()
    __hash__ = str.__hash__


def _comparison(name: str) -> Callable[[str, object], bool]:
    compare = getattr(operator, name)

    def compared(self: str, other: object) -> bool:
        if isinstance(other, int | float):
            return bool(compare(_number(self), other))
        return bool(compare(self.strip(), text_of(other).strip()))

    return compared


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(_Cell, f"__{_name}__", _comparison(_name))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"{shown(str(text))} is compared with a number and is none"
        suggestion = 'put the number into quotes, as in == "5"'
        raise template_error(message, suggestion) from None


class _Empty(_Cell):
    """An empty cell: false in a test, and an error where it is printed."""

    __slots__ = ("error",)
    error: InvalidValueError

    def __str__(self) -> str:
        raise self.error


class _ColumnNames:
    """The columns of rows that look alike, by the words that mean them."""

    def __init__(self, columns: Iterable[str]) -> None:
        self.exact = dict.fromkeys(columns)
        self._by_word: dict[str, list[str]] = {}
        for column in self.exact:
            self._by_word.setdefault(folded(column), []).append(column)

    def find(self, name: str) -> str | None:
        """The column of that name, else the one that is the same but for case and gaps.

        Raises:
            InvalidValueError: more than one column can be meant.
        """
        if name in self.exact:
            return name
        meant = self._by_word.get(folded(name), [])
        if len(meant) > 1:
            both = " and ".join(map(shown, meant[:2]))
            instead = f'write {{{{ row["{meant[0]}"] }}}} for the first of them'
            raise template_error(f"{name} can mean {both}", instead)
        return meant[0] if meant else None


_column_names = lru_cache(maxsize=1000)(_ColumnNames)


def folded(column: str) -> str:
    """The name of a column as a word.

    >>> folded("Image Src"), folded("Body (HTML)")
    ('image_src', 'body_html')
    """
    return _GAPS.sub("_", column.casefold()).strip("_")


class RowScope:
    """The values that templates find in one row, by name."""

    def __init__(
        self, cells: Mapping[str, object], more: Mapping[str, object], *, closed: bool
    ) -> None:
        """Make the scope of a row.

        Args:
            cells: the row.
            more: what defaults and the row's own place add.
            closed: the columns are those of a table, so a missing one is a mistake.
        """
        self._cells, self._more, self._closed = cells, more, closed
        self._names = _column_names(tuple(cells))

    def __getitem__(self, name: str) -> object:
        """The value of that name.

        Raises:
            InvalidValueError: there is no such column, or more than one.
        """
        column = self._names.find(name)
        value = None if column is None else self._cells[column]
        if is_given(value):
            if isinstance(value, MarkedText) and value.is_bad:
                message = f"the template needs {name}, but {value.issue.message}"
                raise template_error(message, value.issue.suggestion)
            typed = value if isinstance(value, list | tuple) else plain(value).strip()
            return _Cell(typed) if isinstance(typed, str) else typed
        if self._more.get(name) is not None:
            value = self._more[name]
            return _Cell(value) if isinstance(value, str) else value
        empty = _Empty()
        message = f"the template needs {name}, which is empty here"
        suggestion = 'fill it in, or add | default("…") to it'
        if column is None:
            owner = "the table" if self._closed else "this row"
            message = f"the template names {name}, which {owner} does not have"
            suggestion = self._nearest(name)
        empty.error = template_error(message, suggestion)
        if column is None and self._closed:
            raise empty.error
        return empty

    def _nearest(self, name: str) -> str:
        words = {folded(column): column for column in (*self._names.exact, *self._more)}
        alike = next((same for same in _SAME if folded(name) in same), ())
        near = [one for one in alike if one in words]
        near += guesses(folded(name), words, most=1)
        if not near:
            there = ", ".join(map(visible, islice(self._names.exact, MAX_NAMES)))
            return f"name a column: {there}" if there else "leave it out"
        written = near[0] if near[0].isidentifier() else f'row["{words[near[0]]}"]'
        return f"did you mean {{{{ {written} }}}}?"


class _Sketch:
    """A scope in which every name has a value."""

    def __getitem__(self, name: str) -> str:
        return "x"


class Template:
    """A text that is filled from the cells of each row."""

    def __init__(self, text: str) -> None:
        """Read the template that a person wrote.

        Raises:
            InvalidValueError: it is not well formed, or has something in it that it may
                not.
        """
        try:
            tree = _JINJA.parse(text)
            tree.body = [_allowed(node) for node in tree.body]
            tree.set_environment(_JINJA)
            self._made = _JINJA.from_string(tree)
        except TemplateSyntaxError as error:
            reason = str(error.message).rstrip(".")
            message = f"{shown(text)} cannot be read as a template: {reason}"
            suggestion = "write it like {{ title }} turning slowly"
            raise template_error(message, suggestion) from None
        except (ValueError, RecursionError, SyntaxError, MemoryError):
            message = f"{shown(text)} cannot be read"
            raise template_error(message, "make it simpler") from None

    def render(self, scope: RowScope | _Sketch, fits: Fits | None = None) -> str:
        """The text for one row; what it returns is data, and never a template.

        Raises:
            InvalidValueError: a name means nothing here, or its cell is empty.
        """
        try:
            # What `render` does, without copies of what is the same for all rows.
            names = {"row": scope, "fits": fits}
            context = self._made.new_context(names, shared=True)
            return "".join(self._made.root_render_func(context))
        except TypeError:
            message = "the template compares what cannot be compared"
            raise template_error(message, "compare texts with texts") from None

    def sketch(self) -> str:
        """The text with `x` for whatever a row fills in; an `if` as if it were true."""
        try:
            return self.render(_Sketch())
        except InvalidValueError:
            return "x"  # it compares numbers, say: only real cells can tell


def _allowed(node: nodes.Node) -> nodes.Node:
    """The node, with names as looks into the row, and with checks of what is printed.

    Raises:
        InvalidValueError: it may not stand in a template.
    """
    match node:
        case nodes.Getitem(node=nodes.Name(name="row"), arg=nodes.Const(value=str())):
            return node
        case nodes.Name(name=name):
            row, key = nodes.Name("row", "load"), nodes.Const(name)
            return nodes.Getitem(row, key, "load")
        case nodes.Filter():
            _check_filter(node)
    if not isinstance(node, _ALLOWED):
        name = _CALLED.get(type(node), f"“{type(node).__name__.lower()}”")
        raise template_error(f"{name} cannot stand in a template", _HELP)
    for field, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(node, field, _allowed(value))
        elif isinstance(value, list):
            inner = [
                _allowed(one) if isinstance(one, nodes.Node) else one for one in value
            ]
            setattr(node, field, inner)
    if isinstance(node, nodes.Output):
        node.nodes = [_printed(one) for one in node.nodes]
    return node


def _printed(node: nodes.Expr) -> nodes.Expr:
    if isinstance(node, nodes.TemplateData):
        return node
    can_be_empty = [nodes.Const(_can_be_empty(node))]
    return nodes.Filter(node, "_print", can_be_empty, [], None, None)


def _can_be_empty(node: nodes.Node | None) -> bool:
    """True if the template itself says what becomes of an empty cell."""
    if isinstance(node, nodes.Filter):
        return node.name == "default" or _can_be_empty(node.node)
    return isinstance(node, nodes.Const | nodes.CondExpr | nodes.And | nodes.Or)


def _check_filter(node: nodes.Filter) -> None:
    known = FILTERS.get(node.name)
    if known is None:
        meant = guesses(node.name, FILTERS, most=1)
        instead = f"did you mean {meant[0]}?" if meant else f"use {choice(FILTERS)}"
        raise template_error(f"there is no filter {shown(node.name)}", instead)
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        message = f"the filter {node.name} takes no names in its brackets"
        raise template_error(message, "write the values alone")
    if node.node is None or not known.fewest <= len(node.args) <= known.most:
        wanted = " to ".join(dict.fromkeys((str(known.fewest), str(known.most))))
        message = f"the filter {node.name} takes {wanted} values in brackets"
        raise template_error(message, f"it has {len(node.args)}")


@pass_context
def _print(context: Context, value: object, can_be_empty: bool) -> str:  # noqa: FBT001 - called by Jinja
    """What every printed value goes through."""
    if isinstance(value, _Empty) and not can_be_empty:
        raise value.error
    text = text_of(value)
    if not can_be_empty and not text.strip():
        message = "a part of the template comes out empty"
        raise template_error(message, 'add | default("…") to it')
    if text and context["fits"] is not None:
        context["fits"](text)
    return str.__str__(text)


def _filtered(apply: Callable[..., object], value: object, *args: object) -> object:
    """What a filter makes of a value; an empty cell stays one."""
    if isinstance(value, _Empty):
        return value
    for arg in args:
        if isinstance(arg, _Empty):
            raise arg.error
    return apply(value, *args)


_JINJA = ImmutableSandboxedEnvironment(optimized=False)
_JINJA.globals.clear()
_JINJA.tests.clear()
_JINJA.filters = {name: partial(_filtered, one.apply) for name, one in FILTERS.items()}
_JINJA.filters |= {"default": FILTERS["default"].apply, "_print": _print}
