"""Watching batches: what is read of them, and what a person or a program is shown.

`status` reads and words it, `eta` says when it ends, `render` draws it for a terminal,
`plain` and `events` write it where there is none. How often and until when batches are
polled stands in `poller` and `producer.watch`.
"""

from producer.watching.status import Snapshot, document, held_up, state_of, take

__all__ = ["Snapshot", "document", "held_up", "state_of", "take"]
