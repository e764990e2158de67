"""The command line of the sandbox: `python -m sandbox`.

It reads what a person typed and says in one sentence what is wrong with it; `serve`
does the rest.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from sandbox.faults import FAULTS
from sandbox.serve import Address, Plan, PortTaken, serve
from sandbox.settings import CHOICES, SettingRefused

#: Options that are settings too, under the same name; each with its help.
SETTINGS = {
    "tier": "limits of each key",
    "videos-per-minute": "starts in any 60 s, instead of the tier's",
    "concurrent": "predictions at once, instead of the tier's",
    "generation-s": "median time of a prediction (20)",
    "spread": "sigma of the times (0.25)",
    "stragglers": "share of predictions that take 5 times as long (0)",
    "seed": "what all chance is drawn from (1)",
    "quality": "demo, or small for videos that are quick to make",
}
PAIRS = {
    "--fault": "odds of a fault: 0 to 1, or 'first 3'",
    "--set": "any setting of GET /sandbox/settings",
}
EXAMPLES = """\
examples:
  python -m sandbox
  python -m sandbox --port 0 --tier bronze --generation-s 3
  python -m sandbox --fault submit_drop_after=0.1 --fault 'outcome_5000=first 3'
  python -m sandbox --set history_lag_s=5 --set over_concurrency=queue
  curl -s 127.0.0.1:8787/sandbox/books
"""
MICROS_PER_USD = 1_000_000


def main() -> int:
    """Run the sandbox; returns the exit code."""
    parser = _parser()
    try:
        plan = _plan(parser.parse_args())
        asyncio.run(serve(plan))
    except (PortTaken, SettingRefused) as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - talk goes to stderr
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    faults = "\n".join(f"  {name:24}{does}" for name, does in FAULTS.items())
    parser = argparse.ArgumentParser(
        "python -m sandbox",
        description="A stand-in for the provider: no key, no cost.",
        epilog=f"{EXAMPLES}\nfaults:\n{faults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", type=int, default=8_787, help="8787; 0 is any free one")
    add("--files-port", type=int, default=0, help="port of the videos (any)")
    add("--public-host", default="", help="host in URLs, where it is another one")
    add("--key", action="append", default=[], help="let in this key only; repeatable")
    add("--balance", type=float, default=1_000, help="dollars of each key (1000)")
    for name, text in SETTINGS.items():
        add(f"--{name}", choices=CHOICES.get(name), help=text)
    for name, text in PAIRS.items():
        add(name, action="append", default=[], metavar="NAME=VALUE", help=text)
    add(
        "--books",
        type=Path,
        help="file that keeps the books, with pictures beside it (none: in memory)",
    )
    add("--with-parent", action="store_true", help="end when the parent process does")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    given = vars(options)
    changes: dict[str, object] = {
        "balance_usd_micros": round(options.balance * MICROS_PER_USD)
    }
    for option in SETTINGS:
        name = option.replace("-", "_")
        if given[name] is not None:
            changes[name] = _value(given[name])
    for pair in [*options.fault, *options.set]:
        name, equals, text = pair.partition("=")
        if not equals:
            raise SettingRefused(f"{pair}: write it as NAME=VALUE")
        changes[name] = _value(text)
    address = Address(
        options.host, options.port, options.files_port, options.public_host
    )
    keys = frozenset(options.key)
    return Plan(address, keys, changes, options.with_parent, options.books)


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(main())
