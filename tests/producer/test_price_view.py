"""The price as it is shown: whole without a key, and exact for programs."""

import io
import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from jobs import catalogue, settings
from producer.account import Balance, Quote
from producer.prices.view import PriceView, view
from tests.producer.asking import NEW, STD, Wanted, a_job

#: 3 December 2026, 00:00 by UTC: the prices were read 13 days before.
NOW_S = 1_796_256_000.0
DAY_S = 86_400.0


def viewed(wanted: Wanted, **known: Any) -> PriceView:
    chosen = {
        n: known.pop(n) for n in list(known) if n in settings.Settings.model_fields
    }
    quotes = known.pop("quotes", None)
    return view(
        wanted.quoted(quotes or {}),
        settings=settings.read({}, **chosen),
        asked=quotes is not None,
        **{"now_s": NOW_S, **known},
    )


def printed(shown: PriceView, **how: Any) -> str:
    file = io.StringIO()
    console = Console(file=file, width=80, highlight=False)
    shown.print(console, zone=ZoneInfo("UTC"), **how)
    return file.getvalue()


def one_spaced(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def said(shown: PriceView, **how: Any) -> str:
    return "\n".join(shown.lines(**how))


def quoted(micros: Quote, *others: tuple[str, Quote]) -> dict[str, Quote]:
    return {"kling-v2.6-std 5 s": micros, **dict(others)}


def test_all_of_it_is_shown_without_a_key() -> None:
    text = printed(viewed(Wanted().add(100).add(20, NEW, sound=True)))
    assert "kling-v2.6-std 5 s 100 $0.21 $21.00" in one_spaced(text)
    assert "kling-v3.0-std 5 s, sound 20 $0.63 $12.60" in one_spaced(text)
    assert "total 120 $33.60" in one_spaced(text)
    assert "the list's prices were read 13 days ago, on 2026-11-20" in text
    assert text.count("WAVESPEED_API_KEY") == 1
    assert "done by 0" in text
    assert "quoted" not in text


def test_it_fits_a_terminal_and_cuts_no_word_off() -> None:
    wanted = Wanted().add(12_000, "kling-v1.6-multi-i2v-standard", images=["a"])
    wanted.add(3, NEW, sound=True, multi_prompt=[{"prompt": "a"}])
    quotes = dict.fromkeys(wanted.combinations.questions, 700_000)
    text = printed(viewed(wanted, quotes=quotes, balance=Balance(usd=3.0)))
    table = text.partition("total")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert "…" not in text


def test_what_is_not_paid_again_is_shown_at_nothing() -> None:
    wanted = Wanted().add(10).there(90, "reused").there(5, "following")
    shown = viewed(wanted)
    text = one_spaced(printed(shown))
    assert "stored before 90 $0.00" in text
    assert "being made 5 $0.00" in text
    assert "total 105 $2.10" in text
    told = shown.document()
    assert (told["videos"], told["reused"], told["following"]) == (105, 90, 5)
    assert told["cost_usd"] == "2.10"


def test_nothing_new_costs_nothing_and_needs_nothing() -> None:
    shown = viewed(Wanted().there(9, "reused"), balance=Balance(usd=0.0), quotes={})
    assert said(shown) == "nothing is left to be made"
    assert shown.document()["cost_usd"] == "0.00"
    assert shown.document()["duration_s"] == 0


@pytest.mark.parametrize("short", [True, False])
def test_a_dearer_quote_counts_everywhere_and_is_said(*, short: bool) -> None:
    shown = viewed(
        Wanted().add(100),
        quotes=quoted(230_000),
        balance=Balance(usd=22.0),
        budget_usd_micros=21_000_000,
    )
    text = said(shown, short=short)
    assert "quotes $0.23 for kling-v2.6-std 5 s, 9.5 % above the list's $0.21" in text
    assert "what is quoted counts: in the cost, in budgets and in the report" in text
    assert "the budget of $21.00 covers 91 of 100 videos: $2.00 more" in text
    assert "the balance of $22.00 covers 95 of 100 videos: top up $1.00" in text
    assert "prices were read" not in text
    assert "kling-v2.6-std 5 s 100 $0.23 $23.00 +9.5 %" in one_spaced(printed(shown))
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
    assert shown.document()["quotes"] == {
        "quoted_usd": "23.00",
        "listed_usd": "21.00",
        "difference_usd": "2.00",
        "missing": [],
    }


def test_a_cheaper_quote_counts_too() -> None:
    shown = viewed(
        Wanted().add(100), quotes=quoted(189_000), balance=Balance(usd=100.0)
    )
    assert "10.0 % below the list's $0.21" in said(shown, short=True)
    assert "kling-v2.6-std 5 s 100 $0.189 $18.90 -10.0 %" in one_spaced(printed(shown))
    assert shown.document()["quotes"]["difference_usd"] == "-2.10"


def test_the_same_price_is_called_the_same() -> None:
    shown = viewed(Wanted().add(2), quotes=quoted(210_000), balance=Balance(usd=1.0))
    assert printed(shown).count("the same") == 2
    assert "the provider" not in said(shown)


def test_what_is_not_quoted_is_named() -> None:
    wanted = Wanted().add(2).add(1, NEW)
    away = ("kling-v3.0-std 5 s", "HTTP 503")
    some = viewed(wanted, quotes=quoted(210_000, away), balance=Balance(usd=9.0))
    for short in (True, False):
        assert (
            "no quote could be read for kling-v3.0-std 5 s (HTTP 503): the list's price"
        ) in said(some, short=short)
    assert some.document()["quotes"]["missing"] == ["kling-v3.0-std 5 s"]
    assert "kling-v3.0-std 5 s 1 $0.42 $0.42 none" in one_spaced(printed(some))
    none = viewed(wanted, quotes=quoted("HTTP 503", away), balance=Balance(usd=9.0))
    assert "for kling-v2.6-std 5 s; kling-v3.0-std 5 s (HTTP 503)" in said(none)


def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    wanted = Wanted().add(2)
    model = replace(catalogue.builtin().find(NEW), price=None)
    wanted.combinations.add(replace(a_job(9, NEW), price_usd_micros=None), model)
    text = printed(viewed(wanted))
    assert "customize 1 unknown" in one_spaced(text)
    assert "there is no price for 1 video: not counted in the cost" in text
    (key,) = set(wanted.combinations.questions) - {"kling-v2.6-std 5 s"}
    quotes = quoted(210_000, (key, 500_000))
    shown = viewed(wanted, quotes=quotes, balance=Balance(usd=0.92))
    assert "customize 1 $0.50 $0.50 not listed" in one_spaced(printed(shown))
    assert "the balance of $0.92 covers it" in said(shown)
    assert shown.document()["unpriced"] == 0


def test_a_balance_too_small_says_how_far_it_reaches_and_what_is_missing() -> None:
    shown = viewed(Wanted().add(120), balance=Balance(usd=12.4), quotes=quoted(210_000))
    text = "the balance of $12.40 covers 59 of 120 videos: top up $12.80"
    assert text in said(shown)
    assert text in said(shown, short=True)
    assert shown.document()["balance"] == {
        "balance_usd": "12.40",
        "need_usd": "25.20",
        "short_usd": "12.80",
        "covers": 59,
        "trouble": None,
        "reason": None,
    }


def test_the_balance_is_held_against_what_is_quoted() -> None:
    shown = viewed(Wanted().add(10), balance=Balance(usd=2.2), quotes=quoted(230_000))
    assert "$2.20 covers 9 of 10 videos: top up $0.10" in said(shown)
    cheaper = viewed(Wanted().add(10), balance=Balance(usd=2.0), quotes=quoted(200_000))
    assert "the balance of $2.00 covers it" in said(cheaper)


def test_mixed_prices_make_it_an_about() -> None:
    shown = viewed(Wanted().add(5).add(5, NEW), balance=Balance(usd=1.0))
    assert "covers about 3 of 10 videos" in said(shown)


def test_a_provider_that_is_away_stops_nothing() -> None:
    away = Balance(trouble="unreachable", reason="no route to host")
    shown = viewed(Wanted().add(3), balance=away, quotes=quoted("no route"))
    text = said(shown)
    assert "out of reach (no route to host): no quotes, no balance" in text
    assert "no quote could be read" not in text
    assert "done by" in text
    assert shown.document()["balance"]["trouble"] == "unreachable"
    assert shown.document()["balance"]["short_usd"] is None


def test_a_bad_key_comes_with_its_cure() -> None:
    shown = viewed(
        Wanted().add(3), balance=Balance(trouble="key", reason="401"), quotes={}
    )
    assert "the provider says: 401; check WAVESPEED_API_KEY" in said(shown)


def test_budgets_say_where_they_stop_it() -> None:
    shown = viewed(
        Wanted().add(100), budget_usd_micros=5_000_000, daily_budget="10", tier="silver"
    )
    text = said(shown, short=True)
    assert "budget of $5.00 covers 23 of 100 videos: $16.00 more are needed" in text
    assert "the daily budget of $10.00 spreads it over 3 days (UTC)" in text
    assert shown.document()["budget_usd"] == "5.00"
    assert shown.document()["days"] == 3
    enough = viewed(Wanted().add(1), budget_usd_micros=210_000, daily_budget="1")
    assert "budget" not in said(enough)


def test_old_prices_ask_for_a_second_look() -> None:
    shown = viewed(Wanted().add(1), now_s=NOW_S + 80 * DAY_S)
    assert "93 days ago, on 2026-11-20, so look whether they still hold" in said(shown)
    assert shown.document()["price_list"]["age_days"] == 93
    today = viewed(Wanted().add(1), now_s=NOW_S - 13 * DAY_S)
    assert "prices were read today" in said(today)
    before = viewed(Wanted().add(1), now_s=NOW_S - 300 * DAY_S)
    assert before.document()["price_list"]["age_days"] == 0


def test_a_program_reads_the_same_figures() -> None:
    wanted = Wanted().add(3).add(2, NEW, sound=True).add(1, NEW).there(1, "reused")
    told = viewed(wanted, quotes=quoted(200_000), balance=Balance(usd=50.0)).document()
    assert json.loads(json.dumps(told)) == told
    assert told["cost_usd"] == "2.28"
    assert told["unpriced"] == 0
    std, new = told["by_model"]
    assert (std["model"], std["duration_s"], std["videos"], std["cost_usd"]) == (
        *(STD, 5, 4, "0.60"),
    )
    assert std["options"][0]["list_each_usd"] == "0.21"
    assert [option["options"] for option in new["options"]] == [
        {"sound": False},
        {"sound": True},
    ]
    assert told["times"][0]["tier"] == "bronze"
    assert told["duration_s"] == told["times"][0]["likely_s"] > 0
    assert told["budget_usd"] is None
    assert viewed(wanted).document()["balance"] is None
    assert viewed(wanted).document()["quotes"] is None


def test_no_amount_is_a_float() -> None:
    told = viewed(
        Wanted().add(3), quotes=quoted(210_001), balance=Balance(usd=1.5)
    ).document()

    def floats(value: object) -> list[float]:
        if isinstance(value, dict):
            return [f for inner in value.values() for f in floats(inner)]
        if isinstance(value, list):
            return [f for inner in value for f in floats(inner)]
        return [value] if isinstance(value, float) else []

    assert floats(told) == []
