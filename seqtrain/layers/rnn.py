"""The simple recurrent layer, of which the others are refinements."""

import functools
import math

import keras
import tensorflow as tf
from keras import ops

from .base import Recurrent, check_size
from .cell import Cell, saving
from .initializers import Chrono
from .omega import regularized_recurrence


@functools.cache
def rnn_cell(activation) -> Cell:
    """The equation of an RNN: `h_t = φ(z_t)`."""
    save, restore = saving(activation)

    def step(pre, states):
        (z,) = pre
        hidden = activation(z)
        return (hidden,), (save(z, hidden),)

    def gradient(saved, old, new, d_new):
        _, vjp = restore(*saved)
        return (vjp(d_new[0]),), (tf.zeros_like(old[0]),)

    def gates(saved):
        _, vjp = restore(*saved)
        return {}, vjp(tf.ones_like(saved[0]))

    return Cell(
        step, gradient, blocks=(1,), separate=(False,), num_saved=1, gates=gates
    )


# Registered under the name that it has in files made before it had this one.
@keras.saving.register_keras_serializable("seqtrain", name="RNN")
class SimpleRNN(Recurrent):
    """A recurrent layer whose state is a function of the input and the old state.

        h_t = φ(x_t W + h_{t-1} U + b)      hidden state, φ = activation
        y_t = h_t V + d                     output, only with `output_units`

    The gradient of h_t with respect to h_{t-k} is a product of k matrices
    `diag(φ') Uᵀ`, so it vanishes or explodes as k grows: that is the limit
    of this cell [1], and an orthogonal U is the first cure.

    Weights:

        kernel            W   (features, units)
        recurrent_kernel  U   (units, units)
        bias              b   (units,)
        output_kernel     V   (units, output_units)     only with `output_units`
        output_bias       d   (output_units,)           only with `output_units`

    The first three have the layout of `keras.layers.SimpleRNN`, so weights move
    both ways.

    Args:
        units: Size of the hidden state.
        activation: φ, a name or a function.
        use_bias: Whether there are biases.
        formulation: `"standard"`, or `"document"`, which allows `output_units`.
        output_units: Size of the output y of each timestep; by default the output
            is h.
        return_sequences: Whether to return the outputs of all timesteps or the last.
        return_state: Whether to return the last state as well.
        go_backwards: Whether to read from the last timestep to the first; the outputs
            come in this order, too.
        stateful: Whether a batch starts with the state that the one before it ended
            with, until `reset_state()`. The size of a batch must be known.
        zero_output_for_mask: Whether outputs are zero where the mask is false.
        dropout: Share of the input's features to drop, the same ones at every timestep.
        recurrent_dropout: Share of the entries of h_{t-1} to drop before the product
            with U, the same ones at every timestep. In training the loop is slower
            with it.
        weight_dropout: Share of the entries of U to drop, the same ones at every
            timestep and for every sequence of a batch [2].
        zoneout: Probability that a unit of h keeps its old value, drawn anew at each
            timestep; outside training, the share of the old value that it keeps [3].
        seed: Seed of all random draws.
        kernel_initializer: Initializer of W, of Keras or by its name.
        recurrent_initializer: Initializer of U; also `"glorot"` or `"identity"`.
        bias_initializer: Initializer of b.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Regularizers of the
            weights that the initializers of the same names are for.
        kernel_constraint, recurrent_constraint, bias_constraint: Their constraints.
        unroll: That of Keras, which changes nothing here.
        omega: Weight of a regularizer of U that holds the norm of the gradient from
            one timestep to the next [1]; the reported loss does not include it.

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
        ValueError: If an argument is out of range, or `output_units` is
            given in the standard formulation, or `omega` beside `zoneout` or
            `recurrent_dropout`.

    Example:
        >>> layer = RNN(3, return_sequences=True)
        >>> tuple(layer(keras.ops.ones((2, 5, 4))).shape)
        (2, 5, 3)

    References:
        [1] Pascanu, Mikolov and Bengio, On the difficulty of training recurrent
            neural networks, 2013.
        [2] Merity, Keskar and Socher, Regularizing and optimizing LSTM language
            models, 2018.
        [3] Krueger et al., Zoneout: regularizing RNNs by randomly preserving hidden
            activations, 2017.
    """

    num_gates = 1

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        *,
        output_units=None,
        omega=None,
        **kwargs,
    ):
        super().__init__(units, activation, use_bias=use_bias, **kwargs)
        if output_units is not None and self.formulation != "document":
            raise ValueError(
                f"output_units is {output_units!r}, "
                "it goes with formulation='document' only"
            )
        if output_units is not None:
            check_size("output_units", output_units)
        if isinstance(self.bias_initializer, Chrono):
            raise ValueError(
                "bias_initializer is 'chrono', an RNN has no gate that it could set"
            )
        if self.layer_norm:
            raise ValueError(
                f"layer_norm is {self.layer_norm!r}, it is for an LSTM or a GRU"
            )
        if omega is not None and not 0 < omega < math.inf:
            raise ValueError(f"omega is {omega!r}, it must be positive and finite")
        for name in ("zoneout", "recurrent_dropout"):
            if omega is not None and getattr(self, name):
                raise ValueError(
                    f"omega is {omega!r}, it must be None with {name}, which leads the "
                    "gradient past the recurrent kernel"
                )
        self.output_units = output_units
        self.omega = omega

    def build(self, sequences_shape, initial_state_shape=None):
        super().build(sequences_shape)
        if self.output_units is not None:
            shape = (self.units, self.output_units)
            self.output_kernel = self.add_family("output_kernel", shape, "kernel")
            self.output_bias = None
            if self.use_bias:
                self.output_bias = self.add_family(
                    "output_bias", (self.output_units,), "bias", "zeros"
                )

    def cell(self):
        return rnn_cell(self.activation)

    def loop(self, batch, training):
        if not (training and self.omega):
            return super().loop(batch, training)
        weight = self.omega / tf.cast(batch, self.compute_dtype)
        return functools.partial(regularized_recurrence, weight)

    @property
    def output_size(self):
        return self.units if self.output_units is None else self.output_units

    @property
    def output_is_hidden(self):
        return self.output_units is None

    def output_of(self, hidden):
        if self.output_units is None:
            return hidden
        outputs = ops.matmul(hidden, self.output_kernel)
        return outputs if self.output_bias is None else outputs + self.output_bias

    def get_config(self):
        return {
            **super().get_config(),
            "output_units": self.output_units,
            "omega": self.omega,
        }


RNN = SimpleRNN
