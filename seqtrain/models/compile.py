"""Give a model its optimizer, loss and metrics."""

from collections.abc import Callable, Sequence

import keras

from ..config import Config
from ..sections.train import TrainConfig
from ..tasks import kind_of
from .schedules import Schedule

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}


def compile_model(
    model: keras.Model,
    config: Config,
    *,
    steps_per_epoch: int = 1,
    metrics: Sequence[keras.metrics.Metric] = (),
) -> None:
    """Compile the model with the optimizer of the config and the loss of its data.

    The loss of a batch is `Σ w L / Σ w`, w being the weights of the examples.

    Args:
        model: Built by `build_model`.
        config: The config that it was built from.
        steps_per_epoch: Optimizer steps in an epoch, for the learning rate's schedule.
        metrics: Metrics besides the accuracy.
    """
    train, target = config.train, kind_of(config.data).target
    options = train.model_dump(include={"weight_decay", "momentum"}, exclude_none=True)
    optimizer = OPTIMIZERS[train.optimizer](
        _learning_rate(train, steps_per_epoch), **options
    )
    if "accuracy" in target.metrics:
        metrics = [Accuracy(target.hits), *metrics]
    loss = target.loss(model.output_shape[-1])
    # An evaluation has each shape only a few times: compiling costs more than it saves.
    model.compile(optimizer, loss, metrics=[*metrics], jit_compile=False)
    optimizer.build(model.trainable_variables)


class Accuracy(keras.metrics.Mean):
    """The share of hits among the targets that count.

    Args:
        hits: Returns 1 for a hit or 0 for a miss, and 1 or 0 for whether each counts,
            or None if all count.
    """

    def __init__(self, hits: Callable):
        super().__init__(name="accuracy")
        self._hits = hits

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(*self._hits(y_true, y_pred))


def _learning_rate(config: TrainConfig, steps_per_epoch: int):
    if config.schedule == "constant" and not config.warmup_steps:
        return config.learning_rate  # unlike a schedule, callbacks may change it
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
