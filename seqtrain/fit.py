"""The epoch loop: a Keras model, encoded examples, and the `train` section."""

import math
from collections.abc import Sequence

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
            together, before clipping), `examples` and `padding_share`.

    Raises:
        DivergedError: If a loss or a gradient is not finite.
    """
    history = keras.callbacks.History()
    callbacks = keras.callbacks.CallbackList(
        [*callbacks, history],
        model=model,
        epochs=config.epochs,
        steps=math.ceil(len(training.labels) / config.batch_size),
        verbose=0,
    )
    train_step = _compile_step(model, config)
    judged = dataset(
        validation,
        epoch_batches(
            validation.lengths,
            batch_size=EVALUATION_BATCH,
            buckets=buckets,
            seed=seed,
            epoch=0,
            shuffle=False,
        ),
    )
    model.stop_training = False
    callbacks.on_train_begin()
    for epoch in range(config.epochs):
        callbacks.on_epoch_begin(epoch)
        batches = epoch_batches(
            training.lengths,
            batch_size=config.batch_size,
            buckets=buckets,
            seed=seed,
            epoch=epoch,
        )
        means = np.zeros(2)
        examples = 0
        tensors = dataset(training, batches, class_weights=class_weights)
        for number, (batch, arrays) in enumerate(zip(batches, tensors, strict=True)):
            callbacks.on_train_batch_begin(number)
            loss, accuracy, norm = (float(value) for value in train_step(*arrays))
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


def _compile_step(model: keras.Model, config: TrainConfig):
    """One step of the optimizer as a function of a batch."""

    @tf.function(jit_compile=config.jit_compile, reduce_retracing=True)
    def train_step(tokens, labels, weights=None):
        loss, logits, gradients = gradients_of(model, tokens, labels, weights)
        norm = tf.linalg.global_norm(gradients)
        if config.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, config.clip_norm, norm)
        model.optimizer.apply(gradients, model.trainable_variables)
        if logits.shape[-1] == 1:
            predictions = tf.cast(logits[:, 0] > 0, labels.dtype)
        else:
            predictions = tf.argmax(logits, -1, labels.dtype)
        hits = tf.cast(predictions == labels, "float32")
        return loss, tf.reduce_mean(hits), norm

    return train_step


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
