"""The gated recurrent unit layer."""

import functools
import math

import keras
import tensorflow as tf
from keras import ops

from .cell import SIGMOID, Cell, cell_by_tape, saving, sigmoid_from_tanh, slope
from .gated import Gated
from .initializers import Chrono
from .layer_norm import normalize


@functools.cache
def gru_cell(activation, *, literal: bool = False) -> Cell:
    """The equations of a GRU, from z, r, and the two parts x_g, a_g of the candidate.

        g_t = φ(x_g + σ(z_r) * a_g)
        h_t = σ(z_z) * h_{t-1} + (1 - σ(z_z)) * g_t

    The document's literal GRU lacks the term `σ(z_z) * h_{t-1}`.
    """
    save, restore = saving(activation)

    def step(pre, states):
        z, r, x, a = pre
        (hidden,) = states
        z, r = sigmoid_from_tanh(tf.tanh(z)), sigmoid_from_tanh(tf.tanh(r))
        before = x + r * a
        g = activation(before)
        new = (1 - z) * g
        if not literal:
            new += z * hidden
        return (new,), (z, r, save(before, g), a)

    def gradient(saved, old, new, d_new):
        z, r, candidate, a = saved
        (hidden,), (d_hidden,) = old, d_new
        g, vjp = restore(candidate)
        d_z = -g if literal else hidden - g
        d_x = vjp(d_hidden * (1 - z))
        d_z *= 2 * d_hidden * z * (1 - z)
        d_r = 2 * d_x * a * r * (1 - r)
        d_old = tf.zeros_like(hidden) if literal else d_hidden * z
        return (d_z, d_r, d_x, d_x * r), (d_old,)

    def gates(saved):
        z, r, candidate, _ = saved
        _, vjp = restore(candidate)
        return {"z": z, "r": r}, vjp(tf.ones_like(candidate))

    return Cell(
        step,
        gradient,
        blocks=(1, 1, 1),
        separate=(False, False, True),
        num_saved=4,
        gates=gates,
        halved=(0, 1),
        memory=None if literal else "z",
    )


@functools.cache
def general_gru_cell(
    activation, recurrent_activation, *, literal: bool = False, late: bool = False
) -> Cell:
    """The equations of a GRU whose gates have another activation than σ.

    Or whose reset gate acts on the old state before the product, as in [1] and with
    `reset_after=False` in Keras, so that the product of the candidate comes late:

        g_t = φ(x_g + (σ(z_r) * h_{t-1}) U_g)

    References:
        [1] Cho et al., Learning phrase representations using RNN
            encoder-decoder, 2014.
    """

    def equations(pre, states):
        z, r, x, a = pre
        (hidden,) = states
        update, reset = recurrent_activation(z), recurrent_activation(r)
        g = x + (a([reset * hidden]) if late else reset * a)
        new = (1 - update) * activation(g)
        if not literal:
            new += update * hidden
        return (new,), (z, r, g)

    gates, memory = (
        gru_gates(activation, recurrent_activation),
        None if literal else "z",
    )
    blocks, separate = (1, 1, 1), (False, False, True)
    if late:
        return Cell(
            *(equations, None, blocks, separate),
            num_saved=3,
            gates=gates,
            memory=memory,
            late=True,
        )
    return cell_by_tape(
        *(equations, gates),
        blocks=blocks,
        separate=separate,
        num_sums=3,
        memory=memory,
    )


def gru_gates(activation, recurrent_activation):
    """`Cell.gates` of a GRU, from the sums z, r and g."""

    def gates(sums):
        z, r, g = sums
        values = {"z": recurrent_activation(z), "r": recurrent_activation(r)}
        return values, slope(activation, g)

    return gates


@functools.cache
def normalized_gru_cell(activation, recurrent_activation=SIGMOID) -> Cell:
    """The equations of a GRU from x, already normalized, and a = h_{t-1} U.

        z, r = σ(x_z + LN(a; α')_z), σ(x_r + LN(a; α')_r)     over the columns of both
        g = φ(x_g + r * (LN(a_g; α'_g) + b))
        h_t = z * h_{t-1} + (1 - z) * g

    α' in three parts and b are passed along as states that never change, so that the
    loop adds up their gradients.
    """

    def equations(pre, states):
        (x, a, x_g, a_g), (hidden, *constants) = pre, states
        *alpha, alpha_g, bias = constants
        z, r = tf.split(x + normalize(a, tf.concat(alpha, -1)), 2, -1)
        g = x_g + recurrent_activation(r) * (normalize(a_g, alpha_g) + bias)
        update = recurrent_activation(z)
        hidden = update * hidden + (1 - update) * activation(g)
        return (hidden, *constants), (z, r, g)

    gates = gru_gates(activation, recurrent_activation)
    return cell_by_tape(equations, gates, blocks=(2, 1), num_sums=3, memory="z")


@keras.saving.register_keras_serializable("seqtrain")
class GRU(Gated):
    """A recurrent layer with one state, which its gates keep or replace.

        z_t = σ(x_t W_z + a_z + h_{t-1} U_z + b_z)              update gate
        r_t = σ(x_t W_r + a_r + h_{t-1} U_r + b_r)              reset gate
        g_t = φ(x_t W_g + a_g + r_t * (h_{t-1} U_g + b_g))      candidate
        h_t = z_t * h_{t-1} + (1 - z_t) * g_t                   hidden state

    The reset gate acts after the recurrent product, as in cuDNN and
    `keras.layers.GRU`; z near one keeps the old state. (In [1] it is z near
    zero that does.)

    With `formulation="document"` the layer is what the document prints, in
    which z is called "reset" and r "update", and the term `z_t * h_{t-1}`, the
    one that carries memory, is missing:

        z_t = σ(x_t W_z + h_{t-1} U_z + b_z)
        r_t = σ(x_t W_r + h_{t-1} U_r + b_r)
        h_t = (1 - z_t) * φ(x_t W_g + r_t * (h_{t-1} U_g) + b_g)

    Weights hold the gates side by side, in the order z, r, g:

        kernel            W      (features, 3 * units)
        recurrent_kernel  U      (units, 3 * units)
        bias              a, b   (2, 3 * units)     in the document's (3 * units,)

    This is the layout of `keras.layers.GRU`, so weights move both ways.

    With `layer_norm` LN(x_t W) * α stands for x_t W, and LN(h_{t-1} U) * α' for
    h_{t-1} U, before r acts on it; LN is over z and r together, and over g. Two more
    weights come last:

        kernel_gain       α    (3 * units,)    starts at one
        recurrent_gain    α'   (3 * units,)    starts at one

    Args:
        units: Size of the hidden state.
        activation: φ, a name or a function.
        recurrent_activation: σ, a name or a function; by default the logistic function,
            which is the fastest.
        use_bias: Whether there are biases.
        formulation: `"standard"` or `"document"`.
        return_sequences: Whether to return the outputs of all timesteps or the last.
        return_state: Whether to return the last state as well.
        go_backwards: Whether to read from the last timestep to the first; the outputs
            come in this order, too.
        stateful: Whether a batch starts with the state that the one before it ended
            with, until `reset_state()`. The size of a batch must be known.
        zero_output_for_mask: Whether outputs are zero where the mask is false.
        dropout: Share of the input's features to drop, the same ones at every timestep.
        recurrent_dropout: Share of the entries of h_{t-1} to drop before the product
            with U, the same ones at every timestep, others for each gate. In training
            the loop is slower with it.
        weight_dropout: Share of the entries of U to drop, the same ones at every
            timestep and for every sequence of a batch [2].
        zoneout: Probability that a unit of h keeps its old value, drawn anew at each
            timestep; outside training, the share of the old value that it keeps [3].
        layer_norm: Whether to normalize the two products; not in the document's
            formulation [4].
        seed: Seed of all random draws.
        kernel_initializer: Initializer of W, of Keras or by its name.
        recurrent_initializer: Initializer of U; also `"glorot"` or `"identity"`, the
            identity for each gate.
        bias_initializer: Initializer of the biases. `"chrono"` or `Chrono(timesteps)`
            acts on the update gate, in a.
        reset_after: Whether r acts after the recurrent product. If False, g_t is
            `φ(x_t W_g + (r_t * h_{t-1}) U_g + b_g)` as in [1], there is one bias,
            `(3 * units,)`, and the loop is slower.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the
            weights that the initializers of the same names are for.
        kernel_constraint, recurrent_constraint, bias_constraint: Their constraints.
        unroll, use_cudnn: Those of Keras, which change nothing here;
            `use_cudnn=True` is refused.
        implementation: With 1, or with `recurrent_dropout`, `dropout` drops other
            features for each gate, as in Keras; nothing else depends on it.

    Call arguments:
        sequences: `(batch, timesteps, features)`.
        initial_state: h_0, `(batch, units)`; zeros by default.
        mask: `(batch, timesteps)`, true for a real timestep. At the others the
            state does not change and the output repeats, as in Keras.
        training: Whether to apply dropout and zoneout.

    Returns:
        `(batch, units)`, or `(batch, timesteps, units)` with `return_sequences`;
        with `return_state` a tuple of it and the last state.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> layer = GRU(3)
        >>> tuple(layer(keras.ops.ones((2, 5, 4))).shape)
        (2, 3)

    References:
        [1] Cho et al., Learning phrase representations using RNN
            encoder-decoder, 2014.
        [2] Merity, Keskar and Socher, Regularizing and optimizing LSTM language
            models, 2018.
        [3] Krueger et al., Zoneout: regularizing RNNs by randomly preserving hidden
            activations, 2017.
        [4] Ba, Kiros and Hinton, Layer normalization, 2016.
    """

    num_gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        *,
        reset_after=True,
        **kwargs,
    ):
        super().__init__(units, activation, recurrent_activation, use_bias, **kwargs)
        if not reset_after and (self.layer_norm or self.formulation != "standard"):
            raise ValueError(
                f"reset_after is {reset_after!r}, it must be True with layer_norm and "
                "with formulation='document', whose equations have the reset gate act "
                "after the recurrent product"
            )
        self.reset_after = reset_after

    @property
    def has_recurrent_bias(self):
        """Whether the recurrent product has a bias of its own."""
        return self.reset_after and self.formulation == "standard"

    def cell(self):
        if self.layer_norm:
            return normalized_gru_cell(self.activation, self.recurrent_activation)
        literal = self.formulation == "document"
        if self.recurrent_activation is SIGMOID and self.reset_after:
            return gru_cell(self.activation, literal=literal)
        return general_gru_cell(
            self.activation,
            self.recurrent_activation,
            literal=literal,
            late=not self.reset_after,
        )

    def input_bias(self):
        bias = self.whole_bias()
        if not self.has_recurrent_bias:
            return bias
        # In the gates both biases are added to the same sum.
        candidate, gates = bias[0, -self.units :], bias[:, : -self.units]
        return tf.concat([gates[0] + gates[1], candidate], 0)

    def constants(self):
        if not self.layer_norm:
            return ()
        gains = tf.split(tf.convert_to_tensor(self.recurrent_gain), 3)
        return (*gains, self.whole_bias()[1, -self.units :])

    def recurrent_biases(self):
        if not self.has_recurrent_bias or self.layer_norm:
            return ()
        return (self.whole_bias()[1, -self.units :],)

    def bias_shape(self):
        columns = (3 * self.units,)
        return (2, *columns) if self.has_recurrent_bias else columns

    def initial_bias(self, shape, dtype=None):
        if not isinstance(self.bias_initializer, Chrono):
            return self.bias_initializer(shape, dtype)
        update = self.bias_initializer((self.units,), dtype)
        rest = ops.zeros((math.prod(shape) - self.units,), dtype)
        return ops.reshape(ops.concatenate([update, rest]), shape)

    def get_config(self):
        return {**super().get_config(), "reset_after": self.reset_after}
