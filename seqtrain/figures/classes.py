"""Pictures of what a classifier mistakes for what, and how sure it is of it."""

import warnings
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..errors import shorten
from .live import LiveFigure

COUNTED = 12  # classes; of more the counts would be too small to read
NAMED = 40  # likewise their names
LONGEST_NAME = 14


class LiveConfusion(LiveFigure):
    """The confusion matrix: a row for each true class, its shares as colours.

    Args:
        names: The classes.
    """

    def __init__(self, names: Sequence[str]):
        number = len(names)
        figure = Figure(figsize=(5, 4.5), dpi=100)
        axes = figure.add_axes((0.24, 0.24, 0.56, 0.62))
        self._image = axes.imshow(np.zeros((number, number)), "Blues", vmin=0, vmax=1)
        axes.set(xlabel="predicted class", ylabel="true class")
        axes.set_title("validation: confusion")
        shown = [shorten(name, LONGEST_NAME) for name in names]
        shown = shown if number <= NAMED else []
        plain = {"fontsize": min(9, 110 / number), "parse_math": False}
        axes.set_xticks(range(len(shown)), shown, rotation=90, **plain)
        axes.set_yticks(range(len(shown)), shown, **plain)
        bar = figure.colorbar(
            self._image, cax=figure.add_axes((0.84, 0.24, 0.03, 0.62))
        )
        bar.set_label("share of the true class")
        cells = np.ndindex(number, number) if number <= COUNTED else ()
        centered = {"ha": "center", "va": "center", "fontsize": 9}
        self._counts = [axes.text(x, y, "", **centered) for y, x in cells]
        with warnings.catch_warnings():
            # Of a letter that the font lacks it shows a box.
            warnings.filterwarnings("ignore", "Glyph")
            super().__init__(figure, [self._image, *self._counts])

    def show(self, confusion: np.ndarray) -> bytes:
        """Draw the counts `(classes, classes)`."""
        shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
        self._image.set_data(shares)
        for text, count, share in zip(
            self._counts, confusion.flat, shares.flat, strict=False
        ):
            text.set(text=f"{count:,}", color="white" if share > 0.5 else "black")
        return self.png()


class LiveCalibration(LiveFigure):
    """The reliability diagram: is a class that is named with 80% right 8 times of 10?

    Above, the accuracy of each bin of confidence, with its 95% interval; on the
    dashed line a model is calibrated. Below, the share of the examples in it.

    Args:
        edges: Of the bins of confidence, ascending.
    """

    def __init__(self, edges: np.ndarray):
        figure = Figure(figsize=(5, 4.5), dpi=100)
        upper = figure.add_axes((0.14, 0.34, 0.8, 0.56))
        lower = figure.add_axes((0.14, 0.12, 0.8, 0.17), sharex=upper)
        limits = (edges[0], edges[-1])
        upper.set(xlim=limits, ylim=(-0.03, 1.03), ylabel="accuracy")
        upper.set_title("validation: calibration", loc="left")
        upper.tick_params(labelbottom=False)
        upper.grid(alpha=0.3)
        upper.plot(limits, limits, "--", color="gray", linewidth=1)
        lower.set(ylim=(0, 1), ylabel="share", xlabel="confidence")
        shape = {"width": np.diff(edges), "align": "edge", "edgecolor": "white"}
        self._shares = lower.bar(edges[:-1], np.zeros(len(edges) - 1), **shape)
        self._intervals = upper.vlines([], [], [], color="C0")
        [self._accuracies] = upper.plot([], [], "o", clip_on=False)
        self._error = upper.text(1, 1.03, "", ha="right", transform=upper.transAxes)
        super().__init__(
            figure, [*self._shares, self._intervals, self._accuracies, self._error]
        )

    def show(self, bins: Sequence[dict], error: float) -> bytes:
        """Draw what `calibration` found."""
        total = sum(entry["examples"] for entry in bins)
        for bar, entry in zip(self._shares, bins, strict=True):
            bar.set_height(entry["examples"] / total)
        filled = [entry for entry in bins if entry["examples"]]
        confidences = [entry["confidence"] for entry in filled]
        self._accuracies.set_data(confidences, [entry["accuracy"] for entry in filled])
        self._intervals.set_segments(
            [
                [(x, entry["accuracy_low"]), (x, entry["accuracy_high"])]
                for x, entry in zip(confidences, filled, strict=True)
            ]
        )
        self._error.set_text(f"calibration error {100 * error:.1f}%")
        return self.png()
