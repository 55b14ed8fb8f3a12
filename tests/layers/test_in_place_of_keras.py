"""What Keras's own tests of its recurrent layers hold, without any weights set."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqtrain import layers as ours

LAYERS = ["SimpleRNN", "LSTM", "GRU", "Bidirectional"]
CONSTANTS = {
    "kernel_initializer": keras.initializers.Constant(0.01),
    "recurrent_initializer": keras.initializers.Constant(0.02),
    "bias_initializer": keras.initializers.Constant(0.03),
}
INPUTS = np.arange(18, dtype="float32").reshape((2, 3, 3))
MASK = np.array([[1, 0, 1], [0, 1, 0]], bool)

every_layer = pytest.mark.parametrize("name", LAYERS)


def pair(name, **options):
    """A layer of ours and one of Keras; a Bidirectional reads by LSTMs."""
    for layers in (ours, keras.layers):
        if name == "Bidirectional":
            yield layers.Bidirectional(layers.LSTM(2, **{**CONSTANTS, **options}))
        else:
            yield getattr(layers, name)(2, **{**CONSTANTS, **options})


def assert_same(mine, theirs):
    assert type(mine) is type(theirs)
    mine, theirs = keras.tree.flatten(mine), keras.tree.flatten(theirs)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def states_of(name):
    count = {"LSTM": 2, "Bidirectional": 4}.get(name, 1)
    return [np.full((2, 2), 0.1 * (i + 1), "float32") for i in range(count)]


@every_layer
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_sequences": True},
        {"return_state": True},
        {"unroll": True, "use_bias": False},
        {"activation": None},
    ],
    ids=str,
)
def test_new_layer_gives_what_that_of_keras_gives(name, options):
    mine, theirs = pair(name, **options)
    for call in ({}, {"initial_state": states_of(name), "mask": MASK}):
        assert_same(mine(INPUTS, **call), theirs(INPUTS, **call))


@every_layer
def test_state_goes_on_and_is_reset(name):
    mine, theirs = pair(name, stateful=True)
    first = mine(INPUTS)
    assert_same(first, theirs(INPUTS))
    for _ in range(2):
        assert_same(mine(INPUTS), theirs(INPUTS))
    assert np.any(mine(INPUTS) != first)
    mine.reset_state()
    np.testing.assert_array_equal(mine(INPUTS), first)
    with pytest.raises(ValueError, match="batch|sequences"):
        mine(INPUTS[:1])


@every_layer
def test_initializers_of_keras_begin_with_the_same_weights(name):
    seeded = {
        "kernel_initializer": keras.initializers.GlorotUniform(seed=1),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=2),
        "bias_initializer": keras.initializers.RandomNormal(seed=3),
    }
    for options in (seeded, {**seeded, "bias_initializer": "zeros"}):
        layers = list(pair(name, **options))
        for layer in layers:
            layer.build(INPUTS.shape)
        assert_same(*(layer.get_weights() for layer in layers))


@every_layer
def test_shapes_and_masks_of_symbols_are_those_of_keras(name):
    inputs = keras.layers.Masking()(keras.Input((None, 3)))
    for options in ({}, {"return_sequences": True, "return_state": True}):
        found = []
        for layer in pair(name, **options):
            outputs = keras.tree.flatten(layer(inputs))
            masks = [getattr(x, "_keras_mask", None) is not None for x in outputs]
            found.append(([x.shape for x in outputs], masks))
            assert layer.compute_output_shape((None, None, 3)) == (
                tuple(x.shape for x in outputs) if options else outputs[0].shape
            )
        assert found[0] == found[1]


def test_lengths_may_change_in_a_compiled_function():
    mine, theirs = pair("Bidirectional")
    run = tf.function(mine, input_signature=[tf.TensorSpec((None, None, 3))])
    for inputs in (INPUTS, INPUTS[:1, :2]):
        assert_same(run(inputs), theirs(inputs))
