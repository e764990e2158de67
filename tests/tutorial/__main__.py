"""Runs the tutorial; with `--write` the page gets the outputs that it printed."""

import sys
import tempfile
from pathlib import Path

from tests.tutorial.page import PAGE, blocks, shown, written
from tests.tutorial.shell import type_all


def main() -> None:
    """Print what the blocks print, or write it into the page."""
    text = PAGE.read_text("utf-8")
    page = blocks(text)
    with tempfile.TemporaryDirectory(prefix="rm") as folder:
        typed = type_all(Path(folder), [block.commands for block in page])
    for block, each in zip(page, typed, strict=False):
        said = each.output if block.output is not None or each.code else ""
        sys.stdout.write(f"{block.commands}---- {each.code}\n{said}\n")
    if len(typed) < len(page):
        sys.exit(f"the shell hung, or ended, at:\n{page[len(typed)].commands}")
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(written(text, [shown(each.output) for each in typed]), "utf-8")


if __name__ == "__main__":
    main()
