"""Which column of a table holds the pictures, judged by its cells and by its name."""

import re
from collections import Counter
from collections.abc import Mapping

from jobs.catalogue.validation import is_given
from jobs.manifest.cells import addresses
from jobs.text import plain

#: Rows that are looked at.
MAX_ROWS = 200

_PICTURE = re.compile(
    r"\.(?:avif|bmp|gif|heic|jpe?g|png|tiff?|webp)(?:[?#;,|\s]|$)", re.IGNORECASE
)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
#: Names of columns with pictures in the languages of shops.
_NAMES = re.compile(
    r"image|img|photo|picture|pic|foto|bild|immagin|imagen|imagem|afbeelding|obraz|"
    r"zdj|kuva|kep|kép|resim|görsel|hình|изображ|фото|картин|εικόν|画像|写真|图片|圖片|사진|صورة",
    re.IGNORECASE,
)


class PictureGuess:
    """Looks at rows, and tells the column that their pictures probably stand in."""

    def __init__(self) -> None:
        self._rows = 0
        self._filled: Counter[str] = Counter()
        self._kinds: dict[str, Counter[int]] = {}

    def see(self, cells: Mapping[str, object]) -> None:
        """Look at a row; what comes after many is not needed any more."""
        if self._rows >= MAX_ROWS:
            return
        self._rows += 1
        for column, cell in cells.items():
            if is_given(cell):
                self._filled[column] += 1
                kinds = self._kinds.setdefault(column, Counter())
                kinds[_kind(next(iter(addresses(cell)), plain(cell)))] += 1

    @property
    def column(self) -> str | None:
        """The likeliest column; None if none is likely."""
        scored = [(self._score(column), column) for column in self._filled]
        likely = [(score, column) for score, column in scored if score > (0, False)]
        return max(likely, key=lambda pair: pair[0])[1] if likely else None

    def _score(self, column: str) -> tuple[int, bool]:
        """What most of its cells are, and whether it is called so; more is likelier."""
        kind, count = self._kinds[column].most_common(1)[0]
        named = _NAMES.search(column) is not None
        if 2 * count < self._filled[column] or kind < 0:
            return 0, False
        return (kind, named) if kind or named else (0, False)


def _kind(text: str) -> int:
    """3: address of a picture, 2: name of one, 1: another address, -1: a number."""
    is_address, is_picture = _ADDRESS.match(text), _PICTURE.search(text)
    if is_address:
        return 3 if is_picture else 1
    if is_picture:
        return 2
    return -1 if re.fullmatch(r"[\d.,\s%-]+", text) else 0
