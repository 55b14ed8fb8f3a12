"""A sequence read from both ends at once."""

import keras

from .base import Recurrent
from .watch import Watchable


@keras.saving.register_keras_serializable("seqtrain")
class Bidirectional(Watchable, keras.layers.Bidirectional):
    """Two copies of a recurrent layer, one reading forward, one backward.

        f_t = layer(x_1 … x_t)          forward output
        b_t = layer'(x_T … x_t)         backward output, its own weights
        y_t = [f_t, b_t]                with `merge_mode="concat"`

    The last output is `[f_T, b_1]`. With a mask the output is zero at padding. Both
    directions run at the same time, each on its own cores. The weights are the forward
    layer's, followed by the backward layer's.

    It is a `keras.layers.Bidirectional` in all else: the layers in it are new ones,
    made from the config of `layer`, which it leaves as it is.

    Args:
        layer: A recurrent layer, such as an `LSTM`.
        merge_mode: `"concat"`, `"sum"`, `"mul"` or `"ave"` of the two outputs; None
            returns both.
        weights: Initial weights, the forward layer's, then the backward layer's.
        backward_layer: The layer that reads backward, with `go_backwards=True`; by
            default a copy of `layer` with weights and random draws of its own.

    Call arguments:
        sequences: `(batch, timesteps, features)`.
        initial_state: The forward layer's states, then the backward layer's.
        mask: `(batch, timesteps)`, true for a real timestep. The backward layer
            skips padding, so it begins with the last real timestep.
        training: Whether to apply dropout and zoneout.

    Returns:
        The merged outputs, `(batch, [timesteps,] 2 * units)` with `"concat"`; with
        `merge_mode=None` or `return_state` a tuple of the outputs and the states of
        both layers.

    Raises:
        ValueError: If `merge_mode` is not one of these, or the layers don't go
            together.

    Example:
        >>> from seqtrain.layers import LSTM
        >>> layer = Bidirectional(LSTM(3, return_sequences=True))
        >>> tuple(layer(keras.ops.ones((2, 5, 4))).shape)
        (2, 5, 6)

    References:
        Schuster and Paliwal, Bidirectional recurrent neural networks, 1997.
    """

    def __init__(
        self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs
    ):
        if not hasattr(layer, "go_backwards"):
            raise ValueError(f"layer is {layer!r}, it must be a recurrent layer")
        if backward_layer is None and isinstance(layer, Recurrent):
            config = {
                **layer.get_config(),
                "name": f"backward_{layer.name.removeprefix('backward_')}",
                "go_backwards": True,
            }
            if layer.seed is not None:
                config["seed"] += 1  # or both directions would drop the same patterns
            backward_layer = type(layer).from_config(config)
        super().__init__(layer, merge_mode, backward_layer=backward_layer, **kwargs)
        self._initial_weights = weights
        for layer in self.layers:
            layer.loops = 2

    @property
    def layers(self):
        """The forward and the backward layer."""
        return self.forward_layer, self.backward_layer

    @property
    def go_backwards(self):
        """Whether the forward layer reads backward, and the backward layer forward."""
        return self.forward_layer.go_backwards

    @property
    def state_size(self):
        """The sizes of the forward layer's states, then the backward layer's."""
        return [size for layer in self.layers for size in layer.state_size]

    def get_initial_state(self, batch_size):
        """Zeros for each state."""
        return [s for layer in self.layers for s in layer.get_initial_state(batch_size)]

    def build(self, sequences_shape, initial_state_shape=None):
        super().build(sequences_shape)
        if self._initial_weights:  # Keras 3.15 ignores them
            self.set_weights(self._initial_weights)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shapes = [layer.compute_output_shape(sequences_shape) for layer in self.layers]
        states = ()
        if self.return_state:
            states = [state for shape in shapes for state in shape[1:]]
            shapes = [shape[0] for shape in shapes]
        if self.merge_mode == "concat":  # Keras takes the layers for equally wide
            shapes = [(*shapes[0][:-1], sum(shape[-1] for shape in shapes))]
        elif self.merge_mode is not None:
            shapes = shapes[:1]
        results = (*shapes, *states)
        return results if len(results) > 1 else results[0]

    def compute_mask(self, sequences, mask=None, initial_state=None):
        if isinstance(mask, list):
            mask = mask[0]
        mask = mask if self.return_sequences else None
        masks = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            masks += [None] * len(self.state_size)
        return masks if len(masks) > 1 else mask

    def watchable_loops(self):
        return {
            name: loop
            for name, layer in zip(("forward", "backward"), self.layers, strict=True)
            if isinstance(layer, Watchable)
            for loop in layer.watchable_loops().values()
        }
