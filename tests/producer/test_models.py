"""`reelmill models`, and rows of models that the provider lists, end to end."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from producer.exits import Exit
from producer.model_list import FILE, FRESH_S
from tests.producer.running import Desk, desk, quick_sandbox
from tests.sandbox.running import RunningSandbox

#: Id, model, whether it has a last picture, duration, resolution, sound; and its price.
SEVEN = {
    ("a", "kling-v4.0", "", "3", "1080p", ""): 630_000,
    ("b", "kling-v2.6-pro", "", "10", "", "yes"): 1_400_000,
    ("c", "kling-v2.5-turbo-pro", "last", "", "", ""): 350_000,
    ("d", "seedance-2.0", "", "4", "480p", "no"): 240_000,
    ("e", "alibaba/wan-2.7/image-to-video", "", "", "", ""): 500_000,
    ("f", "kling-v2.1-i2v-pro-start-end-frame", "last", "", "", ""): 450_000,
    ("g", "kling-v2.6-std", "", "5", "", ""): 210_000,
}
HEADER = "id,model,last_image,duration,resolution,sound,image,prompt,title"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(drop_unknown=True) as running:
        yield running


@pytest.fixture
def place(sandbox: RunningSandbox) -> Iterator[Desk]:
    with desk(sandbox) as made:
        yield made


def written(place: Desk, sandbox: RunningSandbox, *rows: tuple[str, ...]) -> str:
    picture = f"{sandbox.files_url}/pictures/mug.jpg"
    lines = [HEADER]
    for row in rows:
        cells = [picture if cell == "last" else cell for cell in row]
        lines.append(",".join([*cells, picture, f"turn {row[0]}", "A mug"]))
    place.write("seven.csv", "\n".join(lines))
    return "seven.csv"


def test_listed_models_are_rendered_at_their_quotes_and_nothing_is_dropped() -> None:
    with quick_sandbox(drop_unknown=True) as sandbox, desk(sandbox) as place:
        ran = place.reelmill("run", written(place, sandbox, *SEVEN), "--yes")
        assert ran.code == Exit.STORED, ran.err
        books = sandbox.books(rows=True)
        assert books["dropped_inputs"] == 0
        paid = {r["inputs"]["prompt"]: r["price_usd_micros"] for r in books["rows"]}
        assert paid == {f"turn {row[0]}": price for row, price in SEVEN.items()}
        charged = place.report()["cost"]["charged_usd"]
        assert Decimal(charged) * 1_000_000 == sum(SEVEN.values())
        again = place.reelmill("run", "seven.csv", "--yes")
        assert again.code == Exit.STORED
        assert sandbox.books()["predictions"] == len(SEVEN)


def test_a_model_that_vanishes_stops_nothing_that_was_handed_over(
    place: Desk, sandbox: RunningSandbox
) -> None:
    row = next(iter(SEVEN))
    name = written(place, sandbox, row)
    assert place.here("price", name).code == Exit.STORED
    sandbox.configure(unlisted="kwaivgi/kling-v4.0/image-to-video")
    assert place.reelmill("run", name, "--yes").code == Exit.STORED
    stale = place.home / FILE
    kept = json.loads(stale.read_text())
    stale.write_text(json.dumps(kept | {"read_at_s": kept["read_at_s"] - FRESH_S}))
    refused = place.here("check", name)
    assert refused.code == Exit.USAGE
    assert "kling-v4.0 cannot be used: the provider has taken it off" in refused.out
    sandbox.configure(unlisted="")


def test_a_default_that_changed_is_said_before_its_rows_are_paid_again(
    place: Desk, sandbox: RunningSandbox
) -> None:
    name = written(place, sandbox, next(iter(SEVEN)))
    assert "changed" not in place.here("price", name).err
    path = place.home / FILE
    copy = json.loads(path.read_text())
    entry = next(m for m in copy["models"] if "kling-v4.0" in m["model_id"])
    schema = entry["api_schema"]["api_schemas"][0]["request_schema"]
    schema["properties"]["duration"]["default"] = 8
    path.write_text(json.dumps(copy))
    assert "changed: kwaivgi/kling-v4.0" in place.here("models", "refresh").out
    said = place.here("price", name)
    assert "the provider changed kling-v4.0: duration was" in said.err
    assert "paid again" in said.err


def test_ten_thousand_rows_of_four_models_ask_for_few_quotes(
    place: Desk, sandbox: RunningSandbox
) -> None:
    def row(number: int) -> tuple[str, ...]:
        models = ("kling-v4.0", "kling-v2.6-pro", "seedance-2.0", "kling-v2.6-std")
        model, seconds = models[number % 4], ("5", "10")[number // 4 % 2]
        sound = ("", "yes", "no")[number // 8 % 3] if number % 4 in {1, 2} else ""
        return (f"r{number}", model, "", seconds, "", sound)

    name = written(place, sandbox, *map(row, range(10_000)))
    before = sandbox.books()["requests"].get("price", 0)
    priced = place.here("price", name, "--no-look", "--json")
    assert priced.code == Exit.STORED, priced.err
    assert 4 < sandbox.books()["requests"].get("price", 0) - before <= 40


def test_without_an_answer_the_last_copy_serves_and_says_its_day(
    place: Desk,
) -> None:
    listed = place.here("models", "list", "--json").json()
    assert "kling-v4.0" in [model["name"] for model in listed]
    stale = place.home / FILE
    kept = json.loads(stale.read_text())
    stale.write_text(json.dumps(kept | {"read_at_s": 0}))
    away = place.here("models", "list", "--json", WAVESPEED_API_KEY=None)
    assert len(away.json()) == len(listed)
    assert "the list of models is of 1970-01-01" in away.err
    stale.write_text("half a fi")
    ours = place.here("models", "list", "--offline")
    assert "only the 5 models that come with reelmill are known" in ours.err
    assert [path.name for path in place.home.iterdir()] == [FILE]


def test_models_are_found_by_what_they_can(place: Desk) -> None:
    def names(*words: str) -> list[str]:
        return [
            m["name"] for m in place.here("models", "list", *words, "--json").json()
        ]

    assert names("kling", "--resolution", "4k", "--last-image") == ["kling-v4.0"]
    assert names("--maker", "google", "--max-price", "0.5") == ["veo3.1-lite"]
    assert names("--images", "--duration", "1") == [
        "grok-imagine-video-reference-to-video"
    ]
    wrong = place.here("models", "list", "--max-price", "cheap")
    assert (wrong.code, "no amount of dollars" in wrong.err) == (Exit.USAGE, True)


def test_a_model_is_shown_with_what_the_provider_quotes(place: Desk) -> None:
    shown = place.here("models", "show", "kling-v4.0", "--json").json()
    assert {"duration": 5, "resolution": "4k", "price": 2_800_000} in shown["quotes"]
    text = place.here("models", "show", "kling-v2.1-i2v-pro-start-end-frame").out
    assert "the model calls it start_image" in text
    speech = place.here("models", "show", "multitalk")
    assert (speech.code, "needs audio" in speech.err) == (Exit.USAGE, True)


def test_a_starter_of_every_listed_model_is_in_order(place: Desk) -> None:
    models = place.here("models", "list", "--json").json()
    assert len(models) > 15
    for name in (model["name"] for model in models):
        assert place.here("init", f"{name}.csv", "--model", name).code == Exit.STORED
        checked = place.here("check", f"{name}.csv", "--no-look", "--offline")
        assert checked.code == Exit.STORED, checked.out


def test_an_unknown_model_is_answered_with_names_makers_and_prices(
    place: Desk, sandbox: RunningSandbox
) -> None:
    name = written(place, sandbox, ("a", "seedanse", "", "", "", ""))
    said = place.here("check", name, "--no-look").out
    assert "did you mean seedance-2.0 (bytedance, $0.60)?" in said


def test_a_fresh_list_tells_what_came_and_went(
    place: Desk, sandbox: RunningSandbox
) -> None:
    assert "can be used" in place.here("models", "refresh").out
    sandbox.configure(unlisted="minimax/video-02")
    assert "gone: minimax/video-02" in place.here("models", "refresh").out
    sandbox.configure(unlisted="")
    assert "new: minimax/video-02" in place.here("models", "refresh").out
