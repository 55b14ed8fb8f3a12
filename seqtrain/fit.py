"""The epoch loop: a Keras model, encoded examples, and the `train` section."""

import functools
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from .config import RECALLED, TrainConfig
from .data.batches import dataset, epoch_batches
from .data.load import Encoded
from .data.tasks import TEXTS, Task
from .errors import DivergedError
from .schedules import Schedule

EVALUATION_BATCH = 256

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}


def compile_model(
    model: keras.Model,
    config: TrainConfig,
    *,
    steps_per_epoch: int,
    task: Task = TEXTS,
    metrics: Sequence[keras.metrics.Metric] = (),
) -> None:
    """Give the model its optimizer, loss and metrics.

    The loss is the cross-entropy of the logits, averaged by the weights of the
    examples: `Σ w L / Σ w`; over all timesteps, if each has a class. That of a value
    is the squared error, and a value has no accuracy.
    """
    options = config.model_dump(include={"weight_decay", "momentum"}, exclude_none=True)
    optimizer = OPTIMIZERS[config.optimizer](
        _learning_rate(config, steps_per_epoch), **options
    )
    reduction = "mean_with_sample_weight"
    if task.output == "value":
        loss = keras.losses.MeanSquaredError(reduction=reduction)
    elif model.output_shape[-1] == 1:
        loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=reduction
        )
    if task.output != "value":
        accuracy = keras.metrics.MeanMetricWrapper(hits, name="accuracy")
        metrics = [accuracy, *metrics]
    # An evaluation sees each shape a few times: to compile them costs more than
    # it saves.
    model.compile(optimizer, loss, metrics=[*metrics], jit_compile=False)
    optimizer.build(model.trainable_variables)


def hits(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Which classes the logits name rightly, as 1 and 0.

    Where each timestep has a class, only those that are recalled at the end count:
    the others tell nothing of the memory.
    """
    if labels.shape.rank == 2:
        labels, logits = labels[:, -RECALLED:], logits[:, -RECALLED:]
    if logits.shape[-1] == 1:  # a logit, so 0.0 and not 0.5 is the even chance
        predictions = tf.cast(logits[:, 0] > 0, labels.dtype)
    else:
        predictions = tf.argmax(logits, -1, labels.dtype)
    # Of `==` nobody would know the rank before it runs.
    return tf.cast(tf.equal(predictions, labels), "float32")


@dataclass
class Position:
    """Where a training stands between two steps.

    Args:
        epoch: Epochs that are done.
        batch: Batches of the next one that are done.
        examples: Examples in them.
        loss: The mean loss of these examples.
        accuracy: Their accuracy; None of a task without one.
        epochs: What each epoch that is done came to, `val_loss` and so on.
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
        """Go on by one batch."""
        self.batch += 1
        self.examples += examples
        self.loss += (loss - self.loss) * examples / self.examples
        if accuracy is None:
            self.accuracy = None
        else:
            self.accuracy += (accuracy - self.accuracy) * examples / self.examples

    def add_epoch(self, logs: dict[str, float]) -> None:
        """Go on to the next epoch."""
        self.epoch += 1
        self.batch = self.examples = 0
        self.loss = self.accuracy = 0.0
        self.epochs.append(logs)


def fit(
    model: keras.Model,
    training: Encoded,
    validation: Encoded,
    config: TrainConfig,
    *,
    buckets: list[int],
    seed: int,
    class_weights: np.ndarray | None = None,
    position: Position | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train a compiled model; return one value per epoch for every metric.

    A loop of our own, because `keras.Model.fit` can't begin inside an epoch: here
    the batches are a pure function of the data, the seed and the epoch, and a
    position with `variables_of(model)` is all that it takes to go on from there.

    Args:
        model: Compiled by `compile_model`.
        training: What it learns from.
        validation: What each epoch is judged by.
        config: The `train` section.
        buckets: The padded lengths.
        seed: Of the order of the examples.
        class_weights: The weight of an example by its class.
        position: Where to begin, kept up to date; the start if not given.
        callbacks: Keras callbacks. As in Keras, a batch is told the means of the
            epoch so far (`loss`, `accuracy`) and an epoch those means and
            `val_loss` and `val_accuracy`; a task without an accuracy leaves it out.
            A batch is told of itself, too:
            `batch_loss`, `batch_accuracy`, `gradient_norm` (of all gradients
            together, before clipping), `examples`, `padding_share`,
            `data_seconds` and `step_seconds`.

    Raises:
        DivergedError: If a loss or a gradient is not finite; the model is then as it
            was before that step, and the error has its `batch`.
    """

    def batches_of(encoded, batch_size, **options):
        return epoch_batches(
            encoded.lengths,
            batch_size=batch_size,
            buckets=buckets,
            seed=seed,
            **options,
        )

    position = position or Position()
    # First, so that the others find the position behind the epoch. What they add to
    # its logs is kept, too: all are handed one dict.
    follow = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: position.add_epoch(logs)
    )
    callbacks = keras.callbacks.CallbackList(
        [follow, *callbacks],
        model=model,
        epochs=config.epochs,
        steps=math.ceil(len(training.labels) / config.batch_size),
        verbose=0,
    )
    judged = dataset(
        validation, batches_of(validation, EVALUATION_BATCH, epoch=0, shuffle=False)
    )
    train_step = TrainStep(model, config)
    step = int(model.optimizer.iterations)
    logs = None
    model.stop_training = False
    if config.jit_compile and position.epoch < config.epochs:
        batches = batches_of(training, config.batch_size, epoch=0)
        shapes = {(len(batch.indices), batch.width) for batch in batches}
        train_step.compile(
            sorted(shapes), weighted=class_weights is not None, like=training
        )
    callbacks.on_train_begin()
    while position.epoch < config.epochs and not model.stop_training:
        callbacks.on_epoch_begin(position.epoch)
        batches = batches_of(training, config.batch_size, epoch=position.epoch)
        batches = batches[position.batch :]
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
            judged, return_dict=True, verbose=0, callbacks=callbacks
        )
        if not math.isfinite(evaluation["loss"]):
            raise _diverged(position, step, f"validation loss {evaluation['loss']}")
        logs = position.means
        logs |= {f"val_{name}": value for name, value in evaluation.items()}
        callbacks.on_epoch_end(position.epoch, logs)
    callbacks.on_train_end(logs)
    names = position.epochs[0] if position.epochs else ()
    return {name: [logs[name] for logs in position.epochs] for name in names}


def gradients_of(model: keras.Model, tokens, labels, weights=None, *, training=True):
    """The loss of a batch, its logits, and the gradient of every trainable weight.

    The gradients are dense: the norm of a sparse one would count a token that
    stands twice in a batch as two.
    """
    with tf.GradientTape() as tape:
        logits = model(tokens, training=training)
        loss = model.compute_loss(tokens, labels, logits, weights, training=training)
    gradients = tape.gradient(loss, model.trainable_variables)
    return loss, logits, [tf.convert_to_tensor(gradient) for gradient in gradients]


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """All that training changes: weights, states of dropout, the optimizer's."""
    return [*model.variables, *model.optimizer.variables]


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Give each variable its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


class TrainStep:
    """One step of the optimizer as a function of a batch.

    Args:
        model: Compiled by `compile_model`.
        config: The `train` section. With `jit_compile` each shape of a batch has a
            trace of its own, so that the loops over time are compiled by XLA, and
            so is the update; without it one trace serves all.
    """

    def __init__(self, model: keras.Model, config: TrainConfig):
        self.model = model

        @tf.function
        def differentiate(tokens, labels, weights=None):
            loss, logits, gradients = gradients_of(model, tokens, labels, weights)
            accuracy = None
            if labels.dtype.is_integer:
                accuracy = tf.reduce_mean(hits(labels, logits))
            norm = tf.linalg.global_norm(gradients)
            return loss, accuracy, norm, gradients

        # Apart, so that it is compiled once for all shapes, and only follows what is
        # finite.
        @tf.function(jit_compile=config.jit_compile)
        def update(gradients, norm):
            if config.clip_norm is not None:
                gradients, _ = tf.clip_by_global_norm(gradients, config.clip_norm, norm)
            model.optimizer.apply(gradients, model.trainable_variables)

        def spec(tensor):
            known = tensor.shape if config.jit_compile else [None] * tensor.shape.rank
            return tf.TensorSpec(known, tensor.dtype)

        # TensorFlow would warn of so many traces, were they made by calls.
        trace = functools.cache(differentiate.get_concrete_function)
        self._trace = lambda batch: trace(*map(spec, batch))
        self._update = update

    def __call__(self, *batch) -> tuple[float, float | None, float]:
        """Make the step; return loss, accuracy, and the norm of all gradients.

        If the loss or the norm is not finite, the model stays as it is.
        """
        drawn = self.model.non_trainable_variables  # where the dropout stands
        before = [variable.numpy() for variable in drawn]
        loss, accuracy, norm, gradients = self._trace(batch)(*batch)
        if math.isfinite(loss) and math.isfinite(norm):
            self._update(gradients, norm)
        else:
            assign(drawn, before)
        accuracy = None if accuracy is None else float(accuracy)
        return float(loss), accuracy, float(norm)

    def compile(
        self, shapes: Sequence[tuple[int, int]], *, weighted: bool, like: Encoded
    ) -> None:
        """Compile for shapes of a batch, `(examples, width)`; change nothing else.

        Args:
            shapes: The shapes.
            weighted: Whether each example has a weight.
            like: Examples of the task.
        """
        tokens, labels = like.tokens, like.labels
        batches = [
            (
                tf.ones((*shape, *tokens.shape[1:]), tokens.dtype),
                tf.zeros((shape[0], *labels.shape[1:]), labels.dtype),
                *([tf.ones(shape[0])] if weighted else []),
            )
            for shape in shapes
        ]
        before = [variable.numpy() for variable in variables_of(self.model)]
        with ThreadPoolExecutor() as pool:  # one compiles while the next is traced
            runs = [pool.submit(self._trace(batch), *batch) for batch in batches]
        for run in runs:
            run.result()
        self(*batches[0])
        assign(variables_of(self.model), before)


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
    """The values that there are."""
    return {name: value for name, value in values.items() if value is not None}


def _learning_rate(config: TrainConfig, steps_per_epoch: int):
    if config.schedule == "constant" and not config.warmup_steps:
        return config.learning_rate  # a number, which callbacks may change
    steps = {}
    if config.schedule == "step":
        every = config.step_epochs * steps_per_epoch
        steps = {"every": every, "factor": config.step_factor}
    return Schedule(
        config.schedule,
        config.learning_rate,
        steps=config.epochs * steps_per_epoch,
        warmup_steps=config.warmup_steps,
        **steps,
    )
