"""The command line of the sandbox: `reelmill sandbox`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sandbox.server import PortError, serve
from sandbox.settings import FAULTS, SettingError, Settings
from sandbox.state import JournalError

EXAMPLES = """\
examples:
  reelmill sandbox
  reelmill sandbox --port 0 --tier bronze --generation-s 3
  reelmill sandbox --fault submit_drop_after=0.1 --fault 'outcome_5000=first 3'
  reelmill sandbox --history-lag-s 5 --set insufficient=403
  curl -s 127.0.0.1:8787/sandbox/books
"""
MICROS_PER_USD = 1_000_000


def main() -> int:
    """Run the sandbox; returns the exit code."""
    options = _parser().parse_args()
    try:
        serve(options, _changes(options))
    except (JournalError, PortError, SettingError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    except KeyboardInterrupt:  # as a server ends
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    faults = "\n".join(f"  {name:24}{does}" for name, does in FAULTS.items())
    parser = argparse.ArgumentParser(
        "reelmill sandbox",
        description="A stand-in for the provider: no key, no cost.",
        epilog=f"{EXAMPLES}\nfaults:\n{faults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", type=int, default=8_787, help="8787; 0 is any free one")
    add("--files-port", type=int, default=0, help="port of the videos (any)")
    add("--public-host", default="", help="host in URLs, where it is another one")
    add("--key", action="append", default=[], help="let in this key only; repeatable")
    add("--balance", type=float, help="dollars of each key (1000)")
    add("--books", type=Path, help="file that keeps books and uploads (none)")
    add("--with-parent", action="store_true", help="end when the parent process does")
    pair: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME=VALUE"}
    add("--fault", **pair, help="odds of a fault: 0 to 1, or 'first 3'")
    add("--set", **pair, help="any setting or fault, as in GET /sandbox/settings")
    for name, field in Settings.model_fields.items():
        text = f"{field.description} ({json.dumps(field.default)})"
        add(f"--{name.replace('_', '-')}", metavar="VALUE", help=text)
    return parser


def _changes(options: argparse.Namespace) -> dict[str, object]:
    """Settings and faults by name; `SettingError` if one is not `NAME=VALUE`."""
    given = vars(options)
    changes = {n: _value(given[n]) for n in Settings.model_fields if given[n]}
    if options.balance is not None:
        changes["balance_usd_micros"] = round(options.balance * MICROS_PER_USD)
    for pair in [*options.fault, *options.set]:
        name, equals, text = pair.partition("=")
        if not equals:
            raise SettingError(f"{pair}: write it as NAME=VALUE")
        changes[name] = _value(text)
    return changes


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(main())
