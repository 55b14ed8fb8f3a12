"""What happens beside the steps of a training: logs, the best model, checkpoints."""

import hashlib
import math
import operator
import os
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np

from .config import Config
from .dashboards import write_projector
from .data.batches import bucket_lengths, dataset, epoch_batches
from .data.load import Data, Encoded
from .data.tasks import find_task
from .disk import sync, temporary_beside
from .fit import gradients_of
from .interruption import Interruption
from .metrics import wilson_interval
from .progress import Progress
from .runs import Run
from .tensorboard import TensorBoardWriter

COLUMNS = (
    "epoch   step    loss accuracy val loss val accuracy texts/s step s data s eval s"
)


class RunLog(keras.callbacks.Callback):
    """Put the measurements of a training where people look for them.

    Every `log.every` steps and after the last step of an epoch the means since the
    last time go to `metrics.jsonl`, TensorBoard and the progress line, and so does
    every evaluation. With them go the seconds that the steps took, the wait for data,
    and the evaluation.

    Args:
        run: The run directory.
        writer: Its event files.
        progress: What the user sees.
        every: Steps between scalars.
        judged: Examples of the validation part.
        clip_norm: The bound of the gradient's norm, if there is one.
    """

    def __init__(
        self,
        run: Run,
        writer: TensorBoardWriter,
        progress: Progress,
        *,
        every: int,
        judged: int,
        clip_norm: float | None = None,
    ):
        super().__init__()
        self.run, self.writer, self.progress = run, writer, progress
        self.every, self.judged, self.clip_norm = every, judged, clip_norm
        self._step = 0
        self._window, self._window_seconds = [], 0.0
        self._begin_epoch()

    def state(self) -> dict:
        """What it takes to go on with another log, as JSON holds it."""
        # Between two epochs nothing of the next is spent yet.
        elapsed = time.monotonic() - self._epoch_began if self._examples else 0.0
        return {
            "step": self._step,
            "window": self._window,
            "window_seconds": self._window_seconds,
            "examples": self._examples,
            "spent": {**self._spent, "epoch_seconds": elapsed},
        }

    def restore(self, state: dict) -> None:
        """Go on where the log was whose `state` it is."""
        self._step = state["step"]
        self._window = state["window"]
        self._window_seconds = state["window_seconds"]
        self._examples = state["examples"]
        self._spent = state["spent"]

    def set_model(self, model):
        super().set_model(model)
        self._set = time.monotonic()

    def on_train_begin(self, logs=None):
        # What is compiled, is compiled between the two.
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
        facts = "  ".join(f"{name} {logs[name]:.4f}" for name in names)
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
            correct = round(logs["val_accuracy"] * self.judged)
            low, high = wilson_interval(correct, self.judged)
            beside = {"accuracy_low": low, "accuracy_high": high}
        now = time.monotonic()
        self._spent["epoch_seconds"] = now - self._epoch_began
        beside |= {
            "examples": self.judged,
            **self._spent,
            "evaluation_seconds": now - self._evaluation_began,
        }
        self._record("validation", values, beside)
        speed = self._examples / self._training_seconds
        self.progress.row(
            f"{epoch + 1:5} {self._step:6} {logs['loss']:7.4f} "
            f"{_shown(logs.get('accuracy')):>8} {logs['val_loss']:8.4f} "
            f"{_shown(logs.get('val_accuracy')):>12} {speed:7.0f} "
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
        """Keep all of it, show `values` as curves."""
        place = {"step": self._step, "epoch": self._epoch, "split": split}
        self.run.log({**place, **values, **beside})
        self.writer.scalars(split, values, self._step)


class KeepBest(keras.callbacks.Callback):
    """Keep the model of the best epoch; end a training that gets no better.

    Args:
        run: The run whose `model.keras` it becomes.
        monitor: `loss` or `accuracy` of the validation data.
        patience: Epochs without a better one before the end; None: no end.
    """

    def __init__(self, run: Run, monitor: str, patience: int | None = None):
        super().__init__()
        self.run, self.monitored = run, f"val_{monitor}"
        self.better = operator.lt if monitor == "loss" else operator.gt
        self.patience = patience
        self.logs, self.step, self.waited, self._sha256 = None, None, 0, None

    def state(self) -> dict:
        """What it takes to go on with another one, as JSON holds it."""
        return {
            "logs": self.logs,
            "step": self.step,
            "waited": self.waited,
            "sha256": self._sha256,
        }

    def restore(self, state: dict) -> None:
        """Go on where the one was whose `state` it is."""
        self.logs, self.step = state["logs"], state["step"]
        self.waited, self._sha256 = state["waited"], state["sha256"]

    def keep(self, model: keras.Model) -> None:
        """Make a model the run's `model.keras`."""
        save_model(model, self.run)
        self._sha256 = _sha256(self.run.model_path.read_bytes())

    def is_kept(self) -> bool:
        """Whether the run's `model.keras` is that of the best epoch so far."""
        try:
            return _sha256(self.run.model_path.read_bytes()) == self._sha256
        except FileNotFoundError:
            return False

    def on_train_begin(self, logs=None):
        self._stop_if_worse()

    def on_epoch_end(self, epoch, logs=None):
        self.waited += 1
        if self.logs is None or self.better(
            logs[self.monitored], self.logs[self.monitored]
        ):
            self.logs, self.waited = {"epoch": epoch + 1, **logs}, 0
            self.step = int(self.model.optimizer.iterations)
            self.keep(self.model)
            self.run.update(best=self.logs)
        self._stop_if_worse()

    def _stop_if_worse(self):
        if self.patience is not None and self.waited >= self.patience:
            self.model.stop_training = True


class Pictures(keras.callbacks.Callback):
    """Show the weights and the best values in TensorBoard after each epoch.

    The embedding is that of the best epoch, as in `model.keras`.

    Args:
        writer: The event files of the run.
        data: The encoded data.
        config: The config of the run.
        best: Knows the best epoch.
    """

    def __init__(
        self, writer: TensorBoardWriter, data: Data, config: Config, best: KeepBest
    ):
        super().__init__()
        self.writer, self.data, self.best = writer, data, best
        self.histograms = config.log.histograms
        self.embedded = find_task(config.data).features is None
        self.buckets = bucket_lengths(config.data.max_length, config.data.buckets)

    def on_epoch_end(self, epoch, logs=None):
        step = int(self.model.optimizer.iterations)
        shown = {
            f"best/{name}": self.best.logs[f"val_{name}"]
            for name in ("loss", "accuracy")
            if f"val_{name}" in self.best.logs
        }
        self.writer.scalars("validation", shown, step)
        if self.best.step == step and self.embedded:
            [embedding] = self.model.get_layer("embedding").get_weights()
            tokens = self.data.vocab.tokens
            write_projector(self.writer.folders["train"], embedding, tokens)
        if self.histograms and (epoch + 1) % self.histograms == 0:
            _, _, gradients = gradients_of(
                self.model, *self._first(self.data.train, 64), training=False
            )
            shown = {}
            for weight, gradient in zip(
                self.model.trainable_weights, gradients, strict=True
            ):
                shown[f"weights/{weight.path}"] = weight
                shown[f"gradients/{weight.path}"] = gradient
            self.writer.histograms(shown, step)

    def _first(self, encoded: Encoded, number: int):
        """The first examples as one batch."""
        batches = epoch_batches(
            encoded.lengths[:number],
            batch_size=number,
            buckets=self.buckets,
            seed=0,
            epoch=0,
            shuffle=False,
        )
        return next(iter(dataset(encoded, batches)))


class SaveCheckpoints(keras.callbacks.Callback):
    """Save checkpoints, and stop at a signal when one is saved.

    Planned ones are saved every `every` steps and after an epoch that is the best so
    far: a training has the same ones however often it is interrupted. Others are saved
    at a signal and at the end. It has to be the last callback, so that what the others
    know is complete.

    Args:
        save: Saves one; is told whether it is a planned one.
        best: Knows the best epoch.
        interruption: A signal to stop.
        every: Steps between two.
    """

    def __init__(
        self,
        save: Callable[[bool], None],
        best: KeepBest,
        interruption: Interruption,
        *,
        every: int,
    ):
        super().__init__()
        self.save, self.best, self.interruption = save, best, interruption
        self.every = every

    def on_train_begin(self, logs=None):
        self.interruption.listen()

    def on_train_batch_end(self, batch, logs=None):
        # After the last batch of an epoch it waits until the epoch is judged.
        last = batch + 1 == self.params["steps"]
        planned = self._step() % self.every == 0 and not last
        self._save(planned, planned)

    def on_test_batch_end(self, batch, logs=None):
        self._save(False, False)

    def on_epoch_end(self, epoch, logs=None):
        step = self._step()
        planned = step % self.every == 0 or step == self.best.step
        last = self.model.stop_training or epoch + 1 == self.params["epochs"]
        self._save(planned or last, planned)

    def _save(self, needed, planned):
        if needed or self.interruption:
            self.save(planned)
        self.interruption.act()

    def _step(self):
        return int(self.model.optimizer.iterations)


def save_model(model: keras.Model, run: Run) -> None:
    """Replace the run's `model.keras`, in one step."""
    with temporary_beside(run.model_path) as temporary:
        # A model of its own: the optimizer and the loss stay out of the file.
        keras.Model(model.input, model.output, name=model.name).save(temporary)
        sync(temporary)
        os.replace(temporary, run.model_path)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _shown(accuracy: float | None) -> str:
    return "-" if accuracy is None else f"{accuracy:.4f}"


def _norm(tensors: Sequence[np.ndarray]) -> float:
    return math.sqrt(sum(float(np.vdot(tensor, tensor)) for tensor in tensors))
