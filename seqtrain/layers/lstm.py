"""The long short-term memory layer."""

import functools

import keras
import tensorflow as tf
from keras import ops

from .cell import (
    SIGMOID,
    TANH,
    Cell,
    cell_by_tape,
    saving,
    sigmoid_from_tanh,
    slope,
    value_and_vjp,
)
from .gated import Gated
from .initializers import Chrono
from .layer_norm import normalize


@functools.cache
def lstm_cell(activation, *, zoneout: bool = False) -> Cell:
    """The equations of an LSTM, from z in the order i f g o and `(hidden, cell)`.

        c_t = σ(z_f) * c_{t-1} + σ(z_i) * φ(z_g)
        h_t = σ(z_o) * φ(c_t)

    With zoneout the stored cell state is a mixture of this one and the old one, so the
    gradient computes the one that h_t was made from again.
    """
    save, restore = saving(activation)

    def step(pre, states):
        (z,), (_, cell) = pre, states
        i, f, g, o = tf.split(tf.tanh(z), 4, axis=-1)  # one pass for all
        i, f, o = sigmoid_from_tanh(i), sigmoid_from_tanh(f), sigmoid_from_tanh(o)
        _, _, z_g, _ = tf.split(z, 4, axis=-1)
        if activation is not TANH:
            g = activation(z_g)
        cell = f * cell + i * g
        return (o * activation(cell), cell), (i, f, save(z_g, g), o)

    def gradient(saved, old, new, d_new):
        i, f, candidate, o = saved
        d_hidden, d_cell = d_new
        g, vjp_g = restore(candidate)
        cell = f * old[1] + i * g if zoneout else new[1]
        squashed, vjp_cell = value_and_vjp(activation, cell)
        d_cell += vjp_cell(d_hidden * o)
        d_z = [
            2 * d_cell * g * i * (1 - i),
            2 * d_cell * old[1] * f * (1 - f),
            vjp_g(d_cell * i),
            2 * d_hidden * squashed * o * (1 - o),
        ]
        return (tf.concat(d_z, -1),), (tf.zeros_like(d_hidden), d_cell * f)

    def gates(saved):
        i, f, candidate, o = saved
        _, vjp_g = restore(candidate)
        return {"i": i, "f": f, "o": o}, vjp_g(tf.ones_like(candidate))

    return Cell(
        step,
        gradient,
        blocks=(4,),
        separate=(False,),
        num_saved=4,
        gates=gates,
        halved=(0, 1, 3),
        memory="f",
    )


@functools.cache
def general_lstm_cell(activation, recurrent_activation) -> Cell:
    """The equations of an LSTM whose gates have another activation than σ."""

    def equations(pre, states):
        [z], (_, cell) = pre, states
        i, f, g, o = z = tf.split(z, 4, -1)
        cell = recurrent_activation(f) * cell + recurrent_activation(i) * activation(g)
        return (recurrent_activation(o) * activation(cell), cell), z

    return cell_by_tape(
        equations,
        lstm_gates(activation, recurrent_activation),
        blocks=(4,),
        separate=(False,),
        num_sums=4,
        memory="f",
    )


def lstm_gates(activation, recurrent_activation):
    """`Cell.gates` of an LSTM, from the sums i, f, g and o."""

    def gates(z):
        i, f, g, o = z
        values = {"i": i, "f": f, "o": o}
        values = {name: recurrent_activation(sums) for name, sums in values.items()}
        return values, slope(activation, g)

    return gates


@functools.cache
def normalized_lstm_cell(activation, recurrent_activation=SIGMOID) -> Cell:
    """The equations of an LSTM from x, already normalized, and a = h_{t-1} U.

        z = x + LN(a; α')
        c_t = σ(z_f) * c_{t-1} + σ(z_i) * φ(z_g)
        h_t = σ(z_o) * φ(LN(c_t; γ) + β)

    α' in four parts, γ and β are passed along as states that never change, so that
    the loop adds up their gradients.
    """

    def equations(pre, states):
        (x, a), (_, cell, *constants) = pre, states
        *alpha, gamma, beta = constants
        z = tf.split(x + normalize(a, tf.concat(alpha, -1)), 4, -1)
        i, f, g, o = z
        cell = recurrent_activation(f) * cell + recurrent_activation(i) * activation(g)
        hidden = recurrent_activation(o) * activation(normalize(cell, gamma) + beta)
        return (hidden, cell, *constants), z

    gates = lstm_gates(activation, recurrent_activation)
    return cell_by_tape(equations, gates, blocks=(4,), num_sums=4, memory="f")


@keras.saving.register_keras_serializable("seqtrain")
class LSTM(Gated):
    """A recurrent layer with a cell state that gates protect from change.

    Because the cell state c is added to rather than overwritten, gradients
    survive many timesteps [1].

        i_t = σ(x_t W_i + h_{t-1} U_i + b_i)        input gate
        f_t = σ(x_t W_f + h_{t-1} U_f + b_f)        forget gate
        g_t = φ(x_t W_g + h_{t-1} U_g + b_g)        candidate
        o_t = σ(x_t W_o + h_{t-1} U_o + b_o)        output gate
        c_t = f_t * c_{t-1} + i_t * g_t             cell state
        h_t = o_t * φ(c_t)                          hidden state

    With `formulation="document"` all four of i, f, g and o also see the old cell
    state: `+ c_{t-1} P` stands beside `h_{t-1} U`, with a full matrix for each.
    The usual peephole [2] is diagonal, leaves g alone, and shows o the new cell
    state.

    Weights hold the gates side by side, in the order i, f, g, o:

        kernel            W   (features, 4 * units)
        recurrent_kernel  U   (units, 4 * units)
        peephole_kernel   P   (units, 4 * units)    only in the document's
        bias              b   (4 * units,)

    Without P this is the layout of `keras.layers.LSTM`, so weights move both ways.

    With `layer_norm`, where LN is over all four gates of a product together,

        LN(x_t W) * α + LN(h_{t-1} U) * α' + b      stands for x_t W + h_{t-1} U + b
        h_t = o_t * φ(LN(c_t) * γ + β)              hidden state

    and four more weights come last:

        kernel_gain       α    (4 * units,)    starts at one, as γ and α' do
        recurrent_gain    α'   (4 * units,)
        cell_gain         γ    (units,)
        cell_bias         β    (units,)        starts at zero

    Args:
        units: Size of the hidden state and of the cell state.
        activation: φ, a name or a function.
        recurrent_activation: σ, a name or a function; by default the logistic function,
            which is the fastest.
        use_bias: Whether there is b.
        formulation: `"standard"` or `"document"`.
        return_sequences: Whether to return the outputs of all timesteps or the last.
        return_state: Whether to return the last states as well.
        go_backwards: Whether to read from the last timestep to the first; the outputs
            come in this order, too.
        stateful: Whether a batch starts with the states that the one before it ended
            with, until `reset_state()`. The size of a batch must be known.
        zero_output_for_mask: Whether outputs are zero where the mask is false.
        dropout: Share of the input's features to drop, the same ones at every timestep.
        recurrent_dropout: Share of the entries of h_{t-1} to drop before the product
            with U, the same ones at every timestep, others for each gate. In training
            the loop is slower with it.
        weight_dropout: Share of the entries of U and P to drop, the same ones at every
            timestep and for every sequence of a batch [4].
        zoneout: Probability that a unit of h or c keeps its old value, drawn anew at
            each timestep; outside training, the share of the old value that it
            keeps [5].
        layer_norm: Whether to normalize the two products, and the cell state before φ;
            not in the document's formulation [6].
        seed: Seed of all random draws.
        kernel_initializer: Initializer of W, of Keras or by its name.
        recurrent_initializer: Initializer of U and P; also `"glorot"` or `"identity"`,
            the identity for each gate.
        bias_initializer: Initializer of b. `"forget_one"` is zero, and one for the
            forget gate; `"chrono"` or `Chrono(timesteps)` spreads the memories of the
            units over the length of the sequences.
        unit_forget_bias: Whether b starts at one for the forget gate, whatever the
            initializer says [3]; chrono decides for itself.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the
            weights that the initializers of the same names are for.
        kernel_constraint, recurrent_constraint, bias_constraint: Their constraints.
        unroll, use_cudnn: Those of Keras, which change nothing here;
            `use_cudnn=True` is refused.
        implementation: With 1, or with `recurrent_dropout`, `dropout` drops other
            features for each gate, as in Keras; nothing else depends on it.

    Call arguments:
        sequences: `(batch, timesteps, features)`.
        initial_state: `[h_0, c_0]`, each `(batch, units)`; zeros by default.
        mask: `(batch, timesteps)`, true for a real timestep. At the others the
            states do not change and the output repeats, as in Keras.
        training: Whether to apply dropout and zoneout.

    Returns:
        `(batch, units)`, or `(batch, timesteps, units)` with `return_sequences`;
        with `return_state` a tuple of it, the last h and the last c.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = LSTM(3, return_state=True)
        >>> outputs, hidden, cell = layer(keras.ops.ones((2, 5, 4)))
        >>> tuple(cell.shape)
        (2, 3)

    References:
        [1] Hochreiter and Schmidhuber, Long short-term memory, 1997.
        [2] Gers and Schmidhuber, Recurrent nets that time and count, 2000.
        [3] Jozefowicz et al., An empirical exploration of recurrent network
            architectures, 2015.
        [4] Merity, Keskar and Socher, Regularizing and optimizing LSTM language
            models, 2018.
        [5] Krueger et al., Zoneout: regularizing RNNs by randomly preserving hidden
            activations, 2017.
        [6] Ba, Kiros and Hinton, Layer normalization, 2016.
    """

    num_gates = 4
    num_states = 2

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        *,
        bias_initializer="zeros",
        unit_forget_bias=True,
        **kwargs,
    ):
        if bias_initializer == "forget_one":
            if not (unit_forget_bias and use_bias):
                raise ValueError(
                    "bias_initializer is 'forget_one', it must be another with "
                    "unit_forget_bias=False or use_bias=False"
                )
            bias_initializer = "zeros"
        super().__init__(
            *(units, activation, recurrent_activation, use_bias),
            bias_initializer=bias_initializer,
            **kwargs,
        )
        self.unit_forget_bias = unit_forget_bias

    def build(self, sequences_shape, initial_state_shape=None):
        super().build(sequences_shape)
        if self.layer_norm:
            shape = (self.units,)
            self.cell_gain = self.add_weight(
                name="cell_gain", shape=shape, initializer="ones"
            )
            self.cell_bias = self.add_weight(
                name="cell_bias", shape=shape, initializer="zeros"
            )

    def cell(self):
        if self.layer_norm:
            return normalized_lstm_cell(self.activation, self.recurrent_activation)
        if self.recurrent_activation is not SIGMOID:
            return general_lstm_cell(self.activation, self.recurrent_activation)
        return lstm_cell(self.activation, zoneout=self.zoneout > 0)

    def constants(self):
        if not self.layer_norm:
            return ()
        gains = tf.split(tf.convert_to_tensor(self.recurrent_gain), 4)
        return (*gains, self.cell_gain, self.cell_bias)

    def recurrent_kernels(self):
        kernels = super().recurrent_kernels()
        if self.formulation == "document":
            kernels.append(self.peephole_kernel)
        return kernels

    def add_formulation_weights(self):
        if self.formulation == "document":
            shape = (self.units, 4 * self.units)
            self.peephole_kernel = self.add_family(
                "peephole_kernel", shape, "recurrent"
            )

    def initial_bias(self, shape, dtype=None):
        gate, rest = (self.units,), (2 * self.units,)
        if isinstance(self.bias_initializer, Chrono):
            forget = self.bias_initializer(gate, dtype)
            return ops.concatenate([-forget, forget, ops.zeros(rest, dtype)])
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype)
        # As in Keras, which draws for the other gates in two calls.
        enter, forget = self.bias_initializer(gate, dtype), ops.ones(gate, dtype)
        return ops.concatenate([enter, forget, self.bias_initializer(rest, dtype)])

    def get_config(self):
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}
