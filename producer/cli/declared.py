"""Commands whose modules need an extra, or are shared by several commands.

All others are declared where they are done; `producer.cli` lists them.
"""

import sys
from importlib.util import find_spec
from typing import Literal

from producer.exits import CommandError
from producer.options import (
    Flag,
)


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
    from producer.hooks import hooks

    return hooks(host, port)
