"""What every campaign needs: a server for the ledger, and a small video."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import cast

import av
import redis

from jobs import settings
from jobs.ledger import connect
from producer.local_server import ledger_of


@contextmanager
def ledger_server(home: Path) -> Iterator[redis.Redis]:
    """A server of its own; scripts are loaded, so that no run differs by that."""
    chosen = settings.read({}, home=home)
    with ledger_of(chosen, alone=True):
        ledger = connect(chosen.ledger_url)
        scripts = ledger.batches._scripts
        scripts._load((name, ()) for name in scripts._sources)
        try:
            yield cast("redis.Redis", ledger.server)
        finally:
            ledger.close()


@cache
def small_video() -> bytes:
    """The bytes of an MP4 of one black frame."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as video:
        stream = video.add_stream("mpeg4", rate=1)
        stream.width = stream.height = 16
        frame = av.VideoFrame(16, 16, "yuv420p")
        for packet in [*stream.encode(frame), *stream.encode()]:
            video.mux(packet)
    return file.getvalue()
