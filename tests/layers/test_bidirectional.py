import functools

import keras
import numpy as np
import pytest
import reference
from cases import (
    BATCH,
    CASES,
    FEATURES,
    IN_KERAS,
    MASKS,
    TIMESTEPS,
    UNITS,
    assert_all_close,
    assert_central_difference,
    assert_compiled_equals_eager,
    either_end,
    either_state,
    every_case,
    every_cell,
    every_mask,
    in_both_precisions,
    make_layer,
    random_inputs,
    random_states,
    randomize,
    results_and_gradients,
)

from seqtrain.layers import LSTM, RNN, Bidirectional

pytestmark = pytest.mark.usefixtures("seeded")


def make_bidirectional(name, rng, *, sequences=True, **options):
    return make_layer(
        name,
        rng,
        bidirectional=True,
        return_sequences=sequences,
        return_state=True,
        **options,
    )


@every_case
@every_mask
@either_state
@either_end
def test_layer_matches_the_equations(name, mask, given, sequences, rng):
    layer = make_bidirectional(name, rng, sequences=sequences)
    inputs = random_inputs(rng)
    states = random_states(name, rng, bidirectional=True)
    if not given:
        states = [np.zeros_like(s) for s in states]

    results = layer(inputs, initial_state=states if given else None, mask=mask)

    expected = reference.run_bidirectional(
        CASES[name].step, layer.get_weights(), inputs, states, mask, sequences
    )
    assert_all_close(results, expected, rtol=1e-10, atol=1e-13)


@every_case
@every_mask
@either_end
def test_gradient_is_the_central_difference(name, mask, sequences, rng):
    layer = make_bidirectional(name, rng, sequences=sequences)
    inputs = random_inputs(rng)
    states = random_states(name, rng, bidirectional=True)
    _, gradients = results_and_gradients(layer, inputs, states, mask)

    weights = layer.get_weights()

    def run(*arrays):
        inputs, *states = arrays[len(weights) :]
        return reference.run_bidirectional(
            CASES[name].step, arrays[: len(weights)], inputs, states, mask, sequences
        )

    assert_central_difference(gradients, run, [*weights, inputs, *states], rng)


@every_cell
@every_mask
@in_both_precisions
def test_layer_equals_keras(name, mask, sequences, given, dtype, tolerance, rng):
    layer = make_bidirectional(name, rng, sequences=sequences, dtype=dtype)
    twin = keras_twin(
        name, layer, dtype=dtype, return_sequences=sequences, return_state=True
    )
    states = random_states(name, rng, bidirectional=True) if given else None
    call = functools.partial(
        results_and_gradients, inputs=random_inputs(rng), states=states, mask=mask
    )
    for ours, theirs in zip(call(layer), call(twin), strict=True):
        assert_all_close(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave"])
@either_end
def test_outputs_are_merged_as_in_keras(merge_mode, sequences, rng):
    options = {"return_sequences": sequences, "return_state": True, "dtype": "float64"}
    layer = Bidirectional(LSTM(UNITS, **options), merge_mode, dtype="float64")
    layer.build((None, TIMESTEPS, FEATURES))
    randomize(layer, rng)
    twin = keras_twin("lstm", layer, merge_mode=merge_mode, **options)
    inputs, mask = random_inputs(rng), MASKS["scattered"]
    ours = results_and_gradients(layer, inputs, mask=mask)
    theirs = results_and_gradients(twin, inputs, mask=mask)
    for a, b in zip(ours, theirs, strict=True):
        assert_all_close(a, b, rtol=1e-12, atol=1e-12)


def keras_twin(name, layer, *, dtype, merge_mode="concat", **options):
    twin = IN_KERAS[name](UNITS, dtype=dtype, **options)
    twin = keras.layers.Bidirectional(twin, merge_mode, dtype=dtype)
    twin.build((None, TIMESTEPS, FEATURES))
    twin.set_weights(layer.get_weights())
    return twin


@every_case
def test_default_is_the_last_output_of_both_directions(name, rng):
    layer = make_layer(name, rng, bidirectional=True)
    full = make_bidirectional(name, rng)
    full.set_weights(layer.get_weights())
    inputs = random_inputs(rng)
    outputs = full(inputs)[0].numpy()
    size = outputs.shape[-1] // 2
    expected = np.concatenate([outputs[:, -1, :size], outputs[:, 0, size:]], axis=-1)
    np.testing.assert_array_equal(layer(inputs), expected)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_layer_equals_the_eager_one(jit_compile, rng):
    layer = make_bidirectional("lstm_document", rng)
    assert_compiled_equals_eager(layer, jit_compile, rng)


@every_case
def test_shapes_are_known_before_the_call(name, rng):
    for sequences in (True, False):
        layer = make_bidirectional(name, rng, sequences=sequences)
        shapes = layer.compute_output_shape((BATCH, TIMESTEPS, FEATURES))
        results = layer(random_inputs(rng))
        assert [tuple(s) for s in shapes] == [tuple(r.shape) for r in results]


def test_directions_start_from_different_weights(seeded):
    layer = Bidirectional(LSTM(UNITS))
    layer.build((None, TIMESTEPS, FEATURES))
    half = len(layer.weights) // 2
    for forward, backward in zip(
        layer.get_weights()[: half - 1], layer.get_weights()[half:-1], strict=True
    ):
        assert (forward != backward).all()


def test_dropout_hides_inputs_in_training_only(rng):
    layer = Bidirectional(LSTM(UNITS, dropout=0.5, seed=1))
    inputs = random_inputs(rng)
    plain, dropped = layer(inputs).numpy(), layer(inputs, training=True).numpy()
    assert (np.abs(plain - dropped) > 1e-3).mean(axis=0).all()
    again = Bidirectional(LSTM(UNITS, dropout=0.5, seed=1))
    again.build(inputs.shape)
    again.set_weights([w.numpy() for w in layer.trainable_weights])
    np.testing.assert_array_equal(again(inputs, training=True), dropped)


def test_directions_drop_different_inputs():
    layer = RNN(UNITS, activation="linear", return_sequences=True, dropout=0.5, seed=1)
    layer = Bidirectional(layer)
    layer.build((None, TIMESTEPS, UNITS))
    copying = [np.eye(UNITS), np.zeros((UNITS, UNITS)), np.zeros(UNITS)]
    for weight, value in zip(layer.trainable_weights, 2 * copying, strict=True):
        weight.assign(value)
    outputs = layer(np.ones((BATCH, TIMESTEPS, UNITS)), training=True).numpy()
    assert (outputs[..., :UNITS] != outputs[..., UNITS:]).any()


@pytest.mark.parametrize("sequences", [True, False])
def test_mask_is_passed_on_with_sequences_only(sequences, rng):
    layer = make_bidirectional("lstm", rng, sequences=sequences)
    first, *states = layer.compute_mask(random_inputs(rng), MASKS["right"])
    assert first is (MASKS["right"] if sequences else None)
    assert states == [None] * 4


def test_wrong_arguments_say_what_was_found_and_is_needed():
    with pytest.raises(ValueError, match="'plus'.*concat"):
        Bidirectional(LSTM(3), merge_mode="plus")
    with pytest.raises(ValueError, match="Dense"):
        Bidirectional(keras.layers.Dense(3))


def test_wrong_number_of_initial_states_is_refused(rng):
    layer = make_bidirectional("lstm", rng)
    states = random_states("lstm", rng)
    with pytest.raises(ValueError, match="initial_state"):
        layer(random_inputs(rng), initial_state=states)
