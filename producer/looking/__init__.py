"""A look at every picture before anything is paid: is it there, and is it right?

`look_at` looks, `Memory` holds what was seen, and `problems_of` and `contents_of` tell
it job by job. Nothing here spends, and nothing is asked that `guard` does not let by.
"""

from producer.looking.asking import Manners
from producer.looking.guard import near_allowed_for
from producer.looking.judging import contents_of, opened, pictures_of, problems_of
from producer.looking.memory import FRESH_S, Found, Memory
from producer.looking.round import LookSummary, look_at
from producer.looking.troubles import NotSeen

__all__ = [
    "FRESH_S",
    "Found",
    "LookSummary",
    "Manners",
    "Memory",
    "NotSeen",
    "contents_of",
    "look_at",
    "near_allowed_for",
    "opened",
    "pictures_of",
    "problems_of",
]
