"""What the provider quotes is what is estimated, reserved, charged and reported."""

from pathlib import Path

from jobs import settings
from producer.local_server import ledger_of
from tests.audit import audit
from tests.producer.running import Desk, as_csv, desk, quick_sandbox, rows
from tests.sandbox.running import RunningSandbox

#: Five videos of it are $1.05 by the list.
MODEL = "kling-v2.6-std"
COUNT = 5


def written(place: Desk, sandbox: RunningSandbox) -> Path:
    return place.write("products.csv", as_csv(rows(sandbox, COUNT, [MODEL])))


def charged(sandbox: RunningSandbox) -> int:
    return int(sandbox.books()["charged_usd_micros"])


def test_without_quotes_the_list_counts_and_that_is_said() -> None:
    faults = {"price_percent": 120, "price_5xx": 1}
    with quick_sandbox(**faults) as sandbox, desk(sandbox) as place:
        manifest = written(place, sandbox)
        for said in (place.here("price", manifest), place.run(manifest)):
            words = said.out + said.err
            assert said.code == 0, words
            assert "no quote could be read for kling-v2.6-std 5 s" in words
            assert "HTTP 503" in words
        report = place.report()
        assert report["cost"]["estimated_usd"] == "1.05"
        assert report["cost"]["unquoted"] == COUNT
        (warning,) = report["warnings"]
        told = place.here("report", "--billed")
        assert warning in told.out + told.err
        assert told.out.count("charge billed higher") == COUNT


def test_budgets_are_held_by_what_is_quoted_now_and_can_be_raised() -> None:
    with quick_sandbox(price_percent=120) as sandbox, desk(sandbox) as place:
        table = rows(sandbox, 7, [MODEL])
        manifest = place.write("products.csv", as_csv(table))
        first = place.run(manifest, REELMILL_DAILY_BUDGET="0.60")
        assert first.code == 3
        assert charged(sandbox) == 2 * 252_000
        assert (
            "it continues tomorrow (UTC), or with a larger REELMILL_DAILY_BUDGET"
            in first.err
        )

        sandbox.configure(price_percent=200)
        second = place.run(manifest, "--budget", "1.40")
        assert second.code == 3
        assert charged(sandbox) == 2 * 252_000 + 2 * 420_000
        assert "stopped by its budget of" in second.err
        assert "continue with the same command and a larger --budget" in second.err

        # The quotes of the second time stay, though nobody says them again.
        sandbox.configure(price_5xx=1)
        last = place.run(manifest, "--budget", "3.00")
        assert last.code == 0, last.err
        assert "no quote could be read" in last.err
        assert charged(sandbox) == 2 * 252_000 + 5 * 420_000
        assert sandbox.books()["predictions"] == 7
        cost = place.report()["cost"]
        assert (cost["unquoted"], cost["budget_usd"]) == (0, "3.00")
        with ledger_of(settings.read({}, home=place.home), alone=True) as ledger:
            (batch,) = ledger.batches.page(0, 5)[0]
            assert batch.charged_usd_micros == charged(sandbox)
            assert batch.reserved_usd_micros == 0
            assert batch.estimated_usd_micros == batch.charged_usd_micros
            assert audit(ledger, batch.account) == []
        told = place.here("report", "--billed")
        assert "the provider's billing equals this report" in told.out
