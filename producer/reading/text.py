"""Lines of a text file, held to what a manifest can be: no NUL, no endless line.

It decides when a text is not worth reading on and never what its lines mean; the
readers of CSV, JSONL and YAML take their lines from here.
"""

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO, TextIO

from jobs.manifest.rows import Problem
from producer.reading.unreadable import UnreadableError

#: Far above any honest line, far below what would fill the memory.
MAX_LINE_CHARS = 1 << 20
_BLOCK_BYTES = 1 << 16
_BOM = "\ufeff"


def lines_of(file: str, text: TextIO) -> Iterator[str]:
    """The lines of a text, with their ends and without a byte order mark.

    Raises:
        UnreadableError: a line is too long or holds the character NUL.
    """
    number = 0
    while line := text.readline(MAX_LINE_CHARS):
        number += 1
        if "\0" in line:
            message = "the character NUL is in this line"
            suggestion = "save the file as plain text in UTF-8"
            column = line.index("\0") + 1
            raise UnreadableError(
                Problem(file, number, column, None, message, suggestion, "nul")
            )
        if len(line) == MAX_LINE_CHARS and line[-1] not in "\r\n":
            message = f"the line is longer than {MAX_LINE_CHARS} characters"
            suggestion = "check that the file is a manifest"
            raise UnreadableError(
                Problem(file, number, None, None, message, suggestion, "line-too-long")
            )
        yield line.removeprefix(_BOM) if number == 1 else line


def line_of_bad_bytes(file: BinaryIO, encoding: str) -> int | None:
    """The line, from 1, of the first bytes that are not in this encoding.

    None where the file cannot be read again.
    """
    line = 1
    try:
        file.seek(0)
        plain = codecs.getincrementaldecoder(encoding)()
        decoder = io.IncrementalNewlineDecoder(plain, translate=True)
        while block := file.read(_BLOCK_BYTES):
            # Byte by byte only in the block that is wrong.
            state = decoder.getstate()
            try:
                line += decoder.decode(block).count("\n")
            except UnicodeError:
                decoder.setstate(state)
                return line + _line_ends_before_bad_byte(decoder, block)
    except (OSError, LookupError):
        return None
    return line


def _line_ends_before_bad_byte(
    decoder: io.IncrementalNewlineDecoder, block: bytes
) -> int:
    count = 0
    for place in range(len(block)):
        try:
            count += decoder.decode(block[place : place + 1]).count("\n")
        except UnicodeError:
            break
    return count
