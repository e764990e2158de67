"""`docs/failures.md` has every code of a failure, and what follows from each."""

import re
from pathlib import Path

import pytest

from jobs.attempt.failures import CODES, after_poll
from jobs.provider.answers import FRUITLESS, Over
from jobs.records import Attempt, JobRecord
from jobs.states import Event, State
from tests.jobs.ledger.play import PRICE, a_job

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")

#: Code, what happened, cost, again, what to do.
ROWS = re.findall(r"^\| `([a-z-]+)` \|(.*)\|(.*)\|(.*)\|(.*)\|$", PAGE, re.MULTILINE)
CELLS = {code: [cell.strip() for cell in cells] for code, *cells in ROWS}


def codes_of_the_code() -> set[str]:
    """The codes that `jobs` gives a failure: tables, constants and literals."""
    files = sorted((ROOT / "jobs").rglob("*.py"))
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    literal = set(re.findall(r'Failure\(\s*"([a-z-]+)"', code))
    constant = set(re.findall(r'^[A-Z]+_CODE = "([a-z-]+)"', code, re.MULTILINE))
    assert {"refused", "file-gone"} <= literal
    assert {"abandoned", "unresolved", "upload-expired"} <= constant
    return literal | constant | set(CODES.values()) | FRUITLESS


def test_the_page_has_every_code_and_no_other() -> None:
    assert len(ROWS) == len(CELLS)
    assert set(CELLS) == codes_of_the_code()


def ends() -> list[tuple[str, Over]]:
    known = [(code, Over("failed", number, "")) for number, code in CODES.items()]
    return known + [(status, Over(status, 0, "")) for status in sorted(FRUITLESS)]


@pytest.mark.parametrize(("code", "over"), ends())
def test_the_page_says_what_an_end_costs_and_whether_it_is_tried_again(
    code: str, over: Over
) -> None:
    paid = Attempt(1, 0.0, "generating", PRICE, PRICE, prediction_id="p1")
    record = JobRecord(a_job(1), State.GENERATING, (paid,), fencing_token=1)
    move = after_poll(
        "spring",
        record,
        over,
        now_s=9.0,
        lease_s=30.0,
        poll_min_s=5.0,
        attempts=3,
    )
    assert move
    _, cost, again, _ = CELLS[code]
    assert cost == ("given back" if move.refunded_usd_micros else "stays charged")
    if again != "if we can":
        assert (again == "yes") == (move.event is Event.TRY_AGAIN)
    for number in re.findall(r"\b[15]\d{3}\b", CELLS[code][0]):
        assert CODES[int(number)] == code
