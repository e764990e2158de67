"""Columns of one's own and exports of shops: which column feeds what."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.planning import Manifest
from jobs.manifest.products import FURTHER_PICTURE, SAME_PICTURE, VARIANT, Wanted
from jobs.manifest.rows import Feeds, Header, Problem, Row, Skipped
from tests.jobs.manifest.asked import flat

URL = "https://example.com/mug.jpg"
OPTIONS = {"model": "kling-v2.6-std", "prompt": "a slow turn"}
MULTI = {**OPTIONS, "model": "kling-v1.6-multi"}
SHOP = ("Handle", "Title", "Image Src", "Image Position")


def feeds(file: str = "command line", **columns: str | tuple[str, ...]) -> Feeds:
    several = {
        name: (value,) if isinstance(value, str) else value
        for name, value in columns.items()
    }
    return Feeds(file, several)


def manifest(
    mapping: Feeds | None = None,
    options: Mapping[str, object] = OPTIONS,
    **settings: Any,
) -> Manifest:
    made = Manifest(builtin(), options, None, mapping, **settings)
    assert made.problems == []
    return made


def table(planned: Manifest, *names: str) -> list[Problem]:
    return planned.header(Header("shop.csv", 1, names))


def job(planned: Manifest, number: int = 1, **cells: object) -> Job:
    (made,) = flat(planned.plan(Row("shop.csv", number + 1, number, cells)))
    assert isinstance(made, Job), made
    return made


def problems(
    planned: Manifest, cells: Mapping[str, object], number: int = 1
) -> list[Problem]:
    made = flat(planned.plan(Row("shop.csv", number + 1, number, cells)))
    return [one for one in made if isinstance(one, Problem)]


def shop(planned: Manifest, *rows: tuple[str, ...]) -> list[str]:
    """Ids of the jobs of an export, and why its other rows are skipped."""
    assert table(planned, *SHOP) == []
    made = []
    for number, cells in enumerate(rows, 1):
        named = dict(zip(SHOP, cells, strict=True))
        made += flat(planned.plan(Row("shop.csv", number + 1, number, named)))
    made += flat(planned.finish())
    return [
        one.id if isinstance(one, Job) else one.reason
        for one in made
        if isinstance(one, Job | Skipped)
    ]


def test_a_column_feeds_the_name_it_is_mapped_to() -> None:
    planned = manifest(feeds(image="Photo", id="Sku"))
    assert table(planned, "Photo", "Sku", "Note") == []
    made = job(planned, Photo=URL, Sku="A-1", Note="x")
    assert (made.id, made.image) == ("A-1", URL)
    assert made.data == {"Sku": "A-1", "Note": "x"}
    (problem,) = problems(planned, {"Photo": "ftp://a/b.jpg", "Sku": "B"}, 7)
    found = (problem.line, problem.column, problem.value)
    assert found == (8, "Photo", "ftp://a/b.jpg")


def test_the_command_line_wins_over_the_file_name_by_name() -> None:
    planned = manifest(feeds(image="A"))
    assert planned.feed(feeds("a.yaml", image="B", negative_prompt="C")) == []
    table(planned, "A", "B", "C")
    made = job(planned, A=URL, B="x", C="blur")
    assert (made.inputs["image"], made.inputs["negative_prompt"]) == (URL, "blur")
    assert made.data == {"B": "x"}


def test_several_columns_make_a_list_of_what_is_given() -> None:
    planned = manifest(feeds(images=("Front", "Side", "Back")), MULTI)
    table(planned, "Front", "Side", "Back")
    made = job(planned, Front=f"{URL}?1", Side=" ", Back=f"{URL}?2")
    assert made.inputs["images"] == [f"{URL}?1", f"{URL}?2"]
    (empty,) = problems(planned, {"Front": "", "Side": ""}, 2)
    assert (empty.column, empty.kind) == ("Front", "missing")


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


def test_a_table_without_a_wanted_column_is_told_once_at_its_header() -> None:
    planned = manifest(feeds(image="Image Scr", negative_prompt="Avoid"))
    found = table(planned, "Handle", "Image Src")
    assert [(one.line, one.column, one.kind) for one in found] == [
        (1, "Image Scr", "map"),
        (1, "Avoid", "map"),
    ]
    assert found[0].suggestion == 'did you mean "Image Src"?'
    assert "there are Handle and Image Src" in found[1].suggestion
    for name in ("image", "promt"):
        assert table(manifest(), name, "Name") == []


def test_an_export_that_is_mapped_by_hand_skips_the_same_rows() -> None:
    rows = [("mug", "", URL, "1"), ("mug", "", "", ""), ("mug", "", f"{URL}?3", "3")]
    expected = ["mug", VARIANT, "mug.3"]
    by_hand = feeds(image="image src", id="HANDLE")
    assert shop(manifest(by_hand), *rows) == expected
    assert shop(manifest(), *rows) == expected


def test_a_problem_of_an_export_names_its_own_columns() -> None:
    planned = manifest()
    table(planned, *SHOP)
    cells = dict(zip(SHOP, ("mug", "", "ftp://a/b.jpg", "1"), strict=True))
    assert [one.column for one in problems(planned, cells)] == ["Image Src"]
    own = manifest()
    table(own, *SHOP, "image", "id")
    found = problems(own, {**cells, "image": "//a"})
    assert [one.column for one in found] == ["image"]


@pytest.mark.parametrize(
    ("positions", "lowest"), [("123", "mug"), ("342", "mug.2"), ("   ", "mug")]
)
def test_of_each_product_the_picture_with_the_lowest_position_may_be_asked_for(
    positions: str, lowest: str
) -> None:
    rows = [("mug", "", f"{URL}?{n}", at) for n, at in enumerate(positions)]
    # The product comes back further down.
    rows += [("pot", "", URL, "1"), ("mug", "", f"{URL}?9", "1")]
    found = shop(manifest(wanted=Wanted(only_first=True)), *rows)
    assert sorted(found) == sorted([*[FURTHER_PICTURE] * 3, lowest, "pot"])


def test_pictures_that_claim_one_position_are_told_apart() -> None:
    rows = [("mug", "", f"{URL}?{n}", at) for n, at in enumerate("12221")]
    rows += [("pot", "", URL, "1"), ("mug", "", f"{URL}?9", "1")]
    ids = ["mug", "mug.2", "mug.3", "mug.4", "mug.5", "pot", "mug.6"]
    assert shop(manifest(), *rows) == ids


def test_the_same_picture_on_all_rows_of_a_product_is_one_video() -> None:
    rows = [("mug", "", URL, "1"), ("mug", "", URL, "1"), ("pot", "", URL, "1")]
    assert shop(manifest(), *rows) == ["mug", SAME_PICTURE, "pot"]


def test_a_handle_that_can_be_no_id_is_made_one() -> None:
    rows = [("mug™ blue", "", URL, "1"), ("mug™ blue", "", f"{URL}?2", "2")]
    first, second = shop(manifest(), *rows)
    assert first.startswith("mug--blue.")
    assert second == f"{first}.2"


HANDLES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,2}", fullmatch=True)
PRODUCTS = st.lists(
    st.tuples(HANDLES, st.integers(1, 4), st.integers(0, 4)),
    max_size=8,
    unique_by=lambda product: product[0],
)


def export(products: list[tuple[str, int, int]]) -> Iterator[tuple[str, ...]]:
    """Rows as the shop writes them: variants and pictures side by side."""
    for handle, variants, pictures in products:
        for at in range(max(variants, pictures)):
            url = f"https://example.com/{handle}-{at}.jpg" if at < pictures else ""
            title = f"Title of {handle}" if at == 0 else ""
            yield handle, title, url, str(at + 1) if url else ""


@given(PRODUCTS)
def test_every_picture_of_an_export_is_one_job_with_an_id_of_its_own(
    products: list[tuple[str, int, int]],
) -> None:
    planned = manifest(options={**OPTIONS, "prompt": "{{ title }} turns"})
    assert table(planned, *SHOP) == []
    made = [
        one
        for at, cells in enumerate(export(products), 1)
        for one in flat(
            planned.plan(
                Row("shop.csv", at + 1, at, dict(zip(SHOP, cells, strict=True)))
            )
        )
    ]
    jobs = [one for one in made if isinstance(one, Job)]
    assert len(jobs) == sum(pictures for _, _, pictures in products)
    assert len(made) - len(jobs) == sum(isinstance(one, Skipped) for one in made)
    assert len({one.id.casefold() for one in jobs}) == len(jobs)
    for one in jobs:
        assert one.inputs["prompt"] == f"Title of {one.data['Handle']} turns"


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
    told = Feeds("command line", mapping)
    planned = Manifest(builtin(), {**OPTIONS, **options}, key, told)
    planned.header(Header("a.csv", 1, tuple(names)))
    ids: list[str] = []
    for number, cells in enumerate(rows, 1):
        full = {name: cells.get(name) for name in names}
        for made in flat(planned.plan(Row("a.csv", number + 1, number, full))):
            if isinstance(made, Job):
                ids.append(made.id.casefold())
                assert Job.from_json(made.to_json()) == made
            else:
                assert str(made)
    assert len(ids) == len(set(ids))
