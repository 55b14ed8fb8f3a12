"""How the learning rate changes during training."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("seqtrain")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that warms up, then stays or falls.

    With s the step, w the warm-up steps, n the steps in all and
    `p = (s - w) / (n - w)` the progress after the warm-up:

        warm-up   rate * (s + 1) / w                 while s < w
        constant  rate
        cosine    rate * (1 + cos(π p)) / 2          [1]
        linear    rate * (1 - p)
        step      rate * factor^floor(s / every)

    Args:
        kind: `"constant"`, `"cosine"`, `"linear"` or `"step"`.
        learning_rate: The rate after the warm-up.
        steps: n, the steps of the whole training.
        warmup_steps: w.
        every: Steps between two falls of `"step"`.
        factor: What each fall of `"step"` multiplies the rate by.

    References:
        [1] Loshchilov and Hutter, SGDR: stochastic gradient descent with warm
            restarts, 2017.
    """

    def __init__(
        self, kind, learning_rate, *, steps, warmup_steps=0, every=1, factor=1.0
    ):
        self.kind = kind
        self.learning_rate = learning_rate
        self.steps = steps
        self.warmup_steps = warmup_steps
        self.every = every
        self.factor = factor

    def __call__(self, step):
        step = ops.cast(step, "float32")
        warmup = ops.minimum((step + 1) / max(self.warmup_steps, 1), 1.0)
        length = max(self.steps - self.warmup_steps, 1)
        progress = ops.clip((step - self.warmup_steps) / length, 0.0, 1.0)
        if self.kind == "cosine":
            share = (1 + ops.cos(math.pi * progress)) / 2
        elif self.kind == "linear":
            share = 1 - progress
        elif self.kind == "step":
            share = ops.power(self.factor, ops.floor(step / self.every))
        else:
            share = 1.0
        return self.learning_rate * warmup * share

    def get_config(self):
        return {
            "kind": self.kind,
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "warmup_steps": self.warmup_steps,
            "every": self.every,
            "factor": self.factor,
        }
