"""The recurrent layers in NumPy, written from their equations.

One gate, one timestep and one sequence at a time, in float64: slow, and plain enough
to be checked by eye. With x the input of one timestep, h and c the old states:

    rnn_step              h = φ(x W + h U + b), and y = h V + d where V and d are given
    lstm_step             i, f, g, o = σ, σ, φ, σ of x W + h U + b
    document_lstm_step    the same of x W + h U + c P + b
    gru_step              h = z * h + (1 - z) * φ(x W + a + r * (h U + b))
    document_gru_step     h = (1 - z) * φ(x W + r * (h U) + b)

A step takes `(x, states, weights, activation)` and returns `(output, states)`.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def rnn_step(x, states, weights, activation=np.tanh):
    kernel, recurrent_kernel, bias, *output_weights = weights
    (h,) = states
    h = activation(x @ kernel + h @ recurrent_kernel + bias)
    if not output_weights:
        return h, [h]
    output_kernel, output_bias = output_weights
    return h @ output_kernel + output_bias, [h]


def lstm_step(x, states, weights, activation=np.tanh):
    kernel, recurrent_kernel, bias = weights
    w_i, w_f, w_g, w_o = np.split(kernel, 4, axis=1)
    u_i, u_f, u_g, u_o = np.split(recurrent_kernel, 4, axis=1)
    b_i, b_f, b_g, b_o = np.split(bias, 4)
    h, c = states
    i = sigmoid(x @ w_i + h @ u_i + b_i)
    f = sigmoid(x @ w_f + h @ u_f + b_f)
    g = activation(x @ w_g + h @ u_g + b_g)
    o = sigmoid(x @ w_o + h @ u_o + b_o)
    c = f * c + i * g
    h = o * activation(c)
    return h, [h, c]


def document_lstm_step(x, states, weights, activation=np.tanh):
    kernel, recurrent_kernel, peephole_kernel, bias = weights
    w_i, w_f, w_g, w_o = np.split(kernel, 4, axis=1)
    u_i, u_f, u_g, u_o = np.split(recurrent_kernel, 4, axis=1)
    p_i, p_f, p_g, p_o = np.split(peephole_kernel, 4, axis=1)
    b_i, b_f, b_g, b_o = np.split(bias, 4)
    h, c = states
    i = sigmoid(x @ w_i + h @ u_i + c @ p_i + b_i)
    f = sigmoid(x @ w_f + h @ u_f + c @ p_f + b_f)
    g = activation(x @ w_g + h @ u_g + c @ p_g + b_g)
    o = sigmoid(x @ w_o + h @ u_o + c @ p_o + b_o)
    c = f * c + i * g
    h = o * activation(c)
    return h, [h, c]


def gru_step(x, states, weights, activation=np.tanh):
    kernel, recurrent_kernel, (input_bias, recurrent_bias) = weights
    w_z, w_r, w_g = np.split(kernel, 3, axis=1)
    u_z, u_r, u_g = np.split(recurrent_kernel, 3, axis=1)
    a_z, a_r, a_g = np.split(input_bias, 3)
    b_z, b_r, b_g = np.split(recurrent_bias, 3)
    (h,) = states
    z = sigmoid(x @ w_z + a_z + h @ u_z + b_z)
    r = sigmoid(x @ w_r + a_r + h @ u_r + b_r)
    g = activation(x @ w_g + a_g + r * (h @ u_g + b_g))
    h = z * h + (1 - z) * g
    return h, [h]


def document_gru_step(x, states, weights, activation=np.tanh):
    kernel, recurrent_kernel, bias = weights
    w_z, w_r, w_g = np.split(kernel, 3, axis=1)
    u_z, u_r, u_g = np.split(recurrent_kernel, 3, axis=1)
    b_z, b_r, b_g = np.split(bias, 3)
    (h,) = states
    z = sigmoid(x @ w_z + h @ u_z + b_z)
    r = sigmoid(x @ w_r + h @ u_r + b_r)
    h = (1 - z) * activation(x @ w_g + r * (h @ u_g) + b_g)
    return h, [h]


def scan(step, weights, inputs, states, mask, activation):
    """One sequence: the outputs of all timesteps `(timesteps, size)`, last states.

    At a masked timestep the states stay and the output is the one before, which is
    zero as long as there was none.
    """
    output = np.zeros_like(step(inputs[0], states, weights, activation)[0])
    outputs = []
    for x, real in zip(inputs, mask, strict=True):
        if real:
            output, states = step(x, states, weights, activation)
        outputs.append(output)
    return np.array(outputs), states


def run(step, weights, inputs, states, mask=None, activation=np.tanh):
    """A batch: `[outputs, *states]`, outputs `(batch, timesteps, size)`."""
    if mask is None:
        mask = np.ones(inputs.shape[:2], bool)
    scans = [
        scan(
            step,
            weights,
            inputs[n],
            [state[n] for state in states],
            mask[n],
            activation,
        )
        for n in range(len(inputs))
    ]
    outputs, states = zip(*scans, strict=True)
    return [np.array(outputs), *(np.array(s) for s in zip(*states, strict=True))]


def run_bidirectional(
    step, weights, inputs, states, mask=None, return_sequences=True, activation=np.tanh
):
    """Both directions, side by side: `[outputs, *forward states, *backward states]`.

    The backward direction reads the batch from its end. In a sequence of outputs the
    masked timesteps are zero, as `keras.layers.Bidirectional` has it.
    """
    if mask is None:
        mask = np.ones(inputs.shape[:2], bool)
    w, s = len(weights) // 2, len(states) // 2
    forward, *forward_states = run(
        step, weights[:w], inputs, states[:s], mask, activation
    )
    backward, *backward_states = run(
        step, weights[w:], inputs[:, ::-1], states[s:], mask[:, ::-1], activation
    )
    if return_sequences:
        outputs = np.concatenate([forward, backward[:, ::-1]], axis=-1)
        outputs = outputs * mask[:, :, None]
    else:
        outputs = np.concatenate([forward[:, -1], backward[:, -1]], axis=-1)
    return [outputs, *forward_states, *backward_states]
