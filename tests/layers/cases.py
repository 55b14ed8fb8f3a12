"""What the tests of the layers share: sizes, masks, and every kind of layer."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf

from seqtrain.layers import GRU, LSTM, RNN, Bidirectional

# All different, so that a transposed matrix cannot fit.
BATCH, TIMESTEPS, FEATURES, UNITS, OUTPUT_UNITS = 4, 6, 3, 5, 2

MASKS = {
    "none": None,
    # Right-padded sequences, an empty one among them.
    "right": np.arange(TIMESTEPS) < np.array([[6], [4], [0], [1]]),
    # Left-padded sequences, and two with holes.
    "scattered": np.array(
        [
            [0, 0, 1, 1, 1, 1],
            [0, 0, 0, 0, 0, 1],
            [1, 0, 1, 1, 0, 1],
            [0, 1, 0, 0, 1, 0],
        ],
        bool,
    ),
}


class Case(NamedTuple):
    layer: type
    options: dict
    step: Callable
    num_states: int


CASES = {
    "rnn": Case(RNN, {}, reference.rnn_step, 1),
    "rnn_document": Case(RNN, {"formulation": "document"}, reference.rnn_step, 1),
    "rnn_document_output": Case(
        RNN,
        {"formulation": "document", "output_units": OUTPUT_UNITS},
        reference.rnn_step,
        1,
    ),
    "lstm": Case(LSTM, {}, reference.lstm_step, 2),
    "lstm_document": Case(
        LSTM, {"formulation": "document"}, reference.document_lstm_step, 2
    ),
    "gru": Case(GRU, {}, reference.gru_step, 1),
    "gru_document": Case(
        GRU, {"formulation": "document"}, reference.document_gru_step, 1
    ),
}

IN_KERAS = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}

every_case = pytest.mark.parametrize("name", CASES)
every_cell = pytest.mark.parametrize("name", IN_KERAS)
every_mask = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
either_state = pytest.mark.parametrize("given", [True, False], ids=["state", "zeros"])
either_end = pytest.mark.parametrize("sequences", [True, False], ids=["all", "last"])
in_both_precisions = pytest.mark.parametrize(
    "dtype, tolerance, sequences, given",
    [
        ("float32", 1e-5, True, True),
        ("float64", 1e-12, True, True),
        ("float64", 1e-12, False, False),
        pytest.param("float64", 1e-12, True, False, marks=pytest.mark.slow),
        pytest.param("float64", 1e-12, False, True, marks=pytest.mark.slow),
    ],
)


def new_layer(name, *, bidirectional=False, dtype="float64", **options):
    """A layer of CASES, not yet built."""
    case = CASES[name]
    layer = case.layer(UNITS, dtype=dtype, **case.options, **options)
    return Bidirectional(layer, dtype=dtype) if bidirectional else layer


def make_layer(name, rng, **options):
    """A layer of CASES with random weights, all unequal."""
    layer = new_layer(name, **options)
    layer.build((None, TIMESTEPS, FEATURES))
    randomize(layer, rng)
    return layer


def randomize(model, rng):
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])


def random_inputs(rng):
    return rng.normal(size=(BATCH, TIMESTEPS, FEATURES))


def random_states(name, rng, *, bidirectional=False):
    count = CASES[name].num_states * (1 + bidirectional)
    return list(rng.normal(size=(count, BATCH, UNITS)))


def results_and_gradients(layer, inputs, states=None, mask=None):
    """Everything a layer returns, and the gradient of a weighted sum of it.

    The gradient is with respect to every weight, the input and the initial states. The
    layer must return its states.
    """
    dtype = layer.compute_dtype
    inputs = tf.constant(inputs, dtype)
    states = None if states is None else [tf.constant(s, dtype) for s in states]
    mask = None if mask is None else tf.constant(mask)
    watched = [inputs, *(states or [])]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        results = layer(inputs, initial_state=states, mask=mask)
        loss = sum(
            tf.reduce_sum(w * tf.cast(r, "float64"))
            for w, r in zip(loss_weights(results), results, strict=True)
        )
    weights = [w.value for w in layer.trainable_weights]
    gradients = tape.gradient(loss, weights + watched)
    return [r.numpy() for r in results], [g.numpy() for g in gradients]


def loss_weights(results):
    """How much each entry of the results counts in a loss: all different."""
    rng = np.random.default_rng(1)
    return [rng.normal(size=r.shape) for r in results]


def assert_central_difference(gradients, run, arrays, rng):
    """Compare `results_and_gradients` with finite differences of `run(*arrays)`.

    At a few random entries of every array.
    """
    step = 1e-5  # errors of rounding and of truncation are both near 1e-10 there
    weights = loss_weights(run(*arrays))
    for position, (gradient, array) in enumerate(zip(gradients, arrays, strict=True)):
        for _ in range(2):
            entry = tuple(rng.integers(array.shape))
            nudge = np.zeros_like(array)
            nudge[entry] = step
            up, down = list(arrays), list(arrays)
            up[position], down[position] = array + nudge, array - nudge
            difference = sum(
                np.sum(w * (a - b))
                for w, a, b in zip(weights, run(*up), run(*down), strict=True)
            )
            np.testing.assert_allclose(
                gradient[entry], difference / (2 * step), rtol=1e-5, atol=1e-8
            )


def assert_all_close(actual, expected, **tolerance):
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, **tolerance)


def assert_compiled_equals_eager(layer, jit_compile, rng):
    """Compare results and the input's gradient, without static shapes."""
    signature = [
        tf.TensorSpec([None, None, FEATURES], layer.compute_dtype),
        tf.TensorSpec([None, None], "bool"),
    ]

    @tf.function(jit_compile=jit_compile, input_signature=signature)
    def compiled(inputs, mask):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            results = layer(inputs, mask=mask)
            loss = sum(tf.reduce_sum(r**2) for r in results)
        return [*results, tape.gradient(loss, inputs)]

    inputs = tf.constant(random_inputs(rng))
    for mask in ("right", "scattered"):
        mask = tf.constant(MASKS[mask])
        eager = compiled.python_function(inputs, mask)
        assert_all_close(compiled(inputs, mask), eager, rtol=1e-10, atol=1e-12)
