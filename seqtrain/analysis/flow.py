"""How far back in time the gradient reaches, layer by layer."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ..config import Config
from ..data.batches import Batch, epoch_batches
from ..data.encoded import Data
from ..layers import Bidirectional
from ..layers.watch import Loop, watching

# Where the slope of a function has fallen below this share of its largest, it is
# saturated: |tanh| > 0.99, a gate below 0.005 or above 0.995.
SATURATED = 0.02
# A curve is followed down to this share of its start, or up to its inverse, the reach.
REACH = 0.01
# The slope is fitted to this many decades of a curve, above the noise of its rounding.
DECADES = 6


class Seen(NamedTuple):
    """What is seen of one loop in one batch.

    All but the norms is looked at in the part of the batch that one core has, its first
    examples: it takes half the time on two cores.

    Args:
        norms: ‖∂L/∂h_t‖, `(timesteps, batch)`, L the loss of the example alone.
        carried: ‖∂(u h_T)/∂h_t‖, `(timesteps, examples)`, u a random unit vector: what
            time carries back of the last state's gradient, without what is added on
            the way.
        mask: `(batch, timesteps)`, true for a real token.
        gates: Of each gate, unit by unit: its mean over the real tokens, and the share
            of them at which it is saturated; each `(units,)`.
        saturated: The share at which the activation is, `(units,)`.
        nonfinite: How many entries of ∂L/∂h are not finite.
    """

    norms: np.ndarray
    carried: np.ndarray
    mask: np.ndarray
    gates: dict[str, tuple[np.ndarray, np.ndarray]]
    saturated: np.ndarray
    nonfinite: int


class GradientFlow:
    """Differentiates a model and looks into its loops over time.

    Nothing is dropped and nothing changes: it is the model of a prediction.

    Args:
        model: Compiled by `compile_model`.
    """

    def __init__(self, model: keras.Model):
        self.layers = recurrent_layers(model)
        self._slopes = {
            name: largest_slope(layer.activation) for name, layer in self.layers.items()
        }
        self._model = model
        trace = functools.cache(tf.function(self._differentiate).get_concrete_function)
        self._look = lambda *batch: trace(*map(tf.TensorSpec.from_tensor, batch))

    def __call__(self, inputs, labels) -> dict[str, Seen]:
        """Look at a batch; return what is seen, by layer."""
        seen = self._look(inputs, labels)(inputs, labels)
        return tf.nest.map_structure(lambda tensor: tensor.numpy(), seen)

    def _differentiate(self, inputs, labels):
        model = self._model
        with tf.GradientTape(persistent=True) as tape, watching(tape) as watch:
            outputs = model(inputs, training=False)
            loss = model.compute_loss(inputs, labels, outputs, training=False)
        loops = {name: watch.loops[layer] for name, layer in self.layers.items()}
        probes = {name: [loop.probe for loop in loops[name]] for name in loops}
        gradients = tape.gradient(loss, probes)
        # The loss is the mean over the batch.
        size = tf.cast(tf.shape(inputs)[0], outputs.dtype)
        seen = {}
        for name, parts in loops.items():
            first = parts[0]
            carried = tape.gradient(
                first.last, first.probe, output_gradients=_unit_vectors(first.last)
            )
            mask = tf.concat([loop.mask for loop in parts], 0)
            d_hidden = size * tf.concat(gradients[name], 1)
            cell = self.layers[name].cell()
            gates, saturated = _look_at_gates(cell, first, self._slopes[name])
            finite = tf.math.is_finite(d_hidden)
            seen[name] = Seen(
                norms=tf.norm(d_hidden, axis=-1),
                carried=tf.norm(carried, axis=-1),
                mask=mask,
                gates=gates,
                saturated=saturated,
                nonfinite=tf.reduce_sum(tf.cast(~finite, tf.int32)),
            )
        return seen


def _look_at_gates(cell, loop: Loop, largest: float):
    gates, slope = cell.gates(loop.saved)
    real = tf.cast(tf.transpose(loop.mask)[..., None], slope.dtype)
    count = tf.reduce_sum(real)

    def mean(tensor):
        return tf.reduce_sum(tf.cast(tensor, real.dtype) * real, [0, 1]) / count

    means = {
        letter: (mean(gate), mean(4 * gate * (1 - gate) < SATURATED))
        for letter, gate in gates.items()
    }
    return means, mean(tf.abs(slope) < SATURATED * largest)


def _unit_vectors(like: tf.Tensor) -> tf.Tensor:
    """A direction for each row, the same in every call."""
    vectors = tf.random.stateless_normal(tf.shape(like), (0, 0), dtype=like.dtype)
    return tf.math.l2_normalize(vectors, -1)


class Curve(NamedTuple):
    """A norm by the lag from the last real token, and what follows from it.

    Args:
        norms: The mean over the examples that reach so far back, from lag 0 on.
        slope: The fall of its logarithm, decades a step; None if it can't be told.
        half_life: The steps in which it falls to a half, `log10 2 / -slope`; None if
            it does not fall.
        reach: The lag from which on less than 1% of its start is left, or at which it
            has grown a hundredfold; None if neither happens in what is there.
        grows: Whether it is the latter.
    """

    norms: np.ndarray
    slope: float | None
    half_life: float | None
    reach: int | None
    grows: bool

    @classmethod
    def of(cls, norms: np.ndarray) -> "Curve":
        """Look at a norm for each lag."""
        slope = _slope(norms)
        falls = slope is not None and slope < 0
        half_life = math.log10(2) / -slope if falls else None
        start = norms[0] if len(norms) else 0.0
        grown = ~(norms < start / REACH)  # what is not a number has overflowed
        if grown.any() and start:
            return cls(norms, slope, half_life, int(grown.argmax()), True)
        left = np.flatnonzero(norms > REACH * start)
        reach = int(left[-1]) + 1 if len(left) else 0
        return cls(
            norms, slope, half_life, reach if reach < len(norms) else None, False
        )


def mean_by_lag(norms: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> np.ndarray:
    """Turn norms by place in padded batches into means by lag.

    Lag k of an example is the k-th real token before its last one. The lags end where
    less than half of the examples have such a token: the mean of a few long ones would
    continue that of all.

    Args:
        norms: Of each batch, `(timesteps, batch)`.
        masks: Of each batch, `(batch, timesteps)`, the real tokens in one piece.

    Example:
        >>> norms = np.array([[4.0, 0.0], [2.0, 1.0], [0.0, 3.0]])
        >>> masks = np.array([[True, True, False], [False, True, True]])
        >>> mean_by_lag([norms], [masks]).tolist()
        [2.5, 2.5]
    """
    lags = np.arange(max(map(len, norms)))
    rows, present = [], []
    for by_place, mask in zip(norms, masks, strict=True):
        last = mask.shape[1] - 1 - mask[:, ::-1].argmax(1)
        places = np.clip(last[:, None] - lags, 0, None)
        rows.append(np.take_along_axis(by_place.T, places, 1))
        present.append(lags < mask.sum(1)[:, None])
    rows, present = np.concatenate(rows), np.concatenate(present)  # (examples, lags)
    counts = present.sum(0)
    shared = counts >= max(1, len(rows) / 2)
    return np.where(present, rows, 0).sum(0)[shared] / counts[shared]


def _slope(norms: np.ndarray) -> float | None:
    """The least squares slope of the logarithm, over what stands above the noise."""
    if not len(norms):
        return None
    follows = np.isfinite(norms) & (norms > norms[0] * 10.0**-DECADES) & (norms > 0)
    end = len(norms) if follows.all() else int(follows.argmin())
    if end < 3:
        return None
    return float(np.polyfit(np.arange(end), np.log10(norms[:end]), 1)[0])


def longest_batches(data: Data, config: Config) -> list[Batch]:
    """The batches of the first epoch, full ones and among them the longest first."""
    batches = epoch_batches(
        data.train.lengths,
        batch_size=config.train.batch_size,
        buckets=data.buckets,
        seed=config.seed,
        epoch=0,
    )
    return sorted(batches, key=lambda batch: (-len(batch.indices), -batch.width))


def recurrent_layers(model: keras.Model) -> dict[str, keras.Layer]:
    """The recurrent layers of a model by name; of a bidirectional one, both.

    Their names are those of the model, `lstm_1` or `bidirectional_lstm_1/backward`.
    """
    found = {}
    for layer in model.layers:
        if isinstance(layer, Bidirectional):
            for direction, each in zip(
                ("forward", "backward"), layer.layers, strict=True
            ):
                found[f"{layer.name}/{direction}"] = each
        elif hasattr(layer, "recurrent_kernel"):
            found[layer.name] = layer
    return found


def largest_slope(activation) -> float:
    """The largest slope of an activation, between -8 and 8."""
    x = tf.linspace(-8.0, 8.0, 1601)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = activation(x)
    return float(tf.reduce_max(tf.abs(tape.gradient(y, x))))


def _memory(kept: float) -> float:
    """The steps in which a state falls to 1/e, of which a share is kept each step."""
    return float(1 / max(1 - kept, 1e-9))


def summarize(layer: keras.Layer, seen: Sequence[Seen]) -> dict:
    """What the looks at a layer come to, as JSON holds it.

    Slope, half-life and reach are those of what time carries back, `carried`; what
    pooling adds at each step is in `norms` alone.

    Args:
        layer: One of `recurrent_layers`.
        seen: What was seen of it in each batch.
    """
    masks = [each.mask for each in seen]
    norms = mean_by_lag([each.norms for each in seen], masks)
    carried = [each.carried for each in seen]
    parts = [mask[: c.shape[1]] for mask, c in zip(masks, carried, strict=True)]
    curve = Curve.of(mean_by_lag(carried, parts))
    tokens = [mask.sum() for mask in masks]

    def mean(values):
        return float(np.average([each.mean() for each in values], weights=tokens))

    gates = {
        letter: {
            "mean": mean([each.gates[letter][0] for each in seen]),
            "saturated_share": mean([each.gates[letter][1] for each in seen]),
        }
        for letter in seen[0].gates
    }
    letter = layer.cell().memory
    memory = {"memory_steps": None, "longest_memory_steps": None}
    if letter:
        units = np.average([each.gates[letter][0] for each in seen], 0, tokens)
        memory = {
            "memory_steps": _memory(units.mean()),
            "longest_memory_steps": _memory(units.max()),
        }
    return {
        "lags": list(range(len(norms))),
        "norms": norms.tolist(),
        "carried": curve.norms.tolist(),
        "slope_decades_per_step": curve.slope,
        "half_life_steps": curve.half_life,
        "reach_steps": curve.reach,
        "saturated_share": mean([each.saturated for each in seen]),
        "gates": gates,
        **memory,
        "singular_values": {
            kernel.name: float(np.linalg.norm(kernel.numpy(), 2))
            for kernel in layer.trainable_weights
            if kernel.name in ("recurrent_kernel", "peephole_kernel")
        },
        "nonfinite": sum(int(each.nonfinite) for each in seen),
    }
