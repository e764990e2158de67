"""Watchers are measured on a real server, and what they cost is told side by side."""

from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path

from bench import watchers
from bench.results import markdown
from bench.running import await_true
from bench.valkey import started
from jobs.ledger import connect


def test_what_the_server_does_is_told_side_by_side() -> None:
    parser = ArgumentParser()
    watchers.add_options(parser)
    few = ["--jobs=100", "--watchers=4", "--measure-s=0.1"]
    numbers = watchers.answer(parser.parse_args(few))
    assert numbers["resting_alone_asked_per_s"] == 0
    words = markdown(watchers.page(numbers))
    assert "# 4 watchers of a batch of 100 jobs" in words
    for line in ("resting, alone", "moving, watched"):
        assert f"| {line} |" in words


def test_every_watcher_looks_on_its_own(tmp_path: Path) -> None:
    with started(tmp_path) as valkey, closing(connect(valkey.url)) as ledger:
        watchers._batch(ledger, 10)
        ledger.server.execute_command("CONFIG", "RESETSTAT")
        with watchers._watched(valkey, 4):
            assert await_true(
                lambda: (
                    ledger.server.info("commandstats")
                    .get("cmdstat_evalsha", {})
                    .get("calls", 0)
                    >= 4
                ),
                10.0,
            )
