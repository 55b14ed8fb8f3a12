"""One vector for a sequence of any length."""

import keras
from keras import ops

MODES = ("last", "mean", "max")


@keras.saving.register_keras_serializable("seqtrain")
class TemporalPooling(keras.Layer):
    """The last, the mean or the maximum of the real timesteps of each sequence.

    Unlike `keras.layers.GlobalMaxPooling1D` it respects the mask, and unlike
    `GlobalAveragePooling1D` it returns zeros, not NaN, for an empty sequence.

    Args:
        mode: `"last"`, `"mean"` or `"max"`.

    Call arguments:
        inputs: `(batch, timesteps, features)`.
        mask: `(batch, timesteps)`, true for a real timestep.

    Returns:
        `(batch, features)`.

    Raises:
        ValueError: If `mode` is not one of these.

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
        if self.mode == "last":
            return self._last(inputs, mask)
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

    def _last(self, inputs, mask):
        if mask is None:
            return inputs[:, -1]
        from_end = ops.argmax(ops.cast(ops.flip(mask, 1), "int32"), axis=1)
        last = ops.shape(inputs)[1] - 1 - from_end  # (batch,)
        outputs = ops.take_along_axis(inputs, last[:, None, None], axis=1)[:, 0]
        return ops.where(ops.any(mask, axis=1, keepdims=True), outputs, 0)

    def compute_output_shape(self, inputs_shape):
        batch, _, features = inputs_shape
        return (batch, features)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
