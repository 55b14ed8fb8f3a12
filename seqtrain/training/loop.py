"""The epoch loop: a Keras model, encoded examples, and the `train` section."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from ..config import Config
from ..data.batches import Batch, dataset, epoch_batches
from ..data.encoded import Data
from ..errors import DivergedError
from .step import TrainStep

EVALUATION_BATCH = 256


@dataclass
class Position:
    """Where a training stands between two steps.

    Args:
        epoch: Finished epochs.
        batch: Finished batches of the current epoch.
        examples: The examples in these batches.
        loss: The mean loss of these examples.
        accuracy: Their accuracy; None for a task without one.
        epochs: The results of each finished epoch: `loss`, `val_loss` and so on.
    """

    epoch: int = 0
    batch: int = 0
    examples: int = 0
    loss: float = 0.0
    accuracy: float | None = 0.0
    epochs: list[dict[str, float]] = field(default_factory=list)

    @property
    def means(self) -> dict[str, float]:
        """Loss and accuracy of the epoch so far."""
        return _known({"loss": self.loss, "accuracy": self.accuracy})

    def add_batch(self, loss: float, accuracy: float | None, examples: int) -> None:
        """Count one more batch."""
        self.batch += 1
        self.examples += examples
        self.loss += (loss - self.loss) * examples / self.examples
        if accuracy is None:
            self.accuracy = None
        else:
            self.accuracy += (accuracy - self.accuracy) * examples / self.examples

    def add_epoch(self, logs: dict[str, float]) -> None:
        """Move to the next epoch."""
        self.epoch += 1
        self.batch = self.examples = 0
        self.loss = self.accuracy = 0.0
        self.epochs.append(logs)


def fit(
    model: keras.Model,
    data: Data,
    config: Config,
    *,
    class_weights: np.ndarray | None = None,
    position: Position | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train a compiled model; return one value per epoch for every metric.

    A loop of our own, because `keras.Model.fit` can't start in the middle of an epoch.
    Here the batches are a pure function of the data, the seed and the epoch, so a
    position and `variables_of(model)` are enough to continue from any step.

    Args:
        model: Compiled by `compile_model`.
        data: The examples to learn from, and those that each epoch is evaluated on.
        config: Its config, of which the `train` section and the seed are used.
        class_weights: The weight of an example by its class.
        position: Where to start, updated after each batch; step 0 by default.
        callbacks: Keras callbacks. As in Keras, the logs of a batch hold the means of
            the epoch so far (`loss`, `accuracy`), those of an epoch the means of all
            of it, `val_loss` and `val_accuracy`; no accuracies where the data has
            none. The logs of a batch also hold its own
            `batch_loss`, `batch_accuracy`, `gradient_norm` (of all gradients
            together, before clipping), `examples`, `padding_share`,
            `data_seconds` and `step_seconds`.

    Raises:
        DivergedError: If a loss or a gradient is not finite. The model is then as it
            was before that step, and the error holds the step's `batch`.
    """
    training, train = data.train, config.train

    def batches_of(epoch):
        return epoch_batches(
            training.lengths,
            batch_size=train.batch_size,
            buckets=data.buckets,
            seed=config.seed,
            epoch=epoch,
        )

    position = position or Position()
    # First, so that the other callbacks find the position after the epoch. They all get
    # the same dict, so what they add to the logs is in the history, too.
    follow = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: position.add_epoch(logs)
    )
    callbacks = keras.callbacks.CallbackList(
        [follow, *callbacks],
        model=model,
        epochs=train.epochs,
        steps=math.ceil(training.examples / train.batch_size),
        verbose=0,
    )
    evaluated = dataset(data.validation, evaluation_batches(data))
    train_step = TrainStep(model, config)
    step = int(model.optimizer.iterations)
    logs = None
    model.stop_training = False
    if train.jit_compile and position.epoch < train.epochs:
        shapes = {(len(batch.indices), batch.width): batch for batch in batches_of(0)}
        batches = [shapes[shape] for shape in sorted(shapes)]
        train_step.compile(
            list(dataset(training, batches, class_weights=class_weights))
        )
    callbacks.on_train_begin()
    while position.epoch < train.epochs and not model.stop_training:
        callbacks.on_epoch_begin(position.epoch)
        batches = batches_of(position.epoch)[position.batch :]
        tensors = iter(dataset(training, batches, class_weights=class_weights))
        for batch in batches:
            number = position.batch
            callbacks.on_train_batch_begin(number)
            began = time.monotonic()
            arrays = next(tensors)
            loaded = time.monotonic()
            loss, accuracy, norm = train_step(*arrays)
            done = time.monotonic()
            size = len(batch.indices)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                found = f"loss {loss}, gradient norm {norm}"
                raise _diverged(position, step + 1, found, arrays)
            step += 1
            position.add_batch(loss, accuracy, size)
            real = training.lengths[batch.indices].sum()
            callbacks.on_train_batch_end(
                number,
                {
                    **position.means,
                    **_known({"batch_loss": loss, "batch_accuracy": accuracy}),
                    "gradient_norm": norm,
                    "examples": size,
                    "padding_share": 1 - real / (size * batch.width),
                    "data_seconds": loaded - began,
                    "step_seconds": done - loaded,
                },
            )
            if model.stop_training:
                break
        evaluation = model.evaluate(
            evaluated, return_dict=True, verbose=0, callbacks=callbacks
        )
        if not math.isfinite(evaluation["loss"]):
            raise _diverged(position, step, f"validation loss {evaluation['loss']}")
        logs = position.means
        logs |= {f"val_{name}": value for name, value in evaluation.items()}
        callbacks.on_epoch_end(position.epoch, logs)
    callbacks.on_train_end(logs)
    names = position.epochs[0] if position.epochs else ()
    return {name: [logs[name] for logs in position.epochs] for name in names}


def evaluation_batches(data: Data) -> list[Batch]:
    """The batches in which an epoch's evaluation goes through the validation part."""
    return epoch_batches(
        data.validation.lengths,
        batch_size=EVALUATION_BATCH,
        buckets=data.buckets,
        order="by_bucket",
    )


def _diverged(
    position: Position, step: int, found: str, batch: Sequence[tf.Tensor] | None = None
) -> DivergedError:
    if batch is not None:
        found += f" in batch {position.batch + 1} of the epoch"
    return DivergedError(
        f"epoch {position.epoch + 1}, step {step}: {found}; it must be finite",
        hint="lower train.learning_rate, or set train.clip_norm: 1.0",
        step=step,
        batch=batch,
    )


def _known(values: dict[str, float | None]) -> dict[str, float]:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}
