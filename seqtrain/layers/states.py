"""The states that a recurrent layer starts from."""

import keras
from keras import ops, tree


class Starting:
    """What `keras.layers.RNN` offers for the states of its layers.

    A stateful layer starts a batch with the states that the one before it ended with.
    They are no weights: like Keras's they are in no file.
    """

    num_states: int

    @property
    def state_size(self):
        """The units of each state, in a list."""
        return [self.units] * self.num_states

    @property
    def states(self):
        """The variables that a stateful layer keeps its states in; None if it isn't."""
        return self._kept.variables

    def get_initial_state(self, batch_size=None):
        """States of zeros, in a list, each `(batch_size, units)`."""
        return [
            ops.zeros((batch_size, units), self.compute_dtype)
            for units in self.state_size
        ]

    def reset_state(self):
        """Start the next batch from zeros again."""
        for state in self.states or ():
            state.assign(ops.zeros_like(state))

    def reset_states(self):
        """Start the next batch from zeros again; an older name of `reset_state`."""
        self.reset_state()

    def starting_states(self, initial_state, inputs):
        """The states to start a batch with, as a tuple.

        Args:
            initial_state: As in a call.
            inputs: The batch, `(batch, timesteps, features)`.
        """
        if self.stateful and inputs.shape[0] not in (None, self.states[0].shape[0]):
            raise ValueError(
                f"{self.name}: a batch has {inputs.shape[0]} sequences, a stateful "
                f"layer needs {self.states[0].shape[0]} in each, those it was built for"
            )
        if initial_state is None:
            batch = ops.shape(inputs)[0]
            initial_state = self.states or self.get_initial_state(batch)
        states = tree.flatten(initial_state)
        if len(states) != self.num_states:
            raise ValueError(
                f"initial_state has {len(states)} tensors, "
                f"{type(self).__name__} needs {self.num_states}"
            )
        return tuple(ops.cast(state, self.compute_dtype) for state in states)

    def keep_states(self, states):
        """Let the next batch of a stateful layer start with these states."""
        for kept, state in zip(self.states or (), states, strict=False):
            kept.assign(state)

    def make_room(self, batch):
        """Make the variables of a stateful layer, which starts from zeros.

        Args:
            batch: How many sequences each batch will have.
        """
        if not self.stateful:
            return
        if self.states is not None:
            self.reset_state()
            return
        if batch is None:
            raise ValueError(
                f"{self.name}: the size of a batch isn't known, stateful=True needs "
                "it; give the input a batch_size, keras.Input(shape, batch_size=...)"
            )
        self._kept.variables = [
            keras.Variable(
                ops.zeros((batch, units), self.variable_dtype),
                trainable=False,
                name="rnn_state",
            )
            for units in self.state_size
        ]
