"""What the layers with gates share."""

import keras

from .base import Recurrent
from .initializers import Chrono


class Gated(Recurrent):
    """A recurrent layer some of whose columns are gates.

    `implementation` and `use_cudnn` are there because Keras has them. They change
    nothing, but for an implementation of 1 with dropout.
    """

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        *,
        implementation=2,
        use_cudnn="auto",
        **kwargs,
    ):
        super().__init__(units, activation, use_bias=use_bias, **kwargs)
        if use_cudnn not in ("auto", False):
            raise ValueError(
                f"use_cudnn is {use_cudnn!r}, it must be 'auto' or False: this layer "
                "has a loop of its own; keras.layers uses cuDNN where there is a GPU"
            )
        if isinstance(self.bias_initializer, Chrono) and not use_bias:
            raise ValueError(
                "bias_initializer is 'chrono', it must be another with use_bias=False: "
                "there is no bias that it could set"
            )
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.implementation = implementation
        self.use_cudnn = use_cudnn

    @property
    def drops_by_gate(self):
        return self.implementation == 1 or self.recurrent_dropout > 0

    def get_config(self):
        return {
            **super().get_config(),
            "recurrent_activation": keras.activations.serialize(
                self.recurrent_activation
            ),
            "implementation": self.implementation,
            "use_cudnn": self.use_cudnn,
        }
