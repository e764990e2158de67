"""`make fleet-test`: the compose file in real containers, while things break.

A batch is rendered by three workers while the stand-in loses answers, containers are
killed, cut off and paused, the workers are replaced by ones that lack a
model, and a backup of the ledger is put back. At the end every row is stored and paid
once. Prints a tally; exit code 0 if all is well, 1 if not, 3 where it cannot be tried.
`--picture` makes the documentation's picture of Flower anew; `--ready` only looks, and
says why it cannot be tried.
"""

import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import httpx

from tests.browser.running import browser, keep
from tests.containers.breaking import (
    OTHER_IMAGE,
    break_things,
    derive,
    replace_workers,
)
from tests.containers.checking import wrong
from tests.containers.engine import (
    FLOWER_URL,
    USER,
    EngineError,
    Fleet,
    remove_images,
    say,
    until,
    why_not,
)
from tests.containers.restoring import back_up, put_back, settle_by_hand
from tests.containers.rows import ROWS, manifest

#: Of 100 answers to paid requests, so many are lost in two ways.
LOST = {"submit_drop_after": 0.05, "submit_5xx_after": 0.03}


def start(fleet: Fleet) -> str:
    """Build and start everything; the image of workers that lack a model."""
    say("build the image, and one derived from it")
    fleet.compose("build")
    other = derive(fleet.folder, f"{fleet.name}-other", OTHER_IMAGE)
    say("start the fleet")
    fleet.compose("up", "--detach", "--no-build", "--scale", "worker=3")
    until("the stand-in answers", fleet.is_sandbox_up)
    fleet.configure_sandbox(**LOST, generation_s=8.0, tier="silver")
    return other


def tell(fleet: Fleet, batch: str, by_hand: int, began_s: float) -> None:
    """The tally."""
    books = fleet.books()
    rows = books["rows"]
    say(
        f"{ROWS} rows, {dict(fleet.counts(batch))}; {len(rows)} predictions, "
        f"{sum(row['lost_answer'] for row in rows)} answers lost by the provider, "
        f"{by_hand} rows settled by hand, ${books['charged_usd_micros'] / 1e6:.2f} "
        f"charged; {time.monotonic() - began_s:.0f} s"
    )


def photograph(fleet: Fleet) -> None:
    """The picture of the documentation: the fleet's workers, as Flower shows them."""
    with browser() as started:
        page = started.new_page(
            viewport={"width": 1280, "height": 680},
            http_credentials={"username": USER, "password": fleet.password},
        )
        page.goto(f"{FLOWER_URL}/workers")
        page.wait_for_selector("#workers-table tbody tr:nth-child(3)")
        keep(page.screenshot(), "flower-fleet")


def exercise(fleet: Fleet, *, picture: bool) -> list[str]:
    """Everything, from the build to the tally; what is wrong in the end."""
    began_s = time.monotonic()
    other = start(fleet)
    rows = fleet.folder / "rows"
    rows.mkdir()
    batch = fleet.submit(manifest(rows))
    say(f"{batch}: {ROWS} rows")
    break_things(fleet, batch)
    back_up(fleet)
    replace_workers(fleet, batch, other)
    # The few rows that are left would only be waited for.
    fleet.configure_sandbox(**dict.fromkeys(LOST, 0.0))
    put_back(fleet)
    by_hand = settle_by_hand(fleet, batch)
    until("every row is stored", lambda: fleet.counts(batch) == {"stored": ROWS})
    until("every container is well", lambda: not fleet.unwell())
    tell(fleet, batch, by_hand, began_s)
    if picture:
        photograph(fleet)
    return wrong(fleet, batch)


def main() -> int:
    """Run it; the exit code."""
    cannot = why_not()
    if cannot or "--ready" in sys.argv[1:]:
        sys.stdout.write(f"{cannot}\n" if cannot else "")
        return 3 if cannot else 0
    with tempfile.TemporaryDirectory(prefix="fleet-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        fleet = Fleet(folder)
        try:
            found = exercise(fleet, picture="--picture" in sys.argv[1:])
        except (EngineError, TimeoutError, httpx.HTTPError) as error:
            found = [str(error)]
        finally:
            keep_to = Path(tempfile.gettempdir()) / "fleet-test.log"
            with suppress(EngineError):
                fleet.keep_logs()
            keep_to.write_text("\n".join(fleet.said))
            with suppress(EngineError):
                fleet.down()
            remove_images(f"{fleet.name}-other")
    for each in found:
        say(f"WRONG: {each}")
    say("all is well" if not found else f"the logs are in {keep_to}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
