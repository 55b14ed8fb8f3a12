"""The optimizer, the loss and the metrics of a model."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from ..config import RECALLED, TrainConfig
from ..tasks.tasks import TEXTS, Task
from .schedules import Schedule

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
