"""One step of the optimizer."""

import functools
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import tensorflow as tf

from ..config import Config
from ..models.gradients import assign, gradients_of, variables_of
from ..tasks import kind_of


class TrainStep:
    """One step of the optimizer, as a function of a batch.

    Args:
        model: Compiled by `compile_model`.
        config: Its config. With `train.jit_compile` XLA compiles the loops over time
            and the update, so each shape of a batch is traced separately; without it
            one trace serves all shapes.
    """

    def __init__(self, model: keras.Model, config: Config):
        self.model = model
        train, target = config.train, kind_of(config.data).target

        @tf.function(autograph=False)
        def differentiate(tokens, labels, weights=None):
            loss, logits, gradients = gradients_of(model, tokens, labels, weights)
            accuracy = None
            if "accuracy" in target.metrics:
                accuracy = _mean(*target.hits(labels, logits))
            norm = tf.linalg.global_norm(gradients)
            return loss, accuracy, norm, gradients

        # A function of its own, so that it is compiled once for all shapes and can be
        # left out when something is not finite.
        @tf.function(jit_compile=train.jit_compile, autograph=False)
        def update(gradients, norm):
            if train.clip_norm is not None:
                gradients, _ = tf.clip_by_global_norm(gradients, train.clip_norm, norm)
            model.optimizer.apply(gradients, model.trainable_variables)

        def spec(tensor):
            known = tensor.shape if train.jit_compile else [None] * tensor.shape.rank
            return tf.TensorSpec(known, tensor.dtype)

        # Calling `differentiate` with as many shapes would make TensorFlow warn.
        trace = functools.cache(differentiate.get_concrete_function)
        self._trace = lambda batch: trace(*map(spec, batch))
        self._update = update

    def __call__(self, *batch) -> tuple[float, float | None, float]:
        """Make the step; return loss, accuracy, and the norm of all gradients.

        If the loss or the norm is not finite, the model stays as it is.
        """
        drawn = self.model.non_trainable_variables  # the random state of dropout
        before = [variable.numpy() for variable in drawn]
        loss, accuracy, norm, gradients = self._trace(batch)(*batch)
        if math.isfinite(loss) and math.isfinite(norm):
            self._update(gradients, norm)
        else:
            assign(drawn, before)
        accuracy = None if accuracy is None else float(accuracy)
        return float(loss), accuracy, float(norm)

    def compile(self, batches: Sequence[Sequence[tf.Tensor]]) -> None:
        """Compile for the shapes of some batches; change nothing else."""
        before = [variable.numpy() for variable in variables_of(self.model)]
        with ThreadPoolExecutor() as pool:  # compile one while tracing the next
            runs = [pool.submit(self._trace(batch), *batch) for batch in batches]
        for run in runs:
            run.result()
        self(*batches[0])
        assign(variables_of(self.model), before)


def _mean(values: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    if weights is None:
        return tf.reduce_mean(values)
    return tf.math.divide_no_nan(
        tf.reduce_sum(values * weights), tf.reduce_sum(weights)
    )
