from collections.abc import Mapping
from datetime import date

import pytest

from jobs.catalogue import Catalogue, builtin
from jobs.catalogue.schema import model_of
from jobs.job import Job
from jobs.manifest.planning import Manifest
from jobs.manifest.rows import Defaults, Feeds, Header, Problem, Row
from tests.jobs.manifest.asked import flat

URL = "https://example.com/mug.jpg"
LEAST = {"model": "kling-v2.6-std", "image": URL, "prompt": "turn"}
V26: dict[str, object] = {"model": "kling-v2.6-std"}
V30: dict[str, object] = {"model": "kling-v3.0-std", "image": URL}
PROMPT = "{{ title }} turning slowly"

Cells = Mapping[str, object]


def manifest(options: Cells | None = None, key: str | None = None) -> Manifest:
    made = Manifest(builtin(), options, key)
    assert made.problems == []
    return made


def row(cells: Cells, number: int = 1) -> Row:
    return Row("shop/products.csv", number + 1, number, cells)


def job(planned: Manifest, cells: Cells, number: int = 1) -> Job:
    (made,) = flat(planned.plan(row(cells, number)))
    assert isinstance(made, Job), made
    return made


def problems(planned: Manifest, cells: Cells, number: int = 1) -> list[Problem]:
    made = flat(planned.plan(row(cells, number)))
    assert not any(isinstance(one, Job) for one in made), made
    return [one for one in made if isinstance(one, Problem)]


def kinds(
    planned: Manifest, cells: Cells, number: int = 1
) -> list[tuple[str | int | None, str]]:
    return [(one.column, one.kind) for one in problems(planned, cells, number)]


def test_a_row_becomes_a_job_with_price_and_key() -> None:
    cells = {
        **LEAST,
        "id": " mug ",
        "sku": "A-1",
        "title": "",
        "n": 1,
        "o": {"a": None},
    }
    made = job(manifest(), cells)
    assert made == Job(
        id="mug",
        line=2,
        model="kwaivgi/kling-v2.6-std/image-to-video",
        inputs={"image": URL, "prompt": "turn"},
        price_usd_micros=210_000,
        key="{batch}/mug.mp4",
        data={"sku": "A-1", "n": "1", "o": '{"a": null}'},
        duration_s=5,
    )
    assert Job.from_json(made.to_json()) == made


def test_a_problem_reads_as_where_what_and_what_to_do() -> None:
    cells = {**LEAST, "duration": "12", "image": "https://anna:pw9@example.com/a"}
    made = flat(manifest().plan(Row("a.yaml", 7, 6, cells, {"duration": 9})))
    assert "pw9" not in repr(made)
    assert [str(problem) for problem in made[1:]] == [
        'a.yaml, line 9, column duration: "12" is not one of 5, 10; write 5 or 10'
    ]
    assert isinstance(made[1], Problem)
    assert made[1].value == "12"


def test_ids_are_given_or_made_and_used_once_whatever_their_case() -> None:
    planned = manifest()
    assert job(planned, LEAST, 7).id == "row-0007"
    assert job(planned, {**LEAST, "id": 7}).id == "7"
    assert kinds(planned, {**LEAST, "id": True}) == [("id", "id")]
    # Whatever else is wrong with a row, its id is taken.
    problems(planned, {"id": "Row-0003"}, 1)
    (clash,) = problems(planned, {**LEAST, "id": "ROW-0003"}, 2)
    assert (clash.kind, "line 2" in clash.message) == ("duplicate-id", True)


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("AB 12/3", "AB-12-3.8237"),
        ("Ä-7 (rot)", "Ä-7--rot.5961"),
        ('="00123"', "00123"),
        (125.0, "125"),
        ("00123", "00123"),
    ],
)
def test_an_id_is_made_to_fit_and_stays_in_the_report_as_it_was_written(
    written: object, made: str
) -> None:
    found = job(manifest(), {**LEAST, "id": written})
    assert found.id.startswith(made)
    assert found.data == ({} if found.id == written else {"id (own)": str(written)})
    other = job(manifest(), {**LEAST, "id": f"{written}."})
    assert other.id != found.id


def test_a_value_is_taken_from_row_then_options_then_defaults() -> None:
    planned = manifest({"duration": "10", "model": "kling-v1.6-std"})
    planned.fill(Defaults("a.yaml", {"duration": "5", "negative_prompt": "blur"}))
    first = job(planned, LEAST, 1)
    assert first.model == "kwaivgi/kling-v2.6-std/image-to-video"
    assert (first.inputs["duration"], first.inputs["negative_prompt"]) == (10, "blur")
    second = job(planned, {**LEAST, "duration": 5, "model": ""}, 2)
    assert second.model == "kwaivgi/kling-v1.6-i2v-standard"
    assert second.inputs["duration"] == 5


def test_a_default_is_passed_over_where_it_does_not_fit() -> None:
    planned = manifest({"sound": "true", "prompt": "turn", "campaign": "spring"})
    silent = job(planned, {**V26, "image": URL}, 1)
    assert silent.inputs == {"image": URL, "prompt": "turn"}
    assert silent.data == {"campaign": "spring"}
    shots = job(planned, {**V30, "multi_prompt": "a @ 5s"}, 2)
    assert "prompt" not in shots.inputs
    assert shots.inputs["sound"] is True


def test_a_wrong_default_is_told_once_and_where_it_stands() -> None:
    planned = manifest()
    planned.fill(Defaults("a.yaml", {"duration": "7"}, {"duration": 3}))
    (problem,) = problems(planned, LEAST, 1)
    assert str(problem).startswith("a.yaml, line 3, column duration:")
    assert problems(planned, LEAST, 2) == []
    both = manifest({"prompt": "a", "multi_prompt": "b"})
    assert kinds(both, V30, 1) == [("multi_prompt", "together")]
    assert problems(both, V30, 2) == []


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("id", "x", "default-id"),
        ("model", "kling-9", "unknown-model"),
        ("model", [{"when": "x", "use": 5}], "model-rule"),
        ("model", ["kling-v2.6-std", {"when": "x", "use": "y"}], "model-rule"),
        ("promt", "x", "unknown-input"),
        ("Negative-Prompt", "x", "unknown-input"),
        ("multi_prompt", "{{ title.x }}", "template"),
        ("multi_prompt", {"a": "{{ f() }}"}, "template"),
        ("multi_prompt", '["{{ x.y }}"]', "template"),
    ],
)
def test_a_default_that_means_nothing_is_told(
    name: str, value: object, kind: str
) -> None:
    found = Manifest(builtin(), {name: value}).problems
    assert [problem.kind for problem in found] == [kind]


@pytest.mark.parametrize(
    "rule",
    [
        "{% if price > 100 %}kling-v3.0-std{% else %}kling-v2.6-std{% endif %}",
        [{"when": "price > 100", "use": "kling-v3.0-std"}, "kling-v2.6-std"],
    ],
    ids=["template", "list"],
)
def test_a_model_is_chosen_by_a_rule_over_the_row(rule: object) -> None:
    planned = manifest({"model": rule, "prompt": "turn"})
    prices = ["150.00", "20"]
    made = [job(planned, {"image": URL, "price": p}, n) for n, p in enumerate(prices)]
    assert [one.model.split("/")[1] for one in made] == [
        "kling-v3.0-std",
        "kling-v2.6-std",
    ]
    own = job(planned, {**LEAST, "model": "kling-v2.1-i2v-standard", "price": 150}, 9)
    assert own.model == "kwaivgi/kling-v2.1-i2v-standard"
    assert kinds(planned, {"image": URL, "id": "x"}, 10) == [("model", "template")]


def test_a_column_with_a_name_of_ours_is_the_tables_own_if_that_is_said() -> None:
    names = ("id", "Model", "Duration", "image", "prompt")
    cells = dict(zip(names, ("a", "GX-200", "120 min", URL, "turn"), strict=True))
    planned = manifest(V26)
    planned.header(Header("shop.csv", 1, names))
    (wrong,) = problems(planned, cells)
    assert (wrong.kind, wrong.column) == ("not-an-integer", "Duration")
    own = Manifest(builtin(), V26)
    own.feed(Feeds("command line", {"model": ("",), "duration": ("",)}))
    own.header(Header("shop.csv", 1, names))
    made = job(own, cells)
    assert made.data == {"Model (own)": "GX-200", "Duration (own)": "120 min"}
    assert made.inputs == {"image": URL, "prompt": "turn"}


def test_a_column_model_without_any_model_is_the_tables_own() -> None:
    names = ("id", "Model", "image", "prompt")
    table = Manifest(builtin(), V26)
    table.header(Header("shop.csv", 1, names))
    made = job(table, dict(zip(names, ("a", "GX-200", URL, "turn"), strict=True)))
    assert made.model == "kwaivgi/kling-v2.6-std/image-to-video"
    assert made.data == {"Model (own)": "GX-200"}
    assert [notice.kind for notice in table.take_notices()] == ["own-model"]
    assert table.finish() == []
    # One that is nearly a model's name is a slip, and so is all beside a true one.
    slip = dict(zip(names, ("b", "kling-v2.6-sdt", URL, "turn"), strict=True))
    assert kinds(table, slip) == [("Model", "unknown-model")]
    job(
        table,
        dict(zip(names, ("c", "kling-v2.1-i2v-standard", URL, "turn"), strict=True)),
    )
    (mixed,) = table.finish()
    assert isinstance(mixed, Problem)
    assert (mixed.kind, mixed.value) == ("unknown-model", "GX-200")


def test_the_models_own_names_of_inputs_work_too() -> None:
    text = {"type": "string"}
    schema = {
        "properties": {"start_image": text, "end_image": text, "prompt": text},
        "required": ["start_image"],
    }
    entry = {
        "model_id": "acme/reel/image-to-video",
        "type": "image-to-video",
        "api_schema": {"api_schemas": [{"request_schema": schema}]},
    }
    reel = model_of(entry, "reel", date(2026, 8, 18))
    planned = Manifest(Catalogue.of([reel]), {"model": "reel", "end_image": URL})
    made = job(planned, {"start_image": URL, "prompt": "turn"})
    assert made.inputs == {"image": URL, "last_image": URL, "prompt": "turn"}


def test_an_input_has_one_value_under_whatever_name() -> None:
    third = Manifest(builtin(), {"model": "kling-v3.0-std", "prompt": "turn"})
    made = job(third, {"image": URL, "last_image": URL})
    assert made.inputs["end_image"] == URL
    same = job(third, {"image": URL, "last_image": URL, "end_image": URL})
    assert same.inputs == made.inputs
    both = {"image": URL, "last_image": URL, "end_image": f"{URL}?2"}
    assert kinds(third, both) == [("end_image", "given-twice")]


@pytest.mark.parametrize("name", [None, "kling-9", 5])
def test_a_row_without_a_model_is_told(name: object) -> None:
    found = kinds(manifest(), {**LEAST, "model": name})
    assert found == [("model", "missing" if name is None else "unknown-model")]


def test_an_input_of_another_model_is_told_only_where_it_is_filled() -> None:
    planned = manifest()
    job(planned, {**LEAST, "sound": ""}, 1)
    (problem,) = problems(planned, {**LEAST, "sound": "true"}, 2)
    owner = "sound is an input of kling-v3.0-std"
    assert problem.message == f"{owner}; kling-v2.6-std has no such input"


@pytest.mark.parametrize("column", ["promt", "prompts"])
def test_a_misspelt_column_is_told_once_and_nothing_else_of_it(column: str) -> None:
    planned = manifest()
    cells = {**V26, "image": URL, column: "turn"}
    (problem,) = problems(planned, cells, 1)
    assert (problem.column, problem.kind) == (column, "misspelt")
    assert "did you mean prompt?" in problem.suggestion
    assert problems(planned, cells, 2) == []
    # It is honest where the input is given too.
    assert job(planned, {**cells, "prompt": "x"}, 3).data == {column: "turn"}


@pytest.mark.parametrize("column", ["title", "round", "ids"])
def test_an_honest_column_is_the_rows_own(column: str) -> None:
    assert job(manifest(), {**LEAST, column: "x"}).data == {column: "x"}


def test_keys_may_use_columns_and_must_be_unique() -> None:
    planned = manifest({"aisle": "b"}, key="{batch}/{aisle}/{{ sku | lower }}")
    made = job(planned, {**LEAST, "sku": "A", "aisle": "1"}, 1)
    assert made.key == "{batch}/1/a.mp4"
    assert job(planned, {**LEAST, "sku": "a"}, 2).key == "{batch}/b/a.mp4"
    again = {**LEAST, "sku": "a", "aisle": "1"}
    assert kinds(planned, again, 3) == [(None, "duplicate-key")]
    assert kinds(planned, LEAST, 4) == [("key", "template")]
    assert kinds(manifest(key="{sku}"), LEAST) == [("key", "template")]
    named = manifest(key="{Shelf No.}/{model}-{line}")
    made = job(named, {**LEAST, "Shelf No.": "7", "line": "Winter"})
    assert made.key == "7/kling-v2.6-std-2.mp4"


def test_a_key_of_the_file_gives_way_to_that_of_the_command_line() -> None:
    planned = manifest(key="{batch}/line/{id}")
    assert planned.accept_key("{batch}/file/{id}", "a.yaml", 2) == []
    assert job(planned, LEAST).key == "{batch}/line/row-0001.mp4"
    (problem,) = planned.accept_key("../{id}", "a.yaml", 2)
    assert (problem.file, problem.line, problem.kind) == ("a.yaml", 2, "key")
    other = manifest()
    assert other.accept_key("{batch}/file/{id}", "a.yaml", 2) == []
    assert job(other, LEAST).key == "{batch}/file/row-0001.mp4"


def test_a_template_is_filled_from_each_row_and_told_at_it() -> None:
    planned = manifest({**V26, "prompt": PROMPT, "duration": "{{ seconds }}"})
    cells = {"image": URL, "title": "Mug", "seconds": 10}
    made = job(planned, cells, 1)
    assert made.inputs["prompt"] == "Mug turning slowly"
    assert made.inputs["duration"] == 10
    assert job(planned, {**cells, "prompt": "still"}, 2).inputs["prompt"] == "still"
    for number in (3, 4):
        (wrong,) = problems(planned, {**cells, "seconds": "12"}, number)
        found = (wrong.line, wrong.column, wrong.value)
        assert found == (number + 1, "duration", "12")
    (only,) = problems(planned, {"image": URL, "titel": "Mug", "seconds": 5}, 6)
    said = "the template names title, which this row does not have"
    place = "shop/products.csv, line 7, column prompt"
    assert str(only) == f"{place}: {said}; did you mean {{{{ titel }}}}?"
    assert only.value == PROMPT
    assert kinds(planned, {**cells, "title": ""}, 7) == [("prompt", "template")]


def test_a_misspelt_column_is_told_even_if_there_is_a_default_for_it() -> None:
    planned = manifest({**V26, "prompt": "{{ titel | default('it') }} turns"})
    assert planned.header(Header("a.csv", 1, ("image", "title"))) == []
    assert kinds(planned, {"image": URL, "title": "Mug"}) == [("prompt", "template")]


def test_braces_of_a_cell_do_not_reach_the_provider() -> None:
    planned = manifest({**V26, "prompt": PROMPT})
    cells = {"image": URL, "title": "{{ secret }}", "secret": "x"}
    assert kinds(planned, cells) == [("prompt", "template")]
    own = {"image": URL, "prompt": "{{ x }}"}
    assert kinds(planned, own, 2) == [("prompt", "template")]


def test_own_data_and_ids_may_be_made_by_templates() -> None:
    made_by = {"shelf": "{{ aisle }}-{{ sku }}", "id": "{{ sku | lower }}"}
    planned = manifest({**V26, "prompt": "turn", **made_by})
    made = job(planned, {"image": URL, "aisle": "A", "sku": "B7"})
    assert (made.id, made.data["shelf"]) == ("b7", "A-B7")
    cells = {"image": URL, "aisle": "A", "sku": "b7"}
    assert kinds(planned, cells, 2) == [("id", "duplicate-id")]


SHOTS = [{"prompt": "{{ title }} wide", "duration": 4}, {"prompt": "close"}]


@pytest.mark.parametrize("value", [SHOTS, "{{ title }} wide @ 4s | close"])
def test_templates_may_stand_within_lists(value: object) -> None:
    made = job(manifest({**V30, "multi_prompt": value}), {"title": 'A "mug"'})
    wide = {"prompt": 'A "mug" wide', "duration": 4}
    assert made.inputs["multi_prompt"] == [wide, {"prompt": "close"}]


@pytest.mark.parametrize("title", ["mug | another", "mug @ 9s"])
def test_no_cell_adds_a_shot_that_nobody_wrote(title: str) -> None:
    as_text = manifest({**V30, "multi_prompt": "{{ title }} | close"})
    assert kinds(as_text, {"title": title}) == [("multi_prompt", "template")]
    as_json = '["{{ title }} wide", "close"]'
    as_list = manifest({**V30, "multi_prompt": as_json})
    assert len(job(as_list, {"title": title}).inputs["multi_prompt"]) == 2


def test_pictures_start_from_the_folder_of_what_names_them() -> None:
    planned = manifest({**V30, "image": "{{ sku }}.jpg", "prompt": "turn"})
    planned.fill(Defaults("lists/a.yaml", {"end_image": "ends/{{ sku }}.jpg"}))
    made = job(planned, {"sku": "a"})
    assert made.inputs["image"] == "a.jpg"
    assert made.inputs["end_image"] == "lists/ends/a.jpg"
    own = job(planned, {"sku": "b", "image": "./p/b.jpg", "end_image": URL}, 2)
    assert own.inputs["image"] == "shop/p/b.jpg"
    assert own.inputs["end_image"] == URL


def test_what_cannot_be_sent_or_kept_is_told() -> None:
    planned = manifest({**V26, "prompt": "turn"})
    formula = {"image": '=HYPERLINK("https://example.com")', "note": "=A1"}
    assert kinds(planned, formula) == [("image", "formula")]
    assert job(planned, {"image": URL, "note": "=A1"}, 2).data == {"note": "=A1"}
    found = kinds(planned, {"image": URL, "note": "a\ud800"}, 3)
    assert found == [("note", "control-character")]
