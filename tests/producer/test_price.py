"""The price as it is shown, and when it will be done: whole without a key."""

import io
import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from jobs import catalogue, settings
from jobs.pace.limits import tiers
from jobs.text import by
from producer.account import Balance, Quote
from producer.price_view import DAY_S, NEVER, Finish, PriceView, finish
from tests.producer.asking import NEW, STD, Wanted, a_job

#: 3 December 2026, 00:00 by UTC: the prices were read 13 days before.
NOW_S = 1_796_256_000.0
#: 20:00 on Friday 15 January 2027, by UTC.
EVENING_S = 1_800_043_200.0
BERLIN = ZoneInfo("Europe/Berlin")
MODEL = "kwaivgi/kling-v2.6-std/image-to-video"


def chosen_of(known: dict[str, Any]) -> settings.Settings:
    names = settings.Settings.model_fields.keys() & known.keys()
    return settings.read({}, **{name: known.pop(name) for name in names})


def viewed(wanted: Wanted, **known: Any) -> PriceView:
    chosen = chosen_of(known)
    wanted.quoted(known.pop("quotes", {}))
    done = finish(wanted.bill, chosen, now_s=known.pop("now_s", NOW_S))
    return PriceView(wanted, done, chosen, **known)


def finished(wanted: Wanted, **known: Any) -> Finish:
    return finish(wanted.bill, chosen_of(known), now_s=EVENING_S, **known)


def printed(shown: PriceView, **how: Any) -> str:
    file = io.StringIO()
    console = Console(file=file, width=80, highlight=False)
    shown.print(console, zone=ZoneInfo("UTC"), **how)
    assert max(map(len, file.getvalue().partition("total")[0].splitlines())) <= 80
    return "\n".join(" ".join(line.split()) for line in file.getvalue().splitlines())


def quoted(micros: Quote, *others: tuple[str, Quote]) -> dict[str, Quote]:
    return {"kling-v2.6-std 5 s": micros, **dict(others)}


def test_all_of_it_is_shown_without_a_key() -> None:
    text = printed(viewed(Wanted().add(100).add(20, NEW, sound=True)))
    for part in (
        "kling-v2.6-std 5 s 100 $0.21 $21.00",
        "kling-v3.0-std 5 s, sound 20 $0.63 $12.60",
        "total 120 $33.60",
        "13 days ago, on 2026-11-20",
        "WAVESPEED_API_KEY",
        "done by 0",
    ):
        assert part in text


def test_what_is_not_paid_again_is_shown_at_nothing() -> None:
    shown = viewed(Wanted().add(10).there(90, "reused").there(5, "following"))
    text, told = printed(shown), shown.document()
    assert "stored before 90 $0.00" in text
    assert "being made 5 $0.00" in text
    assert "total 105 $2.10" in text
    assert (told["videos"], told["reused"], told["following"]) == (105, 90, 5)
    assert told["cost_usd"] == "2.10"


def test_nothing_new_costs_nothing_and_needs_nothing() -> None:
    shown = viewed(Wanted().there(9, "reused"), balance=Balance(usd=0.0))
    assert shown.lines() == ["nothing is left to render"]
    told = shown.document()
    assert (told["cost_usd"], told["duration_s"]) == ("0.00", 0)


def test_a_dearer_quote_counts_everywhere_and_is_said() -> None:
    shown = viewed(
        Wanted().add(100),
        quotes=quoted(230_000),
        balance=Balance(usd=22.0),
        budget_usd_micros=21_000_000,
    )
    for text in (printed(shown), printed(shown, short=True)):
        assert "quotes $0.23 for kling-v2.6-std 5 s, the list says $0.21" in text
        assert "the budget of $21.00 covers 91 of 100 videos: $2.00 more" in text
        assert "the balance of $22.00 covers 95 of 100 videos: top up $1.00" in text
        assert "kling-v2.6-std 5 s 100 $0.23 $23.00" in text
        assert "prices were read" not in text
    told = shown.document()
    assert told["cost_usd"] == told["by_model"][0]["cost_usd"] == "23.00"
    assert told["by_model"][0]["options"] == [
        {
            "options": {},
            "videos": 100,
            "each_usd": "0.23",
            "cost_usd": "23.00",
            "list_each_usd": "0.21",
            "quote_each_usd": "0.23",
        }
    ]
    assert told["quotes"] == {
        "quoted_usd": "23.00",
        "listed_usd": "21.00",
        "difference_usd": "2.00",
        "missing": [],
    }
    assert told["balance"] == {
        "balance_usd": "22.00",
        "need_usd": "23.00",
        "short_usd": "1.00",
        "covers": 95,
        "trouble": None,
        "reason": None,
    }


def test_a_quote_that_equals_the_list_is_not_mentioned() -> None:
    shown = viewed(Wanted().add(2), quotes=quoted(210_000), balance=Balance(usd=0.42))
    text = printed(shown)
    assert "quote" not in text
    assert "the balance of $0.42 covers it" in text


def test_what_is_not_quoted_is_named() -> None:
    away = ("kling-v3.0-std 5 s", "HTTP 503")
    shown = viewed(
        Wanted().add(2).add(1, NEW),
        quotes=quoted(210_000, away),
        balance=Balance(usd=0.3),
    )
    text = printed(shown, short=True)
    assert "no quote could be read for kling-v3.0-std 5 s (HTTP 503)" in text
    assert "kling-v3.0-std 5 s 1 $0.42 $0.42" in text
    assert "covers about 1 of 3 videos" in text  # prices differ
    assert shown.document()["quotes"]["missing"] == ["kling-v3.0-std 5 s"]


def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    wanted = Wanted().add(2)
    model = replace(catalogue.builtin().find(NEW), price=None)
    wanted.bill.add(replace(a_job(9, NEW), price_usd_micros=None), model)
    text = printed(viewed(wanted))
    assert "kling-v3.0-std 5 s 1 unknown" in text
    assert "there is no price for 1 video" in text
    (key,) = set(wanted.bill.questions) - {"kling-v2.6-std 5 s"}
    shown = viewed(wanted, quotes=quoted(210_000, (key, 500_000)), balance=Balance(1.0))
    assert "kling-v3.0-std 5 s 1 $0.50 $0.50" in printed(shown)
    assert shown.document()["unpriced"] == 0


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        (Balance(trouble="unreachable", reason="no route"), "out of reach (no route)"),
        (Balance(trouble="key", reason="401"), "says: 401; check WAVESPEED_API_KEY"),
    ],
)
def test_a_provider_that_does_not_answer_stops_nothing(
    balance: Balance, words: str
) -> None:
    shown = viewed(Wanted().add(3), balance=balance, quotes=quoted("no route"))
    text, told = printed(shown), shown.document()["balance"]
    assert words in text
    assert "no quote could be read" not in text
    assert "done by" in text
    assert (told["trouble"], told["short_usd"]) == (balance.trouble, None)


def test_budgets_say_where_they_stop_it() -> None:
    shown = viewed(
        Wanted().add(100), budget_usd_micros=5_000_000, daily_budget="10", tier="silver"
    )
    text = printed(shown, short=True)
    assert "budget of $5.00 covers 23 of 100 videos: $16.00 more" in text
    assert "the daily budget of $10.00 spreads it over 3 days (UTC)" in text
    assert shown.document()["budget_usd"] == "5.00"
    enough = viewed(Wanted().add(1), budget_usd_micros=210_000, daily_budget="1")
    assert "budget" not in printed(enough)


@pytest.mark.parametrize(
    ("days", "words", "age"),
    [(80, "that they are still valid", 93), (-300, "today", 0)],
)
def test_old_prices_ask_for_a_second_look(days: int, words: str, age: int) -> None:
    shown = viewed(Wanted().add(1), now_s=NOW_S + days * DAY_S)
    assert words in printed(shown)
    assert shown.document()["price_list"]["age_days"] == age


def test_a_program_reads_the_same_figures_and_no_floats() -> None:
    wanted = Wanted().add(3).add(2, NEW, sound=True).add(1, NEW).there(1, "reused")
    shown = viewed(wanted, quotes=quoted(200_000), balance=Balance(usd=50.0))
    told = shown.document()

    def no_float(text: str) -> float:
        raise AssertionError(text)

    assert json.loads(json.dumps(told), parse_float=no_float) == told
    assert told["cost_usd"] == "2.28"
    std, new = told["by_model"]
    assert (std["model"], std["videos"], std["cost_usd"]) == (STD, 4, "0.60")
    assert [option["options"] for option in new["options"]] == [
        {"sound": False},
        {"sound": True},
    ]
    own = shown.finish.levels[0].takes
    assert told["times"][0]["tier"] == "bronze"
    assert told["duration_s"] == told["times"][0]["likely_s"] == round(own.likely_s)
    assert told["times"][0]["late_by"] > told["times"][0]["likely_by"] > "2026-12-03"
    told = viewed(wanted).document()
    assert told["balance"] is told["quotes"] is told["budget_usd"] is None


# -- when ----------------------------------------------------------------------------


def test_a_higher_tier_is_named_if_it_is_worth_it() -> None:
    done, late = finished(Wanted().add(400)).lines(BERLIN)
    assert done.startswith("done by 02:")
    assert "on Sat 16 Jan (5 h " in done
    assert "or at Silver by 21:0" in done
    assert late.startswith("90 % by 05:")
    assert "at Bronze: 2 starts a minute, 2 at once" in late
    (done, _) = finished(Wanted().add(1)).lines(BERLIN)
    assert " or at " not in done


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (
            {"videos_per_minute": 400, "concurrent_videos": 20},
            ["", "silver", "gold", "ultra"],
        ),
        ({"videos_per_minute": 10, "concurrent_videos": 5_000}, ["", "ultra"]),
        ({"tier": "ultra"}, ["ultra"]),
        ({"tier": "bronze"}, [*tiers()]),
    ],
)
def test_only_tiers_that_are_higher_in_every_way_are_compared(
    chosen: dict[str, Any], names: list[str]
) -> None:
    levels = finished(Wanted().add(9), **chosen).levels
    assert [level.tier for level in levels] == names


def test_learnt_times_count_for_their_model_and_duration() -> None:
    wanted = Wanted().add(100)
    slow = finished(wanted, learnt={(MODEL, 5): [400.0] * 20})
    other = finished(wanted, learnt={(MODEL, 10): [400.0] * 20})
    assert (slow.learnt, other.learnt) == (True, False)
    assert slow.levels[0].takes.likely_s > 3 * other.levels[0].takes.likely_s


def test_videos_under_way_hold_it_up() -> None:
    free, busy = (finished(Wanted().add(4), slots_in_use=n) for n in (0, 2))
    assert busy.levels[0].takes.likely_s > free.levels[0].takes.likely_s


def test_a_daily_budget_holds_the_rest_until_the_next_day() -> None:
    to_midnight_s = 4 * 3600
    wanted = Wanted().add(100)  # $21.00
    once, twice, many = (
        finished(wanted, daily_budget=budget, tier="silver")
        for budget in ("21.00", "20.99", "2.20")
    )
    assert (once.days, twice.days, many.days) == (1, 2, 10)
    assert once.levels[0].takes.likely_s < 1_000
    assert 0 < twice.levels[0].takes.likely_s - to_midnight_s < 1_000
    assert 0 < many.levels[0].takes.likely_s - to_midnight_s - 8 * DAY_S < 1_000


@pytest.mark.parametrize(("spent", "days"), [(0, 1), (2_000_000, 2), (9_000_000, 2)])
def test_what_today_has_cost_counts(spent: int, days: int) -> None:
    found = finished(Wanted().add(10), daily_budget="3", today_usd_micros=spent)
    assert found.days == days


def test_a_daily_budget_below_one_price_is_never_done() -> None:
    found = finished(Wanted().add(1).add(1, NEW), daily_budget="0.30")
    assert found.days is None
    assert found.lines(BERLIN) == [NEVER]


@pytest.mark.parametrize(
    ("in_s", "words"),
    [
        (60, "21:01"),
        (61, "21:02"),
        (3 * 3600, "00:00 on Sat 16 Jan"),
        (400 * DAY_S, "21:00 on Sat 19 Feb 2028"),
    ],
)
def test_a_moment_is_said_with_its_day_if_that_is_another(
    in_s: float, words: str
) -> None:
    assert by(EVENING_S, in_s, BERLIN) == words
