"""Exports of shops are data, and a cell may have several pictures in any table."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest import layouts
from jobs.manifest.planning import Manifest
from jobs.manifest.products import Wanted
from jobs.manifest.rows import Feeds, Header, Notice, Problem, Row
from tests.jobs.manifest.asked import flat

SINGLE = {"model": "kling-v2.6-std", "prompt": "turn"}
MULTI = {**SINGLE, "model": "kling-v1.6-multi"}
A, B = "https://a.example/1.jpg", "https://a.example/2.jpg?w=1,h=2;q=80"
WIX = {"handleId": "p1", "fieldType": "Product", "productImageUrl": "1_2~mv2.jpg"}

DATA = """
[[layout]]
name = "Stall"
source = "a stall"
read_on = 2026-12-01
recognised_by = ["Ware", "Lichtbild|Picture"]
pictures = ["Lichtbild|Picture", "More *"]
ids = ["Code", "Ware"]
names = { title = "Ware", price = "Preis|Cost" }
unreported = ["Secret", "prompt"]
group = "Ware"
variant = "Kind=part"
status = { column = "State", listed = "on", others = { "off|out" = "closed" } }
"""


def planned(
    rows: Sequence[Mapping[str, object]],
    options: Mapping[str, object] = SINGLE,
    mapping: Mapping[str, tuple[str, ...]] | None = None,
    **wanted: Any,
) -> tuple[list[Job], list[Notice]]:
    feeds = Feeds("command line", mapping) if mapping else None
    manifest = Manifest(builtin(), options, None, feeds, wanted=Wanted(**wanted))
    assert manifest.problems == []
    assert manifest.header(Header("a.csv", 1, tuple(rows[0]))) == []
    found = [
        one
        for number, cells in enumerate(rows, 1)
        for one in flat(manifest.plan(Row("a.csv", number + 1, number, cells)))
    ]
    found += flat(manifest.finish())
    assert not [str(one) for one in found if isinstance(one, Problem)]
    return [one for one in found if isinstance(one, Job)], manifest.take_notices()


@pytest.fixture
def _stall(monkeypatch: pytest.MonkeyPatch) -> None:
    every = layouts.read(DATA)
    monkeypatch.setattr(layouts, "builtin", lambda: every)


@pytest.mark.usefixtures("_stall")
def test_a_layout_that_is_added_as_data_alone_plans_a_table() -> None:
    names = (" WARE", "picture", "More 2", "more 1", "cost", "Secret", "State", "kind")
    cells = [
        ("Mug", A, f"{A}?3", f"{A}?4", "5", "x", "OUT", ""),
        ("Mug", "", "", "", "", "", "", "part"),
        ("Pot", "", "", "", "7", "", "on", ""),
    ]
    rows = [dict(zip(names, row, strict=True)) for row in cells]
    prompt = "{{ title }} for {{ price }}"
    jobs, notices = planned(rows, {**SINGLE, "prompt": prompt}, every=True)
    assert [(one.id, one.image) for one in jobs] == [
        ("Mug", A),
        ("Mug.2", f"{A}?3"),
        ("Mug.3", f"{A}?4"),
    ]
    assert jobs[0].inputs["prompt"] == "Mug for 5"
    assert jobs[0].data == {" WARE": "Mug", "cost": "5", "State": "OUT"}
    assert [(one.kind, one.line, one.value) for one in notices] == [
        ("not-for-sale", 2, "Mug"),
        ("product-without-picture", 4, "Pot"),
    ]
    assert "closed" in notices[0].message
    assert notices[0].suggestion == "leave them out with --where State=on"


@pytest.mark.parametrize("name", ["g:{}", " {} ", "{}"])
def test_feeds_are_recognised_with_a_prefix_gaps_and_capitals(name: str) -> None:
    row = {"ID": "a b", "Title": "Mug", "Image_Link": A, "Brand": "Kiln"}
    cells = {name.format(key): value for key, value in row.items()}
    jobs, _ = planned([cells], {**SINGLE, "prompt": "{{ title }} by {{ vendor }}"})
    assert [one.inputs["prompt"] for one in jobs] == ["Mug by Kiln"]
    assert jobs[0].id.startswith("a-b.")


@pytest.mark.parametrize(
    "cell",
    [
        *(f"{A}{between}{B}" for between in (";", ",", "|", " ", ", ", "\n", " ; ")),
        f'["{A}", "{B}"]',
        [A, B],
        f"{A}, {B};",
    ],
)
@pytest.mark.parametrize("column", ["image", "Photos"])
def test_a_cell_may_have_several_pictures(column: str, cell: object) -> None:
    rows: Sequence[Mapping[str, object]] = [{"id": "mug", column: cell}]
    mapping = None if column == "image" else {"image": (column,)}
    (one,), (notice,) = planned(rows, SINGLE, mapping)
    assert (one.id, one.image) == ("mug", A)
    assert (notice.kind, notice.value) == ("further-pictures", "mug")
    both, notices = planned(rows, SINGLE, mapping, every=True)
    assert [(one.id, one.image) for one in both] == [("mug", A), ("mug.2", B)]
    assert notices == []
    (several,), notices = planned(rows, MULTI, mapping)
    assert (several.inputs["images"], notices) == ([A, B], [])


@pytest.mark.parametrize(
    "cell", [B, "a,b.jpg", "my mug.jpg", f"{A}?to=https://b.example/2.jpg", "a;b/c.png"]
)
def test_one_address_stays_one(cell: str) -> None:
    (one,), notices = planned([{"image": cell}], every=True)
    assert (one.image, notices) == (cell, [])


def test_names_of_files_are_separated_behind_their_endings() -> None:
    jobs, _ = planned([{"image": "a 1.jpg;b.PNG,c|d.webp"}], every=True)
    assert [one.image for one in jobs] == ["a 1.jpg", "b.PNG", "c|d.webp"]


@pytest.mark.parametrize(
    ("row", "pictures_at", "picture"),
    [
        (
            {"image": "/w/a b.jpg"},
            "https://a.example/p/",
            "https://a.example/p/w/a%20b.jpg",
        ),
        ({"image": A}, "https://b.example", A),
        ({"image": "a b.jpg"}, "photos", "photos/a b.jpg"),
        (WIX, None, "https://static.wixstatic.com/media/1_2~mv2.jpg"),
        (WIX, "photos", "photos/1_2~mv2.jpg"),
    ],
)
def test_pictures_without_an_address_get_the_one_that_is_known(
    row: Mapping[str, object], pictures_at: str | None, picture: str
) -> None:
    (one,), _ = planned([row], pictures_at=pictures_at)
    assert one.image == picture


def test_a_word_of_the_shop_for_no_picture_is_none() -> None:
    row = {"sku": "mug", "product_type": "simple", "base_image": "no_selection"}
    jobs, (notice,) = planned([row])
    assert (jobs, notice.kind) == ([], "product-without-picture")


def test_a_model_gets_as_many_pictures_as_it_takes() -> None:
    every = [f"{A}?{number}" for number in range(6)]
    (one,), (notice,) = planned([{"images": ";".join(every)}], MULTI)
    assert one.inputs["images"] == every[:4]
    assert "the first 4 are used" in notice.suggestion


def test_the_same_video_asked_for_twice_is_told_with_its_cost() -> None:
    rows = [{"id": name, "image": A} for name in ("a", "b", "c")]
    rows[1]["image"] = B
    jobs, (notice,) = planned(rows)
    assert len(jobs) == 3
    assert (notice.line, notice.value) == (4, "c, as in line 2")
    assert "each costs $0.21 more" in notice.suggestion


def test_ids_that_nobody_gave_never_clash() -> None:
    rows = [
        {"Type": "simple", "SKU": sku, "Name": sku, "Images": f"{A}?{number}"}
        for number, sku in enumerate(["A", "a", "A.2", "A"])
    ]
    jobs, _ = planned(rows)
    assert [one.id for one in jobs] == ["A", "a.2", "A.2.2", "A.3"]
