"""A look into the loops of a model, while it is differentiated."""

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple

import keras
import tensorflow as tf


class Loop(NamedTuple):
    """What is seen of one loop over time, or of the part of a batch that it runs.

    Args:
        probe: Its gradient is that of the hidden states, `(timesteps, batch, units)`.
        last: The last hidden state, `(batch, units)`.
        saved: What `Cell.gates` takes, each `(timesteps, batch, units)`.
        mask: `(batch, timesteps)`, true for a real token, in the order of reading.
    """

    probe: tf.Tensor
    last: tf.Tensor
    saved: tuple[tf.Tensor, ...]
    mask: tf.Tensor


class Watch:
    """Collects the loops that run while it is in force.

    Args:
        tape: What the model is differentiated by.

    Attributes:
        loops: The loops of each layer, whose batches one after the other are the whole
            batch; the two layers of a `Bidirectional` apart.
    """

    def __init__(self, tape: tf.GradientTape):
        self._tape = tape
        self.loops: dict[keras.Layer, list[Loop]] = defaultdict(list)

    def probe(self, like: tf.Tensor, units: int) -> tf.Tensor:
        """Zeros for each hidden state, for the timesteps and batch of a tensor."""
        probe = tf.zeros([*tf.unstack(tf.shape(like)[:2]), units], like.dtype)
        self._tape.watch(probe)
        return probe

    def add(self, layer, probe, last, saved, mask) -> None:
        """Take down a loop."""
        if mask is None:
            timesteps, batch = tf.unstack(tf.shape(probe)[:2])
            mask = tf.ones([batch, timesteps], tf.bool)
        self.loops[layer].append(Loop(probe, last, saved, mask))


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextlib.contextmanager
def watching(tape: tf.GradientTape) -> Iterator[Watch]:
    """Watch the loops of recurrent layers that are called within.

    Example:
        >>> from seqtrain.layers import LSTM
        >>> layer = LSTM(3)
        >>> with tf.GradientTape() as tape, watching(tape) as watch:
        ...     loss = tf.reduce_sum(layer(tf.ones((2, 5, 4))))
        >>> [loop] = watch.loops[layer]
        >>> tuple(tape.gradient(loss, loop.probe).shape)
        (5, 2, 3)
    """
    watch = Watch(tape)
    token = _WATCH.set(watch)
    try:
        yield watch
    finally:
        _WATCH.reset(token)


def watch_in_force() -> Watch | None:
    """The watch within which this is called, if any."""
    return _WATCH.get()
