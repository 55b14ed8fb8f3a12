"""The measurements of a training: metrics.jsonl, TensorBoard, and the terminal."""

import math
import time
from collections.abc import Sequence

import numpy as np

from ..board.writer import TensorBoardWriter
from ..metrics import wilson_interval
from ..runs.run import Run
from ..terminal.columns import number
from ..terminal.progress import Progress
from .stateful import Stateful

COLUMNS = (
    "epoch   step    loss accuracy val loss val accuracy texts/s step s data s eval s"
)


class RunLog(Stateful):
    """Log the measurements to metrics.jsonl, TensorBoard and the progress line.

    Every `every` steps and after the last step of an epoch it logs the means over the
    steps since the last time, a window; after each epoch it logs the evaluation. Both
    come with the seconds spent on steps, on waiting for data and on evaluating.

    Args:
        run: The run directory.
        writer: Its event files.
        progress: What the user sees.
        every: Steps of a window.
        validation_examples: How many examples the evaluation has.
        clip_norm: The gradient's largest norm, if it is clipped.
    """

    key = "log"

    def __init__(
        self,
        run: Run,
        writer: TensorBoardWriter,
        progress: Progress,
        *,
        every: int,
        validation_examples: int,
        clip_norm: float | None = None,
    ):
        super().__init__()
        self.run, self.writer, self.progress = run, writer, progress
        self.every, self.validation_examples = every, validation_examples
        self.clip_norm = clip_norm
        self._step = 0
        self._window, self._window_seconds = [], 0.0
        self._begin_epoch()

    def state(self) -> dict:
        # Between two epochs no time of the next one has passed.
        elapsed = time.monotonic() - self._epoch_began if self._examples else 0.0
        return {
            "step": self._step,
            "window": self._window,
            "window_seconds": self._window_seconds,
            "examples": self._examples,
            "spent": {**self._spent, "epoch_seconds": elapsed},
        }

    def restore(self, state: dict) -> None:
        self._step = state["step"]
        self._window = state["window"]
        self._window_seconds = state["window_seconds"]
        self._examples = state["examples"]
        self._spent = state["spent"]

    def set_model(self, model):
        super().set_model(model)
        self._set = time.monotonic()

    def on_train_begin(self, logs=None):
        # The step is compiled between `set_model` and here.
        self._compiled = {"compile_seconds": time.monotonic() - self._set}
        self.progress.say(f"ready in {self._compiled['compile_seconds']:.1f} s")
        self.progress.row(COLUMNS)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1
        self._ended = time.monotonic()
        self._epoch_began = self._ended - self._spent["epoch_seconds"]

    def on_train_batch_begin(self, batch, logs=None):
        self._step += 1
        last = batch + 1 == self.params["steps"]
        self._logs = self._step % self.every == 0 or last
        if self._logs:
            self._before = [weight.numpy() for weight in self.model.trainable_weights]
            self._rate = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch, logs=None):
        self._window.append(logs)
        now = time.monotonic()
        self._window_seconds += now - self._ended
        self._ended = now
        self._examples += logs["examples"]
        for key in ("step_seconds", "data_seconds"):
            self._spent[key] += logs[key]
        speed = self._examples / (now - self._epoch_began)
        names = [name for name in ("loss", "accuracy") if name in logs]
        facts = "  ".join(f"{name} {number(logs[name], '.4f')}" for name in names)
        facts += f"  {speed:.0f} examples/s"
        self.progress.step(self._step, facts)
        if self._logs:
            self._log_window()
            self.progress.line(self._step, facts)

    def on_test_begin(self, logs=None):
        self._training_seconds = time.monotonic() - self._epoch_began
        self._evaluation_began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        values = {"loss": logs["val_loss"]}
        beside = {}
        if "val_accuracy" in logs:
            values["accuracy"] = logs["val_accuracy"]
            correct = round(logs["val_accuracy"] * self.validation_examples)
            low, high = wilson_interval(correct, self.validation_examples)
            beside = {"accuracy_low": low, "accuracy_high": high}
        now = time.monotonic()
        self._spent["epoch_seconds"] = now - self._epoch_began
        beside |= {
            "examples": self.validation_examples,
            **self._spent,
            "evaluation_seconds": now - self._evaluation_began,
        }
        self._record("validation", values, beside)
        training = {name: logs[name] for name in values}
        for split, means in (("train", training), ("validation", values)):
            over_epochs = {f"epoch/{name}": mean for name, mean in means.items()}
            self.writer.scalars(split, over_epochs, self._epoch)
        speed = self._examples / self._training_seconds
        loss, val_loss = (
            number(logs[f"{part}loss"], ".4f", 7) for part in ("", "val_")
        )
        self.progress.row(
            f"{epoch + 1:5} {self._step:6} {loss:>7} "
            f"{_four_decimals(logs.get('accuracy')):>8} {val_loss:>8} "
            f"{_four_decimals(logs.get('val_accuracy')):>12} {speed:7.0f} "
            f"{beside['step_seconds']:6.1f} {beside['data_seconds']:6.1f} "
            f"{beside['evaluation_seconds']:6.1f}"
        )
        self._begin_epoch()

    def _begin_epoch(self):
        self._examples = 0
        keys = ("step_seconds", "data_seconds", "epoch_seconds")
        self._spent = dict.fromkeys(keys, 0.0)
        self._epoch_began = time.monotonic()

    def _log_window(self):
        def mean(key, weights=None):
            return float(
                np.average([step[key] for step in self._window], weights=weights)
            )

        sizes = [step["examples"] for step in self._window]
        changes = [
            weight.numpy() - before
            for weight, before in zip(
                self.model.trainable_weights, self._before, strict=True
            )
        ]
        values = {
            **{
                name: mean(f"batch_{name}", sizes)
                for name in ("loss", "accuracy")
                if f"batch_{name}" in self._window[0]
            },
            "learning_rate": self._rate,
            "gradient_norm": mean("gradient_norm"),
            "update_ratio": _norm(changes) / _norm(self._before),
            "padding_share": mean("padding_share"),
        }
        if self.clip_norm is not None:
            clipped = [step["gradient_norm"] > self.clip_norm for step in self._window]
            values["clipped_share"] = float(np.mean(clipped))
        speed = {"examples_per_second": sum(sizes) / self._window_seconds}
        spent = {
            key: sum(step[key] for step in self._window)
            for key in ("step_seconds", "data_seconds")
        }
        self._record("train", values, {**speed, **spent, **self._compiled})
        self._compiled = {}
        self.writer.scalars("train", speed, self._step)
        self._window, self._window_seconds = [], 0.0

    def _record(self, split, values, beside):
        """Log everything, and draw `values` as curves."""
        place = {"step": self._step, "epoch": self._epoch, "split": split}
        self.run.log({**place, **values, **beside})
        self.writer.scalars(split, values, self._step)


def _four_decimals(accuracy: float | None) -> str:
    return "-" if accuracy is None else f"{accuracy:.4f}"


def _norm(tensors: Sequence[np.ndarray]) -> float:
    # tf.linalg.global_norm gives other last digits, and needs tensors of NumPy arrays.
    return math.sqrt(sum(float(np.vdot(tensor, tensor)) for tensor in tensors))
