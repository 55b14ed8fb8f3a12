import functools
import itertools

import keras
import numpy as np
import pytest
import reference
import tensorflow as tf
from cases import (
    BATCH,
    CASES,
    FEATURES,
    IN_KERAS,
    MASKS,
    OUTPUT_UNITS,
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
    results_and_gradients,
)

from seqtrain.layers import GRU, LSTM, RNN, Bidirectional, Chrono

pytestmark = pytest.mark.usefixtures("seeded")


@every_case
@every_mask
@either_state
@either_end
def test_layer_matches_the_equations(name, mask, given, sequences, rng):
    layer = make_layer(name, rng, return_sequences=sequences, return_state=True)
    inputs, states = random_inputs(rng), random_states(name, rng)
    if not given:
        states = [np.zeros_like(s) for s in states]

    results = layer(inputs, initial_state=states if given else None, mask=mask)

    outputs, *last = reference.run(
        CASES[name].step, layer.get_weights(), inputs, states, mask
    )
    expected = [outputs if sequences else outputs[:, -1], *last]
    assert_all_close(results, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["rnn", "lstm_document", "gru_document"])
def test_activation_is_the_one_asked_for(name, rng):
    layer = make_layer(name, rng, activation="relu", return_sequences=True)
    inputs, states = random_inputs(rng), random_states(name, rng)
    outputs, *_ = reference.run(
        CASES[name].step,
        layer.get_weights(),
        inputs,
        states,
        activation=reference.relu,
    )
    np.testing.assert_allclose(
        layer(inputs, initial_state=states), outputs, rtol=1e-10, atol=1e-13
    )


@every_case
def test_weights_have_the_documented_names_and_shapes(name, rng):
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[name.partition("_")[0]]
    expected = {
        "kernel": (FEATURES, gates * UNITS),
        "recurrent_kernel": (UNITS, gates * UNITS),
        "bias": (2, gates * UNITS) if name == "gru" else (gates * UNITS,),
    }
    if name == "lstm_document":
        bias = expected.pop("bias")
        expected |= {"peephole_kernel": (UNITS, gates * UNITS), "bias": bias}
    if name == "rnn_document_output":
        expected |= {
            "output_kernel": (UNITS, OUTPUT_UNITS),
            "output_bias": (OUTPUT_UNITS,),
        }
    weights = make_layer(name, rng).weights
    assert [(w.name, tuple(w.shape)) for w in weights] == list(expected.items())


@every_case
@every_mask
@either_end
def test_gradient_is_the_central_difference(name, mask, sequences, rng):
    layer = make_layer(name, rng, return_sequences=sequences, return_state=True)
    inputs, states = random_inputs(rng), random_states(name, rng)
    _, gradients = results_and_gradients(layer, inputs, states, mask)

    weights = layer.get_weights()

    def run(*arrays):
        inputs, *states = arrays[len(weights) :]
        outputs, *last = reference.run(
            CASES[name].step, arrays[: len(weights)], inputs, states, mask
        )
        return [outputs if sequences else outputs[:, -1], *last]

    assert_central_difference(gradients, run, [*weights, inputs, *states], rng)


@every_case
def test_gradient_is_the_sum_of_what_flows_into_outputs_and_states(name, rng):
    layer = make_layer(name, rng, return_sequences=True, return_state=True)
    inputs = tf.constant(random_inputs(rng))
    mask = tf.constant(MASKS["scattered"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        outputs, *last = layer(inputs, mask=mask)
        parts = [tf.reduce_sum(r**2) for r in [outputs, *last]]
        total = sum(parts)
    *parts, total = (tape.gradient(x, inputs).numpy() for x in [*parts, total])
    np.testing.assert_allclose(sum(parts), total, rtol=1e-10, atol=1e-13)
    assert all(np.abs(p).max() > 0.1 for p in parts)


@every_cell
@every_mask
@in_both_precisions
def test_layer_equals_keras(name, mask, sequences, given, dtype, tolerance, rng):
    options = {"return_sequences": sequences, "return_state": True}
    layer = make_layer(name, rng, dtype=dtype, **options)
    twin = keras_twin(name, layer, dtype=dtype, **options)
    states = random_states(name, rng) if given else None
    call = functools.partial(
        results_and_gradients, inputs=random_inputs(rng), states=states, mask=mask
    )
    for ours, theirs in zip(call(layer), call(twin), strict=True):
        assert_all_close(ours, theirs, rtol=tolerance, atol=tolerance)


@every_cell
def test_layer_equals_keras_with_relu(name, rng):
    options = {
        "activation": "relu",
        "return_sequences": True,
        "return_state": True,
        "dtype": "float64",
    }
    layer = make_layer(name, rng, **options)
    twin = keras_twin(name, layer, **options)
    inputs, mask = random_inputs(rng), MASKS["right"]
    ours = results_and_gradients(layer, inputs, mask=mask)
    theirs = results_and_gradients(twin, inputs, mask=mask)
    for a, b in zip(ours, theirs, strict=True):
        assert_all_close(a, b, rtol=1e-12, atol=1e-12)


def keras_twin(name, layer, **options):
    twin = IN_KERAS[name](UNITS, **options)
    twin.build((None, TIMESTEPS, FEATURES))
    twin.set_weights(layer.get_weights())
    return twin


@every_case
def test_default_is_the_last_output_alone(name, rng):
    layer = make_layer(name, rng)
    full = make_layer(name, rng, return_sequences=True, return_state=True)
    full.set_weights(layer.get_weights())
    inputs = random_inputs(rng)
    np.testing.assert_array_equal(layer(inputs), full(inputs)[0][:, -1])


@pytest.mark.parametrize("name", ["rnn", "gru"])
def test_a_single_state_needs_no_list(name, rng):
    layer = make_layer(name, rng)
    inputs, (state,) = random_inputs(rng), random_states(name, rng)
    np.testing.assert_array_equal(
        layer(inputs, initial_state=state), layer(inputs, initial_state=[state])
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_layer_equals_the_eager_one(jit_compile, rng):
    layer = make_layer("gru", rng, return_sequences=True, return_state=True)
    assert_compiled_equals_eager(layer, jit_compile, rng)


@pytest.mark.parametrize("name", ["lstm", "lstm_document", "gru", "gru_document"])
def test_shuffled_gates_are_seen(name, rng):
    layer = make_layer(name, rng, return_sequences=True)
    inputs = random_inputs(rng)
    before, weights = layer(inputs).numpy(), layer.get_weights()
    gates = weights[1].shape[1] // UNITS
    for position, (i, j) in itertools.product(
        range(len(weights)), itertools.combinations(range(gates), 2)
    ):
        order = list(range(gates))
        order[i], order[j] = j, i
        blocks = np.split(weights[position], gates, axis=-1)
        shuffled = list(weights)
        shuffled[position] = np.concatenate([blocks[k] for k in order], axis=-1)
        layer.set_weights(shuffled)
        assert np.abs(layer(inputs) - before).max() > 0.1, (position, i, j)


@every_case
def test_shapes_are_known_before_the_call(name, rng):
    for sequences in (True, False):
        layer = make_layer(name, rng, return_sequences=sequences, return_state=True)
        results = layer(random_inputs(rng))
        shapes = layer.compute_output_shape((BATCH, TIMESTEPS, FEATURES))
        assert [tuple(s) for s in shapes] == [tuple(r.shape) for r in results]


@pytest.mark.parametrize("sequences", [True, False])
def test_mask_is_passed_on_with_sequences_only(sequences, rng):
    layer = make_layer("lstm", rng, return_sequences=sequences, return_state=True)
    first, *states = layer.compute_mask(random_inputs(rng), MASKS["right"])
    assert first is (MASKS["right"] if sequences else None)
    assert states == [None, None]


@every_case
def test_states_of_one_layer_start_another_in_a_functional_model(name, rng):
    encoder = make_layer(name, rng, return_state=True)
    decoder = make_layer(name, rng, return_sequences=True)
    inputs = keras.Input((None, FEATURES), dtype="float64")
    _, *states = encoder(inputs)
    model = keras.Model(inputs, decoder(inputs, initial_state=states))
    x = random_inputs(rng)
    _, *states = encoder(x)
    np.testing.assert_allclose(
        model(x), decoder(x, initial_state=states), rtol=1e-12, atol=1e-13
    )


def test_dropout_hides_the_same_inputs_at_every_timestep(rng):
    layer = copying_layer(dropout=0.5, seed=1)
    ones = np.ones((BATCH, TIMESTEPS, UNITS))
    outputs = layer(ones, training=True).numpy()
    np.testing.assert_array_equal(outputs, outputs[:, :1].repeat(TIMESTEPS, 1))
    assert set(np.unique(outputs)) == {0, 2}  # the kept ones make up for the hidden
    assert len(np.unique(outputs[:, 0], axis=0)) > 1  # each sequence has its own


def test_dropout_acts_in_training_only(rng):
    layer = copying_layer(dropout=0.5, seed=1)
    ones = np.ones((BATCH, TIMESTEPS, UNITS))
    np.testing.assert_array_equal(layer(ones), ones)
    np.testing.assert_array_equal(layer(ones, training=False), ones)


def test_dropout_of_the_same_seed_repeats():
    ones = np.ones((BATCH, TIMESTEPS, UNITS))
    first, second = (copying_layer(dropout=0.5, seed=1) for _ in range(2))
    calls = [first(ones, training=True).numpy() for _ in range(2)]
    np.testing.assert_array_equal(calls, [second(ones, training=True) for _ in calls])
    assert (calls[0] != calls[1]).any()


def copying_layer(**options):
    """An RNN whose output is its input, as far as dropout lets it through."""
    layer = RNN(UNITS, activation="linear", return_sequences=True, **options)
    layer.build((None, TIMESTEPS, UNITS))
    for weight in layer.trainable_weights:
        weight.assign(np.zeros(weight.shape))
    layer.kernel.assign(np.eye(UNITS))
    return layer


@every_case
def test_mixed_precision_computes_in_bfloat16_and_keeps_float32_weights(name, rng):
    layer = make_layer(name, rng, dtype="mixed_bfloat16", return_state=True)
    exact = make_layer(name, rng, dtype="float32", return_state=True)
    exact.set_weights(layer.get_weights())
    inputs, mask = random_inputs(rng), MASKS["right"]
    results, gradients = results_and_gradients(layer, inputs, mask=mask)
    expected, expected_gradients = results_and_gradients(exact, inputs, mask=mask)
    assert {r.dtype for r in results} == {np.dtype(tf.bfloat16.as_numpy_dtype)}
    assert {w.dtype for w in layer.weights} == {"float32"}
    results = [r.astype("float32") for r in results]
    # bfloat16 keeps 8 bits, about 0.004 of a value; a few timesteps add up.
    assert_all_close(results, expected, atol=0.1)
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        error = np.linalg.norm(ours.astype("float32") - theirs)
        assert error < 0.1 * np.linalg.norm(theirs)


@pytest.mark.parametrize(
    "layer, arguments, message",
    [
        (RNN, {"units": 0}, "units.*0"),
        (LSTM, {"units": -3}, "units.*-3"),
        (GRU, {"units": 2.5}, r"units.*2\.5"),
        (LSTM, {"units": True}, "units.*True"),
        (GRU, {"units": 3, "formulation": "cudnn"}, "'cudnn'.*standard.*document"),
        (GRU, {"units": 3, "dropout": 1.0}, r"dropout.*1\.0"),
        (LSTM, {"units": 3, "dropout": -0.1}, r"dropout.*-0\.1"),
        (RNN, {"units": 3, "output_units": 2}, "output_units.*document"),
        (
            RNN,
            {"units": 3, "output_units": 0, "formulation": "document"},
            "output_units.*0",
        ),
        (RNN, {"units": 3, "bias_initializer": "chrono"}, "chrono"),
        (LSTM, {"units": 3, "activation": "tahn"}, "tahn"),
        (LSTM, {"units": 3, "recurrent_initializer": "orthogonl"}, "orthogonl"),
    ],
)
def test_wrong_arguments_say_what_was_found_and_is_needed(layer, arguments, message):
    with pytest.raises(ValueError, match=message):
        layer(**arguments)


def test_output_units_belong_to_the_rnn_only():
    with pytest.raises((TypeError, ValueError), match="output_units"):
        LSTM(3, formulation="document", output_units=2)


@every_case
def test_input_of_another_rank_is_refused(name, rng):
    with pytest.raises(ValueError, match="ndim"):
        make_layer(name, rng)(np.zeros((BATCH, FEATURES)))


def test_wrong_number_of_initial_states_is_refused(rng):
    layer = make_layer("lstm", rng)
    (state,) = random_states("gru", rng)
    with pytest.raises(ValueError, match="initial_state.*1.*2"):
        layer(random_inputs(rng), initial_state=[state])


def test_layers_that_share_a_chrono_each_take_their_own_length():
    chrono = Chrono(seed=1)
    short, long = (LSTM(500, bias_initializer=chrono) for _ in range(2))
    short.build((None, 10, FEATURES))
    long.build((None, 100, FEATURES))
    longest = [np.max(layer.bias[500:1000]) for layer in (short, long)]
    assert longest[0] < np.log(9) < longest[1] < np.log(99)


@pytest.mark.parametrize("wrap", [lambda layer: layer, Bidirectional])
def test_mask_of_integers_is_one_of_booleans(wrap, rng):
    layer = wrap(GRU(UNITS))
    inputs = rng.normal(size=(2, TIMESTEPS, FEATURES))
    mask = np.arange(TIMESTEPS) < np.array([[TIMESTEPS], [2]])
    outputs = layer(inputs, mask=mask)
    np.testing.assert_array_equal(layer(inputs, mask=mask.astype("int32")), outputs)
