from collections import Counter
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.products import VARIANT
from jobs.manifest.rows import Notice, Problem, Skipped
from producer.manifests.plan import Options, plan
from tests.jobs.manifest.asked import Found, flat
from tests.producer.running import desk

SAMPLES = Path(str(resources.files("jobs"))) / "samples"


#: What makes videos of a shop's export, which knows neither model nor prompt.
SHOP = Options(model="kling-v2.6-std", set={"prompt": "{{ title }} turning"})

#: What each export has, as a person counts it: videos without any option, videos of
#: every picture, rows of variants without a picture, products without one, products
#: that are not for sale, and one of the titles.
EXPORTS = {
    "amazon.tsv": (3, 5, 1, 0, 0, "Glass Lid"),
    "awin.csv": (3, 5, 0, 0, 0, "Bike Bell"),
    "bigcommerce.csv": (3, 4, 2, 0, 1, "Enamel Kettle"),
    "ecwid.csv": (3, 4, 2, 0, 1, "Nail Brush"),
    "etsy.csv": (3, 6, 0, 0, 0, "Hammered Cuff"),
    "google.tsv": (3, 6, 0, 0, 0, "Espresso Cup, Slate"),
    "magento.csv": (3, 4, 1, 0, 1, "Weekend Bag"),
    "meta.csv": (3, 4, 0, 0, 1, "Wool Beanie"),
    "opencart.csv": (3, 3, 0, 0, 1, "Torch"),
    "pinterest.csv": (3, 5, 0, 0, 0, "Fluted Vase"),
    "prestashop.csv": (3, 6, 0, 0, 1, "Café Tray"),
    "shopify-new.csv": (6, 6, 3, 1, 0, "Stoneware Mug, 350 ml"),
    "shopify.csv": (10, 10, 3, 1, 0, "Walnut Desk Lamp"),
    "square.csv": (3, 4, 1, 0, 1, "House Blend"),
    "squarespace.csv": (3, 6, 1, 0, 1, "Ash Stool"),
    "wix.csv": (3, 4, 2, 1, 1, "Oak Board"),
    "woocommerce.csv": (4, 5, 1, 0, 0, "Wooden Spoon"),
    "woocommerce-de.csv": (3, 4, 1, 0, 1, "Holzlöffel"),
    "woocommerce-es.csv": (3, 4, 1, 0, 1, "Jarra de barro - Verde"),
    "woocommerce-fr.csv": (3, 4, 1, 0, 1, "Boîte à thé"),
    "woocommerce-it.csv": (3, 4, 1, 0, 1, "Tagliere"),
    "woocommerce-nl.csv": (3, 4, 1, 0, 1, "Fietsbel"),
    "woocommerce-pt.csv": (3, 4, 1, 0, 1, "Azulejo"),
}

#: Pictures that two products share.
REPEATED = Counter({"woocommerce.csv": 1})


def sample(name: str, options: Options | None = None) -> list[Found]:
    """What a sample holds."""
    return flat(plan(SAMPLES / name, options or Options(), builtin()))


@pytest.mark.parametrize("name", ["products.csv", "products.yaml", "products.jsonl"])
def test_a_sample_of_products_has_no_problem(name: str) -> None:
    found = sample(name)
    assert [str(one) for one in found if isinstance(one, Problem)] == []
    assert len(found) >= 4


def test_the_products_of_the_demonstration_use_every_model() -> None:
    made = [one for one in sample("products.csv") if isinstance(one, Job)]
    assert {one.model for one in made} == set(builtin().models)
    inputs = [name for one in made for name in one.inputs]
    assert {"sound", "multi_prompt", "end_image", "images"} <= set(inputs)


@pytest.mark.parametrize("name", ["products.csv", "products.yaml", "products.jsonl"])
def test_samples_of_products_can_be_run_where_they_are(name: str) -> None:
    with desk() as place:
        checked = place.here("check", SAMPLES / name)
    assert checked.code == 0, checked


def test_every_file_of_the_samples_is_tested() -> None:
    names = {file.name for file in SAMPLES.iterdir() if file.is_file()}
    products = {"products.csv", "products.yaml", "products.jsonl"}
    assert names == products | EXPORTS.keys() | {"mistakes.csv"}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_runs_unchanged(name: str) -> None:
    videos, _, variants, without, unlisted, title = EXPORTS[name]
    found = sample(name, SHOP)
    assert [str(one) for one in found if isinstance(one, Problem)] == []
    made = [one for one in found if isinstance(one, Job)]
    skipped = [one.reason for one in found if isinstance(one, Skipped)]
    kinds = Counter(one.kind for one in found if isinstance(one, Notice))
    assert (len(made), skipped) == (videos, [VARIANT] * variants)
    assert kinds["product-without-picture"] == without
    assert kinds["not-for-sale"] == unlisted
    assert f"{title} turning" in {one.inputs["prompt"] for one in made}
    assert all(one.image and one.image.startswith("https://") for one in made)


@pytest.mark.parametrize("name", EXPORTS)
def test_every_picture_of_an_export_may_be_asked_for(name: str) -> None:
    found = sample(name, replace(SHOP, every_picture=True))
    made = [one for one in found if isinstance(one, Job)]
    assert len({one.image for one in made if one.image}) == len(made) - REPEATED[name]
    assert len({one.id for one in made}) == len(made) == EXPORTS[name][1]


@pytest.mark.parametrize(
    ("name", "column"),
    [("shopify.csv", "Image Src"), ("shopify-new.csv", "Product image URL")],
)
def test_a_column_mapped_by_hand_says_the_same(name: str, column: str) -> None:
    by_hand = replace(SHOP, map={"image": (column,)})
    found = sample(name, by_hand)
    assert found == sample(name, SHOP)
