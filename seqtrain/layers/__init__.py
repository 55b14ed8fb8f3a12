"""Recurrent Keras layers, usable without the rest of seqtrain.

    from seqtrain.layers import GRU, LSTM, Bidirectional, SimpleRNN

They take the place of the layers of the same names in `keras.layers`; `from_keras` and
`to_keras` convert whole models. Importing this package is all that plain Keras needs to
load a saved model. `RNN` is a short name of `SimpleRNN`.

Each cell has its own module, with its equations and its layer: `rnn`, `lstm`, `gru`.
`cell` says what the equations look like, `recurrence` runs them over time, and `base`
makes a Keras layer of them, with `projection` before the loop, `states` to start it
from and `masks` for what comes out. A new cell is a new module, imported below.
"""

from . import backend  # noqa: F401  before any other import of Keras
from .bidirectional import Bidirectional
from .convert import from_keras, to_keras
from .dropout import Dropout
from .gru import GRU
from .initializers import Chrono
from .lstm import LSTM
from .pooling import TemporalPooling
from .rnn import RNN, SimpleRNN

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "Chrono",
    "Dropout",
    "SimpleRNN",
    "TemporalPooling",
    "from_keras",
    "to_keras",
]
