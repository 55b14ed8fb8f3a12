"""Recurrent Keras layers, usable without the rest of seqtrain.

    from seqtrain.layers import GRU, LSTM, RNN, Bidirectional

Importing this package is all that plain Keras needs to load a saved model.
"""

from .bidirectional import Bidirectional
from .dropout import Dropout
from .initializers import Chrono
from .pooling import TemporalPooling
from .recurrent import GRU, LSTM, RNN

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "Chrono",
    "Dropout",
    "TemporalPooling",
]
