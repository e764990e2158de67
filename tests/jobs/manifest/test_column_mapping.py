from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.column_mapping import FURTHER_PICTURE, NO_PICTURE
from jobs.manifest.planning import Manifest
from jobs.manifest.rows import Feeds, Header, Problem, Row, Skipped

URL = "https://example.com/mug.jpg"
OPTIONS = {"model": "kling-v2.6-std", "prompt": "a slow turn"}
MULTI = {**OPTIONS, "model": "kling-v1.6-multi"}


def feeds(file: str = "command line", **columns: str | tuple[str, ...]) -> Feeds:
    several = {
        name: (value,) if isinstance(value, str) else value
        for name, value in columns.items()
    }
    return Feeds(file, several)


def manifest(
    mapping: Feeds | None, options: Mapping[str, object] = OPTIONS, **settings: bool
) -> Manifest:
    made = Manifest(builtin(), options, None, mapping, **settings)
    assert made.problems == []
    return made


def table(planned: Manifest, *names: str) -> list[Problem]:
    return planned.header(Header("shop.csv", 1, names))


def plan(planned: Manifest, number: int = 1, **cells: object) -> Job | Skipped:
    named = {name.replace("_", " "): value for name, value in cells.items()}
    made = planned.plan(Row("shop.csv", number + 1, number, named))
    assert not isinstance(made, list), made
    return made


def job(planned: Manifest, number: int = 1, **cells: object) -> Job:
    made = plan(planned, number, **cells)
    assert isinstance(made, Job)
    return made


def test_a_column_feeds_the_name_it_is_mapped_to() -> None:
    planned = manifest(feeds(image="Photo", id="Sku"))
    assert table(planned, "Photo", "Sku", "Note") == []
    made = job(planned, Photo=URL, Sku="A-1", Note="x")
    assert (made.id, made.image) == ("A-1", URL)
    assert made.data == {"Sku": "A-1", "Note": "x"}


def test_the_command_line_wins_over_the_file_name_by_name() -> None:
    planned = manifest(feeds(image="A"))
    assert planned.feed(feeds("a.yaml", image="B", negative_prompt="C")) == []
    table(planned, "A", "B", "C")
    made = job(planned, A=URL, B="x", C="blur")
    assert made.inputs == {
        "image": URL,
        "prompt": "a slow turn",
        "negative_prompt": "blur",
    }
    assert made.data == {"B": "x"}


def test_several_columns_make_a_list_of_what_is_given() -> None:
    planned = manifest(feeds(images=("Front", "Side", "Back")), MULTI)
    table(planned, "Front", "Side", "Back")
    made = job(planned, Front=f"{URL}?1", Side=" ", Back=f"{URL}?2")
    assert made.inputs["images"] == [f"{URL}?1", f"{URL}?2"]
    empty = planned.plan(Row("shop.csv", 3, 2, {"Front": "", "Side": "", "Back": ""}))
    assert isinstance(empty, list)
    assert [(one.column, one.kind) for one in empty] == [("Front", "missing")]


def test_a_problem_names_the_column_that_the_person_sees() -> None:
    planned = manifest(feeds(image="Photo"))
    table(planned, "Photo")
    made = planned.plan(Row("shop.csv", 7, 6, {"Photo": "ftp://example.com/a.jpg"}))
    assert isinstance(made, list)
    assert [(one.line, one.column, one.value) for one in made] == [
        (7, "Photo", "ftp://example.com/a.jpg")
    ]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (feeds(imagee="A"), "did you mean image?"),
        (feeds(title="A"), "no model has an input"),
        (feeds(image=("A", "B")), "takes one column, not 2"),
        (feeds(image=()), "no column is named"),
    ],
)
def test_a_mapping_that_cannot_be_is_told_where_it_stands(
    mapping: Feeds, words: str
) -> None:
    (problem,) = Manifest(builtin(), OPTIONS, None, mapping).problems
    assert (problem.file, problem.kind) == ("command line", "map")
    assert words in str(problem)


def test_a_mapped_column_that_the_table_has_not_is_told_once_at_its_header() -> None:
    planned = manifest(feeds(image="Image Scr", negative_prompt="Avoid"))
    found = table(planned, "Handle", "Image Src")
    assert [(one.line, one.column, one.kind) for one in found] == [
        (1, "Image Scr", "map"),
        (1, "Avoid", "map"),
    ]
    assert found[0].suggestion == 'did you mean "Image Src"?'
    assert "there are Handle and Image Src" in found[1].suggestion


def test_a_table_of_which_nothing_is_known_is_told_how_to_map_it() -> None:
    (problem,) = table(manifest(None), "Name", "Foto", "Preis")
    assert problem.kind == "header"
    assert '--map image="Foto"' in problem.suggestion


@pytest.mark.parametrize("name", ["image", "promt"])
def test_one_column_that_means_something_makes_a_table(name: str) -> None:
    assert table(manifest(None), name, "Name") == []


SHOP = ("Handle", "Title", "Image Src", "Image Position", "Variant Image")


def shop(planned: Manifest, *rows: tuple[str, ...]) -> list[str]:
    """Ids of the jobs, and why other rows are skipped."""
    found = []
    for number, cells in enumerate(rows, 1):
        made = planned.plan(
            Row("shop.csv", number + 1, number, dict(zip(SHOP, cells, strict=True)))
        )
        assert not isinstance(made, list), made
        found.append(made.id if isinstance(made, Job) else made.reason)
    return found


def test_an_export_that_is_mapped_by_hand_skips_the_same_rows() -> None:
    planned = manifest(feeds(image="Image Src"))
    table(planned, *SHOP)
    rows = [
        ("mug", "", URL, "1", ""),
        ("mug", "", "", "", ""),
        ("mug", "", URL, "3", ""),
    ]
    assert shop(planned, *rows) == ["mug", NO_PICTURE, "mug.3"]


def test_a_problem_of_an_export_names_its_own_columns() -> None:
    planned = manifest(None)
    table(planned, *SHOP)
    cells = dict(zip(SHOP, ("mug", "", "ftp://a/b.jpg", "1", ""), strict=True))
    for number, columns in enumerate([["Image Src"], ["Image Src"]], 1):
        made = planned.plan(Row("shop.csv", number + 1, number, cells))
        assert isinstance(made, list)
        assert [one.column for one in made] == columns
    own = manifest(None)
    table(own, *SHOP, "image", "id")
    made = own.plan(Row("shop.csv", 2, 1, {**cells, "image": "//a", "id": "a/b"}))
    assert isinstance(made, list)
    assert [one.column for one in made] == ["id", "image"]


def test_only_the_first_picture_of_each_product_may_be_asked_for() -> None:
    planned = manifest(None, only_first_pictures=True)
    table(planned, *SHOP)
    rows = [
        ("mug", "", URL, "1", ""),
        ("mug", "", URL, "2", ""),
        ("pot", "", URL, "", ""),
    ]
    assert shop(planned, *rows) == ["mug", FURTHER_PICTURE, "pot"]


def test_a_handle_that_can_be_no_id_is_made_one() -> None:
    planned = manifest(None)
    table(planned, *SHOP)
    first, second = shop(
        planned, ("mug™ blue", "", URL, "1", ""), ("mug™ blue", "", URL, "2", "")
    )
    assert first.startswith("mug--blue.")
    assert second == f"{first}.2"


COLUMN = st.sampled_from(
    ["id", "model", "image", "images", "prompt", "Handle", "Image Src", "Title", "sku"]
)
CELL = st.none() | st.text(max_size=8) | st.integers() | st.just(URL)
MAPPINGS = st.dictionaries(COLUMN, st.lists(COLUMN, max_size=2).map(tuple), max_size=3)
TEXTS = st.sampled_from(["turn", "{{ title }}", "{{ sku | default(id) }}", "{{ image"])


@given(
    mapping=MAPPINGS,
    options=st.dictionaries(COLUMN, TEXTS, max_size=3),
    key=st.none() | st.sampled_from(["{id}", "{batch}/{{ sku }}", "{sku}-{line}"]),
    names=st.lists(COLUMN, unique=True, min_size=1),
    rows=st.lists(st.dictionaries(COLUMN, CELL), max_size=5),
)
def test_any_mapping_of_any_table_makes_jobs_or_says_why_not(
    mapping: dict[str, tuple[str, ...]],
    options: dict[str, str],
    key: str | None,
    names: list[str],
    rows: list[dict[str, object]],
) -> None:
    planned = Manifest(
        builtin(), {**OPTIONS, **options}, key, Feeds("command line", mapping)
    )
    planned.header(Header("a.csv", 1, tuple(names)))
    ids: list[str] = []
    for number, cells in enumerate(rows, 1):
        full = {name: cells.get(name) for name in names}
        made = planned.plan(Row("a.csv", number + 1, number, full))
        if isinstance(made, Job):
            ids.append(made.id.casefold())
            assert Job.from_json(made.to_json()) == made
        elif isinstance(made, list):
            assert all(str(problem) for problem in made)
    assert len(ids) == len(set(ids))
