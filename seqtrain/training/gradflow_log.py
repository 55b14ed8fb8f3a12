"""The gradient's flow through time, in TensorBoard while a model is trained."""

import numpy as np

from ..analysis.gradflow.measure import GradflowMeter, longest_batches
from ..analysis.gradflow.summary import summarize
from ..board.writer import TensorBoardWriter
from ..config import Config
from ..data.batches import dataset
from ..figures.gradflow import LiveCurves, LiveHistory
from ..tasks import Data
from .stateful import Stateful

COLUMNS = 200  # of the map; the history has no more curves than that
DECADES = 8  # curves are clipped to so many, since JSON has no infinities


class GradflowLog(Stateful):
    """Show how far the gradient reaches, every `log.gradflow` steps.

    The measurement is always made on the same batch, one with the longest sequences of
    the training data.

    Args:
        writer: The event files of the run.
        data: The encoded data.
        config: The config of the run.
        total: How many steps the whole training has.
    """

    key = "flow"

    def __init__(
        self, writer: TensorBoardWriter, data: Data, config: Config, total: int
    ):
        super().__init__()
        self.writer, self.every, self.total = writer, config.log.gradflow, total
        longest = longest_batches(data, config)[0]
        self.batch = next(iter(dataset(data.train, [longest])))
        self.lags = longest.width
        self._history: dict[str, dict[str, list[float]]] = {}

    def state(self) -> dict:
        return self._history

    def restore(self, state: dict) -> None:
        self._history = state

    def set_model(self, model):
        super().set_model(model)
        self.meter = GradflowMeter(model)
        names = [*self.meter.loops]
        self._curves = LiveCurves(names, self.lags)
        self._maps = LiveHistory(names, self.lags, self.total)

    def on_train_batch_end(self, batch, logs=None):
        step = int(self.model.optimizer.iterations)
        if step % self.every == 0:
            self._measure(step)

    def _measure(self, step):
        measured = self.meter(*self.batch)
        layers = [
            {"name": name, **summarize(loop, [measured[name]])}
            for name, loop in self.meter.loops.items()
        ]
        scalars, histograms = {}, {}
        for layer in layers:
            prefix = f"gradient_flow/{layer['name']}"
            measurement = measured[layer["name"]]
            reach = layer["reach_steps"]
            scalars |= {
                f"{prefix}/reach_steps": len(layer["lags"]) if reach is None else reach,
                f"{prefix}/slope_decades_per_step": layer["slope_decades_per_step"],
                f"{prefix}/saturated_share": layer["saturated_share"],
                f"{prefix}/memory_steps": layer["memory_steps"],
                f"{prefix}/nonfinite": layer["nonfinite"],
            }
            scalars |= {
                f"{prefix}/{kernel}_singular_value": value
                for kernel, value in layer["singular_values"].items()
            }
            if measurement.saturated is not None:
                histograms[f"{prefix}/units_saturated_share"] = measurement.saturated
            for letter, (mean, saturated) in measurement.gates.items():
                histograms[f"{prefix}/gate_{letter}"] = mean
                histograms[f"{prefix}/gate_{letter}_saturated_share"] = saturated
            self._remember(layer, step)
        known = {tag: value for tag, value in scalars.items() if value is not None}
        self.writer.scalars("train", known, step)
        self.writer.histograms(histograms, step)
        self.writer.image("gradient_flow/curves", self._curves.show(layers), step)
        maps = [self._map(layer["name"]) for layer in layers]
        self.writer.image("gradient_flow/history", self._maps.show(maps), step)

    def _remember(self, layer, step):
        """Add a curve to the history; if there are too many, drop every other one."""
        with np.errstate(divide="ignore"):
            decades = np.log10(layer["carried"])
        decades = np.nan_to_num(decades, nan=DECADES).clip(-DECADES, DECADES)
        curves = self._history.setdefault(layer["name"], {})
        curves[str(step)] = decades.round(2).tolist()
        if len(curves) > COLUMNS:
            for key in sorted(curves, key=int)[:-1:2]:
                del curves[key]

    def _map(self, name):
        """Lag × step; a curve fills the columns since the one before it."""
        decades, filled = np.full((self.lags, COLUMNS), np.nan), 0
        curves = self._history[name]
        for step in sorted(curves, key=int):
            column = -(-int(step) * COLUMNS // self.total)
            values = np.array(curves[step])
            decades[: len(values), filled:column] = values[:, None]
            filled = column
        return 10.0**decades
