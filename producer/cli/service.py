"""Commands about what reelmill runs on, and the demonstration of it all."""

import sys
from importlib.util import find_spec
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from producer.cli.app import AnyModel, Json, app
from producer.exits import CommandError

GROUP = Group("This set-up", sort_key=3)


@app.command(group=GROUP)
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


@app.command(group=GROUP)
def models(name: AnyModel = None, *, json: Json = False) -> int:
    """List the models, or everything about one: inputs, limits, price.

    For example:

        reelmill models
        reelmill models kling-v3.0-std

    Args:
        name: Short name or full id of a model.
        json: Print the models as JSON.
    """
    from producer.models import models

    return models(name, json=json)


@app.command(group=GROUP)
def doctor(*, json: Json = False) -> int:
    """Check this set-up and say what to do about what is wrong; spends nothing.

    For example:

        reelmill doctor

    Args:
        json: Print the findings as JSON.
    """
    from producer.doctor import doctor

    return doctor(json=json)


@app.command(group=GROUP)
def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what lets a shell complete commands, options and ids at TAB.

    Put `eval "$(reelmill completion bash)"` into ~/.bashrc, the same with zsh after
    compinit into ~/.zshrc, or fish's into ~/.config/fish/completions/reelmill.fish.

        reelmill completion bash
        reelmill completion fish

    Args:
        shell: Which shell: bash, zsh or fish.
    """
    from producer.completing import script

    sys.stdout.write(script(app, shell))
    return 0


@app.command(group=GROUP, help_flags=())
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


@app.command(group=GROUP)
def metrics(
    *,
    host: str = "127.0.0.1",
    port: int = 9470,
    once: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Serve the figures of a fleet for Prometheus, or print them once.

    For example:

        reelmill metrics --port 9470
        reelmill metrics --once

    Args:
        host: Address to listen on.
        port: Port to listen on.
        once: Print the figures and end.
    """
    if find_spec("prometheus_client") is None:
        raise CommandError(
            "figures need prometheus-client: pip install 'reelmill[metrics]'"
        )
    from producer.metrics import expose

    return expose(host, port, once=once)


@app.command(group=GROUP)
def hooks(*, host: str = "127.0.0.1", port: int = 8788) -> int:
    """Receive the provider's webhooks, so that what is over is seen at once.

    For example:

        reelmill hooks --port 8788

    Args:
        host: Address to listen on; whoever calls from outside comes through a proxy.
        port: Port to listen on.
    """
    from producer.hooking import hooks

    return hooks(host, port)


@app.command(group=GROUP)
def rebuild(
    *,
    store: str | None = None,
    ledger: str | None = None,
    older: Annotated[bool, Parameter(negative="")] = False,
    yes: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Put a ledger right that lost data, or has older data; sends nothing.

    For example:

        reelmill rebuild --store s3://shop/videos

    Args:
        store: Where the videos are, instead of `REELMILL_STORE`.
        ledger: Name of the ledger that was lost, where the store knows several.
        older: Compare what it knows too, though no mark tells that it is older.
        yes: Let batches that have waiting rows go on at once.
        json: Print what was put back as JSON.
    """
    from producer.rebuilding import rebuild

    return rebuild(store, ledger_name=ledger, older=older, yes=yes, json=json)


@app.command(group=GROUP)
def worker(
    *,
    concurrency: int = 8,
    name: str | None = None,
    log_level: str = "INFO",
    check: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Work for a fleet: take jobs from `REELMILL_REDIS_URL` until told to stop.

    For example:

        reelmill worker --concurrency 8
        reelmill worker --check

    Args:
        concurrency: Threads; each carries blocks of jobs that wait side by side.
        name: Name of this worker, where several run on one machine.
        log_level: How much it tells: DEBUG, INFO, WARNING.
        check: Only tell whether this machine's worker lives.
        json: Print what `--check` finds as JSON.
    """
    from producer.worker import worker

    return worker(
        concurrency=concurrency,
        name=name,
        log_level=log_level,
        check=check,
        json=json,
    )
