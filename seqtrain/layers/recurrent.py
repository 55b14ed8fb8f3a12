"""RNN, LSTM and GRU: their equations, their weights, and the layers around them."""

import functools
import math

import keras
import numpy as np
import tensorflow as tf
from keras import ops, tree

from .cells import gru_cell, lstm_cell, rnn_cell
from .dropout import draw_spared, drop
from .initializers import Chrono, find_initializer
from .layer_norm import normalize, normalized_gru_cell, normalized_lstm_cell
from .omega import regularize
from .recurrence import in_parts, recurrence
from .watch import watch_in_force

FORMULATIONS = ("standard", "document")


class _Recurrent(keras.Layer):
    """What RNN, LSTM and GRU have in common: arguments, weights and the call."""

    gates: int
    num_states = 1
    output_units = omega = None

    def __init__(
        self,
        units,
        *,
        activation="tanh",
        formulation="standard",
        return_sequences=False,
        return_state=False,
        dropout=0.0,
        weight_dropout=0.0,
        zoneout=0.0,
        layer_norm=False,
        seed=None,
        kernel_initializer="glorot",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_size("units", units)
        if formulation not in FORMULATIONS:
            raise ValueError(
                f"formulation is {formulation!r}, it must be one of "
                f"{', '.join(FORMULATIONS)}"
            )
        rates = {
            "dropout": dropout,
            "weight_dropout": weight_dropout,
            "zoneout": zoneout,
        }
        for name, rate in rates.items():
            if not 0 <= rate < 1:
                raise ValueError(f"{name} is {rate!r}, it must be in [0, 1)")
        if layer_norm and formulation != "standard":
            raise ValueError(
                f"layer_norm is {layer_norm!r}, it goes with formulation='standard' "
                "only"
            )
        self.units = units
        self.activation = keras.activations.get(activation)
        self.formulation = formulation
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.dropout = dropout
        self.weight_dropout = weight_dropout
        self.zoneout = zoneout
        self.layer_norm = layer_norm
        self.seed = seed
        self.kernel_initializer = find_initializer(kernel_initializer)
        self.recurrent_initializer = find_initializer(recurrent_initializer)
        self.bias_initializer = self._find_bias_initializer(bias_initializer)
        draws = any(rates.values())
        self.seed_generator = keras.random.SeedGenerator(seed) if draws else None
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.supports_masking = True

    def build(self, input_shape):
        _, timesteps, features = input_shape
        columns = self.gates * self.units

        def add(name, shape, initializer):
            return self.add_weight(name=name, shape=shape, initializer=initializer)

        self.kernel = add("kernel", (features, columns), self.kernel_initializer)
        self.recurrent_kernel = add(
            "recurrent_kernel", (self.units, columns), self.recurrent_initializer
        )
        self._build_formulation(add)
        chrono = self.bias_initializer
        if isinstance(chrono, Chrono) and chrono.timesteps is None:
            self.bias_initializer = Chrono(timesteps, chrono.seed)
        self.bias = add("bias", self._bias_shape(), self._initial_bias)
        if self.layer_norm:
            self.kernel_gain = add("kernel_gain", (columns,), "ones")
            self.recurrent_gain = add("recurrent_gain", (columns,), "ones")

    def call(self, inputs, initial_state=None, mask=None, training=None):
        if mask is not None:
            mask = ops.cast(mask, "bool")
        hidden, states = self.read(inputs, initial_state, mask, training)
        outputs = self.output_of(hidden if self.return_sequences else states[0])
        if mask is not None and (initial_state is not None or self.output_units):
            outputs = ops.where(self._has_begun(mask), outputs, 0)
        return [outputs, *states] if self.return_state else outputs

    def read(self, inputs, initial_state, mask, training, *, others=1):
        """Run the loop over a batch, all that is random drawn before.

        Args:
            inputs: `(batch, timesteps, features)`.
            initial_state: As in a call.
            mask: `(batch, timesteps)`, booleans, or None.
            training: Whether to drop.
            others: How many such loops share the cores, this one included.

        Returns:
            The hidden states `(batch, timesteps, units)`, or None without
            `return_sequences`; and the last states.
        """
        batch, timesteps, features = ops.shape(inputs)
        kernels, omega = self.recurrent_kernels(), None
        states = split_states(initial_state, self, inputs)
        if training and self.omega:
            omega = self.omega / tf.cast(batch, self.compute_dtype)
        if training and self.weight_dropout:
            kernels = [
                drop(k, self.weight_dropout, k.shape, self.seed_generator)
                for k in map(tf.convert_to_tensor, kernels)
            ]
        if training and self.dropout:  # one pattern for all timesteps, as in Keras
            pattern = (batch, 1, features)
            inputs = drop(inputs, self.dropout, pattern, self.seed_generator)
        zoneout = []
        if self.zoneout:
            shape = (batch, timesteps, self.units)
            zoneout = [self._zoneout(shape, training) for _ in states]
        run = functools.partial(self._run, kernels, omega)
        return in_parts(run, inputs, states, mask, zoneout, others=others)

    def _zoneout(self, shape, training):
        """The share that each unit keeps of a state: all or nothing, or the mean."""
        if not training:
            return tf.fill(shape, tf.constant(self.zoneout, self.compute_dtype))
        spared = draw_spared(self.zoneout, shape, self.seed_generator)
        return tf.cast(~spared, self.compute_dtype)

    def _run(self, kernels, omega, inputs, states, mask, zoneout):
        """Run the loop over a part of a batch."""
        constants = self.constants()
        projected, watch, probe = self._project(inputs), watch_in_force(), None
        kernels = [self._blocks(kernel) for kernel in kernels]
        if watch:
            probe = watch.probe(projected[0], self.units)
        through = probe
        if omega is not None:
            projected, kernels, through = regularize(projected, kernels, probe, omega)
        hidden, last, saved = recurrence(
            self.cell(),
            projected,
            [*states, *(tf.broadcast_to(c, tf.shape(states[0])) for c in constants)],
            kernels,
            biases=self.recurrent_biases(),
            mask=None if mask is None else tf.transpose(mask)[..., None],
            zoneout=[tf.transpose(k, [1, 0, 2]) for k in zoneout],
            sequences=self.return_sequences,
            probe=through,
        )
        if watch:
            watch.add(self, probe, last[0], saved, mask)
        return hidden, last[: self.num_states]

    def recurrent_kernels(self):
        """One kernel for each state that the pre-activations see."""
        return [self.recurrent_kernel]

    def recurrent_biases(self):
        """The biases of recurrent products that stay apart from the input's."""
        return ()

    def constants(self):
        """What the cell has among its states that does not change."""
        return ()

    def input_bias(self):
        """The bias of the input's product."""
        return tf.convert_to_tensor(self.bias)

    def _project(self, inputs):
        """The input's share of the pre-activations, `x_t W + b` or `LN(x_t W) + b`.

        In blocks, each one product for all timesteps,
        `(timesteps, batch, columns)`.
        """
        batch, timesteps, features = ops.shape(inputs)
        rows = tf.reshape(tf.transpose(inputs, [1, 0, 2]), [-1, features])
        products = [rows @ w for w in self._blocks(self.kernel)]
        if self.layer_norm:
            gains = self._blocks(self.kernel_gain)
            products = map(normalize, products, gains)
        return [
            tf.reshape(tf.nn.bias_add(x, b), [timesteps, batch, b.shape[0]])
            for x, b in zip(products, self._blocks(self.input_bias()), strict=True)
        ]

    def _blocks(self, weights):
        """The columns of weights in the blocks of the cell, gates halved."""
        cell = self.cell()
        if cell.halved:
            halves = np.ones(self.gates)
            halves[list(cell.halved)] = 0.5
            weights = weights * tf.constant(halves.repeat(self.units), weights.dtype)
        columns = [count * self.units for count in cell.blocks]
        return tf.split(tf.convert_to_tensor(weights), columns, axis=-1)

    def output_of(self, hidden):
        """What the layer puts out for a hidden state."""
        return hidden

    def compute_output_shape(self, inputs_shape, initial_state_shape=None):
        batch, timesteps, _ = inputs_shape
        units = self.output_units or self.units
        shape = (batch, timesteps, units) if self.return_sequences else (batch, units)
        states = [(batch, self.units)] * self.num_states
        return [shape, *states] if self.return_state else shape

    def compute_mask(self, inputs, mask=None, initial_state=None):
        mask = mask if self.return_sequences else None
        return [mask] + [None] * self.num_states if self.return_state else mask

    def get_config(self):
        bias = self.bias_initializer
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "formulation": self.formulation,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "dropout": self.dropout,
            "weight_dropout": self.weight_dropout,
            "zoneout": self.zoneout,
            "layer_norm": self.layer_norm,
            "seed": self.seed,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(
                self.recurrent_initializer
            ),
            "bias_initializer": bias
            if isinstance(bias, str)
            else keras.initializers.serialize(bias),
        }

    def _has_begun(self, mask):
        """Where an output stands: not before the first real timestep, as in Keras."""
        present = ops.any(mask, axis=1, keepdims=True)  # (batch, 1)
        if not self.return_sequences:
            return present
        first = ops.argmax(ops.cast(mask, "int32"), axis=1, keepdims=True)
        begun = ops.arange(ops.shape(mask)[1]) >= first
        return (present & begun)[..., None]  # (batch, timesteps, 1)

    def _build_formulation(self, add):
        """Add the weights that only one formulation has."""

    def _bias_shape(self):
        return (self.gates * self.units,)

    def _find_bias_initializer(self, identifier):
        return find_initializer(identifier)

    def _initial_bias(self, shape, dtype=None):
        return self.bias_initializer(shape, dtype)


@keras.saving.register_keras_serializable("seqtrain")
class RNN(_Recurrent):
    """A recurrent layer whose state is a function of the input and the old state.

        h_t = φ(x_t W + h_{t-1} U + b)      hidden state, φ = activation
        y_t = h_t V + d                     output, only with `output_units`

    The gradient of h_t with respect to h_{t-k} is a product of k matrices
    `diag(φ') Uᵀ`, so it vanishes or explodes with k: that is the cell's limit
    [1], and an orthogonal U the first cure.

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
        formulation: `"standard"`, or `"document"`, which knows `output_units`.
        output_units: Size of the output y of each timestep; without it the
            output is h.
        return_sequences: Whether to put out all timesteps or the last one.
        return_state: Whether to put out the last state as well.
        dropout: Share of the input's features to drop, the same at every timestep.
        weight_dropout: Share of the entries of U to drop, the same at every timestep
            and for every sequence of a batch [2].
        zoneout: Probability with which a unit of h keeps its old value, drawn for
            each timestep; a share of it that it keeps when not training [3].
        seed: Seed of all that is drawn.
        kernel_initializer: Of W; a Keras initializer or its name.
        recurrent_initializer: Of U; also `"glorot"` or `"identity"`.
        bias_initializer: Of b.
        omega: Weight of a regularizer of U that keeps the norm of the gradient from
            one timestep to the next [1]; the loss that is reported is without it.

    Call arguments:
        inputs: `(batch, timesteps, features)`.
        initial_state: h_0, `(batch, units)`; zeros when not given.
        mask: `(batch, timesteps)`, true for a real timestep. At the others the
            state stays and the output repeats, as in Keras.
        training: Whether to drop.

    Returns:
        `(batch, units)`, or `(batch, timesteps, units)` with `return_sequences`;
        with `return_state` a list of it and the last state.

    Raises:
        ValueError: If an argument is out of its range, or `output_units` is
            given in the standard formulation, or `omega` beside `zoneout`.

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

    gates = 1

    def __init__(self, units, *, output_units=None, omega=None, **kwargs):
        super().__init__(units, **kwargs)
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
        if omega is not None and self.zoneout:
            raise ValueError(
                f"omega is {omega!r}, it must be None with zoneout, which leads the "
                "gradient past the recurrent kernel"
            )
        self.output_units = output_units
        self.omega = omega

    def build(self, input_shape):
        super().build(input_shape)
        if self.output_units is not None:
            self.output_kernel = self.add_weight(
                name="output_kernel",
                shape=(self.units, self.output_units),
                initializer=self.kernel_initializer,
            )
            self.output_bias = self.add_weight(
                name="output_bias", shape=(self.output_units,), initializer="zeros"
            )

    def cell(self):
        return rnn_cell(self.activation)

    def output_of(self, hidden):
        if self.output_units is None:
            return hidden
        return ops.matmul(hidden, self.output_kernel) + self.output_bias

    def get_config(self):
        return {
            **super().get_config(),
            "output_units": self.output_units,
            "omega": self.omega,
        }


@keras.saving.register_keras_serializable("seqtrain")
class LSTM(_Recurrent):
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

    and four weights more come last:

        kernel_gain       α    (4 * units,)    starts at one, as γ and α' do
        recurrent_gain    α'   (4 * units,)
        cell_gain         γ    (units,)
        cell_bias         β    (units,)        starts at zero

    Args:
        units: Size of the hidden state and of the cell state.
        activation: φ, a name or a function.
        formulation: `"standard"` or `"document"`.
        return_sequences: Whether to put out all timesteps or the last one.
        return_state: Whether to put out the last states as well.
        dropout: Share of the input's features to drop, the same at every timestep.
        weight_dropout: Share of the entries of U and P to drop, the same at every
            timestep and for every sequence of a batch [4].
        zoneout: Probability with which a unit of h or c keeps its old value, drawn for
            each timestep; a share of it that it keeps when not training [5].
        layer_norm: Whether to normalize the two products and the cell state that φ
            sees; not in the document's formulation [6].
        seed: Seed of all that is drawn.
        kernel_initializer: Of W; a Keras initializer or its name.
        recurrent_initializer: Of U and P; also `"glorot"` or `"identity"`, the
            identity for each gate.
        bias_initializer: Of b. `"forget_one"` is one for the forget gate and zero
            elsewhere [3]; `"chrono"` or `Chrono(timesteps)` spreads the memories
            of the units over the length of the sequences.

    Call arguments:
        inputs: `(batch, timesteps, features)`.
        initial_state: `[h_0, c_0]`, each `(batch, units)`; zeros when not given.
        mask: `(batch, timesteps)`, true for a real timestep. At the others the
            states stay and the output repeats, as in Keras.
        training: Whether to drop.

    Returns:
        `(batch, units)`, or `(batch, timesteps, units)` with `return_sequences`;
        with `return_state` a list of it, the last h and the last c.

    Raises:
        ValueError: If an argument is out of its range.

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

    gates = 4
    num_states = 2

    def __init__(self, units, *, bias_initializer="forget_one", **kwargs):
        super().__init__(units, bias_initializer=bias_initializer, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
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
            return normalized_lstm_cell(self.activation)
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

    def _build_formulation(self, add):
        if self.formulation == "document":
            shape = (self.units, 4 * self.units)
            self.peephole_kernel = add(
                "peephole_kernel", shape, self.recurrent_initializer
            )

    def _find_bias_initializer(self, identifier):
        known = identifier == "forget_one"
        return identifier if known else find_initializer(identifier)

    def _initial_bias(self, shape, dtype=None):
        gate = (self.units,)
        if self.bias_initializer == "forget_one":
            forget, enter = ops.ones(gate, dtype), ops.zeros(gate, dtype)
        elif isinstance(self.bias_initializer, Chrono):
            forget = self.bias_initializer(gate, dtype)
            enter = -forget
        else:
            return self.bias_initializer(shape, dtype)
        return ops.concatenate([enter, forget, ops.zeros((2 * self.units,), dtype)])


@keras.saving.register_keras_serializable("seqtrain")
class GRU(_Recurrent):
    """A recurrent layer with one state, kept or replaced gate by gate.

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
    h_{t-1} U, before r acts on it; LN is over z and r together, and over g. Two weights
    more come last:

        kernel_gain       α    (3 * units,)    starts at one
        recurrent_gain    α'   (3 * units,)    starts at one

    Args:
        units: Size of the hidden state.
        activation: φ, a name or a function.
        formulation: `"standard"` or `"document"`.
        return_sequences: Whether to put out all timesteps or the last one.
        return_state: Whether to put out the last state as well.
        dropout: Share of the input's features to drop, the same at every timestep.
        weight_dropout: Share of the entries of U to drop, the same at every timestep
            and for every sequence of a batch [2].
        zoneout: Probability with which a unit of h keeps its old value, drawn for
            each timestep; a share of it that it keeps when not training [3].
        layer_norm: Whether to normalize the two products; not in the document's
            formulation [4].
        seed: Seed of all that is drawn.
        kernel_initializer: Of W; a Keras initializer or its name.
        recurrent_initializer: Of U; also `"glorot"` or `"identity"`, the identity
            for each gate.
        bias_initializer: Of the biases. `"chrono"` or `Chrono(timesteps)` acts on
            the update gate, in a.

    Call arguments:
        inputs: `(batch, timesteps, features)`.
        initial_state: h_0, `(batch, units)`; zeros when not given.
        mask: `(batch, timesteps)`, true for a real timestep. At the others the
            state stays and the output repeats, as in Keras.
        training: Whether to drop.

    Returns:
        `(batch, units)`, or `(batch, timesteps, units)` with `return_sequences`;
        with `return_state` a list of it and the last state.

    Raises:
        ValueError: If an argument is out of its range.

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

    gates = 3

    def cell(self):
        if self.layer_norm:
            return normalized_gru_cell(self.activation)
        return gru_cell(self.activation, literal=self.formulation == "document")

    def input_bias(self):
        bias = tf.convert_to_tensor(self.bias)
        if self.formulation == "document":
            return bias
        # In the gates both biases are added to the same sum.
        candidate, gates = bias[0, -self.units :], bias[:, : -self.units]
        return tf.concat([gates[0] + gates[1], candidate], 0)

    def constants(self):
        if not self.layer_norm:
            return ()
        gains = tf.split(tf.convert_to_tensor(self.recurrent_gain), 3)
        return (*gains, tf.convert_to_tensor(self.bias)[1, -self.units :])

    def recurrent_biases(self):
        if self.formulation == "document" or self.layer_norm:
            return ()
        return (tf.convert_to_tensor(self.bias)[1, -self.units :],)

    def _bias_shape(self):
        columns = (3 * self.units,)
        return columns if self.formulation == "document" else (2, *columns)

    def _initial_bias(self, shape, dtype=None):
        if not isinstance(self.bias_initializer, Chrono):
            return self.bias_initializer(shape, dtype)
        update = self.bias_initializer((self.units,), dtype)
        rest = ops.zeros((math.prod(shape) - self.units,), dtype)
        return ops.reshape(ops.concatenate([update, rest]), shape)


def check_size(name, value):
    """Refuse what is not a positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}, it must be a positive integer")


def split_states(initial_state, layer, inputs):
    """The initial states as a tuple; zeros where none are given."""
    if initial_state is None:
        zeros = ops.zeros((ops.shape(inputs)[0], layer.units), layer.compute_dtype)
        return (zeros,) * layer.num_states
    states = tree.flatten(initial_state)
    if len(states) != layer.num_states:
        raise ValueError(
            f"initial_state has {len(states)} tensors, "
            f"{type(layer).__name__} needs {layer.num_states}"
        )
    return tuple(ops.cast(state, layer.compute_dtype) for state in states)
