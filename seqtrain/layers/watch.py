"""Watching the loops of a model while it is differentiated.

A layer that is `Watchable` declares what there is to see in its loops. While a `Watch`
is current, the layer adds a `Loop` to it for every loop that it runs.
"""

import contextlib
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import NamedTuple

import keras
import tensorflow as tf


class WatchableLoop(NamedTuple):
    """What can be watched in a loop over time; only the layer is needed.

    Args:
        layer: The layer whose loop it is, as `Watch.add` gets it.
        gates: From what `Loop.saved` holds to the values of each gate by its letter,
            and to the slope of the activation, each `(timesteps, batch, units)`; None
            for the slope if there is no activation.
        activation: The function that has this slope.
        memory: The letter of the gate that multiplies the old state.
        kernels: The matrices of the loop, whose singular values matter.
    """

    layer: keras.Layer
    gates: Callable | None = None
    activation: Callable | None = None
    memory: str | None = None
    kernels: tuple[keras.Variable, ...] = ()


class Watchable(ABC):
    """A layer whose loops over time can be watched."""

    @abstractmethod
    def watchable_loops(self) -> dict[str, WatchableLoop]:
        """The loops by name; one loop needs none, `""`."""


class Loop(NamedTuple):
    """What a watch saw of a loop, or of one that ran over a part of a batch.

    Args:
        probe: Its gradient is that of the hidden states, `(timesteps, batch, units)`.
        last: The last hidden state, `(batch, units)`.
        saved: What `WatchableLoop.gates` takes, each `(timesteps, batch, units)`.
        mask: `(batch, timesteps)`, true for a real token, in the order of reading.
    """

    probe: tf.Tensor
    last: tf.Tensor
    saved: tuple[tf.Tensor, ...]
    mask: tf.Tensor


class Watch:
    """Collects the loops that run while it is current.

    Args:
        tape: Differentiates the model.

    Attributes:
        loops: The loops of each layer. If a layer has several, each ran over a part of
            the batch, in order. The two layers of a `Bidirectional` have their own.
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
        """Record a loop; its arguments are those of `Loop`, the mask may be None."""
        if mask is None:
            timesteps, batch = tf.unstack(tf.shape(probe)[:2])
            mask = tf.ones([batch, timesteps], tf.bool)
        self.loops[layer].append(Loop(probe, last, saved, mask))


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextlib.contextmanager
def watching(tape: tf.GradientTape) -> Iterator[Watch]:
    """Watch the loops of the recurrent layers that are called in this context.

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


def current_watch() -> Watch | None:
    """The watch of the innermost `watching`, if any."""
    return _WATCH.get()
