"""The recurrent layers as a plain loop in Python, which a tape differentiates.

Slow, and without anything that the layers do to be fast: the gradient is TensorFlow's.
"""

import tensorflow as tf

from seqtrain.layers import LSTM, RNN


def run(layer, weights, inputs, states, mask=None, zoneout=None):
    """What a layer returns with all its outputs, `[outputs, *states]`.

    Args:
        layer: Says which equations.
        weights: Tensors, in the order of the layer's.
        inputs: `(batch, timesteps, features)`.
        states: Each `(batch, units)`.
        mask: `(batch, timesteps)` booleans.
        zoneout: For each state the share that is kept, `(batch, timesteps, units)`.
    """
    weights = {w.name: v for w, v in zip(layer.trainable_weights, weights, strict=True)}
    outputs = []
    for t in range(inputs.shape[1]):
        new = step(layer, weights, inputs[:, t], states)
        if zoneout:
            new = [
                k[:, t] * s + (1 - k[:, t]) * n
                for k, s, n in zip(zoneout, states, new, strict=True)
            ]
        if mask is not None:
            new = [
                tf.where(mask[:, t, None], n, s)
                for n, s in zip(new, states, strict=True)
            ]
        states = new
        outputs.append(states[0])
    return [tf.stack(outputs, 1), *states]


def step(layer, weights, x, states):
    x, h = x @ weights["kernel"], states[0] @ weights["recurrent_kernel"]
    if layer.layer_norm:
        return normalized_step(layer, weights, x, h, states)
    activation, sigma, bias = layer.activation, tf.sigmoid, weights["bias"]
    if isinstance(layer, RNN):
        return [activation(x + h + bias)]
    if isinstance(layer, LSTM):
        if layer.formulation == "document":
            h += states[1] @ weights["peephole_kernel"]
        i, f, g, o = tf.split(x + h + bias, 4, -1)
        c = sigma(f) * states[1] + sigma(i) * activation(g)
        return [sigma(o) * activation(c), c]
    if layer.formulation == "document":
        x += bias
    else:
        x, h = x + bias[0], h + bias[1]
    (x_z, x_r, x_g), (h_z, h_r, h_g) = tf.split(x, 3, -1), tf.split(h, 3, -1)
    z, g = sigma(x_z + h_z), activation(x_g + sigma(x_r + h_r) * h_g)
    new = (1 - z) * g
    return [new if layer.formulation == "document" else new + z * states[0]]


def normalized_step(layer, weights, x, h, states):
    activation, sigma, bias = layer.activation, tf.sigmoid, weights["bias"]
    gains = weights["kernel_gain"], weights["recurrent_gain"]
    if isinstance(layer, LSTM):
        z = sum(gain * standard(v) for gain, v in zip(gains, (x, h), strict=True))
        i, f, g, o = tf.split(z + bias, 4, -1)
        c = sigma(f) * states[1] + sigma(i) * activation(g)
        squashed = weights["cell_gain"] * standard(c) + weights["cell_bias"]
        return [sigma(o) * activation(squashed), c]
    # The gates together, the candidate by itself.
    (x_gates, x_g), (h_gates, h_g) = (
        [standard(part) for part in tf.split(v, [2 * layer.units, layer.units], -1)]
        for v in (x, h)
    )
    x = gains[0] * tf.concat([x_gates, x_g], -1) + bias[0]
    h = gains[1] * tf.concat([h_gates, h_g], -1) + bias[1]
    (x_z, x_r, x_g), (h_z, h_r, h_g) = tf.split(x, 3, -1), tf.split(h, 3, -1)
    z, g = sigma(x_z + h_z), activation(x_g + sigma(x_r + h_r) * h_g)
    return [z * states[0] + (1 - z) * g]


def standard(x):
    mean = tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean((x - mean) ** 2, -1, keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-5)
