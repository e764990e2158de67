"""A look at every picture before anything is paid: is it there, and is it right?

`round.look_at` looks, `ImageCache` holds what was seen, and `problems_of` and
`contents_of` tell it job by job. Nothing here spends. What asks the web is not in this
namespace: its libraries take 0.15 s to import.
"""

from producer.image_checks.judging import contents_of, opened, pictures_of, problems_of
from producer.image_checks.memory import FRESH_S, Found, ImageCache
from producer.image_checks.seen import ImageCheckError, LookSummary

__all__ = [
    "FRESH_S",
    "Found",
    "ImageCache",
    "ImageCheckError",
    "LookSummary",
    "contents_of",
    "opened",
    "pictures_of",
    "problems_of",
]
