"""Prompts that a person did probably not mean to send."""

import pytest

from jobs.catalogue import builtin
from jobs.manifest.planning import Manifest
from jobs.manifest.prompts import doubts
from jobs.manifest.rows import Row


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("<p>Sporty top.<br/></p>", ["html"]),
        ("Salt &amp; pepper", ["entities"]),
        ("Salt &#38; pepper", ["entities"]),
        ("CafÃ© au lait", ["mojibake"]),
        ("weiÃŸ", ["mojibake"]),
        ("Ã\u2013l", ["mojibake"]),
        ("PÃO DE AÇÚCAR", []),
        ("it doesnâ€™t move", ["mojibake"]),
        ("a \ufffd letter", ["mojibake"]),
        ("Café für 5 € schön, 5 < 6 > 4 & more; Ã is a letter", []),
        ("a plain turn", []),
    ],
)
def test_a_prompt_is_doubted_for_what_nobody_means(text: str, kinds: list[str]) -> None:
    assert [doubt.kind for doubt in doubts(text)] == kinds


def test_a_doubt_is_a_notice_and_stops_nothing() -> None:
    planned = Manifest(builtin(), {"model": "kling-v2.6-std"})
    cells = {"image": "https://a.example/1.jpg", "prompt": "<b>turn</b>"}
    planned.plan(Row("shop.csv", 2, 1, cells))
    (notice,) = planned.take_notices()
    assert (notice.kind, notice.line, notice.value) == ("html", 2, "<b>")
    assert "striptags" in notice.suggestion


def test_a_doubt_names_the_column_that_is_sent_as_templates_write_it() -> None:
    options = {"model": "kling-v2.6-std", "prompt": "turn {{ body_html }}"}
    planned = Manifest(builtin(), options)
    image = "https://a.example/1.jpg?w=1&amp;h=2"
    cells = {"image": image, "Body (HTML)": "Salt &amp; oil"}
    planned.plan(Row("shop.csv", 2, 1, cells))
    entities = planned.take_notices()[0]
    assert "{{ body_html | striptags }}" in entities.suggestion
