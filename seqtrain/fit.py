"""The epoch loop: a Keras model, encoded examples, and the `train` section."""

import functools
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from .config import TrainConfig
from .data.batches import dataset, epoch_batches
from .data.load import Encoded
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
    model: keras.Model, config: TrainConfig, *, steps_per_epoch: int
) -> None:
    """Give the model its optimizer, loss and metric.

    The loss is the cross-entropy of the logits, averaged by the weights of the
    examples: `Σ w L / Σ w`.
    """
    options = config.model_dump(include={"weight_decay", "momentum"}, exclude_none=True)
    optimizer = OPTIMIZERS[config.optimizer](
        _learning_rate(config, steps_per_epoch), **options
    )
    reduction = "mean_with_sample_weight"
    if model.output_shape[-1] == 1:
        loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction)
        # The model returns logits, so 0.0 and not 0.5 is the even chance.
        metric = keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=reduction
        )
        metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    # An evaluation sees each shape a few times: to compile them costs more than
    # it saves.
    model.compile(optimizer, loss, metrics=[metric], jit_compile=False)


def fit(
    model: keras.Model,
    training: Encoded,
    validation: Encoded,
    config: TrainConfig,
    *,
    buckets: list[int],
    seed: int,
    class_weights: np.ndarray | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train a compiled model; return one value per epoch for every metric.

    A loop of our own, because `keras.Model.fit` can't begin inside an epoch: here
    the batches are a pure function of the data, the seed and the epoch.

    Args:
        model: Compiled by `compile_model`.
        training: What it learns from.
        validation: What each epoch is judged by.
        config: The `train` section.
        buckets: The padded lengths.
        seed: Of the order of the examples.
        class_weights: The weight of an example by its class.
        callbacks: Keras callbacks. As in Keras, a batch is told the means of the
            epoch so far (`loss`, `accuracy`) and an epoch those means and
            `val_loss` and `val_accuracy`. A batch is told of itself, too:
            `batch_loss`, `batch_accuracy`, `gradient_norm` (of all gradients
            together, before clipping), `examples`, `padding_share`,
            `data_seconds` and `step_seconds`.

    Raises:
        DivergedError: If a loss or a gradient is not finite.
    """

    def batches_of(encoded, batch_size, **options):
        return epoch_batches(
            encoded.lengths,
            batch_size=batch_size,
            buckets=buckets,
            seed=seed,
            **options,
        )

    history = keras.callbacks.History()
    callbacks = keras.callbacks.CallbackList(
        [*callbacks, history],
        model=model,
        epochs=config.epochs,
        steps=math.ceil(len(training.labels) / config.batch_size),
        verbose=0,
    )
    judged = dataset(
        validation, batches_of(validation, EVALUATION_BATCH, epoch=0, shuffle=False)
    )
    train_step = TrainStep(model, config)
    model.stop_training = False
    if config.jit_compile:
        batches = batches_of(training, config.batch_size, epoch=0)
        shapes = {(len(batch.indices), batch.width) for batch in batches}
        train_step.compile(sorted(shapes), weighted=class_weights is not None)
    callbacks.on_train_begin()
    for epoch in range(config.epochs):
        callbacks.on_epoch_begin(epoch)
        means = np.zeros(2)
        examples = 0
        batches = batches_of(training, config.batch_size, epoch=epoch)
        tensors = iter(dataset(training, batches, class_weights=class_weights))
        for number, batch in enumerate(batches):
            callbacks.on_train_batch_begin(number)
            began = time.monotonic()
            arrays = next(tensors)
            loaded = time.monotonic()
            loss, accuracy, norm = train_step(*arrays)
            done = time.monotonic()
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise _diverged(epoch, model, f"loss {loss}, gradient norm {norm}")
            size = len(batch.indices)
            examples += size
            means += (np.array([loss, accuracy]) - means) * size / examples
            real = training.lengths[batch.indices].sum()
            callbacks.on_train_batch_end(
                number,
                {
                    "loss": means[0],
                    "accuracy": means[1],
                    "batch_loss": loss,
                    "batch_accuracy": accuracy,
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
            raise _diverged(epoch, model, f"validation loss {evaluation['loss']}")
        logs = {"loss": means[0], "accuracy": means[1]}
        logs |= {f"val_{name}": value for name, value in evaluation.items()}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callbacks.on_train_end(logs)
    return history.history


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
        model.optimizer.build(model.trainable_variables)

        @tf.function
        def differentiate(tokens, labels, weights=None):
            loss, logits, gradients = gradients_of(model, tokens, labels, weights)
            if logits.shape[-1] == 1:
                predictions = tf.cast(logits[:, 0] > 0, labels.dtype)
            else:
                predictions = tf.argmax(logits, -1, labels.dtype)
            hits = tf.cast(predictions == labels, "float32")
            return loss, tf.reduce_mean(hits), gradients

        # Apart, so that it is compiled once for all shapes.
        @tf.function(jit_compile=config.jit_compile)
        def update(gradients):
            norm = tf.linalg.global_norm(gradients)
            if config.clip_norm is not None:
                gradients, _ = tf.clip_by_global_norm(gradients, config.clip_norm, norm)
            model.optimizer.apply(gradients, model.trainable_variables)
            return norm

        def spec(tensor):
            known = tensor.shape if config.jit_compile else [None] * tensor.shape.rank
            return tf.TensorSpec(known, tensor.dtype)

        # TensorFlow would warn of so many traces, were they made by calls.
        trace = functools.cache(differentiate.get_concrete_function)
        self._trace = lambda batch: trace(*map(spec, batch))
        self._update = update

    def __call__(self, *batch) -> tuple[float, float, float]:
        """Make the step; return loss, accuracy, and the norm of all gradients."""
        loss, accuracy, gradients = self._trace(batch)(*batch)
        return float(loss), float(accuracy), float(self._update(gradients))

    def compile(self, shapes: Sequence[tuple[int, int]], *, weighted: bool) -> None:
        """Compile for shapes of a batch, `(examples, width)`; change nothing else."""
        batches = [
            (
                tf.ones(shape, tf.int32),
                tf.zeros(shape[0], tf.int32),
                *([tf.ones(shape[0])] if weighted else []),
            )
            for shape in shapes
        ]
        variables = [*self.model.variables, *self.model.optimizer.variables]
        before = [variable.numpy() for variable in variables]
        with ThreadPoolExecutor() as pool:  # one compiles while the next is traced
            runs = [pool.submit(self._trace(batch), *batch) for batch in batches]
        for run in runs:
            run.result()
        self(*batches[0])
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def _diverged(epoch: int, model: keras.Model, found: str) -> DivergedError:
    return DivergedError(
        f"epoch {epoch + 1}, step {int(model.optimizer.iterations)}: {found}; "
        "it must be finite",
        hint="lower train.learning_rate, or set train.clip_norm: 1.0",
    )


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
