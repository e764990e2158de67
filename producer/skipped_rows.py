"""Rows that were skipped for their problems, written to a file to be corrected."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import file_digest, sha256
from itertools import count
from pathlib import Path
from typing import Any

from jobs.report.sheet import MARK, NEXT_STEP, REASON, guarded, manifest_line
from producer import console
from producer.exits import CommandError
from producer.load import skipped_words, stop_at_problems
from producer.manifests.source import STDIN, is_bucket
from producer.survey import Survey

#: The reason where the fault was said before.
SAID_BEFORE = "An option, a default or a column's name is wrong, as said above."


def skip_problems(found: Survey) -> None:
    """Return if there is something to send; rows with problems are put aside in a file.

    Raises:
        CommandError: nothing can be sent; the problems are printed.
    """
    stop_at_problems(found)
    if found.refused:
        console.say(f"{skipped_words(found)}: {keep_skipped(found)}")


def keep_skipped(found: Survey, folder: Path | None = None) -> Path:
    """Write the refused rows to `NAME.skipped.csv`; where it is.

    No file is written over: other contents get a name with a number.

    Args:
        found: a manifest with refused rows.
        folder: where to; None is where the manifest lies, or the current folder where
            that cannot be written.

    Raises:
        CommandError: no folder can be written.
    """
    own = Path(found.source)
    name = own.stem or "manifest"
    is_file = found.source != STDIN and not is_bucket(found.source) and own.is_file()
    folders = [folder] if folder else [own.parent] * is_file + [Path()]
    why = ""
    for place in folders:
        try:
            place.mkdir(parents=True, exist_ok=True)
            return _write(place, name if found.source != STDIN else "stdin", found)
        except OSError as error:
            why = error.strerror or str(error)
    raise CommandError(
        f"the skipped rows cannot be written ({why}); nothing was sent, change to a "
        "folder that can be written"
    )


def _write(folder: Path, name: str, found: Survey) -> Path:
    digest = sha256()
    for line in _lines(found):
        digest.update(line.encode())
    for number in count(1):
        suffix = "" if number == 1 else f"-{number}"
        path = folder / f"{name}.skipped{suffix}.csv"
        with suppress(FileExistsError):
            with path.open("x", encoding="utf-8", newline="") as file:
                file.writelines(_lines(found))
            break
        with path.open("rb") as there:
            if file_digest(there, "sha256").digest() == digest.digest():
                break
    return path


def _lines(found: Survey) -> Iterator[str]:
    columns: dict[str, None] = {}
    for row, _ in found.refused_rows():
        columns.update(dict.fromkeys(row["cells"]))
    for name in (REASON, NEXT_STEP):
        columns.pop(name, None)
    yield MARK + manifest_line([*map(guarded, columns), REASON, NEXT_STEP])
    for row, problems in found.refused_rows():
        cells, base = row["cells"], Path(row["file"]).parent
        texts = (_placed(cells.get(name, ""), base) for name in columns)
        yield manifest_line([*map(guarded, texts), *_reason(problems)])


def _placed(text: str, folder: Path) -> str:
    """The path of a local picture as an absolute one; any other text as it is."""
    try:
        is_there = bool(text) and (folder / text).is_file()
    except (OSError, ValueError):  # too long for a name, or no name
        return text
    return str((folder / text).absolute()) if is_there else text


def _reason(problems: Iterable[Mapping[str, Any]]) -> tuple[str, str]:
    """What is wrong with a row, and what to do about it."""
    said = [(each["message"], each["next"]) for each in problems]
    message = "; ".join(dict.fromkeys(text for text, _ in said)) or SAID_BEFORE
    return guarded(message), guarded("; ".join(dict.fromkeys(text for _, text in said)))
