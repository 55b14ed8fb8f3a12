"""Recurrent Keras layers, usable without the rest of seqtrain.

    from seqtrain.layers import GRU, LSTM, RNN, Bidirectional

Importing this package is all that plain Keras needs to load a saved model.

Each cell has its own module, with its equations and its layer: `rnn`, `lstm`, `gru`.
`cell` says what the equations look like, `recurrence` runs them over time, and `base`
makes a Keras layer of them. A new cell is a new module, imported below.
"""

from . import backend  # noqa: F401  before any other import of Keras
from .bidirectional import Bidirectional
from .dropout import Dropout
from .gru import GRU
from .initializers import Chrono
from .lstm import LSTM
from .pooling import TemporalPooling
from .rnn import RNN

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "Chrono",
    "Dropout",
    "TemporalPooling",
]
