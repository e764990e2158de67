"""Several addresses of pictures in one cell, however they are separated."""

import json
import re

from jobs.manifest.rows import LinkedText

#: Between two addresses: the second begins like one.
_BEFORE_ADDRESS = re.compile(r"[\s;,|]+(?=(?:https?:|s3:|gs:|az:)?//)", re.IGNORECASE)
#: Between two names of files: the first ends like a picture.
_BEHIND_NAME = re.compile(
    r"(\.(?:avif|bmp|gif|heic|jpe?g|png|tiff?|webp))\s*[;,|\r\n]\s*", re.IGNORECASE
)
#: Nearly every cell: nothing in it separates.
_SINGLE = re.compile(r"[^\s;,|\\\[]+")
_MARGIN = " \t\r\n;,|"


def addresses(cell: object) -> list[str]:
    r"""The addresses in a cell, each once; none if it is neither text nor a list.

    A separator alone does not end an address: queries may have commas in them.

    >>> addresses("https://a.b/1.jpg?w=1,h=2, https://a.b/2.jpg")
    ['https://a.b/1.jpg?w=1,h=2', 'https://a.b/2.jpg']
    >>> addresses('["a/1.jpg", "a/2.jpg"]'), addresses("1.jpg;2.jpg")
    (['a/1.jpg', 'a/2.jpg'], ['1.jpg', '2.jpg'])
    """
    if isinstance(cell, LinkedText) and "//" not in cell:
        return [cell.link]
    if isinstance(cell, str) and _SINGLE.fullmatch(cell):
        return [cell]
    parts = _listed(cell)
    if parts is None:
        parts = _split(cell) if isinstance(cell, str) else []
    # WooCommerce writes \, for a comma within an address.
    cleaned = (part.replace("\\,", ",").strip(_MARGIN) for part in parts)
    return [*dict.fromkeys(filter(None, cleaned))]


def _listed(cell: object) -> list[str] | None:
    """The texts of a list, given as one or written as JSON; None if it is none."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    if isinstance(cell, list | tuple):
        return [part for part in cell if isinstance(part, str)]
    return None


def _split(text: str) -> list[str]:
    if "//" in text:
        return _BEFORE_ADDRESS.split(text)
    return _BEHIND_NAME.sub(r"\1\n", text).split("\n")
