from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.rows import Problem, Skipped
from producer.manifests.plan import Options, Outcome, plan
from tests.producer.running import desk

SAMPLES = Path(str(resources.files("jobs"))) / "samples"


#: What makes videos of a shop's export, which knows neither model nor prompt.
SHOP = Options(
    model="kling-v2.6-std",
    set={"prompt": "{{ title }} turning slowly on a white table"},
)


def sample(name: str, options: Options | None = None) -> list[Outcome]:
    """What a sample holds."""
    return list(plan(SAMPLES / name, options or Options(), builtin()))


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
    shops = {"shopify.csv", "shopify-new.csv", "woocommerce.csv"}
    assert names == products | shops | {"mistakes.csv"}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("shopify.csv", "title"),
        ("shopify-new.csv", "title"),
        ("woocommerce.csv", "name"),
    ],
)
def test_a_shops_export_runs_unchanged(name: str, title: str) -> None:
    prompt = f"{{{{ {title} }}}} turning slowly"
    found = sample(name, replace(SHOP, set={"prompt": prompt}))
    assert [str(one) for one in found if isinstance(one, Problem)] == []
    made = [one for one in found if isinstance(one, Job)]
    assert len({one.inputs["prompt"] for one in made}) > 1
    assert all("turning slowly" in one.inputs["prompt"] for one in made)
    assert any(isinstance(one, Skipped) for one in found)


@pytest.mark.parametrize(
    ("name", "column"),
    [("shopify.csv", "Image Src"), ("shopify-new.csv", "Product image URL")],
)
def test_a_column_mapped_by_hand_says_the_same(name: str, column: str) -> None:
    by_hand = replace(SHOP, map={"image": (column,)})
    found = sample(name, by_hand)
    assert found == sample(name, SHOP)
