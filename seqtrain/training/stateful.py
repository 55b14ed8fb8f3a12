"""Callbacks with a state, which checkpoints hold."""

from collections.abc import Iterable

import keras

_OTHERS = {
    "position",
    "rollbacks",
    "seconds",
    "time",
}  # what else is in the state of a run


class Stateful(keras.callbacks.Callback):
    """A callback whose state is saved in checkpoints.

    `state` is called whenever a checkpoint is saved, and once before the training.
    `restore` is called before `on_train_begin` when the training goes on from a
    checkpoint that holds such a state, and after a rollback to the beginning with the
    state from before the training. A callback that the checkpoint knows nothing of
    begins anew.

    Attributes:
        key: The name of its state in `state.json`; no other callback has the same.
    """

    key: str

    def state(self) -> dict:
        """Return all that it takes to go on, as JSON holds it."""
        raise NotImplementedError

    def restore(self, state: dict) -> None:
        """Go on from what `state` returned."""
        raise NotImplementedError


def collect_states(callbacks: Iterable[keras.callbacks.Callback]) -> dict[str, dict]:
    """Return the states of the callbacks that have one, by their keys.

    Raises:
        ValueError: If two callbacks have the same key.
    """
    return {key: callback.state() for key, callback in _by_key(callbacks).items()}


def restore_states(
    callbacks: Iterable[keras.callbacks.Callback], states: dict[str, dict]
) -> None:
    """Give each callback its state, if there is one.

    Raises:
        ValueError: If two callbacks have the same key.
    """
    for key, callback in _by_key(callbacks).items():
        if key in states:
            callback.restore(states[key])


def _by_key(callbacks: Iterable[keras.callbacks.Callback]) -> dict[str, Stateful]:
    stateful = {}
    for callback in callbacks:
        if isinstance(callback, Stateful):
            if callback.key in stateful or callback.key in _OTHERS:
                raise ValueError(
                    f"{type(callback).__name__}.key: {callback.key!r} is taken, a name "
                    "that no other state in a checkpoint has is needed"
                )
            stateful[callback.key] = callback
    return stateful
