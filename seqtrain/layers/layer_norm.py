"""Layer normalization within the recurrence of an LSTM and a GRU.

    LN(x; α) = α * (x - mean(x)) / √(variance(x) + 1e-5)

over the columns of a product. The biases that Ba et al. add to each are here the
layer's own, which are added to the same sums.

References:
    Ba, Kiros and Hinton, Layer normalization, 2016, appendix; 1e-5 is that of the
    code of its authors.
"""

import functools

import tensorflow as tf

from .recurrence import Cell


def normalize(x, gain):
    """The columns of each row with mean 0 and variance 1, times a gain."""
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return gain * (x - mean) * tf.math.rsqrt(variance + 1e-5)


@functools.cache
def normalized_lstm_cell(activation) -> Cell:
    """The equations of an LSTM from x, normalized already, and a = h_{t-1} U.

        z = x + LN(a; α')
        c_t = σ(z_f) * c_{t-1} + σ(z_i) * φ(z_g)
        h_t = σ(z_o) * φ(LN(c_t; γ) + β)

    What does not change stands among the states, so that its gradient adds up: α' by
    gates, γ and β.
    """

    def equations(pre, states):
        (x, a), (_, cell, *constants) = pre, states
        *alpha, gamma, beta = constants
        z = tf.split(x + normalize(a, tf.concat(alpha, -1)), 4, -1)
        i, f, g, o = z
        cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * activation(g)
        hidden = tf.sigmoid(o) * activation(normalize(cell, gamma) + beta)
        return (hidden, cell, *constants), z

    def gates(z):
        i, f, g, o = z
        values = {"i": tf.sigmoid(i), "f": tf.sigmoid(f), "o": tf.sigmoid(o)}
        return values, _slope(activation, g)

    return _by_tape(equations, gates, blocks=(4,), gate_count=4, memory="f")


@functools.cache
def normalized_gru_cell(activation) -> Cell:
    """The equations of a GRU from x, normalized already, and a = h_{t-1} U.

        z, r = σ(x_z + LN(a; α')_z), σ(x_r + LN(a; α')_r)     over the columns of both
        g = φ(x_g + r * (LN(a_g; α'_g) + b))
        h_t = z * h_{t-1} + (1 - z) * g

    What does not change stands among the states: α' by gates, and b.
    """

    def equations(pre, states):
        (x, a, x_g, a_g), (hidden, *constants) = pre, states
        *alpha, alpha_g, bias = constants
        z, r = tf.split(x + normalize(a, tf.concat(alpha, -1)), 2, -1)
        g = x_g + tf.sigmoid(r) * (normalize(a_g, alpha_g) + bias)
        keep = tf.sigmoid(z)
        hidden = keep * hidden + (1 - keep) * activation(g)
        return (hidden, *constants), (z, r, g)

    def gates(z):
        z, r, g = z
        return {"z": tf.sigmoid(z), "r": tf.sigmoid(r)}, _slope(activation, g)

    return _by_tape(equations, gates, blocks=(2, 1), gate_count=3, memory="z")


def _by_tape(equations, gates, *, blocks, gate_count, memory) -> Cell:
    """A cell whose gradient TensorFlow derives, its blocks all apart.

    Args:
        equations: From x and a of each block and the old states to the new states,
            and to the sums that the gates are functions of.
        gates: From these sums to what `Cell.gates` gives.
        blocks: As in `Cell`.
        gate_count: How many sums there are.
        memory: As in `Cell`.
    """
    columns = [count for count in blocks for _ in ("x", "a")]

    def step(pre, states):
        new, sums = equations(pre, states)
        return new, (*sums, *tf.split(tf.concat(pre, -1), sum(columns), -1))

    def gradient(saved, old, new, d_new):
        kept, units = tf.concat(saved[gate_count:], -1), saved[0].shape[-1]
        given = tf.split(kept, [count * units for count in columns], -1), old
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(given)
            new, _ = equations(*given)
        return tape.gradient(new, given, d_new, unconnected_gradients="zero")

    return Cell(
        step,
        gradient,
        blocks=blocks,
        apart=(True,) * len(blocks),
        kept=gate_count + sum(columns),
        gates=lambda saved: gates(saved[:gate_count]),
        memory=memory,
    )


def _slope(activation, x):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = activation(x)
    return tape.gradient(y, x)
