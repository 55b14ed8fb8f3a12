"""The input's part of the pre-activations, computed before the loop."""

import numpy as np
import tensorflow as tf
from keras import ops

from .layer_norm import normalize
from .loops import product_by_gate, take


def project(cell, inputs, kernel, bias, gain=None):
    """The input's part of the pre-activations, `x_t W + b` or `LN(x_t W) + b`.

    Args:
        cell: The cell that gets it.
        inputs: x, `(batch, timesteps, features)`: what all gates see, or what each of
            them sees, in a list.
        kernel: W, `(features, columns)`.
        bias: b, `(columns,)`.
        gain: The gain of LN, `(columns,)`; None without layer normalization.

    Returns:
        The blocks, `(timesteps, batch, columns)`, each computed by one product for all
        timesteps.
    """
    batch, timesteps, features = ops.shape(inputs[0])
    rows = [tf.reshape(tf.transpose(x, [1, 0, 2]), [-1, features]) for x in inputs]
    kernels = in_blocks(cell, kernel)
    if len(rows) == 1:
        products = [rows[0] @ w for w in kernels]
    else:
        of_blocks = zip(kernels, take(rows, cell.blocks), strict=True)
        products = [product_by_gate(seen, w) for w, seen in of_blocks]
    if gain is not None:
        products = map(normalize, products, in_blocks(cell, gain))
    return [
        tf.reshape(tf.nn.bias_add(x, b), [timesteps, batch, b.shape[0]])
        for x, b in zip(products, in_blocks(cell, bias), strict=True)
    ]


def in_blocks(cell, weights):
    """Cut the columns of weights into the cell's blocks, halving its gates."""
    gates = sum(cell.blocks)
    units = weights.shape[-1] // gates
    if cell.halved:
        halves = np.ones(gates)
        halves[list(cell.halved)] = 0.5
        weights = weights * tf.constant(halves.repeat(units), weights.dtype)
    columns = [count * units for count in cell.blocks]
    return tf.split(tf.convert_to_tensor(weights), columns, axis=-1)
