"""What a question found is written the same way each time, and readable."""

import json
from pathlib import Path

from bench.plots import panels, svg
from bench.results import Page, Table, markdown, shown, write

TABLE = Table("Cost", ["", "CPU s"], [["ours", 1.25], ["theirs", None]])


def picture() -> bytes:
    made, (axes,) = panels()
    axes.plot([1, 2, 3], [3, 1, 2], label="looks")
    axes.legend()
    return svg(made)


def test_a_table_is_markdown_with_its_notes_and_pictures() -> None:
    page = Page("Arena", [TABLE], notes=["medians of three"])
    assert markdown(page, ["arena.svg"]) == (
        "# Arena\n\n## Cost\n\n|  | CPU s |\n|---|---:|\n| ours | 1.25 |\n"
        "| theirs | – |\n\n![Arena](arena.svg)\n\n- medians of three\n"  # noqa: RUF001 - a dash, where there is nothing
    )


def test_numbers_page_and_plots_are_files_beside_each_other(tmp_path: Path) -> None:
    page = Page("Arena", [TABLE], plots={"": b"<svg/>", "-lag": b"<svg/>"})
    written = write(tmp_path / "results", "arena", {"cpu_s": 1.5}, page)
    names = {path.name for path in written}
    assert names == {"arena.json", "arena.md", "arena.svg", "arena-lag.svg"}
    assert json.loads((tmp_path / "results/arena.json").read_text()) == {"cpu_s": 1.5}
    assert "](arena-lag.svg)" in (tmp_path / "results/arena.md").read_text()


def test_the_same_numbers_make_the_same_plot_on_white() -> None:
    first = picture()
    assert first == picture()
    assert b"<dc:date>" not in first
    assert b"fill: #ffffff" in first


def test_large_numbers_need_no_digits_behind_the_point() -> None:
    cells = (2048.7, 3.14159, 0.0512, 0.0, 12345, True, "a")
    told = ["2,049", "3.14", "0.051", "0.00", "12,345", "yes", "a"]
    assert [shown(cell) for cell in cells] == told
