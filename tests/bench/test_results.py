"""What a question found is written the same way each time, and readable."""

from pathlib import Path

from bench.results import Page, Table, markdown, shown, write

TABLE = Table("Cost", ["", "CPU s"], [["ours", 1.25], ["theirs", None]])


def test_a_table_is_markdown_with_its_notes() -> None:
    page = Page("Arena", [TABLE], notes=["medians of three"])
    assert markdown(page) == (
        "# Arena\n\n## Cost\n\n|  | CPU s |\n|---|---:|\n| ours | 1.25 |\n"
        "| theirs | – |\n\n- medians of three\n"  # noqa: RUF001 - a dash, where there is nothing
    )


def test_the_page_is_a_file(tmp_path: Path) -> None:
    file = write(tmp_path / "results", "arena", Page("Arena", [TABLE]))
    assert file.name == "arena.md"
    assert "# Arena" in file.read_text("utf-8")


def test_large_numbers_need_no_digits_behind_the_point() -> None:
    cells = (2048.7, 3.14159, 0.0512, 0.0, 12345, True, "a")
    told = ["2,049", "3.14", "0.051", "0.00", "12,345", "yes", "a"]
    assert [shown(cell) for cell in cells] == told
