"""Watching batches: what is read of them, and what a person or a program is shown.

`snapshot` reads, `standing` puts it into words, `estimate` says when it ends, `panel`
and `overview` draw it for a terminal, `lines` and `events` write it where there is
none. Who looks, how often and until when stands in `producer.awaiting`.
"""

from producer.watching.snapshot import Snapshot, take
from producer.watching.standing import document, held_up, standing

__all__ = ["Snapshot", "document", "held_up", "standing", "take"]
