"""Pictures of a terminal: what a command says there, and the panel of a batch.

A command gets a terminal of its own and keeps its colours; what it says is drawn by
rich and photographed by the browser, so that a picture shows what a person sees.
"""

import fcntl
import os
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path

from playwright.sync_api import Browser
from rich.console import Console, RenderableType
from rich.text import Text

#: A line that was taken away again, such as one that said what is read.
_GONE = re.compile(r"[^\n]*\n(?:\x1b\[\?25[hl])*\r?\x1b\[1A\x1b\[2K")

#: What rich would have a viewer fetch from elsewhere.
_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def said(
    words: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str],
    width: int,
    height: int = 50,
) -> Text:
    """What a command says at a terminal of this size, with its colours."""
    own, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    given = {**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with subprocess.Popen(
        words, cwd=folder, env=given, stdin=its, stdout=its, stderr=its
    ):
        os.close(its)
        pieces = []
        # A terminal that nobody holds any more ends in an error.
        with suppress(OSError):
            while piece := os.read(own, 65_536):
                pieces.append(piece)
    os.close(own)
    text = b"".join(pieces).decode().replace("\r\n", "\n")
    return Text.from_ansi(_GONE.sub("", text).strip("\n"))


def photographed(
    started: Browser, shown: RenderableType, title: str, width: int
) -> bytes:
    """A PNG of what a terminal of this width shows."""
    console = Console(
        record=True,
        file=StringIO(),
        force_terminal=True,
        color_system="truecolor",
        width=width,
    )
    console.print(shown)
    drawn = _FONTS.sub("", console.export_svg(title=title))
    page = started.new_page(viewport={"width": 1_200, "height": 1_400})
    page.set_content(f'<body style="margin: 0; width: 1000px">{drawn}</body>')
    picture = page.locator("svg").first.screenshot(omit_background=True)
    page.close()
    return picture
