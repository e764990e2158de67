from collections.abc import Mapping

import pytest

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.planning import Manifest
from jobs.manifest.rows import Defaults, Header, Row

URL = "https://example.com/mug.jpg"
V26: dict[str, object] = {"model": "kling-v2.6-std"}
V30: dict[str, object] = {"model": "kling-v3.0-std", "image": URL}
PROMPT = "{{ title }} turning slowly"


def manifest(options: Mapping[str, object], key: str | None = None) -> Manifest:
    made = Manifest(builtin(), options, key)
    assert made.problems == []
    return made


def row(cells: Mapping[str, object], number: int = 1) -> Row:
    return Row("shop/products.csv", number + 1, number, cells)


def job(planned: Manifest, cells: Mapping[str, object], number: int = 1) -> Job:
    made = planned.plan(row(cells, number))
    assert isinstance(made, Job), made
    return made


def told(
    planned: Manifest, cells: Mapping[str, object], number: int = 1
) -> list[tuple[str | int | None, str]]:
    made = planned.plan(row(cells, number))
    assert isinstance(made, list), made
    return [(one.column, one.kind) for one in made]


def test_a_default_is_filled_from_each_row() -> None:
    planned = manifest({**V26, "prompt": PROMPT})
    for number, title in enumerate(["Mug", "Lamp"], 1):
        made = job(planned, {"image": URL, "title": title}, number)
        assert made.inputs["prompt"] == f"{title} turning slowly"
    own = job(planned, {"image": URL, "title": "Pot", "prompt": "still"}, 3)
    assert own.inputs["prompt"] == "still"


def test_a_template_that_a_row_cannot_fill_is_told_at_that_row() -> None:
    planned = manifest({**V26, "prompt": PROMPT})
    made = planned.plan(row({"image": URL, "titel": "Mug"}, 6))
    assert isinstance(made, list)
    said = "the template names title, which this row does not have"
    place = "shop/products.csv, line 7, column prompt"
    (only,) = made
    assert str(only) == f"{place}: {said}; did you mean {{{{ titel }}}}?"
    assert only.value == PROMPT
    assert told(planned, {"image": URL, "title": ""}, 7) == [("prompt", "template")]


def test_a_misspelt_column_is_told_even_if_there_is_a_default_for_it() -> None:
    planned = manifest({**V26, "prompt": "{{ titel | default('it') }} turns"})
    assert planned.header(Header("a.csv", 1, ("image", "title"))) == []
    assert told(planned, {"image": URL, "title": "Mug"}) == [("prompt", "template")]


@pytest.mark.parametrize(
    "value",
    ["{{ title.x }}", {"a": "{{ f() }}"}, '["{{ x.y }}"]'],
)
def test_a_wrong_template_is_found_however_deep_it_stands(value: object) -> None:
    problems = Manifest(builtin(), {"multi_prompt": value}).problems
    assert [one.kind for one in problems] == ["template"]


def test_what_a_template_makes_is_checked_like_a_cell_of_its_row() -> None:
    planned = manifest({**V26, "prompt": "turn", "duration": "{{ seconds }}"})
    assert job(planned, {"image": URL, "seconds": 10}).inputs["duration"] == 10
    for number in (2, 3):
        made = planned.plan(row({"image": URL, "seconds": "12"}, number))
        assert isinstance(made, list)
        assert [(one.line, one.column, one.value) for one in made] == [
            (number + 1, "duration", "12")
        ]


def test_braces_of_a_cell_do_not_reach_the_provider() -> None:
    planned = manifest({**V26, "prompt": PROMPT})
    cells = {"image": URL, "title": "{{ secret }}", "secret": "x"}
    assert told(planned, cells) == [("prompt", "template")]
    assert told(planned, {"image": URL, "prompt": "{{ x }}"}, 2) == [
        ("prompt", "template")
    ]


def test_own_data_may_be_made_by_a_template() -> None:
    planned = manifest(
        {**V26, "prompt": "turn", "shelf": "{{ aisle }}-{{ place }}"},
        key="{batch}/{{ aisle | lower }}/{id}",
    )
    made = job(planned, {"image": URL, "aisle": "A", "place": "7"})
    assert made.data == {"aisle": "A", "place": "7", "shelf": "A-7"}
    assert made.key == "{batch}/a/row-0001.mp4"
    assert told(planned, {"image": URL, "place": "7"}, 2) == [
        ("shelf", "template"),
        ("key", "template"),
    ]


def test_ids_may_be_made_by_a_template() -> None:
    planned = manifest({**V26, "prompt": "turn", "id": "{{ sku | lower }}"})
    assert job(planned, {"image": URL, "sku": "A-1"}).id == "a-1"
    assert told(planned, {"image": URL, "sku": "a-1"}, 2) == [("id", "duplicate-id")]
    assert told(planned, {"image": URL, "sku": "a/1"}, 3) == [("id", "id")]
    assert told(planned, {"image": URL}, 4) == [("id", "template")]


SHOTS = '[{"prompt": "{{ title }} wide", "duration": 4}, {"prompt": "close"}]'


@pytest.mark.parametrize(
    "value",
    [
        [{"prompt": "{{ title }} wide", "duration": 4}, {"prompt": "close"}],
        "{{ title }} wide @ 4s | close",
    ],
)
def test_templates_may_stand_within_lists(value: object) -> None:
    planned = manifest({**V30, "multi_prompt": value})
    made = job(planned, {"title": 'A "mug"'})
    assert made.inputs["multi_prompt"] == [
        {"prompt": 'A "mug" wide', "duration": 4},
        {"prompt": "close"},
    ]


@pytest.mark.parametrize("title", ["mug | another", "mug @ 9s"])
def test_no_cell_adds_a_shot_that_nobody_wrote(title: str) -> None:
    as_text = manifest({**V30, "multi_prompt": "{{ title }} | close"})
    assert told(as_text, {"title": title}) == [("multi_prompt", "template")]
    as_list = manifest({**V30, "multi_prompt": SHOTS})
    assert len(job(as_list, {"title": title}).inputs["multi_prompt"]) == 2


@pytest.mark.parametrize("value", ["{{ x }}"])
def test_a_model_is_never_a_template(value: str) -> None:
    (problem,) = Manifest(builtin(), {"model": value}).problems
    assert problem.kind == "unknown-model"


def test_pictures_start_from_the_folder_of_what_names_them() -> None:
    options: dict[str, object] = {**V30, "image": "{{ sku }}.jpg", "prompt": "turn"}
    planned = manifest(options)
    planned.fill(Defaults("lists/a.yaml", {"end_image": "ends/{{ sku }}.jpg"}))
    made = job(planned, {"sku": "a"})
    assert made.inputs["image"] == "a.jpg"
    assert made.inputs["end_image"] == "lists/ends/a.jpg"
    own = job(planned, {"sku": "b", "image": "./p/b.jpg", "end_image": URL}, 2)
    assert own.inputs["image"] == "shop/p/b.jpg"
    assert own.inputs["end_image"] == URL


def test_a_formula_in_an_input_is_told_and_one_in_own_data_is_kept() -> None:
    planned = manifest({**V26, "prompt": "turn"})
    cells = {"image": '=HYPERLINK("https://example.com")', "note": "=A1"}
    assert told(planned, cells) == [("image", "formula")]
    assert job(planned, {"image": URL, "note": "=A1"}, 2).data == {"note": "=A1"}


def test_a_key_of_the_file_gives_way_to_that_of_the_command_line() -> None:
    planned = manifest({**V26, "prompt": "turn"}, key="{batch}/line/{id}")
    assert planned.accept_key("{batch}/file/{id}", "a.yaml", 2) == []
    assert job(planned, {"image": URL}).key == "{batch}/line/row-0001.mp4"
    (problem,) = planned.accept_key("../{id}", "a.yaml", 2)
    assert (problem.file, problem.line, problem.kind) == ("a.yaml", 2, "key")
    other = manifest({**V26, "prompt": "turn"})
    assert other.accept_key("{batch}/file/{id}", "a.yaml", 2) == []
    assert job(other, {"image": URL}).key == "{batch}/file/row-0001.mp4"
