from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue.validation import InvalidValueError
from jobs.manifest.templates import RowScope, Template, is_template

CELLS = {
    "Title": " Mug <b>Big</b> &amp; red ",
    "Vendor": "",
    "Image Src": "a.jpg",
    "Body (HTML)": "<style>p{}</style><p>One</p>\n<p>Two &lt; 3</p><!-- <p> -->",
    "Tags": "red, hot",
    "price": "12.50",
    "sizes": ["S", "M"],
    "stock": 5,
    "sold": None,
}


def render(
    text: str, cells: Mapping[str, object] = CELLS, *, table: bool = True
) -> str:
    more = {"campaign": "spring", "id": "mug"}
    return Template(text).render(RowScope(cells, more, closed=table))


def told(text: str, cells: Mapping[str, object] = CELLS, *, table: bool = True) -> str:
    with pytest.raises(InvalidValueError) as caught:
        render(text, cells, table=table)
    assert caught.value.issue.suggestion
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ Title }} turning", "Mug <b>Big</b> &amp; red turning"),
        ("{{ image_src }}|{{ body_html | striptags }}", "a.jpg|One Two < 3"),
        ('{{ row["Image Src"] }}', "a.jpg"),
        ("{{ stock }} left, {{ campaign }}, {{ id }}", "5 left, spring, mug"),
        ("{{ Tags | first | upper }} {{ sizes | last | lower }}", "RED m"),
        ("{{ Tags | join(' and ') }}", "red and hot"),
        ("{{ title | striptags | title }}", "Mug Big & Red"),
        ("{{ 'a slow and even turn' | truncate(10) }}", "a slow and"),
        ("{{ vendor | trim | default(title | lower) | truncate(3) }}", "mug"),
        ("{{ vendor or image_src }}", "a.jpg"),
        ("{% if vendor %}by {{ vendor }}{% else %}by hand{% endif %}", "by hand"),
        ("{% if 'hot' in Tags and not vendor %}a{% endif %}", "a"),
        ("{{ 'a' if price == '12.50' and 12 < price <= 13 else 'b' }}", "a"),
        ("{{ 'a' if vendor == '' and not sold else 'b' }}", "a"),
    ],
)
def test_a_template_is_filled_from_the_cells(text: str, expected: str) -> None:
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ titel }}", "did you mean {{ title }}?"),
        ("{{ titel | default('x') }}", "the table does not have"),
        ("{% if titel %}a{% endif %}", "the table does not have"),
        ("{{ vendor }}", "vendor, which is empty here"),
        ("{{ image_src | trim('a.jpg') }}", "comes out empty"),
        ("{{ 'a' if tags > 3 else 'b' }}", "compared with a number"),
        ("{{ 5 in tags }}", "cannot be compared"),
        ("{{ title ~ vendor }}", "vendor, which is empty here"),
        ("{{ title | replace('M', vendor) }}", "vendor, which is empty here"),
    ],
)
def test_what_a_row_cannot_fill_is_told(text: str, words: str) -> None:
    assert words in told(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ title",
        "{% if title %}",
        "{{ title.__class__ }}",
        "{{ row[title] }}",
        "{{ title[0] }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a' * 999999999 }}",
        "{{ price + 1 }}",
        "{{ [1, 2] }}",
        "{{ title is defined }}",
        "{{ title | attr('x') }}",
        "{{ title | truncate(length=5) }}",
        "{% set a = 1 %}",
        "{{ " + "(" * 4000 + "a" + ")" * 4000 + " }}",
        "{{ " + "9" * 5000 + " }}",
    ],
)
def test_what_may_not_stand_in_a_template_is_refused_before_any_row(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        Template(text)
    assert caught.value.issue.suggestion
    assert caught.value.issue.message.isprintable()


@pytest.mark.parametrize("name", ["self", "cycler", "range", "namespace", "fits"])
def test_names_of_the_template_language_mean_nothing_here(name: str) -> None:
    assert "the table does not have" in told(f"{{{{ {name} }}}}")
    cells = {"title": f"{{{{ {name} }}}}{{% if %}}"}
    assert render("{{ title }}", cells) == cells["title"]


def test_two_columns_of_one_word_are_told_apart_only_by_their_names() -> None:
    cells = {"Image Src": "a", "image-src": "b", "image src": "c"}
    assert "can mean" in told("{{ image_src }}", cells)
    assert render('{{ row["image-src"] }}', cells) == "b"
    exact = {**cells, "image_src": "d"}
    assert render("{{ image_src }}", exact) == "d"


def test_rows_that_are_no_table_may_lack_what_has_a_default() -> None:
    assert render("{{ size | default('M') }}", {}, table=False) == "M"
    assert render("{% if size %}a{% else %}b{% endif %}", {}, table=False) == "b"
    assert "this row does not have" in told("{{ size }}", {"sizes": "S"}, table=False)


def test_a_value_may_be_refused_where_it_is_put() -> None:
    def fits(text: str) -> None:
        if "/" in text:
            raise ValueError(text)

    scope = RowScope({"a": "x/y", "b": "z"}, {}, closed=True)
    assert Template("q/{{ b }}").render(scope, fits) == "q/z"
    with pytest.raises(ValueError, match="x/y"):
        Template("{{ a }}").render(scope, fits)


def test_the_sketch_of_a_template_has_its_own_text() -> None:
    text = "{batch}/{{ vendor }}/{% if a %}b{% else %}c{% endif %}"
    assert Template(text).sketch() == "{batch}/x/b"
    assert Template("{% if a > 5 %}b{% endif %}").sketch() == "x"


WORDS = st.sampled_from(
    [
        *("{{", "}}", "{%", "%}", "{#", "#}", " ", "|", "(", ")", "'", '"', ".", ","),
        *("title", "row", "[", "]", "if", "else", "endif", "default", "replace", "for"),
        *("truncate", "striptags", "~", "+", "*", "9", "__class__", "not", "in", "=="),
    ]
)


@given(st.lists(WORDS).map("".join), st.text())
def test_any_text_is_a_template_or_told_to_be_none(text: str, title: str) -> None:
    try:
        made = render(text, {"title": title})
    except InvalidValueError:
        return
    assert is_template(text) or made == text.removesuffix("\n")
