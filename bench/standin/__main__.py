"""The command line of the stand-in: `python -m bench.standin --port 0`.

It says where it listens in one line of JSON and serves until a signal comes, or its
parent is gone where that was wished.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from importlib.util import find_spec

from bench.standin.answers import Answers
from bench.standin.books import Books, Limits
from bench.standin.hooks import Hooks
from bench.standin.protocol import Connection
from bench.standin.times import Times
from bench.standin.video import video

#: How often the life of a parent is checked, in seconds.
_PARENT_S = 0.25
_HOST = "127.0.0.1"
_BACKLOG = 4_096


def main() -> int:
    """Serve; returns the exit code."""
    asked = _parser().parse_args()
    if find_spec("uvloop"):
        import uvloop  # noqa: PLC0415 - where it is installed

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    else:
        runner = asyncio.Runner()
    with runner:
        runner.run(serve(asked))
    return 0


async def serve(asked: argparse.Namespace) -> None:
    """Serve until the end."""
    end, parent, loop = asyncio.Event(), os.getppid(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    answers = Answers(
        url="",
        books=Books(Limits(asked.per_minute, asked.at_once)),
        times=Times(asked.median_s, asked.spread, asked.seed, asked.stragglers),
        file=_file(asked.video_bytes),
    )
    server = await loop.create_server(
        lambda: Connection(answers), _HOST, asked.port, backlog=_BACKLOG
    )
    answers.url = f"http://{_HOST}:{server.sockets[0].getsockname()[1]}"
    if asked.webhooks:
        answers.promise = Hooks(answers).promise
    sys.stdout.write(json.dumps({"url": answers.url}) + "\n")
    sys.stdout.flush()
    while not (end.is_set() or (asked.with_parent and os.getppid() != parent)):
        try:
            await asyncio.wait_for(end.wait(), _PARENT_S)
        except TimeoutError:
            continue
    server.close()


def _file(size_bytes: int) -> bytes:
    head = "HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: {}\r\n\r\n"
    return head.format(size_bytes).encode() + video(size_bytes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.standin", description=__doc__
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="0 is any free one")
    add("--median-s", type=float, default=20.0, help="median time of a generation")
    add("--spread", type=float, default=0.35, help="sigma of the log of the times")
    add("--seed", type=int, default=7, help="what the times are drawn from")
    add(
        "--stragglers", type=float, default=0.0, help="share that takes 5 times as long"
    )
    add("--per-minute", type=int, help="most starts in any 60 s, then 429")
    add("--at-once", type=int, help="most predictions generating at once, then 429")
    add("--video-bytes", type=int, default=200_000, help="size of every video")
    add("--webhooks", action="store_true", help="call ?webhook= when one is completed")
    add("--with-parent", action="store_true", help="end when the parent process does")
    return parser


if __name__ == "__main__":
    sys.exit(main())
