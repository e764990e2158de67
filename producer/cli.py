"""The command line: which commands there are, what goes wrong with it, and exit codes.

A command's options and help are those of the function that does it, which is imported
when it is called, so that a command starts at once.
"""

import errno
import re
import sys
from importlib.util import find_spec
from typing import Literal

from cyclopts import App, CycloptsError, Group, Parameter
from cyclopts.exceptions import (
    MissingArgumentError,
    UnknownCommandError,
    UnusedCliTokensError,
)

from producer import streams
from producer.exits import CommandError, Exit
from producer.options import Flag

#: Why a result could not be written, where it is nobody's mistake in the code.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

EPILOGUE = """\
Exit codes: 0 all stored · 1 some jobs failed · 2 usage, settings or manifest ·
3 incomplete: budget, stopped, unresolved, overdue · 4 ledger or provider away.

Begin with `reelmill demo`, which needs no key, or with `reelmill init`. Settings come
from the environment; `reelmill doctor` lists them.
"""

#: The commands by their group in the help: name, and module with function.
COMMANDS = {
    "Manifests": {
        "init": "init:init",
        "check": "check:check",
        "price": "price:price",
        "run": "run:run",
        "submit": "submit:submit",
    },
    "Batches": {
        "list": "show:list_",
        "show": "show:show",
        "watch": "watch:watch",
        "report": "report:report",
        "pause": "pause:pause",
        "resume": "pause:resume",
        "cancel": "cancel:cancel",
        "retry": "retry:retry",
        "resolve": "resolve:resolve",
        "collect": "pause:collect",
    },
    "Nightly": {
        "scheduler": "scheduler:scheduler",
    },
    "This set-up": {
        "demo": "demo:demo",
        "doctor": "doctor:doctor",
        "completion": "cli:completion",
        "sandbox": "demo:sandbox",
        "metrics": "cli:metrics",
        "hooks": "cli:hooks",
        "rebuild": "rebuild:rebuild",
        "worker": "worker:worker",
    },
}

#: Commands of commands, by the group in which the help has them.
GROUPED = {
    "Manifests": {
        "models": (
            "Find a model, and what it takes and costs.",
            {
                "list": "models:list_",
                "show": "models:show",
                "refresh": "models:refresh",
            },
        )
    },
    "Nightly": {
        "schedule": (
            "Keep manifests to be handed over by the clock.",
            {
                "add": "schedule:add",
                "list": "schedule:list_",
                "remove": "schedule:remove",
                "run-now": "schedule:run_now",
            },
        )
    },
}


def version() -> str:
    """Which reelmill this is."""
    from importlib import metadata

    return metadata.version("reelmill")


def _default(value: object) -> str | None:
    """A default as the help shows it; what is off, or nothing, goes without saying."""
    return None if value in (None, False, (), "") else str(value)


def _made() -> App:
    made = App(
        # `main` says what an interrupt means, and which code it has.
        suppress_keyboard_interrupt=False,
        name="reelmill",
        help="Turn a manifest of product pictures and prompts into videos, "
        "paid for once.",
        help_epilogue=EPILOGUE,
        help_format="markdown",
        version=version,
        result_action="return_value",
        default_parameter=Parameter(show_default=_default),
    )
    for key, (title, commands) in enumerate(COMMANDS.items()):
        group = Group(title, sort_key=key)
        for name, (words, parts) in GROUPED.get(title, {}).items():
            parent = App(name=name, help=words, group=group)
            made.command(parent)
            for part, place in parts.items():
                parent.command(f"producer.{place}", name=part)
        for name, place in commands.items():
            # The sandbox has a help of its own.
            own = {"help_flags": ()} if name == "sandbox" else {}
            made.command(f"producer.{place}", name=name, group=group, **own)
    return made


app = _made()


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    streams.make_lasting()
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except CycloptsError as error:
        _say(sentence(error))
        code = Exit.USAGE
    except CommandError as stop:
        if str(stop):
            _say(str(stop))
        code = stop.code
    except KeyboardInterrupt:
        _say("interrupted; what was sent is kept, run the same command to go on")
        code = Exit.INCOMPLETE
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        # Or the end would try once more.
        streams.forget(1)
        _say(f"there is no room to write ({error.strerror}); make some and run again")
        code = Exit.UNREACHABLE
    sys.exit(int(code or 0))


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        sys.stdout.write(f"{version()}\n")
        return Exit.STORED
    if words in ([], ["--help"], ["-h"]):
        for name in app:
            app[name]  # its module has the summary that the help shows
    elif words[0] in {"schedule", "models"} and words[1:] in ([], ["--help"], ["-h"]):
        for name in app[words[0]]:
            app[words[0]][name]
    code = app(words, exit_on_error=False, print_error=False)
    return int(code or 0)


def _say(text: str) -> None:
    from producer.console import say

    say(text)


def sentence(error: CycloptsError) -> str:
    """What is wrong with the words of a command line, and which help tells more."""
    command = " ".join(("reelmill", *(error.command_chain or ())))
    what = _what(error, command)
    return f"{what}{' ' if what.endswith('?') else '; '}see {command} --help"


def _what(error: CycloptsError, command: str) -> str:
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{command} takes no more: {' '.join(error.unused_tokens)}"
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        return _no_command(error, error.unused_tokens[0])
    if isinstance(error, MissingArgumentError) and error.argument:
        if error.keyword:
            return f"{error.keyword} needs a value"
        return f"{command} needs {error.argument.field_info.name.upper()}"
    sentences = re.split(r"\.\s+", str(error).strip().rstrip("."))
    return "; ".join(each[:1].lower() + each[1:] for each in sentences)


def _no_command(error: CycloptsError, name: str) -> str:
    from jobs.text import guesses, shown

    known = [each for each in error.app or () if not each.startswith("-")]
    near = guesses(name, known)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"there is no command {shown(name)}{hint}"


# Commands that need this app, or whose modules need an extra.


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
