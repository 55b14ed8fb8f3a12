"""Masks as the layers take them, and what they say of the outputs."""

from keras import ops


def flat_mask(mask):
    """A mask as booleans `(batch, timesteps)`, from that or `(batch, timesteps, 1)`."""
    if mask is None:
        return None
    mask = ops.cast(mask, "bool")
    return mask[..., 0] if len(mask.shape) == 3 else mask


def has_begun(mask, sequences):
    """Where Keras gives an output: from the first real timestep on.

    Args:
        mask: Booleans, `(batch, timesteps)`.
        sequences: Whether the outputs are those of all timesteps or the last.

    Returns:
        Booleans, `(batch, timesteps, 1)` with sequences, else `(batch, 1)`.
    """
    present = ops.any(mask, axis=1, keepdims=True)  # (batch, 1)
    if not sequences:
        return present
    first = ops.argmax(ops.cast(mask, "int32"), axis=1, keepdims=True)
    begun = ops.arange(ops.shape(mask)[1]) >= first
    return (present & begun)[..., None]
