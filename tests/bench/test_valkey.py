"""The server of a measurement is set as the fleet's is."""

import re
from pathlib import Path

from bench.valkey import FLEET, started
from jobs.ledger import connect

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"


def test_its_settings_are_those_of_the_compose_file() -> None:
    command = re.search(
        r"exec valkey-server .*?\n((?:\s+--.*\n)+)", COMPOSE.read_text("utf-8")
    )
    assert command
    found = re.findall(r"--(\S+) (\S+)", command[1].replace("''", '""'))
    assert {name: value.strip('"') for name, value in found} == FLEET


def test_it_answers_and_keeps_everything_before_it_does(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        ledger = connect(server.url)
        ledger.ping()
        ledger.durable()
        ledger.close()
    assert not (tmp_path / "valkey.sock").exists()
