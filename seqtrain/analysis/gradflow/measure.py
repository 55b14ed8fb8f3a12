"""The gradient of each hidden state and the gates, measured for one batch."""

import functools
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ...config import Config
from ...data.batches import Batch, epoch_batches
from ...data.encoded import Data
from ...errors import ConfigError
from ...layers.watch import Loop, Watchable, WatchableLoop, watching

# A function is saturated where its slope is below this share of its largest slope:
# |tanh| > 0.99, a gate below 0.005 or above 0.995.
SATURATED = 0.02


class Measurement(NamedTuple):
    """What is measured of one loop in one batch.

    All but the norms is measured on the first examples only, the part of the batch that
    one core runs: on two cores that takes half the time.

    Args:
        norms: ‖∂L/∂h_t‖, `(timesteps, batch)`, L the loss of the example alone.
        carried: ‖∂(u h_T)/∂h_t‖, `(timesteps, examples)`, u a random unit vector: the
            part of the last state's gradient that time carries back, without what is
            added on the way.
        mask: `(batch, timesteps)`, true for a real token.
        gates: For each gate, unit by unit, its mean over the real tokens and the share
            of them at which it is saturated; each `(units,)`.
        saturated: The share at which the activation is saturated, `(units,)`; None if
            the layer does not declare one.
        nonfinite: How many entries of ∂L/∂h are not finite.
    """

    norms: np.ndarray
    carried: np.ndarray
    mask: np.ndarray
    gates: dict[str, tuple[np.ndarray, np.ndarray]]
    saturated: np.ndarray | None
    nonfinite: int


class GradflowMeter:
    """Differentiates a model and measures its loops over time.

    Nothing is dropped and nothing changes: the model runs as in a prediction.

    Args:
        model: Compiled by `compile_model`.

    Attributes:
        loops: What `loops_by_name` returns for the model.

    Raises:
        ConfigError: If there is nothing in the model to measure.
    """

    def __init__(self, model: keras.Model):
        self.loops = loops_by_name(model)
        if not self.loops:
            raise ConfigError(
                "gradflow: the model has no layer whose gradient can be measured, a "
                "recurrent layer is needed",
                hint="choose another cell in model.layers, or set log.gradflow: null",
            )
        self._slopes = {
            name: largest_slope(loop.activation)
            for name, loop in self.loops.items()
            if loop.activation
        }
        self._model = model
        trace = functools.cache(
            tf.function(self._differentiate, autograph=False).get_concrete_function
        )
        self._trace = lambda batch: trace(*map(tf.TensorSpec.from_tensor, batch))

    def __call__(self, *batch: tf.Tensor) -> dict[str, Measurement]:
        """Measure a batch; return a measurement of each loop.

        Args:
            batch: Inputs, labels, and the weights of the examples or of their
                timesteps, if there are any.
        """
        measured = self._trace(batch)(*batch)
        return tf.nest.map_structure(
            lambda tensor: None if tensor is None else tensor.numpy(), measured
        )

    def _differentiate(self, inputs, labels, weights=None):
        model = self._model
        with tf.GradientTape(persistent=True) as tape, watching(tape) as watch:
            outputs = model(inputs, training=False)
            loss = model.compute_loss(inputs, labels, outputs, weights, training=False)
        parts = {name: watch.loops[loop.layer] for name, loop in self.loops.items()}
        probes = {name: [part.probe for part in parts[name]] for name in parts}
        gradients = tape.gradient(loss, probes)
        measured = {}
        for name, loop in self.loops.items():
            first = parts[name][0]
            carried = tape.gradient(
                first.last, first.probe, output_gradients=_unit_vectors(first.last)
            )
            d_hidden = tf.concat(gradients[name], 1)
            d_hidden *= _own_losses(inputs, weights, d_hidden.dtype)
            gates, saturated = _measure_gates(loop, first, self._slopes.get(name))
            finite = tf.math.is_finite(d_hidden)
            measured[name] = Measurement(
                norms=tf.norm(d_hidden, axis=-1),
                carried=tf.norm(carried, axis=-1),
                mask=tf.concat([part.mask for part in parts[name]], 0),
                gates=gates,
                saturated=saturated,
                nonfinite=tf.reduce_sum(tf.cast(~finite, tf.int32)),
            )
        return measured


def loops_by_name(model: keras.Model) -> dict[str, WatchableLoop]:
    """The loops of a model that can be watched, by layer and by name within it.

    For example `lstm_1`, or `bidirectional_lstm_1/backward`.
    """
    return {
        name: loop
        for layer in watchable_layers(model)
        for name, loop in loops_of(layer).items()
    }


def watchable_layers(model: keras.Model) -> list[keras.Layer]:
    """The layers of a model whose loops can be watched, in order."""
    return [layer for layer in model.layers if isinstance(layer, Watchable)]


def loops_of(layer: keras.Layer) -> dict[str, WatchableLoop]:
    """The loops of a watchable layer, by the layer's name and their own."""
    return {
        f"{layer.name}/{name}" if name else layer.name: loop
        for name, loop in layer.watchable_loops().items()
    }


def _own_losses(inputs, weights, dtype):
    """What turns the gradient of a batch's loss into those of its examples' own losses.

    The loss of a batch is Σ w L / Σ w, over all examples and timesteps, and that of an
    example alone is the same sum over its timesteps.
    """
    if weights is None:
        return tf.cast(tf.shape(inputs)[0], dtype)
    axes = range(1, weights.shape.rank)
    of_examples = tf.reduce_sum(tf.cast(weights, dtype), [*axes])[:, None]  # (batch, 1)
    return tf.math.divide_no_nan(tf.reduce_sum(of_examples), of_examples)


def _measure_gates(declared: WatchableLoop, loop: Loop, largest: float | None):
    """The means and saturation of the gates, and the saturation of the activation."""
    if declared.gates is None:
        return {}, None
    gates, slope = declared.gates(loop.saved)
    real = tf.cast(tf.transpose(loop.mask)[..., None], loop.probe.dtype)
    count = tf.reduce_sum(real)

    def mean(tensor):
        return tf.reduce_sum(tf.cast(tensor, real.dtype) * real, [0, 1]) / count

    means = {
        letter: (mean(gate), mean(4 * gate * (1 - gate) < SATURATED))
        for letter, gate in gates.items()
    }
    saturated = None if largest is None else mean(tf.abs(slope) < SATURATED * largest)
    return means, saturated


def _unit_vectors(like: tf.Tensor) -> tf.Tensor:
    """A direction for each row, the same in every call."""
    vectors = tf.random.stateless_normal(tf.shape(like), (0, 0), dtype=like.dtype)
    return tf.math.l2_normalize(vectors, -1)


def largest_slope(activation) -> float:
    """The largest slope of an activation, between -8 and 8."""
    x = tf.linspace(-8.0, 8.0, 1601)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = activation(x)
    return float(tf.reduce_max(tf.abs(tape.gradient(y, x))))


def longest_batches(data: Data, config: Config) -> list[Batch]:
    """The batches of the first epoch: full ones first, and of these the longest."""
    batches = epoch_batches(
        data.train.lengths,
        batch_size=config.train.batch_size,
        buckets=data.buckets,
        seed=config.seed,
        epoch=0,
    )
    return sorted(batches, key=lambda batch: (-len(batch.indices), -batch.width))
