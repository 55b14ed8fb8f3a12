"""Figures, drawn by matplotlib without a display, as PNG."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from ..system.disk import replace

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def blank(width: float, height: float) -> "Figure":
    """An empty figure, its size in inches of 100 pixels.

    It belongs to nobody but its caller: `pyplot` would keep it for the life of the
    process.
    """
    from matplotlib.figure import Figure  # a second that a prediction need not wait for

    return Figure((width, height), dpi=100, layout="constrained")


def write_png(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, in the place of what was there.

    Raises:
        WriteError: If it can't be written.
    """
    replace(path, png(figure))


def png(figure: "Figure") -> bytes:
    """A figure as a PNG file; equal figures give equal bytes."""
    buffer = io.BytesIO()
    # Else it names the version of matplotlib.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
