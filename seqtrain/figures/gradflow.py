"""Figures of the gradient by lag."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ..analysis.gradflow.curve import REACH
from .canvas import blank
from .live import LiveFigure


def draw_curves(layers: Sequence[dict], title: str) -> Figure:
    """Draw two lines per layer by the lag, on a logarithmic scale.

    Args:
        layers: Those of `gradflow`; `name`, `norms` and `carried` are drawn.
        title: The title of the figure.
    """
    figure = blank(7, 4.5)
    axes = figure.subplots()
    for number, layer in enumerate(layers):
        _draw_layer(axes, f"C{number}", layer)
    _lay_out(axes)
    axes.set_title(title)
    return figure


def _draw_layer(axes, color, layer):
    """Draw the gradient of the loss, and dashed the part that time carries back."""
    lines = []
    for style, key, whose in (("-", "norms", "loss"), ("--", "carried", "last state")):
        values = np.array(layer[key], float)
        shown = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        label = f"{layer['name']}, of the {whose}"
        lines += axes.plot(shown, style, color=color, label=label)
    return lines


def _lay_out(axes):
    axes.axhline(REACH, color="gray", linestyle=":", linewidth=1)
    axes.set(xlabel="lag: tokens before the last one", ylabel="norm of the gradient")
    axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


class LiveCurves(LiveFigure):
    """The figure of `draw_curves` between fixed limits, for drawing it repeatedly.

    Args:
        names: The names of the layers.
        lags: How many lags fit in.
    """

    def __init__(self, names: Sequence[str], lags: int):
        figure = blank(6, 4)
        axes = figure.subplots()
        nothing = [np.nan] * lags
        lines = []
        for number, name in enumerate(names):
            layer = {"name": name, "norms": nothing, "carried": nothing}
            lines += _draw_layer(axes, f"C{number}", layer)
        _lay_out(axes)
        axes.set(xlim=(0, max(1, lags - 1)), ylim=(1e-10, 1e2))
        super().__init__(figure, lines)

    def show(self, layers: Sequence[dict]) -> bytes:
        """Draw the curves of all layers, as in `draw_curves`."""
        curves = [layer[key] for layer in layers for key in ("norms", "carried")]
        for line, values in zip(self.artists, curves, strict=True):
            line.set_data(np.arange(len(values)), values)
        return self.png()


class LiveHistory(LiveFigure):
    """A map of lag × training step for each layer: the brighter, the more is left.

    Args:
        names: The names of the layers.
        lags: How many lags fit in.
        steps: How many steps the whole training has.
    """

    def __init__(self, names: Sequence[str], lags: int, steps: int):
        figure = blank(6, 1 + 2 * len(names))
        maps = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
        images = [
            axes.imshow(
                np.full((1, 1), np.nan),
                norm=LogNorm(REACH**2, 1 / REACH),
                extent=(0, steps, -0.5, lags - 0.5),
                aspect="auto",
                interpolation="nearest",
                origin="lower",
            )
            for axes in maps
        ]
        for axes, name in zip(maps, names, strict=True):
            axes.set_title(name, fontsize="medium")
            axes.set_ylabel("lag")
        maps[-1].set_xlabel("training step")
        figure.colorbar(images[0], ax=maps, label="left of the last state's gradient")
        super().__init__(figure, images)

    def show(self, maps: Sequence[np.ndarray]) -> bytes:
        """Draw a map `(lags, columns)` for each layer, with NaN where it is empty."""
        for image, values in zip(self.artists, maps, strict=True):
            image.set_data(values)
        return self.png()
