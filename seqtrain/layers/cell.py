"""What a cell is: the equations of one timestep, and those of its gradient.

An LSTM and a GRU get the pre-activations of their gates halved, because with

    σ(z) = (1 + tanh(z / 2)) / 2

a single tanh serves the gates and the candidate. Halving is free, it is done to the
weights. It puts a factor of two into the gradient of a gate:

    ∂σ(z) / ∂(z / 2) = 2 σ (1 - σ)
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

Tensors = Sequence[tf.Tensor]

TANH = keras.activations.tanh
SIGMOID = keras.activations.sigmoid


class Cell(NamedTuple):
    """The equations of one timestep and of its gradient.

    The columns of the pre-activations come in blocks. In each, x is the input's part
    and a the part of the old states. The step gets their sum `z = x + a`, or, of a
    separate block, x and a one after the other.

    Attributes:
        step: `step(pre, states)` returns the new states, and whatever else `gradient`
            needs; elementwise in the batch.
        gradient: `gradient(saved, old, new, d_new)` returns the gradients of `pre`
            and of the old states, without what flows through a.
        blocks: The columns of each block, as multiples of the units.
        separate: Whether the step gets x and a of a block instead of their sum.
        num_saved: How many tensors `step` saves for `gradient`, each shaped like a
            state.
        gates: `gates(saved)` returns the values of each gate by its letter, and the
            slope of the activation, φ'; each shaped like a state.
        halved: The gates, in their stored order, whose pre-activations come halved.
        memory: The letter of the gate that multiplies the old state, if there is one.
        late: Whether the step gets the recurrent product of the last block as a
            function, `product(states)`, since it is not the old states that it takes.
            Such a cell has no gradient of its own.
    """

    step: Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]
    gradient: (
        Callable[[Tensors, Tensors, Tensors, Tensors], tuple[Tensors, Tensors]] | None
    )
    blocks: tuple[int, ...]
    separate: tuple[bool, ...]
    num_saved: int
    gates: Callable[[Tensors], tuple[dict[str, tf.Tensor], tf.Tensor]]
    halved: tuple[int, ...] = ()
    memory: str | None = None
    late: bool = False


def cell_by_tape(
    equations: Callable[[Tensors, Tensors], tuple[Tensors, Tensors]],
    gates: Callable[[Tensors], tuple[dict[str, tf.Tensor], tf.Tensor]],
    *,
    blocks: tuple[int, ...],
    separate: tuple[bool, ...] | None = None,
    num_sums: int,
    memory: str | None,
) -> Cell:
    """Make a cell whose gradient TensorFlow derives.

    Args:
        equations: `equations(pre, states)` returns the new states, and the sums that
            the gates and the candidate are functions of.
        gates: `Cell.gates`, but from these sums.
        blocks: As in `Cell`.
        separate: As in `Cell`; by default all blocks are separate.
        num_sums: How many sums there are.
        memory: As in `Cell`.
    """
    separate = separate or (True,) * len(blocks)
    columns = [
        count
        for count, alone in zip(blocks, separate, strict=True)
        for _ in range(1 + alone)
    ]

    def step(pre, states):
        new, sums = equations(pre, states)
        return new, (*sums, *tf.split(tf.concat(pre, -1), sum(columns), -1))

    def gradient(saved, old, new, d_new):
        pre, units = tf.concat(saved[num_sums:], -1), saved[0].shape[-1]
        arguments = tf.split(pre, [count * units for count in columns], -1), old
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(arguments)
            new, _ = equations(*arguments)
        return tape.gradient(new, arguments, d_new, unconnected_gradients="zero")

    return Cell(
        step,
        gradient,
        blocks=blocks,
        separate=separate,
        num_saved=num_sums + sum(columns),
        gates=lambda saved: gates(saved[:num_sums]),
        memory=memory,
    )


def sigmoid_from_tanh(y):
    """The logistic function of z, from y = tanh(z / 2)."""
    return 0.5 * y + 0.5


def saving(activation):
    """What a step saves of `y = φ(x)`, and how its gradient gets y and φ' from that.

    The slope of tanh, 1 - y², follows from y; for other activations x is saved.

    Returns:
        `save(x, y)`, which returns one of the two, and `restore(saved)`, which
        returns what `value_and_vjp` does.
    """
    if activation is TANH:
        return lambda x, y: y, lambda y: (y, lambda d_y: d_y * (1 - y * y))
    return lambda x, y: x, functools.partial(value_and_vjp, activation)


def value_and_vjp(activation, x):
    """The value of φ(x), and a function from its gradient to that of x."""
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = activation(x)
    return y, lambda d_y: tape.gradient(y, x, d_y)


def slope(activation, x):
    """φ'(x), for each entry of x."""
    _, vjp = value_and_vjp(activation, x)
    return vjp(tf.ones_like(x))
