"""Initial values that keep a gradient alive over many timesteps."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("seqtrain")
class Chrono(keras.initializers.Initializer):
    """Bias of the gate that multiplies the old state, for memories of many lengths.

    A gate f = σ(b) that multiplies the state at every timestep remembers it for
    about `1 / (1 - f) = 1 + e^b` timesteps. Drawing

        b = log u,  u ~ U(1, timesteps - 1)

    spreads the memories of the units from 2 to `timesteps` steps. An LSTM
    adds `b` to its forget gate and `-b` to its input gate; a GRU adds it to its
    update gate.

    Args:
        timesteps: The longest dependency to expect. By default a layer takes the
            length of the sequences that it is built for.
        seed: Seed of the draw.

    Raises:
        ValueError: If `timesteps` is less than 3.

    References:
        Tallec and Ollivier, Can recurrent neural networks warp time?, 2018.
    """

    def __init__(self, timesteps: int | None = None, seed: int | None = None):
        if timesteps is not None and timesteps < 3:
            raise ValueError(f"timesteps is {timesteps!r}, it must be at least 3")
        self.timesteps = timesteps
        self.seed = seed

    def __call__(self, shape, dtype=None):
        if self.timesteps is None:
            raise ValueError(
                "chrono needs the length of the sequences, which is not known here; "
                "pass Chrono(timesteps)"
            )
        longest = float(self.timesteps - 1)
        return ops.log(keras.random.uniform(shape, 1.0, longest, dtype, self.seed))

    def get_config(self):
        return {"timesteps": self.timesteps, "seed": self.seed}


@keras.saving.register_keras_serializable("seqtrain")
class GateIdentity(keras.initializers.Initializer):
    """The identity matrix for each gate of a recurrent kernel.

    References:
        Le et al., A simple way to initialize recurrent networks of rectified
        linear units, 2015.
    """

    def __call__(self, shape, dtype=None):
        units, columns = shape
        return ops.tile(ops.eye(units, dtype=dtype), (1, columns // units))

    def get_config(self):
        return {}


SHORT_NAMES = {
    "glorot": keras.initializers.GlorotUniform,
    "identity": GateIdentity,
    "chrono": Chrono,
}


def find_initializer(identifier):
    """A Keras initializer, or one of ours by its short name.

    Args:
        identifier: `"glorot"`, `"identity"` (of each gate), `"chrono"`, or
            anything that `keras.initializers.get` takes.
    """
    if isinstance(identifier, str) and identifier in SHORT_NAMES:
        return SHORT_NAMES[identifier]()
    return keras.initializers.get(identifier)
