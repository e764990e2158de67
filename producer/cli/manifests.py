"""Commands that begin with a manifest: write one, check it, price it, render it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from producer.cli.app import Json, Manifest, app
from producer.options import READING, SPENDING, Reading, Spending

GROUP = Group("Manifests", sort_key=0)


@app.command(group=GROUP)
def init(
    path: Path | None = None,
    /,
    *,
    model: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    force: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Write a manifest to begin with; its ending decides between YAML and CSV.

    For example:

        reelmill init
        reelmill init catalogue.csv --model kling-v3.0-std

    Args:
        path: The file to write, `products.yaml` unless named.
        model: Models to show a row of; repeatable.
        force: Replace a file that is there.
        json: Print what was written as JSON.
    """
    from producer.init import init

    return init(path, model, force=force, json=json)


@app.command(group=GROUP)
def check(
    manifest: Manifest, /, *, reading: Reading = READING, json: Json = False
) -> int:
    """Name every problem of every row, with file, line and column; spends nothing.

    Looks at every picture too, unless told `--no-look`.

        reelmill check products.csv
        reelmill check shop.csv --model kling-v2.6-std --prompt "{{ title }} turning"

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        json: Print the problems as JSON.
    """
    from producer.check import check

    return check(manifest, reading, json=json)


@app.command(group=GROUP)
def price(
    manifest: Manifest,
    /,
    *,
    reading: Reading = READING,
    spending: Spending = SPENDING,
    json: Json = False,
) -> int:
    """Show what a manifest will cost, and when it will be done; spends nothing.

    What is stored already costs nothing. With an API key the provider's own quotes and
    the account's balance are asked for and compared.

        reelmill price products.csv
        reelmill price products.csv --budget 20

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        spending: What may be spent, and where to.
        json: Print the prices as JSON.
    """
    from producer.price import price

    return price(manifest, reading, spending, json=json)


@app.command(group=GROUP)
def run(
    manifest: Manifest,
    /,
    *,
    reading: Reading = READING,
    spending: Spending = SPENDING,
    json: Json = False,
) -> int:
    """Render a manifest on this machine; run again, it goes on where it was.

    Shows the price and asks, unless told `--yes`. Nothing that was sent is ever sent
    again: an interrupted run, or one stopped by its budget, goes on with the same
    command, and rows whose video is stored already, by whichever batch, are reused.

        reelmill run products.csv
        reelmill run products.csv --yes --budget 20
        reelmill run pictures/ --model kling-v2.6-std --prompt "a slow orbit"

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        spending: What may be spent, and where to.
        json: Print the outcome as JSON.
    """
    from producer.run import run

    return run(manifest, reading, spending, json=json)


@app.command(group=GROUP)
def submit(
    manifest: Manifest,
    /,
    *,
    reading: Reading = READING,
    spending: Spending = SPENDING,
    wait: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Hand a manifest to the fleet; the same one while it is open is the same batch.

    Needs `REELMILL_REDIS_URL`. Shows the price and asks, unless told `--yes`.

        reelmill submit tonight.csv --budget 100
        reelmill submit tonight.csv --yes --wait --priority 5

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        spending: What may be spent, and where to.
        wait: Watch it, and end as it ends.
        json: Print the outcome as JSON.
    """
    from producer.submit import submit

    return submit(manifest, reading, spending, wait=wait, json=json)
