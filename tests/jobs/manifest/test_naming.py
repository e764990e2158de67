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
from jobs.seen import Seen

FIELDS = {"id": "mug", "model": "kling-v2.6-std", "line": "7", "sku": "A 1"}


@pytest.mark.parametrize("name", ["mug-orbit", "杯子", "कप", "x" * 100])
def test_an_id_may_have_letters_of_any_language(name: str) -> None:
    assert clean_id(f" {name} ") == name


def test_an_id_is_composed_so_that_equal_looking_ones_are_equal() -> None:
    assert clean_id("gru\u0308n") == "gr\u00fcn"


@pytest.mark.parametrize(
    "name",
    [
        "a/b",
        "a\\b",
        "a:b",
        ".hidden",
        "-rf",
        "a\x1b",
        "杯" * 70,
        "\u0301a",
        "\u200b",
        "½",
        "",
    ],
)
def test_an_id_that_could_harm_a_file_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        clean_id(name)
    assert caught.value.issue.suggestion
    assert str(caught.value).isprintable()


@given(st.text())
def test_a_cleaned_id_stays_as_it_is(text: str) -> None:
    try:
        cleaned = clean_id(text)
    except InvalidValueError:
        return
    assert clean_id(cleaned) == cleaned
    assert not set(cleaned) & set("/\\{} \n\0")


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("{batch}/{id}", "{batch}/mug.mp4"),
        ("{id}.MP4", "mug.MP4"),
        ("{batch}/{model}/{sku}-{line}", "{batch}/kling-v2.6-std/A 1-7.mp4"),
    ],
)
def test_a_key_is_made_from_its_template(template: str, key: str) -> None:
    assert KeyTemplate(template).key(FIELDS) == key


@given(st.text(), st.text())
def test_any_text_is_made_an_id_and_different_ones_stay_so(a: str, b: str) -> None:
    made = fitting_id(a)
    assert clean_id(made) == made
    if a.strip() != b.strip() and made == fitting_id(b):
        assert clean_id(a) == clean_id(b)  # the same but for how they are composed


def keyed(template: str, cells: dict[str, object]) -> str:
    scope = RowScope(cells, {}, closed=True)
    return KeyTemplate(template).key(FIELDS, lambda: scope)


@pytest.mark.parametrize("value", ["../x", "a/b", "{batch}"])
def test_a_templated_value_cannot_change_the_shape_of_a_key(value: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        keyed("{batch}/{{ sku }}", {"sku": value})
    assert "replace" in caught.value.issue.suggestion


@given(st.text(), st.text())
def test_no_templated_key_ever_climbs_out_of_its_prefix(a: str, b: str) -> None:
    try:
        key = keyed("{{ a }}/x{{ b | default('y') }}", {"a": a, "b": b})
    except InvalidValueError:
        return
    parts = key.split("/")
    assert len(parts) == 2
    assert not {"", ".", ".."} & {part.strip() for part in parts}
    assert len(key.encode()) <= MAX_KEY_BYTES


@pytest.mark.parametrize(
    "template",
    [
        "",
        "/{id}",
        "../{id}",
        "{batch}/../{id}",
        "{batch}//{id}",
        "{batch}\\{id}",
        "{id",
        "{{ }}",
        "{{ sku",
        "{{ sku.lower() }}",
        "../{{ sku }}",
        "{% raw %}{{ sku }}{% endraw %}",
        "a\n{id}",
        "s3://bucket/{id}",
        "x" * 300,
        "/".join(["x" * 200] * 5),
    ],
)
def test_a_template_that_could_leave_its_prefix_is_refused(template: str) -> None:
    with pytest.raises(InvalidValueError):
        KeyTemplate(template)


@pytest.mark.parametrize("value", ["../x", "a/b", "a\\b", "{batch}", ""])
def test_a_value_that_could_leave_the_prefix_is_refused(value: str) -> None:
    with pytest.raises(InvalidValueError):
        KeyTemplate("{batch}/{sku}").key({**FIELDS, "sku": value})


@pytest.mark.parametrize("dots", ["..", " .. "])
def test_a_part_of_dots_alone_is_refused(dots: str) -> None:
    with pytest.raises(InvalidValueError):
        KeyTemplate("{sku}/{id}").key({**FIELDS, "sku": dots})


@given(template=st.text("{}idsku/.\\a", max_size=20), sku=st.text(max_size=300))
def test_no_key_ever_climbs_out_of_its_prefix(template: str, sku: str) -> None:
    try:
        key = KeyTemplate(template).key({**FIELDS, "sku": sku})
    except InvalidValueError:
        return
    parts = key.split("/")
    assert not {"", ".", ".."} & {part.strip() for part in parts}
    assert "\\" not in key
    assert key.isprintable() or " " in key
    assert key.casefold().endswith(".mp4")
    assert len(key.encode()) <= MAX_KEY_BYTES


@pytest.mark.parametrize("name", ["Report"])
def test_no_video_takes_the_place_of_its_batchs_report(name: str) -> None:
    with pytest.raises(InvalidValueError, match="own report; choose another id or key"):
        KeyTemplate(DEFAULT_KEY).key({"id": name})
    assert KeyTemplate("{batch}/all/{id}").key({"id": name})


def test_keys_are_unique_by_id_only_where_the_id_is_the_whole_name() -> None:
    assert KeyTemplate("{batch}/{sku}/{id}.mp4").unique_by_id
    assert not KeyTemplate("{batch}/{id}{line}.mp4").unique_by_id
    assert not KeyTemplate("{batch}/{id}/{sku}.mp4").unique_by_id


@given(st.lists(st.text("abAB", max_size=3)))
def test_seen_agrees_with_a_dictionary(names: list[str]) -> None:
    seen, lines = Seen(), dict[str, int]()
    for line, name in enumerate(names):
        assert seen.add(name, line) == lines.get(name.casefold())
        lines.setdefault(name.casefold(), line)


@given(st.lists(st.sampled_from(["a", "A", "b"]), max_size=3_000))
def test_names_are_counted_to_the_letter(names: list[str]) -> None:
    seen, counted = Seen(), dict[str, int]()
    for name in names:
        counted[name] = counted.get(name, 0) + 1
        assert seen.count(name) == counted[name]
