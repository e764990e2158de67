"""Plots as SVG: the same numbers give the same bytes, on white, whatever the screen.

It knows figures and axes of matplotlib and no question; what is drawn stands in the
modules of the questions.
"""

import io
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Colours that can be told apart by who sees few of them, and printed without any.
COLOURS = ("#0b5394", "#e69138", "#38761d", "#a61c4c", "#674ea7", "#7f7f7f", "#1b9e9e")

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "reelmill",
    "svg.fonttype": "path",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
}


def panels(
    count: int = 1, width_in: float = 8.0, height_in: float = 4.0
) -> tuple[Figure, list[Axes]]:
    """An empty figure of so many plots side by side, sizes in inches."""
    with mpl.rc_context(_STYLE):
        made = Figure(
            figsize=(width_in, height_in), layout="constrained", facecolor="white"
        )
        axes = made.subplots(1, count, squeeze=False)
    return made, list(axes[0])


def svg(made: Figure) -> bytes:
    """A figure as a file that is the same each time."""
    file = io.BytesIO()
    with mpl.rc_context(_STYLE):
        made.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
