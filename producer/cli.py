"""The command line: names, options and help of every command, and nothing else.

What a command does stands in the module it calls; these are imported when they are
needed, so that help and completion answer at once.
"""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from producer.exits import Exit, Stop
from producer.options import READING, SPENDING, Reading, Spending

EPILOGUE = """\
Exit codes: 0 all stored · 1 some jobs failed · 2 usage, settings or manifest ·
3 incomplete (budget, interrupted, unresolved) · 4 ledger or provider out of reach.

Settings come from the environment; `reelmill doctor` lists them.
"""


def _version() -> str:
    from importlib.metadata import version

    return version("reelmill")


app = App(
    name="reelmill",
    help="Turn a manifest of product pictures and prompts into videos, paid for once.",
    help_epilogue=EPILOGUE,
    help_format="markdown",
    version=_version,
    result_action="return_value",
)


def _no_option(_kind: object, value: str) -> None:
    """A manifest is `-` or has a name; what looks like an option is a slip."""
    if value.startswith("-") and value != "-":
        raise ValueError(f"{value} is no option of this command; see --help")


#: `-` alone is standard input.
Manifest = Annotated[str, Parameter(allow_leading_hyphen=True, validator=_no_option)]
Json = Annotated[bool, Parameter(name="--json", negative="")]


@app.command
def demo(*, json: Json = False) -> int:
    """Render the sample manifest against the sandbox: no key, no cost.

    Starts a stand-in for the provider on this machine, runs all five models through
    the whole pipeline and shows that the report equals the provider's books.

        reelmill demo

    Args:
        json: Print the outcome as JSON.
    """
    from producer.demo import demo

    return demo(json=json)


@app.command
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
    from producer.commands import check

    return check(manifest, reading, json=json)


@app.command
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
    from producer.commands import price

    return price(manifest, reading, spending, json=json)


@app.command
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
    from producer.commands import run

    return run(manifest, reading, spending, json=json)


@app.command
def report(
    batch: str | None = None,
    *,
    billed: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Show what a batch cost and what became of its rows; writes the report anew.

    For example:

        reelmill report
        reelmill report products-1f0c33ab --billed

    Args:
        batch: Id of the batch; the newest one if none is named.
        billed: Compare with the provider's billing records, row by row.
        json: Print the whole report as JSON.
    """
    from producer.acting import report

    return report(batch, billed=billed, json=json)


@app.command
def show(
    batch: str | None = None, job: str | None = None, *, json: Json = False
) -> int:
    """Show the jobs of a batch, or all that happened to one of them.

    For example:

        reelmill show
        reelmill show products-1f0c33ab mug-orbit

    Args:
        batch: Id of the batch; the newest one if none is named.
        job: Id of a job in it.
        json: Print the jobs as JSON.
    """
    from producer.acting import show

    return show(batch, job, json=json)


@app.command
def collect(batch: str | None = None, *, json: Json = False) -> int:
    """Fetch what is paid but not stored yet, without starting anything new.

    For example:

        reelmill collect
        reelmill collect products-1f0c33ab

    Args:
        batch: Id of the batch; the newest one if none is named.
        json: Print the outcome as JSON.
    """
    from producer.acting import collect

    return collect(batch, json=json)


@app.command
def retry(batch: str, job: str | None = None) -> int:
    """Let failed jobs wait for one more attempt; `reelmill run` then sends them.

    For example:

        reelmill retry products-1f0c33ab
        reelmill retry products-1f0c33ab mug-orbit

    Args:
        batch: Id of the batch.
        job: Id of a job in it; all that failed if none is named.
    """
    from producer.acting import retry

    return retry(batch, job)


@app.command
def resolve(
    batch: str,
    job: str,
    *,
    adopt: str | None = None,
    absent: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Settle a paid request whose answer was lost; `reelmill show` has the candidates.

    For example:

        reelmill resolve products-1f0c33ab mug-orbit --adopt 6376541342614005
        reelmill resolve products-1f0c33ab mug-orbit --absent

    Args:
        batch: Id of the batch.
        job: Id of the job in it.
        adopt: The prediction that is this job's.
        absent: No prediction is this job's; it is sent, and paid, again.
    """
    from producer.acting import resolve

    return resolve(batch, job, adopt=adopt, absent=absent)


@app.command
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
    from producer.starting import init

    return init(path, model, force=force, json=json)


@app.command
def models(name: str | None = None, *, json: Json = False) -> int:
    """List the models, or everything about one: inputs, limits, price.

    For example:

        reelmill models
        reelmill models kling-v3.0-std

    Args:
        name: Short name or full id of a model.
        json: Print the models as JSON.
    """
    from producer.listing import models

    return models(name, json=json)


@app.command
def doctor(*, json: Json = False) -> int:
    """Check this set-up and say what to do about what is wrong; spends nothing.

    For example:

        reelmill doctor

    Args:
        json: Print the findings as JSON.
    """
    from producer.doctor import doctor

    return doctor(json=json)


@app.command(help_flags=())
def sandbox(
    *options: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
) -> int:
    """Run the stand-in provider alone; `reelmill sandbox --help` tells its options.

    For example:

        reelmill sandbox --port 8787 --tier silver --generation-s 5

    Args:
        options: Options of the sandbox.
    """
    from producer.demo import sandbox

    return sandbox(options)


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    try:
        code = app()
    except Stop as stop:
        if str(stop):
            _say(str(stop))
        code = stop.code
    except KeyboardInterrupt:
        _say("interrupted; what was sent is kept, run the same command to go on")
        code = Exit.INCOMPLETE
    except BrokenPipeError:
        sys.stderr.close()
        code = Exit.STORED
    sys.exit(int(code or 0))


def _say(text: str) -> None:
    from producer.tables import say

    say(text)


if __name__ == "__main__":
    main()
