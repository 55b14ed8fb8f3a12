"""A sequence read from both ends at once."""

import keras
from keras import ops, tree

from .base import Recurrent
from .watch import Watchable

MERGES = {
    "concat": lambda forward, backward: ops.concatenate([forward, backward], -1),
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "ave": lambda forward, backward: (forward + backward) / 2,
}


@keras.saving.register_keras_serializable("seqtrain")
class Bidirectional(Watchable, keras.Layer):
    """Two copies of a recurrent layer, one reading forward, one backward.

        f_t = layer(x_1 … x_t)          forward output
        b_t = layer'(x_T … x_t)         backward output, its own weights
        y_t = [f_t, b_t]                with `merge_mode="concat"`

    The last output is `[f_T, b_1]`. Both directions run at the same time, each on its
    own cores. The weights are the forward layer's, followed by the backward layer's,
    as in `keras.layers.Bidirectional`.

    Args:
        layer: A recurrent layer of this package, such as an `LSTM`. It becomes the
            forward layer; the backward layer is made from its config.
        merge_mode: `"concat"`, `"sum"`, `"mul"` or `"ave"` of the two outputs.

    Call arguments:
        inputs: `(batch, timesteps, features)`.
        initial_state: The forward layer's states, then the backward layer's.
        mask: `(batch, timesteps)`, true for a real timestep. The backward layer
            skips padding, so it begins with the last real timestep.
        training: Whether to apply dropout and zoneout.

    Returns:
        The merged outputs, `(batch, [timesteps,] 2 * units)` with `"concat"`;
        with `return_state` a list of it and the states of both layers.

    Raises:
        ValueError: If `merge_mode` is not one of these, or `layer` not recurrent.

    Example:
        >>> from seqtrain.layers import LSTM
        >>> layer = Bidirectional(LSTM(3, return_sequences=True))
        >>> tuple(layer(keras.ops.ones((2, 5, 4))).shape)
        (2, 5, 6)

    References:
        Schuster and Paliwal, Bidirectional recurrent neural networks, 1997.
    """

    def __init__(self, layer, merge_mode="concat", **kwargs):
        if merge_mode not in MERGES:
            raise ValueError(
                f"merge_mode is {merge_mode!r}, it must be one of {', '.join(MERGES)}"
            )
        if not isinstance(layer, Recurrent):
            raise ValueError(
                f"layer is {layer!r}, it must be a recurrent layer of seqtrain.layers"
            )
        super().__init__(**{"dtype": layer.dtype_policy, **kwargs})
        config = layer.get_config()
        config["name"] = f"backward_{layer.name}"
        if config["seed"] is not None:
            config["seed"] += 1  # or both directions would drop the same patterns
        self.forward_layer = layer
        self.backward_layer = type(layer).from_config(config)
        self.merge_mode = merge_mode
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.supports_masking = True

    @property
    def layers(self):
        """The forward and the backward layer."""
        return self.forward_layer, self.backward_layer

    def build(self, inputs_shape):
        for layer in self.layers:
            if not layer.built:  # a loaded forward layer comes built
                layer.build(inputs_shape)

    def call(self, inputs, initial_state=None, mask=None, training=None):
        forward, backward = self.layers
        initial = (None, None)
        if initial_state is not None:
            flat = tree.flatten(initial_state)
            initial = (flat[: forward.num_states], flat[forward.num_states :])
        if mask is not None:
            mask = ops.cast(mask, "bool")
        reverse = [None if x is None else ops.flip(x, 1) for x in (inputs, mask)]
        hidden, states = zip(
            forward.read(inputs, initial[0], mask, training, loops=2),
            backward.read(reverse[0], initial[1], reverse[1], training, loops=2),
            strict=True,
        )
        if forward.return_sequences:
            hidden = hidden[0], ops.flip(hidden[1], 1)
        else:
            hidden = states[0][0], states[1][0]
        outputs = MERGES[self.merge_mode](
            forward.output_of(hidden[0]), backward.output_of(hidden[1])
        )
        if mask is not None:  # zeros at padding, as in Keras
            present = mask if forward.return_sequences else ops.any(mask, axis=1)
            outputs = ops.where(present[..., None], outputs, 0)
        if not forward.return_state:
            return outputs
        return [outputs, *states[0], *states[1]]

    def compute_output_shape(self, inputs_shape, initial_state_shape=None):
        shape = self.forward_layer.compute_output_shape(inputs_shape)
        shape, *states = shape if self.forward_layer.return_state else (shape,)
        if self.merge_mode == "concat":
            shape = (*shape[:-1], 2 * shape[-1])
        return [shape, *states, *states] if states else shape

    def compute_mask(self, inputs, mask=None, initial_state=None):
        mask = mask if self.forward_layer.return_sequences else None
        states = 2 * self.forward_layer.num_states
        return [mask] + [None] * states if self.forward_layer.return_state else mask

    def watchable_loops(self):
        return {
            name: loop
            for name, layer in zip(("forward", "backward"), self.layers, strict=True)
            for loop in layer.watchable_loops().values()
        }

    def get_config(self):
        return {
            **super().get_config(),
            "layer": keras.saving.serialize_keras_object(self.forward_layer),
            "merge_mode": self.merge_mode,
        }

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})
