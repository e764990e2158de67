"""A look at every picture before anything is paid: is it there, and is it right?

`round.look_at` looks, `Memory` holds what was seen, and `problems_of` and `contents_of`
tell it job by job. Nothing here spends, and nothing is asked that `guard` does not let
by. What asks the web is not in this namespace: its libraries take 0.15 s to import.
"""

from producer.looking.judging import contents_of, opened, pictures_of, problems_of
from producer.looking.memory import FRESH_S, Found, Memory
from producer.looking.seen import ImageCheckError, LookSummary

__all__ = [
    "FRESH_S",
    "Found",
    "ImageCheckError",
    "LookSummary",
    "Memory",
    "contents_of",
    "opened",
    "pictures_of",
    "problems_of",
]
