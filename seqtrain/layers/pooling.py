"""One vector for a sequence of any length."""

import keras
from keras import ops

MODES = ("mean", "max")


@keras.saving.register_keras_serializable("seqtrain")
class TemporalPooling(keras.Layer):
    """The mean or the maximum over the real timesteps of each sequence.

    Unlike `keras.layers.GlobalMaxPooling1D` it knows the mask, and unlike
    `GlobalAveragePooling1D` it gives zeros, not NaN, for an empty sequence.

    Args:
        mode: `"mean"` or `"max"`.

    Call arguments:
        inputs: `(batch, timesteps, features)`.
        mask: `(batch, timesteps)`, true for a real timestep.

    Returns:
        `(batch, features)`.

    Raises:
        ValueError: If `mode` is another word.

    Example:
        >>> pooled = TemporalPooling("max")(keras.ops.ones((2, 5, 3)))
        >>> tuple(pooled.shape)
        (2, 3)
    """

    def __init__(self, mode, **kwargs):
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}, it must be one of {', '.join(MODES)}")
        self.mode = mode
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            reduce = ops.mean if self.mode == "mean" else ops.max
            return reduce(inputs, axis=1)
        mask = mask[..., None]  # (batch, timesteps, 1)
        if self.mode == "mean":
            count = ops.sum(ops.cast(mask, inputs.dtype), axis=1)
            total = ops.sum(ops.where(mask, inputs, 0), axis=1)
            return total / ops.maximum(count, 1)
        highest = ops.max(ops.where(mask, inputs, -float("inf")), axis=1)
        return ops.where(ops.any(mask, axis=1), highest, 0)

    def compute_output_shape(self, inputs_shape):
        batch, _, features = inputs_shape
        return (batch, features)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
