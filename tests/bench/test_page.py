"""The pages that are measured are reports with as many rows as was asked for."""

import json
from pathlib import Path

from tests.bench.commands import bench


def test_it_opens_a_page_of_each_size(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    run = bench("page", "--rows", "5,700", "--openings", "1", "--json", str(file))
    assert run.returncode == 0, run.stderr
    small, large = json.loads(file.read_text())["sizes"]
    assert (small["rows"], large["rows"]) == (5, 700)
    assert 0 < small["file_mb"] < large["file_mb"]
    for size in (small, large):
        assert size["interactive_s"] > 0
        assert size["search_s"] > 0
    assert "| rows |" in run.stdout
