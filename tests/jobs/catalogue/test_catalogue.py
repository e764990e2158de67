from datetime import date

import pytest

from jobs.catalogue import Catalogue, CatalogueError, UnknownModelError, builtin, load

MADE_UP = """
[[model]]
id = "acme/reel-9/image-to-video"
name = "reel-9"
aliases = ["reel"]
title = "Reel 9"
source = "made up"
read_on = 2026-11-20
mutually_exclusive = [["mask", "loop"]]

[model.inputs.picture]
type = "picture"
required = true

[model.inputs.mask]
type = "picture"

[model.inputs.loop]
type = "boolean"
default = false

[model.inputs.length]
type = "integer"
choices = [4, 8]
default = 4

[model.pictures]
formats = ["webp"]
max_bytes = 5_000_000
min_side_px = 64
source = "made up"
read_on = 2026-11-20

[model.price]
usd = "0.30"
factors = [{ input = "length", value = 8, factor = "1.75" }]
source = "made up"
read_on = 2026-11-20

[model.typical]
typical_s = { 4 = 20.0 }
source = "made up"
read_on = 2026-11-20
"""


def made_up(old: str = "", new: str = "") -> Catalogue:
    assert old in MADE_UP
    text = MADE_UP.replace(old, new, 1) if old else MADE_UP
    return load(text.replace("title =", "fixed_duration_s = 4\ntitle =", 1))


def test_the_built_in_catalogue_has_the_five_models_with_endpoint_and_sources() -> None:
    models = builtin().models
    assert sorted(models) == [
        "kwaivgi/kling-v1.6-i2v-standard",
        "kwaivgi/kling-v1.6-multi-i2v-standard",
        "kwaivgi/kling-v2.1-i2v-standard",
        "kwaivgi/kling-v2.6-std/image-to-video",
        "kwaivgi/kling-v3.0-std/image-to-video",
    ]
    for model in models.values():
        assert model.path == f"/api/v3/{model.id}"
        for facts in (model, model.price, model.pictures, model.typical):
            assert facts is not None
            assert facts.source
            assert facts.read_on >= date(2026, 11, 1)
    assert builtin() is builtin()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("kwaivgi/kling-v2.6-std/image-to-video", "kling-v2.6-std"),
        (" Kling-V2.6-STD ", "kling-v2.6-std"),
        ("kling-v1.6-std", "kling-v1.6-i2v-standard"),
    ],
)
def test_a_model_is_found_by_id_short_name_or_alias(name: str, found: str) -> None:
    assert builtin().find(name).name == found


def test_an_unknown_model_comes_with_what_was_probably_meant() -> None:
    with pytest.raises(
        UnknownModelError, match=r"did you mean kling-v3\.0-std"
    ) as caught:
        builtin().find("kling-v3-std")
    assert caught.value.name == "kling-v3-std"
    assert caught.value.guesses[0] == "kling-v3.0-std"
    with pytest.raises(UnknownModelError) as begun:
        builtin().find("Kling")
    assert len(begun.value.guesses) == len(builtin().models)


def test_a_sixth_model_is_added_by_data_alone() -> None:
    model = made_up().find("reel")
    inputs, problems = model.check({"picture": "https://a.org/1.webp", "length": "8"})
    assert problems == []
    assert model.price_usd_micros(inputs) == 525_000
    assert model.request(inputs) == {"picture": "https://a.org/1.webp", "length": 8}
    assert model.duration_s(inputs) == 4
    assert model.typical_s(inputs) == 20.0


def test_a_model_without_a_price_has_an_unknown_one_and_not_zero() -> None:
    start, end = MADE_UP.index("[model.price]"), MADE_UP.index("[model.typical]")
    model = made_up(MADE_UP[start:end]).find("reel-9")
    assert model.price_usd_micros({}) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "required = true",
            "requird = true",
            "picture.requird: Unexpected",
        ),
        ('type = "boolean"', 'type = "bool"', "inputs.loop.type: Input should be"),
        ("default = 4", "default = 4\nminimum = 9\nmaximum = 8", "minimum is above"),
        ('usd = "0.30"', 'usd = "free"', "no amount of dollars"),
        ('factors = [{ input = "length"', 'factors = [{ input = "size"', '"size"'),
        ('["mask", "loop"]', '["mask", "lop"]', 'no input "lop"'),
    ],
)
def test_a_slip_in_the_data_is_told_with_its_place(
    old: str, new: str, said: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        made_up(old, new)
    assert said in str(caught.value)
    assert str(caught.value).startswith("catalogue, ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = [", "not TOML"),
        ("", r"write \[\[model\]\]"),
        ("model = [1]", r"model\.0: Input should be a dictionary"),
    ],
)
def test_a_text_that_is_no_catalogue_is_refused(text: str, said: str) -> None:
    with pytest.raises(CatalogueError, match=said):
        load(text)


def test_two_models_cannot_share_a_name() -> None:
    second = MADE_UP.replace("acme/reel-9/", "acme/reel-10/").replace('"reel-9"', '"b"')
    both = (MADE_UP + second).replace("title =", "fixed_duration_s = 4\ntitle =")
    with pytest.raises(CatalogueError, match="reel names both"):
        load(both)
