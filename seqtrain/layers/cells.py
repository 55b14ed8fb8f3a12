"""The cells: the equations of one timestep, and those of its gradient.

Below, z stands for pre-activations, and an LSTM's or GRU's gates come halved: with
`σ(z) = (1 + tanh(z / 2)) / 2` one function serves them and the candidate, and the
halving costs nothing, as it is done to the weights. Hence the factor of two in

    ∂σ(z) / ∂(z / 2) = 2 σ (1 - σ)
"""

import functools

import keras
import tensorflow as tf

from .recurrence import Cell

TANH = keras.activations.tanh


@functools.cache
def rnn_cell(activation) -> Cell:
    """The equation of an RNN: `h_t = φ(z_t)`."""
    keep, value_and_pull = _kept(activation)

    def step(pre, states):
        (z,) = pre
        hidden = activation(z)
        return (hidden,), (keep(z, hidden),)

    def gradient(saved, old, new, d_new):
        _, pull = value_and_pull(*saved)
        return (pull(d_new[0]),), (tf.zeros_like(old[0]),)

    def gates(saved):
        _, pull = value_and_pull(*saved)
        return {}, pull(tf.ones_like(saved[0]))

    return Cell(step, gradient, blocks=(1,), apart=(False,), kept=1, gates=gates)


@functools.cache
def lstm_cell(activation, *, zoneout: bool = False) -> Cell:
    """The equations of an LSTM, from z in the order i f g o and `(hidden, cell)`.

        c_t = σ(z_f) * c_{t-1} + σ(z_i) * φ(z_g)
        h_t = σ(z_o) * φ(c_t)

    With zoneout the cell state that h_t was made from may not be the one that was
    kept, and is computed again.
    """
    keep, value_and_pull = _kept(activation)

    def step(pre, states):
        (z,), (_, cell) = pre, states
        i, f, g, o = tf.split(tf.tanh(z), 4, axis=-1)  # one pass for all
        i, f, o = _from_tanh(i), _from_tanh(f), _from_tanh(o)
        _, _, z_g, _ = tf.split(z, 4, axis=-1)
        if activation is not TANH:
            g = activation(z_g)
        cell = f * cell + i * g
        return (o * activation(cell), cell), (i, f, keep(z_g, g), o)

    def gradient(saved, old, new, d_new):
        i, f, kept, o = saved
        d_hidden, d_cell = d_new
        g, pull_g = value_and_pull(kept)
        cell = f * old[1] + i * g if zoneout else new[1]
        squashed, pull_cell = _value_and_pull(activation, cell)
        d_cell += pull_cell(d_hidden * o)
        d_z = [
            2 * d_cell * g * i * (1 - i),
            2 * d_cell * old[1] * f * (1 - f),
            pull_g(d_cell * i),
            2 * d_hidden * squashed * o * (1 - o),
        ]
        return (tf.concat(d_z, -1),), (tf.zeros_like(d_hidden), d_cell * f)

    def gates(saved):
        i, f, kept, o = saved
        _, pull_g = value_and_pull(kept)
        return {"i": i, "f": f, "o": o}, pull_g(tf.ones_like(kept))

    return Cell(
        step,
        gradient,
        blocks=(4,),
        apart=(False,),
        kept=4,
        gates=gates,
        halved=(0, 1, 3),
        memory="f",
    )


@functools.cache
def gru_cell(activation, *, literal: bool = False) -> Cell:
    """The equations of a GRU, from z and r, and the candidate's x and a apart.

        g_t = φ(x_g + σ(z_r) * a_g)
        h_t = σ(z_z) * h_{t-1} + (1 - σ(z_z)) * g_t

    The document's literal GRU lacks the term `σ(z_z) * h_{t-1}`.
    """
    keep, value_and_pull = _kept(activation)

    def step(pre, states):
        z, r, x, a = pre
        (hidden,) = states
        z, r = _from_tanh(tf.tanh(z)), _from_tanh(tf.tanh(r))
        before = x + r * a
        g = activation(before)
        new = (1 - z) * g
        if not literal:
            new += z * hidden
        return (new,), (z, r, keep(before, g), a)

    def gradient(saved, old, new, d_new):
        z, r, kept, a = saved
        (hidden,), (d_hidden,) = old, d_new
        g, pull = value_and_pull(kept)
        d_z = -g if literal else hidden - g
        d_x = pull(d_hidden * (1 - z))
        d_z *= 2 * d_hidden * z * (1 - z)
        d_r = 2 * d_x * a * r * (1 - r)
        d_old = tf.zeros_like(hidden) if literal else d_hidden * z
        return (d_z, d_r, d_x, d_x * r), (d_old,)

    def gates(saved):
        z, r, kept, _ = saved
        _, pull = value_and_pull(kept)
        return {"z": z, "r": r}, pull(tf.ones_like(kept))

    return Cell(
        step,
        gradient,
        blocks=(1, 1, 1),
        apart=(False, False, True),
        kept=4,
        gates=gates,
        halved=(0, 1),
        memory=None if literal else "z",
    )


def _from_tanh(y):
    """The logistic function of z, from y = tanh(z / 2)."""
    return 0.5 * y + 0.5


def _kept(activation):
    """What of `y = φ(x)` is kept for the gradient, and how y and φ' come from it.

    The slope of tanh, 1 - y², follows from y; for others x is kept.
    """
    if activation is TANH:
        return lambda x, y: y, lambda y: (y, lambda d_y: d_y * (1 - y * y))
    return lambda x, y: x, functools.partial(_value_and_pull, activation)


def _value_and_pull(activation, x):
    """The value of φ(x), and a function from the gradient of it to that of x."""
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = activation(x)
    return y, lambda d_y: tape.gradient(y, x, d_y)
