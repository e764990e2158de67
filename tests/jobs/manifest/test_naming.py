import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue.validation import InvalidValueError
from jobs.manifest.naming import (
    DEFAULT_KEY,
    MAX_KEY_BYTES,
    KeyTemplate,
    clean_id,
    fitting_id,
)
from jobs.manifest.templates import RowScope

FIELDS = {"id": "mug", "model": "kling-v2.6-std", "line": "7", "sku": "A 1"}


def key(template: str, fields: dict[str, str] = FIELDS) -> str:
    return KeyTemplate(template).key(RowScope(fields, {}, closed=True))


@pytest.mark.parametrize("name", ["mug-orbit", "杯子", "कप", "x" * 100])
def test_an_id_may_have_letters_of_any_language(name: str) -> None:
    assert clean_id(f" {name} ") == name
    assert clean_id("gru\u0308n") == "gr\u00fcn"


@pytest.mark.parametrize(
    "name",
    [
        *("a/b", "a\\b", "a:b", ".hidden", "-rf", "a\x1b", "杯" * 70, "\u0301a"),
        *("\u200b", "½", ""),
    ],
)
def test_an_id_that_could_harm_a_file_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        clean_id(name)
    assert caught.value.issue.suggestion
    assert str(caught.value).isprintable()


@given(st.text(), st.text())
def test_any_text_is_made_an_id_and_different_ones_stay_so(a: str, b: str) -> None:
    made = fitting_id(a)
    assert clean_id(made) == made
    assert not set(made) & set("/\\{} \n\0")
    if a.strip() != b.strip() and made == fitting_id(b):
        assert clean_id(a) == clean_id(b)  # the same but for how they are composed


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{batch}/{id}", "{batch}/mug.mp4"),
        ("{id}.MP4", "mug.MP4"),
        ("{batch}/{model}/{sku}-{line}", "{batch}/kling-v2.6-std/A 1-7.mp4"),
        ("{batch}/{{ sku | lower }}/{id}", "{batch}/a 1/mug.mp4"),
    ],
)
def test_a_key_is_made_from_its_template(template: str, expected: str) -> None:
    assert key(template) == expected


@pytest.mark.parametrize(
    "template",
    [
        *("", "/{id}", "../{id}", "{batch}/../{id}", "{batch}//{id}", "{batch}\\{id}"),
        *("{id", "{}", "{{ }}", "{{ sku", "{{ sku.lower() }}", "../{{ sku }}"),
        *("{% raw %}{{ sku }}{% endraw %}", "a\n{id}", "s3://bucket/{id}", "x" * 300),
        "/".join(["x" * 200] * 5),
    ],
)
def test_a_template_that_could_leave_its_prefix_is_refused(template: str) -> None:
    with pytest.raises(InvalidValueError):
        KeyTemplate(template)


@pytest.mark.parametrize("value", ["../x", "a/b", "a\\b", "{batch}", "", "..", " .. "])
@pytest.mark.parametrize("template", ["{sku}/{id}", "{{ sku }}/{id}"])
def test_a_value_that_could_leave_the_prefix_is_refused(
    template: str, value: str
) -> None:
    with pytest.raises(InvalidValueError):
        key(template, {**FIELDS, "sku": value})


def test_braces_that_only_a_row_brings_out_are_refused() -> None:
    template = KeyTemplate("{% if sku == 'x' %}a{% else %}{id{% endif %}")
    with pytest.raises(InvalidValueError, match="brace"):
        template.key(RowScope({**FIELDS, "sku": "y"}, {}, closed=True))


@given(
    template=st.sampled_from(["{{ a }}/x{{ b | default('y') }}", "{a}/{b}"])
    | st.text("{}iab/.\\", max_size=20),
    a=st.text(max_size=300),
    b=st.text(),
)
def test_no_key_ever_climbs_out_of_its_prefix(template: str, a: str, b: str) -> None:
    try:
        made = key(template, {**FIELDS, "a": a, "b": b})
    except InvalidValueError:
        return
    assert not {"", ".", ".."} & {part.strip() for part in made.split("/")}
    assert "\\" not in made
    assert made.replace(" ", "").isprintable()
    assert made.casefold().endswith(".mp4")
    assert len(made.encode()) <= MAX_KEY_BYTES


def test_no_video_takes_the_place_of_its_batchs_report() -> None:
    with pytest.raises(InvalidValueError, match="own report; choose another id or key"):
        key(DEFAULT_KEY, {"id": "Report"})
    assert key("{batch}/all/{id}", {"id": "Report"})


def test_keys_are_unique_by_id_only_where_the_id_is_the_whole_name() -> None:
    assert KeyTemplate("{batch}/{sku}/{id}.mp4").unique_by_id
    assert not KeyTemplate("{batch}/{id}{line}.mp4").unique_by_id
    assert not KeyTemplate("{batch}/{id}/{sku}.mp4").unique_by_id
