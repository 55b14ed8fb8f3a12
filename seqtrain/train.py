"""Train the model of a config and keep everything in its run directory."""

import math
import operator
import os
import time
from collections.abc import Sequence

import keras
import numpy as np

from .baselines import load_baselines
from .config import Config, dump_config
from .data.batches import bucket_lengths, dataset, epoch_batches
from .data.load import Data, Encoded, class_weights
from .fit import compile_model, fit, gradients_of
from .metrics import logits_to_probabilities, wilson_interval
from .model import build_model
from .progress import Progress
from .runs import Run
from .tensorboard import Sample, TensorBoardWriter, samples_markdown, yaml_markdown

COLUMNS = (
    "epoch   step    loss accuracy val loss val accuracy texts/s step s data s eval s"
)


class RunLog(keras.callbacks.Callback):
    """Put the measurements of a training where people look for them.

    Every `log.every` steps the means since the last time go to `metrics.jsonl`,
    TensorBoard and the progress line, and so does every evaluation. With them go
    the seconds that the steps took, the wait for data, and the evaluation.

    Args:
        run: The run directory.
        writer: Its event files.
        progress: What the user sees.
        every: Steps between scalars.
        judged: Examples of the validation part.
    """

    def __init__(
        self,
        run: Run,
        writer: TensorBoardWriter,
        progress: Progress,
        *,
        every: int,
        judged: int,
    ):
        super().__init__()
        self.run, self.writer, self.progress = run, writer, progress
        self.every, self.judged = every, judged
        self._window, self._window_seconds = [], 0.0
        self._step = 0

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
        self._ended = self._epoch_began = time.monotonic()
        self._examples = 0
        self._spent = dict.fromkeys(("step_seconds", "data_seconds"), 0.0)

    def on_train_batch_begin(self, batch, logs=None):
        self._step += 1
        last = self.params["epochs"] * self.params["steps"]
        self._logs = self._step % self.every == 0 or self._step == last
        if self._logs:
            self._before = [weight.numpy() for weight in self.model.trainable_weights]
            self._rate = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch, logs=None):
        self._window.append(logs)
        now = time.monotonic()
        self._window_seconds += now - self._ended
        self._ended = now
        self._examples += logs["examples"]
        for key in self._spent:
            self._spent[key] += logs[key]
        speed = self._examples / (now - self._epoch_began)
        facts = (
            f"loss {logs['loss']:.4f}  "
            f"accuracy {logs['accuracy']:.4f}  {speed:.0f} examples/s"
        )
        self.progress.step(self._step, facts)
        if self._logs:
            self._log_window()
            self.progress.line(self._step, facts)

    def on_test_begin(self, logs=None):
        self._training_seconds = time.monotonic() - self._epoch_began
        self._evaluation_began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        values = {"loss": logs["val_loss"], "accuracy": logs["val_accuracy"]}
        now = time.monotonic()
        low, high = wilson_interval(
            round(logs["val_accuracy"] * self.judged), self.judged
        )
        beside = {
            "accuracy_low": low,
            "accuracy_high": high,
            "examples": self.judged,
            **self._spent,
            "evaluation_seconds": now - self._evaluation_began,
            "epoch_seconds": now - self._epoch_began,
        }
        self._record("validation", values, beside)
        speed = self._examples / self._training_seconds
        self.progress.row(
            f"{epoch + 1:5} {self._step:6} {logs['loss']:7.4f} {logs['accuracy']:8.4f} "
            f"{logs['val_loss']:8.4f} {logs['val_accuracy']:12.4f} {speed:7.0f} "
            f"{beside['step_seconds']:6.1f} {beside['data_seconds']:6.1f} "
            f"{beside['evaluation_seconds']:6.1f}"
        )

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
            "loss": mean("batch_loss", sizes),
            "accuracy": mean("batch_accuracy", sizes),
            "learning_rate": self._rate,
            "gradient_norm": mean("gradient_norm"),
            "update_ratio": _norm(changes) / _norm(self._before),
            "padding_share": mean("padding_share"),
        }
        speed = {"examples_per_second": sum(sizes) / self._window_seconds}
        spent = {key: sum(step[key] for step in self._window) for key in self._spent}
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
    """Keep the model of the epoch with the best monitored value.

    Args:
        run: The run whose `model.keras` it becomes.
        monitor: `loss` or `accuracy` of the validation data.
    """

    def __init__(self, run: Run, monitor: str):
        super().__init__()
        self.run, self.monitored = run, f"val_{monitor}"
        self.better = operator.lt if monitor == "loss" else operator.gt
        self.logs = None

    def on_epoch_end(self, epoch, logs=None):
        if self.logs is None or self.better(
            logs[self.monitored], self.logs[self.monitored]
        ):
            self.logs = {"epoch": epoch + 1, **logs}
            save_model(self.model, self.run)


class Pictures(keras.callbacks.Callback):
    """Show histograms and sample predictions in TensorBoard after each epoch.

    Args:
        writer: The event files of the run.
        data: The encoded data; samples are the first of its validation part.
        config: The config of the run.
    """

    def __init__(self, writer: TensorBoardWriter, data: Data, config: Config):
        super().__init__()
        self.writer, self.data, self.log = writer, data, config.log
        self.buckets = bucket_lengths(config.data.max_length, config.data.buckets)

    def on_epoch_end(self, epoch, logs=None):
        step = int(self.model.optimizer.iterations)
        if self.log.histograms and (epoch + 1) % self.log.histograms == 0:
            _, _, gradients = gradients_of(
                self.model, *self._first(self.data.train, 64), training=False
            )
            paths = [weight.path for weight in self.model.trainable_weights]
            named = dict(zip(paths, gradients, strict=True))
            self.writer.histograms(self.model, named, step)
        if self.log.samples:
            self.writer.text("samples", self._samples(), step)

    def _samples(self):
        encoded = self.data.validation
        tokens, labels = self._first(encoded, self.log.samples)
        rows = logits_to_probabilities(self.model(tokens, training=False).numpy())
        names = self.data.labels
        return samples_markdown(
            Sample(
                " ".join(self.data.vocab.tokens[id] for id in ids if id),
                names[label],
                names[row.argmax()],
                row.max(),
            )
            for ids, label, row in zip(
                tokens.numpy(), labels.numpy(), rows, strict=True
            )
        )

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


def train(
    config: Config,
    data: Data,
    run: Run,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train from scratch; return one value per epoch for every metric.

    Two calls with equal arguments give equal models, bit for bit, on one machine.

    Args:
        config: What to train, and how.
        data: What `load_data` made of its `data` section.
        run: A started run, which keeps what comes out.
        callbacks: Further Keras callbacks.

    Raises:
        ConfigError: If `train.class_weights` does not name the labels of the data.
        DivergedError: If a loss or a gradient is not finite.
    """
    with run.recorded():
        return _train(config, data, run, callbacks)


def _train(config: Config, data: Data, run: Run, callbacks) -> dict[str, list[float]]:
    weights = class_weights(config.train.class_weights, data)
    data.vocab.save(run.vocabulary_path)
    run.write_json("labels.json", data.labels)
    run.update(data_files=data.files)

    keras.utils.set_random_seed(config.seed)
    model = build_model(
        config.model,
        vocab_size=len(data.vocab),
        num_classes=len(data.labels),
        max_length=config.data.max_length,
    )
    steps_per_epoch = -(-len(data.train.labels) // config.train.batch_size)
    compile_model(model, config.train, steps_per_epoch=steps_per_epoch)

    writer = TensorBoardWriter(run.path)
    writer.text("config", yaml_markdown(dump_config(config)), 0)
    writer.graph(model)
    progress = Progress(run.path / "train.log", config.train.epochs * steps_per_epoch)
    best = KeepBest(run, config.train.monitor)
    buckets = bucket_lengths(config.data.max_length, config.data.buckets)
    try:
        progress.say(f"run {run.path}")
        if config.train.jit_compile:
            progress.say(f"compiling the step for {len(buckets)} padded lengths")
        history = fit(
            model,
            data.train,
            data.validation,
            config.train,
            buckets=buckets,
            seed=config.seed,
            class_weights=weights,
            callbacks=[
                RunLog(
                    run,
                    writer,
                    progress,
                    every=config.log.every,
                    judged=len(data.validation.labels),
                ),
                best,
                Pictures(writer, data, config),
                *_early_stopping(config),
                *callbacks,
            ],
        )
    except (KeyboardInterrupt, SystemExit):
        if best.logs is None:  # stopped in its first epoch
            save_model(model, run)
        raise
    finally:
        writer.close()
        progress.close()
        run.update(best=best.logs)
    load_baselines(run)  # fitted now, so that the run needs no data later
    return history


def save_model(model: keras.Model, run: Run) -> None:
    """Replace the run's `model.keras`, in one step."""
    temporary = run.path / ".model.keras"
    # A model of its own: the optimizer and the loss stay out of the file.
    keras.Model(model.input, model.output, name=model.name).save(temporary)
    os.replace(temporary, run.model_path)


def _early_stopping(config: Config) -> list[keras.callbacks.Callback]:
    if config.train.patience is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            f"val_{config.train.monitor}",
            mode="min" if config.train.monitor == "loss" else "max",
            patience=config.train.patience,
        )
    ]


def _norm(tensors: Sequence[np.ndarray]) -> float:
    return math.sqrt(sum(float(np.vdot(tensor, tensor)) for tensor in tensors))
