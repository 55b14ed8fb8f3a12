"""The base of the recurrent layers: all but the equations of their cells."""

import functools
import itertools
from numbers import Integral
from types import SimpleNamespace

import keras
import tensorflow as tf
from keras import ops, tree

from .cell import Cell
from .dropout import draw_spared, drop
from .initializers import Chrono, find_initializer
from .masks import flat_mask, has_begun
from .projection import in_blocks, project
from .recurrence import in_parts, recurrence, recurrence_by_tape
from .states import Starting
from .stored import StoredAsInKeras
from .watch import Watchable, WatchableLoop, current_watch

FORMULATIONS = ("standard", "document")
FAMILIES = ("kernel", "recurrent", "bias")


class Recurrent(StoredAsInKeras, Starting, Watchable, keras.Layer):
    """What all recurrent layers share: arguments, weights and the call.

    A new one needs its equations, `cell`, and `num_gates`; the other methods down to
    `output_of` are there to be overridden where it differs.

    Attributes:
        num_gates: The columns of its kernels, as multiples of the units. A candidate
            counts as a gate.
        num_states: How many states a timestep hands to the next, the hidden state
            first.
        loops: How many loops share the cores, this layer's included: two in a
            `Bidirectional`.
    """

    num_gates: int
    num_states = 1
    loops = 1

    def __init__(
        self,
        units,
        activation="tanh",
        *,
        use_bias=True,
        formulation="standard",
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        dropout=0.0,
        recurrent_dropout=0.0,
        weight_dropout=0.0,
        zoneout=0.0,
        layer_norm=False,
        seed=None,
        kernel_initializer="glorot",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
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
            "recurrent_dropout": recurrent_dropout,
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
        self.units = int(units)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.formulation = formulation
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.weight_dropout = weight_dropout
        self.zoneout = zoneout
        self.layer_norm = layer_norm
        self.seed = seed
        self.kernel_initializer = find_initializer(kernel_initializer)
        self.recurrent_initializer = find_initializer(recurrent_initializer)
        self.bias_initializer = find_initializer(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        is_random = any(rates.values())
        self.seed_generator = keras.random.SeedGenerator(seed) if is_random else None
        self._kept = SimpleNamespace(variables=None)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.supports_masking = True

    def build(self, sequences_shape, initial_state_shape=None):
        batch, timesteps, features = sequences_shape
        columns = self.num_gates * self.units
        self.kernel = self.add_family("kernel", (features, columns), "kernel")
        self.recurrent_kernel = self.add_family(
            "recurrent_kernel", (self.units, columns), "recurrent"
        )
        self.add_formulation_weights()
        self.bias = None
        if self.use_bias:
            chrono = self.bias_initializer
            if isinstance(chrono, Chrono) and chrono.timesteps is None:
                self.bias_initializer = Chrono(timesteps, chrono.seed)
            self.bias = self.add_family(
                "bias", self.bias_shape(), "bias", self.initial_bias
            )
        if self.layer_norm:
            for name in ("kernel_gain", "recurrent_gain"):
                gain = self.add_weight(name=name, shape=(columns,), initializer="ones")
                setattr(self, name, gain)
        for layer in self.activation_layers():
            if not layer.built:
                layer.build((batch, self.units))
        self.make_room(batch)

    def add_family(self, name, shape, family, initializer=None):
        """Add a weight with the initializer, regularizer and constraint of its family.

        Args:
            name: The weight's.
            shape: Its shape.
            family: `"kernel"`, `"recurrent"` or `"bias"`, as the constructor's
                arguments begin.
            initializer: One for this weight instead of the family's.
        """
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer or getattr(self, f"{family}_initializer"),
            regularizer=getattr(self, f"{family}_regularizer"),
            constraint=getattr(self, f"{family}_constraint"),
        )

    def call(self, sequences, initial_state=None, mask=None, training=None):
        inputs = ops.cast(sequences, self.compute_dtype)  # integers come as they are
        mask = flat_mask(mask)
        if self.go_backwards:
            inputs = ops.flip(inputs, 1)
            mask = None if mask is None else ops.flip(mask, 1)
        hidden, states = self.read(inputs, initial_state, mask, training)
        outputs = self.output_of(hidden if self.return_sequences else states[0])
        if mask is not None:
            outputs = self._masked(outputs, mask, starts_at=initial_state)
        return (outputs, *states) if self.return_state else outputs

    def _masked(self, outputs, mask, starts_at):
        """The outputs as Keras gives them where there is no real timestep."""
        if self.zero_output_for_mask:
            present = mask[..., None] if self.return_sequences else mask[:, -1:]
            return ops.where(present, outputs, 0)
        # Until the first real timestep a hidden state is what it started as.
        if starts_at is None and not self.stateful and self.output_is_hidden:
            return outputs
        return ops.where(has_begun(mask, self.return_sequences), outputs, 0)

    def read(self, inputs, initial_state, mask, training):
        """Run the loop over a batch. All random numbers are drawn beforehand.

        Args:
            inputs: `(batch, timesteps, features)`.
            initial_state: As in a call.
            mask: `(batch, timesteps)`, booleans, or None.
            training: Whether to apply dropout and zoneout.

        Returns:
            The hidden states `(batch, timesteps, units)`, or None without
            `return_sequences`; and the last states.
        """
        batch, timesteps, features = ops.shape(inputs)
        kernels = self.recurrent_kernels()
        states = self.starting_states(initial_state, inputs)
        if training and self.weight_dropout:
            kernels = [
                drop(k, self.weight_dropout, k.shape, self.seed_generator)
                for k in map(tf.convert_to_tensor, kernels)
            ]
        # As in Keras a pattern is the same at all timesteps, and each gate can have its
        # own.
        inputs, drops = [inputs], []
        if training and self.dropout:
            arguments = self.dropout, (batch, 1, features), self.seed_generator
            count = self.num_gates if self.drops_by_gate else 1
            inputs = [drop(inputs[0], *arguments) for _ in range(count)]
        if training and self.recurrent_dropout:
            pattern = (batch, self.units)
            ones = tf.ones(pattern, self.compute_dtype)
            arguments = self.recurrent_dropout, pattern, self.seed_generator
            drops = [drop(ones, *arguments) for _ in range(self.num_gates)]
        zoneout = []
        if self.zoneout:
            shape = (batch, timesteps, self.units)
            zoneout = [self._zoneout(shape, training) for _ in states]
        run = functools.partial(self._run, self.loop(batch, training), kernels)
        hidden, states = in_parts(
            run, inputs, states, mask, zoneout, drops, loops=self.loops
        )
        self.keep_states(states)
        return hidden, states

    def _zoneout(self, shape, training):
        """How much of a state each unit preserves: all or nothing, or the mean."""
        if not training:
            return tf.fill(shape, tf.constant(self.zoneout, self.compute_dtype))
        spared = draw_spared(self.zoneout, shape, self.seed_generator)
        return tf.cast(~spared, self.compute_dtype)

    def _run(self, loop, kernels, inputs, states, mask, zoneout, drops):
        """Run the loop over a part of a batch."""
        cell, constants = self.cell(), self.constants()
        gain = self.kernel_gain if self.layer_norm else None
        projected = project(cell, inputs, self.kernel, self.input_bias(), gain)
        watch, probe = current_watch(), None
        if watch:
            probe = watch.probe(projected[0], self.units)
        hidden, last, saved = loop(
            cell,
            projected,
            [*states, *(tf.broadcast_to(c, tf.shape(states[0])) for c in constants)],
            [in_blocks(cell, kernel) for kernel in kernels],
            biases=self.recurrent_biases(),
            mask=None if mask is None else tf.transpose(mask)[..., None],
            zoneout=[tf.transpose(k, [1, 0, 2]) for k in zoneout],
            sequences=self.return_sequences,
            probe=probe,
            **({"drops": drops} if drops else {}),
        )
        if watch:
            watch.add(self, probe, last[0], saved, mask)
        return hidden, last[: self.num_states]

    def cell(self) -> Cell:
        """The equations of a timestep."""
        raise NotImplementedError

    def loop(self, batch, training):
        """The function that runs the cell over time: `recurrence`, or one like it.

        With `recurrent_dropout` in training it must take `drops`.

        Args:
            batch: How many sequences the whole batch has.
            training: Whether the model is in training.
        """
        drops = training and self.recurrent_dropout
        if drops or self.cell().late or self.activation_layers():
            return recurrence_by_tape
        return recurrence

    def activation_layers(self):
        """The activations that are layers, such as a PReLU: they may learn."""
        functions = self.activation, getattr(self, "recurrent_activation", None)
        return [f for f in functions if isinstance(f, keras.Layer)]

    def recurrent_kernels(self):
        """One kernel for each state that the pre-activations see."""
        return [self.recurrent_kernel]

    def recurrent_biases(self):
        """The biases of the recurrent products, one for each separate block."""
        return ()

    def constants(self):
        """Tensors that the cell gets as further states, which never change."""
        return ()

    def input_bias(self):
        """The bias of the input's product."""
        return self.whole_bias()

    def whole_bias(self):
        """The bias as a tensor; zeros if the layer has none."""
        if self.bias is None:
            return tf.zeros(self.bias_shape(), self.compute_dtype)
        return tf.convert_to_tensor(self.bias)

    def add_formulation_weights(self):
        """Add the weights that only one formulation has."""

    def bias_shape(self):
        """The shape of the bias."""
        return (self.num_gates * self.units,)

    def initial_bias(self, shape, dtype=None):
        """The bias that training begins with."""
        return self.bias_initializer(shape, dtype)

    @property
    def drops_by_gate(self):
        """Whether dropout draws a pattern of the input for each gate."""
        return False

    @property
    def output_size(self):
        """How many features an output has."""
        return self.units

    @property
    def output_is_hidden(self):
        """Whether an output is the hidden state itself."""
        return True

    def output_of(self, hidden):
        """The output for a hidden state."""
        return hidden

    def watchable_loops(self):
        cell = self.cell()
        return {
            "": WatchableLoop(
                self,
                gates=cell.gates,
                activation=self.activation,
                memory=cell.memory,
                kernels=tuple(self.recurrent_kernels()),
            )
        }

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, timesteps, _ = sequences_shape
        size = self.output_size
        shape = (batch, timesteps, size) if self.return_sequences else (batch, size)
        states = [(batch, self.units)] * self.num_states
        return (shape, *states) if self.return_state else shape

    def compute_mask(self, sequences, mask=None, initial_state=None):
        mask = tree.flatten(mask)[0] if tree.is_nested(mask) else mask
        mask = mask if self.return_sequences else None
        return [mask] + [None] * self.num_states if self.return_state else mask

    def get_config(self):
        plain = (
            *("units", "use_bias", "formulation", "return_sequences", "return_state"),
            *("go_backwards", "stateful", "unroll", "zero_output_for_mask", "dropout"),
            *("recurrent_dropout", "weight_dropout", "zoneout", "layer_norm", "seed"),
        )
        serialize = {
            "initializer": keras.initializers.serialize,
            "regularizer": keras.regularizers.serialize,
            "constraint": keras.constraints.serialize,
        }
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in plain},
            "activation": keras.activations.serialize(self.activation),
            **{
                f"{family}_{kind}": serialize[kind](getattr(self, f"{family}_{kind}"))
                for family, kind in itertools.product(FAMILIES, serialize)
            },
        }


def check_size(name, value):
    """Refuse what is not a positive integer."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}, it must be a positive integer")
