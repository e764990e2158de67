"""Which column has the pictures, by its cells first and by its name then."""

import pytest

from jobs.manifest.guessing import PictureGuess

PAGE = "https://shop.example/mug"
PICTURE = "https://cdn.example/mug.jpg?v=1"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"url_key": "mug", "Name": "Mug", "base_image": "/m/u/mug.jpg"}, "base_image"),
        ({"Product URL": PAGE, "Hosted Image URLs": PICTURE}, "Hosted Image URLs"),
        ({"URL rewritten": "mug", "Media": f"{PICTURE};{PICTURE}"}, "Media"),
        ({"Total Images": "4", "Link": PICTURE, "Page": PAGE}, "Link"),
        ({"Titolo": "Tazza", "IMMAGINE1": "https://cdn.example/17"}, "IMMAGINE1"),
        ({"Название": "Чашка", "ссылка на изображение": PAGE}, "ссылка на изображение"),
        ({"Pfad": "bilder/tasse.png", "Bild": "ja"}, "Pfad"),
        ({"Link": PAGE, "Media": f'["{PICTURE}", "{PICTURE}"]'}, "Media"),
        ({"Foto": "mug picture", "Preis": "4,20"}, "Foto"),
        ({"Name": "Mug", "Price": "4.20", "Total Images": "4"}, None),
    ],
)
def test_the_likeliest_column_is_found(row: dict[str, object], column: str) -> None:
    guess = PictureGuess()
    assert guess.column is None
    for _ in range(3):
        guess.see({**row, "empty image": ""})
    assert guess.column == column
