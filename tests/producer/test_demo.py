"""`reelmill demo`: the first thing a person runs, without a key and without a cost."""

import json
import re
import socket
from pathlib import Path

from tests.producer.running import desk, holding, left_nothing

KEY = "wsk-of-a-real-account"


def test_a_demo_costs_nothing_and_touches_no_account() -> None:
    elsewhere = {
        "WAVESPEED_API_KEY": KEY,
        "WAVESPEED_BASE_URL": "http://127.0.0.1:9",
        "REELMILL_REDIS_URL": "redis://127.0.0.1:9/0",
        "REELMILL_VIDEOS_PER_MINUTE": "1",
    }
    with desk() as place:
        place.environment |= elsewhere
        begun = place.start("demo")
        begun.await_child("celery")
        family = begun.family()
        beside = place.here("demo")
        assert beside.code == 2
        assert "in use by another reelmill run" in beside.err
        said = begun.ended()
        assert said.code == 0, said
        assert "Traceback" not in said.err
        assert left_nothing(family)
        # What is foreseen first goes by the stand-in's haste, not by the provider's.
        assert re.search(r"done by \S+ \(\d+ s\)", said.err)
        assert " min left" not in said.err
        assert "7 predictions, $3.478 charged; the report equals them" in said.err
        assert Path(said.out.splitlines()[-1]).is_file()
        assert len(place.videos()) == 7

        report = Path(said.out.splitlines()[-1]).with_suffix(".json")
        document = json.loads(report.read_text("utf-8"))
        assert document["cost"]["charged_usd"] == "3.478"
        assert document["state"] == "finished"
        assert holding(place.folder, KEY) == []


def test_a_demo_says_where_it_cannot_live() -> None:
    with desk(REELMILL_HOME="/proc/x") as place:
        said = place.here("demo")
        assert said.code == 2
        assert "set REELMILL_HOME to a folder that can be written" in said.err


def test_the_sandbox_alone_tells_its_own_options() -> None:
    with desk() as place:
        said = place.reelmill("sandbox", "--help")
        assert said.code == 0
        assert "--generation-s" in said.out
        assert "submit_drop_after" in said.out


def test_the_sandbox_alone_explains_a_mistake() -> None:
    with desk() as place, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = place.reelmill("sandbox", "--port", port, "--set", "tire=gold")
        assert said.code == 2
        assert "tire: no such setting" in said.err
