import csv
from collections.abc import Iterator
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue import builtin as catalogue
from jobs.job import Job
from jobs.manifest.column_mapping import NO_PICTURE
from jobs.manifest.layouts import recognised
from jobs.manifest.planning import Manifest
from jobs.manifest.rows import Header, Row, Skipped

SAMPLES = resources.files("jobs") / "samples"
EXPORTS = ["shopify.csv", "shopify-new.csv", "woocommerce.csv"]
OPTIONS = {"model": "kling-v2.6-std", "prompt": "a slow turn"}


def table(name: str) -> tuple[Header, list[Row]]:
    text = (SAMPLES / name).read_text(encoding="utf-8").splitlines(keepends=True)
    names, *rows = csv.reader(text, strict=True)
    made = [
        Row(name, number + 1, number, dict(zip(names, cells, strict=True)))
        for number, cells in enumerate(rows, 1)
    ]
    return Header(name, 1, tuple(names)), made


def planned(name: str, **options: object) -> Iterator[Job | Skipped]:
    header, rows = table(name)
    manifest = Manifest(catalogue(), {**OPTIONS, **options})
    assert manifest.problems == []
    assert manifest.header(header) == []
    for row in rows:
        made = manifest.plan(row)
        assert not isinstance(made, list), made
        yield made


@pytest.mark.parametrize("name", EXPORTS)
def test_every_column_of_an_export_is_known_to_its_layout(name: str) -> None:
    header, _ = table(name)
    layout = recognised(header.names)
    assert layout is not None
    assert [column for column in header.names if not layout.owns(column)] == []
    told = {layout.picture, *layout.ids, *layout.filled_down, *layout.carried}
    assert {column for column in told if not layout.owns(column)} == set()


def test_a_shopify_export_gives_a_job_for_every_picture() -> None:
    made = list(planned("shopify.csv"))
    assert [(one.id, one.line) for one in made if isinstance(one, Job)] == [
        ("stoneware-mug", 2),
        ("stoneware-mug.2", 3),
        ("stoneware-mug.3", 4),
        ("linen-shirt", 5),
        ("linen-shirt.2", 6),
        ("stoneware-mug-2", 11),
        ("walnut-desk-lamp", 12),
        ("walnut-desk-lamp.2", 13),
        ("walnut-desk-lamp.3", 14),
        ("walnut-desk-lamp.4", 15),
    ]
    skipped = [one for one in made if isinstance(one, Skipped)]
    assert [one.line for one in skipped] == [7, 8, 9, 10]
    assert {one.reason for one in skipped} == {NO_PICTURE}


def test_a_woocommerce_export_gives_the_main_picture_of_each_product() -> None:
    made = [one for one in planned("woocommerce.csv") if isinstance(one, Job)]
    pictures = {one.id: one.image.rpartition("/")[2] for one in made}
    assert list(pictures.values()) == [
        "pot-red.jpg",
        "pot-red.jpg",
        "towel,-folded.jpg",
        "spoon.jpg",
    ]
    assert {"enamel-pot", "enamel-pot-red", "52"} < set(pictures)


HANDLES = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,2}", fullmatch=True)
PRODUCTS = st.lists(
    st.tuples(HANDLES, st.integers(1, 4), st.integers(0, 4)),
    max_size=8,
    unique_by=lambda product: product[0],
)
COLUMNS = ("Handle", "Title", "Option1 Value", "Image Src", "Image Position")


def export(products: list[tuple[str, int, int]]) -> Iterator[tuple[str, ...]]:
    """Rows as the shop writes them: variants and pictures side by side."""
    for handle, variants, pictures in products:
        for at in range(max(variants, pictures)):
            has = at < pictures
            yield (
                handle,
                f"Title of {handle}" if at == 0 else "",
                str(at) if at < variants else "",
                f"https://example.com/{handle}-{at}.jpg" if has else "",
                str(at + 1) if has else "",
            )


@given(PRODUCTS)
def test_every_picture_of_an_export_is_one_job_with_an_id_of_its_own(
    products: list[tuple[str, int, int]],
) -> None:
    manifest = Manifest(catalogue(), {**OPTIONS, "prompt": "{{ title }} turns"})
    assert manifest.header(Header("shop.csv", 1, COLUMNS)) == []
    made = [
        manifest.plan(
            Row("shop.csv", at + 1, at, dict(zip(COLUMNS, cells, strict=True)))
        )
        for at, cells in enumerate(export(products), 1)
    ]
    jobs = [one for one in made if isinstance(one, Job)]
    assert len(jobs) == sum(pictures for _, _, pictures in products)
    assert len(made) - len(jobs) == sum(isinstance(one, Skipped) for one in made)
    assert len({one.id.casefold() for one in jobs}) == len(jobs)
    for one in jobs:
        assert one.inputs["prompt"] == f"Title of {one.data['Handle']} turns"
