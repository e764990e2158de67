"""Commands whose modules need an extra, or are shared by several commands.

All others are declared where they are done; `producer.cli` lists them.
"""

import sys
from importlib.util import find_spec
from typing import Annotated, Literal

from cyclopts import Parameter

from jobs.states import State
from producer.exits import CommandError
from producer.options import (
    AnyBatch,
    AnyModel,
    Batch,
    Count,
    Flag,
    Json,
    LabelOption,
    Limit,
)


def list_(
    *,
    unfinished: Annotated[bool, Parameter(name="--open", negative="")] = False,
    label: LabelOption = (),
    limit: Limit = None,
    page: Count = 1,
    json: Json = False,
) -> int:
    """Show the batches of the ledger, the newest first, a page at a time.

    For example:

        reelmill list
        reelmill list --open --page 2
        reelmill list --label team=shoes

    Args:
        unfinished: Only those that are not over.
        label: Only those with this label, such as `team=shoes`; repeatable.
        limit: Batches on a page.
        page: Which page.
        json: Print them as JSON, all of them unless limited.
    """
    from producer.show import batches

    return batches(
        unfinished=unfinished, label=label, limit=limit, page=page, json=json
    )


def show(
    batch: AnyBatch = None,
    job: str | None = None,
    *,
    state: State | None = None,
    limit: Limit = None,
    page: Count = 1,
    json: Json = False,
) -> int:
    """Show the jobs of a batch, or all that happened to one of them.

    For example:

        reelmill show
        reelmill show products-1f0c33ab --state failed
        reelmill show products-1f0c33ab mug-orbit

    Args:
        batch: Id of the batch; the newest one if none is named.
        job: Id of a job in it.
        state: Only jobs in this state.
        limit: Jobs on a page.
        page: Which page.
        json: Print the jobs as JSON, all of them unless limited.
    """
    from producer.show import show

    return show(batch, job, state=state, limit=limit, page=page, json=json)


def watch(*batches: Batch, json: Json = False) -> int:
    """Watch batches until they are over, or only a person can go on.

    Ctrl-C ends the watching and leaves the batches alone.

        reelmill watch
        reelmill watch products-1f0c33ab
        reelmill watch products-1f0c33ab --json

    Args:
        batches: Ids of the batches; all that are open if none is named.
        json: Print a line of JSON for every event.
    """
    from producer.watch import watch

    return watch(batches, json=json)


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


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what lets a shell complete commands, options and ids at TAB.

    Put `eval "$(reelmill completion bash)"` into ~/.bashrc, the same with zsh after
    compinit into ~/.zshrc, or fish's into ~/.config/fish/completions/reelmill.fish.

        reelmill completion bash
        reelmill completion fish

    Args:
        shell: Which shell: bash, zsh or fish.
    """
    from producer.cli import app
    from producer.completing import script

    sys.stdout.write(script(app, shell))
    return 0


def metrics(
    *,
    host: str = "127.0.0.1",
    port: int = 9470,
    once: Flag = False,
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
