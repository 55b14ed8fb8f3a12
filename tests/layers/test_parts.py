"""A batch computed in parts, by loops that are compiled by themselves."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import (
    CASES,
    FEATURES,
    TIMESTEPS,
    UNITS,
    assert_all_close,
    make_layer,
)

from seqtrain.layers import LSTM
from seqtrain.layers import recurrence as module

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture(autouse=True)
def three_cores(monkeypatch):
    monkeypatch.setattr(module, "lanes", lambda: 3)


@pytest.fixture
def compilations(monkeypatch):
    """How often a loop was compiled by itself: a list that grows."""
    calls, forward = [], module._compiled_forward
    monkeypatch.setattr(
        module,
        "_compiled_forward",
        lambda *tensors, **options: calls.append(1) or forward(*tensors, **options),
    )
    return calls


def results_and_gradients(layer, inputs, mask, states):
    with tf.GradientTape() as tape:
        tape.watch([inputs, *states])
        results = layer(inputs, mask=mask, initial_state=states)
        loss = sum(tf.reduce_sum(tf.sin(r)) for r in results)
    weights = [weight.value for weight in layer.trainable_weights]
    return results, tape.gradient(loss, [*weights, inputs, *states])


def arguments(layer, rng, batch, masked):
    inputs = tf.constant(rng.normal(size=(batch, TIMESTEPS, FEATURES)))
    count = getattr(layer, "num_states", None) or 2 * layer.forward_layer.num_states
    states = [tf.constant(s) for s in rng.normal(size=(count, batch, UNITS))]
    mask = tf.constant(rng.integers(0, 2, size=(batch, TIMESTEPS)) > 0)
    return inputs, mask if masked else None, states


def few(name, bidirectional, masked):
    """The quick ones: each case once, and an LSTM in both directions."""
    return (bidirectional, masked) == (name == "lstm", True)


@pytest.mark.parametrize(
    "name, bidirectional, masked",
    [
        pytest.param(*case, marks=[] if few(*case) else pytest.mark.slow)
        for case in itertools.product(CASES, [False, True], [False, True])
    ],
)
def test_parts_equal_the_whole(name, bidirectional, masked, rng, compilations):
    layer = make_layer(
        name,
        rng,
        bidirectional=bidirectional,
        return_sequences=not masked,
        return_state=True,
    )
    given = arguments(layer, rng, 3 * module.ROWS + 2, masked)
    compiled = tf.function(lambda *a: results_and_gradients(layer, *a))
    ours = compiled(*given)
    # Three parts, or one for each direction.
    assert len(compilations) == (2 if bidirectional else 3)
    whole = results_and_gradients(layer, *given)
    for a, b in zip(ours, whole, strict=True):
        assert_all_close(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("timesteps", [TIMESTEPS, None])
@pytest.mark.parametrize("batch", [1, 2, 40])
def test_a_batch_of_any_size_goes_through_one_trace(
    batch, timesteps, rng, compilations
):
    layer = make_layer("gru", rng, return_sequences=True)
    signature = [tf.TensorSpec([None, timesteps, FEATURES], "float64")]
    compiled = tf.function(layer, input_signature=signature)
    inputs, *_ = arguments(layer, rng, batch, False)
    np.testing.assert_allclose(compiled(inputs), layer(inputs), rtol=1e-12, atol=1e-13)
    assert len(compilations) == (2 if timesteps else 0)


@pytest.mark.parametrize(
    "timesteps, jit_compile, expected",
    [(TIMESTEPS, False, 1), (None, False, 0), (TIMESTEPS, True, 0)],
    ids=["known", "unknown", "compiled anyway"],
)
def test_a_loop_is_compiled_by_itself_where_its_length_is_known(
    timesteps, jit_compile, expected, rng, compilations
):
    layer = make_layer("lstm", rng)
    signature = [tf.TensorSpec([4, timesteps, FEATURES], "float64")]
    inputs, *_ = arguments(layer, rng, 4, False)
    tf.function(layer, input_signature=signature, jit_compile=jit_compile)(inputs)
    assert len(compilations) == expected


def test_the_length_is_known_to_the_next_layer(compilations):
    inputs = tf.zeros((4, TIMESTEPS, FEATURES))
    layers = [LSTM(UNITS, return_sequences=True), LSTM(UNITS)]
    keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), *layers])
    compilations.clear()
    tf.function(lambda x: layers[1](layers[0](x)))(inputs)
    assert len(compilations) == 2


@pytest.mark.parametrize("masked", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("timesteps", [TIMESTEPS, None])
def test_a_function_traced_without_a_tape_has_its_gradient_all_the_same(
    timesteps, masked, rng
):
    layer = make_layer("lstm", rng, return_sequences=True)
    inputs, mask, states = arguments(layer, rng, 7, masked)

    def run(inputs):
        return layer(inputs, initial_state=states, mask=mask)

    signature = tf.TensorSpec([None, timesteps, FEATURES], "float64")
    traced = tf.function(run).get_concrete_function(signature)
    gradients = []
    for function in (traced, run):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.sin(function(inputs)))
        weights = [weight.value for weight in layer.trainable_weights]
        gradients.append(tape.gradient(loss, [*weights, inputs]))
    assert_all_close(*gradients, rtol=1e-11, atol=1e-12)
