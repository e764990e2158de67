"""Predictions that never end: the rest goes on, and every view names them."""

import re

from tests.producer.running import (
    Desk,
    Ended,
    as_csv,
    desk,
    quick_sandbox,
    rows,
)

#: A prediction is soon overdue; two may generate at once.
IMPATIENT = {"REELMILL_CONCURRENT_VIDEOS": "2", "REELMILL_OVERDUE_S": "4"}
STUCK = ("r000", "r001")


def has_both(said: str) -> bool:
    return all(name in said for name in STUCK)


def test_two_that_never_end_at_two_slots_are_named_and_the_rest_is_stored() -> None:
    with (
        quick_sandbox(outcome_never="first 2") as sandbox,
        desk(sandbox, **IMPATIENT) as place,
    ):
        table = rows(sandbox, 5, ["kling-v2.6-std"])
        manifest = place.write("m.csv", as_csv(table))
        ran = place.run(manifest)
        assert ran.code == 3, ran
        assert sandbox.books()["completed"] == 3
        assert sandbox.books()["predictions"] == 5
        assert has_both(ran.err)
        assert "the provider does not end 2, which are paid" in ran.err
        every_view_names_them(place)

        before = looks(sandbox.books(rows=True))
        assert place.run(manifest).code == 3
        after = looks(sandbox.books(rows=True))
        assert all(now > then for then, now in zip(before, after, strict=True))
        one_is_given_up(place)
        assert sandbox.books()["predictions"] == 5


def looks(books: dict[str, object]) -> list[int]:
    """How often each prediction that never ends was asked about."""
    found = books["rows"]
    assert isinstance(found, list)
    return [row["looks"] for row in found if row["status"] == "processing"]


def every_view_names_them(place: Desk) -> None:
    batch = place.report()["batch"]
    give_up = f"reelmill cancel {batch} r000 --abandon"
    for words in (("list",), ("show", batch), ("doctor",)):
        said = unfolded(place.here(*words))
        assert has_both(said), words
        assert give_up in said, words
    (listed,) = place.here("list", "--json").json()
    assert (listed["state"], listed["late"]) == ("overdue", list(STUCK))
    shown = unfolded(place.here("show", batch, "r000"))
    assert "the provider says processing" in shown
    assert give_up in shown
    by_state = place.here("show", batch, "--state", "overdue", "--json").json()
    assert [row["id"] for row in by_state] == list(STUCK)

    report = place.report()
    assert any(has_both(warning) for warning in report["warnings"])
    codes = {row["id"]: row["error"] for row in report["rows"] if row["error"]}
    assert {name: error["code"] for name, error in codes.items()} == dict.fromkeys(
        STUCK, "overdue"
    )
    assert give_up in codes["r000"]["next_step"]
    assert has_both((place.store / batch / "report.html").read_text("utf-8"))
    assert has_both(unfolded(place.here("report", batch)))

    metrics = place.here("metrics", "--once").out
    assert 'state="overdue"} 2.0' in metrics
    (late,) = re.findall(r"^reelmill_late_predictions.* (.*)$", metrics, re.MULTILINE)
    assert float(late) == 2


def unfolded(ended: Ended) -> str:
    """All that was said, as if on one line."""
    return " ".join((ended.out + ended.err).split())


def one_is_given_up(place: Desk) -> None:
    batch = place.report()["batch"]
    said = place.here("cancel", batch, "r000", "--abandon", "--yes")
    assert said.code == 0
    assert "1 abandoned" in said.err
    (listed,) = place.here("list", "--json").json()
    assert listed["late"] == ["r001"]
    assert listed["jobs"]["failed"] == 1
