import functools
import inspect

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

from seqtrain import layers as ours
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


@pytest.mark.slow
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
    for mine, theirs in zip(call(layer), call(twin), strict=True):
        assert_all_close(mine, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
@either_end
def test_outputs_are_merged_as_in_keras(merge_mode, sequences, rng):
    pair = both(
        lambda layers: layers.LSTM(
            UNITS, return_sequences=sequences, return_state=True, dtype="float64"
        ),
        rng,
        merge_mode=merge_mode,
        dtype="float64",
    )
    states, mask = random_states("lstm", rng, bidirectional=True), MASKS["scattered"]
    assert_equal_to_keras(pair, random_inputs(rng), states, mask, tolerance=1e-12)


def both(make, rng, **options):
    """A bidirectional layer of ours, and one of Keras with the same weights."""
    pair = [
        layers.Bidirectional(
            make(layers),
            **{
                k: v(layers) if inspect.isfunction(v) else v for k, v in options.items()
            },
        )
        for layers in (ours, keras.layers)
    ]
    for layer in pair:
        layer.build((BATCH, TIMESTEPS, FEATURES))
    randomize(pair[0], rng)
    pair[1].set_weights(pair[0].get_weights())
    return pair


def assert_equal_to_keras(pair, inputs, states=None, mask=None, tolerance=1e-5):
    results = [results_and_gradients(layer, inputs, states, mask) for layer in pair]
    for mine, theirs in zip(*results, strict=True):
        assert_all_close(mine, theirs, rtol=tolerance, atol=tolerance)


def keras_twin(name, layer, *, dtype, **options):
    twin = IN_KERAS[name](UNITS, dtype=dtype, **options)
    twin = keras.layers.Bidirectional(twin, dtype=dtype)
    twin.build((None, TIMESTEPS, FEATURES))
    twin.set_weights(layer.get_weights())
    return twin


SOME = {"return_sequences": True, "return_state": True}


@pytest.mark.parametrize(
    "name, options",
    [
        ("SimpleRNN", {"use_bias": False, "activation": "relu"}),
        ("LSTM", {"recurrent_activation": "hard_sigmoid"}),
        ("GRU", {"reset_after": False, "use_bias": False}),
    ],
)
def test_layers_inside_take_the_arguments_of_keras(name, options, rng):
    pair = both(lambda layers: getattr(layers, name)(UNITS, **SOME, **options), rng)
    assert_equal_to_keras(pair, random_inputs(rng), mask=MASKS["scattered"])


def test_backward_layer_may_be_another(rng):
    pair = both(
        lambda layers: layers.LSTM(UNITS, **SOME),
        rng,
        backward_layer=lambda layers: layers.GRU(
            2, activation="relu", go_backwards=True, **SOME
        ),
    )
    assert_equal_to_keras(pair, random_inputs(rng), mask=MASKS["right"])
    assert pair[0].state_size == [UNITS, UNITS, 2]
    assert [s.shape for s in pair[0].get_initial_state(3)] == [(3, 5), (3, 5), (3, 2)]
    config = pair[0].get_config()
    assert Bidirectional.from_config(config).get_config() == config
    with pytest.raises(ValueError, match="go_backwards"):
        Bidirectional(LSTM(3), backward_layer=LSTM(3))
    with pytest.raises(ValueError, match="return_sequences"):
        Bidirectional(LSTM(3, **SOME), backward_layer=LSTM(3, go_backwards=True))


def test_layer_that_is_given_stays_as_it_is(rng):
    layer = LSTM(UNITS, name="mine")
    layer.build((None, TIMESTEPS, FEATURES))
    first, second = Bidirectional(layer), Bidirectional(layer)
    for pair in (first, second):
        pair.build((None, TIMESTEPS, FEATURES))
        assert [x.name for x in pair.layers] == ["forward_mine", "backward_mine"]
    kernels = {id(w) for x in (layer, first, second) for w in x.trainable_weights}
    assert len(kernels) == 3 + 6 + 6


def test_initial_weights_are_the_weights_at_the_beginning(rng):
    layer = make_layer("gru", rng, bidirectional=True)
    again = Bidirectional(
        ours.GRU(UNITS, dtype="float64"), weights=layer.get_weights(), dtype="float64"
    )
    inputs = random_inputs(rng)
    np.testing.assert_array_equal(again(inputs), layer(inputs))


def test_regularizers_inside_and_outside_count(rng):
    pair = both(
        lambda layers: layers.LSTM(
            UNITS, activity_regularizer="l2", kernel_regularizer="l1"
        ),
        rng,
        activity_regularizer=keras.regularizers.L1(0.1),
    )
    inputs = random_inputs(rng)
    losses = []
    for layer in pair:
        layer(inputs)
        losses.append([float(loss) for loss in layer.losses])
    assert len(losses[0]) == 5
    np.testing.assert_allclose(sorted(losses[0]), sorted(losses[1]), rtol=1e-5)


def test_state_stays_between_batches(rng):
    pair = both(
        lambda layers: layers.LSTM(UNITS, stateful=True, return_sequences=True), rng
    )
    assert pair[0].stateful and len(pair[0].weights) == len(pair[1].weights)
    for _ in range(2):
        for _ in range(2):
            inputs = random_inputs(rng)
            results = [layer(inputs, mask=MASKS["scattered"]) for layer in pair]
            np.testing.assert_allclose(*results, rtol=1e-5, atol=1e-5)
            assert_all_close(pair[0].states, pair[1].states, rtol=1e-5, atol=1e-5)
        for layer in pair:
            layer.reset_states()
    with pytest.raises(AttributeError, match="stateful"):
        Bidirectional(LSTM(3)).reset_state()


@pytest.mark.parametrize(
    "inside, outside",
    [
        ("float64", "float32"),
        ("float32", "float64"),
        ("mixed_bfloat16", "float32"),
        ("float32", "mixed_float16"),
    ],
)
def test_types_inside_and_outside_may_differ(inside, outside, rng):
    pair = both(
        lambda layers: layers.GRU(UNITS, dtype=inside, **SOME), rng, dtype=outside
    )
    inputs = random_inputs(rng)
    mine, theirs = (layer(inputs, mask=MASKS["right"]) for layer in pair)
    assert [x.dtype for x in mine] == [x.dtype for x in theirs]
    tolerance = 1e-5 if "mixed" not in inside + outside else 2e-2
    for a, b in zip(mine, theirs, strict=True):
        a, b = (np.array(keras.ops.cast(x, "float64")) for x in (a, b))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_inputs_are_cast_as_in_keras(dtype, rng):
    pair = both(lambda layers: layers.LSTM(UNITS), rng)
    array = rng.integers(0, 3, size=(BATCH, TIMESTEPS, FEATURES)).astype(dtype)
    for inputs in (array, keras.ops.convert_to_tensor(array)):
        mine, theirs = (layer(inputs) for layer in pair)
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


def test_mask_may_have_an_axis_of_features(rng):
    layer = make_bidirectional("lstm", rng)
    inputs, mask = random_inputs(rng), MASKS["scattered"]
    assert_all_close(layer(inputs, mask=mask[..., None]), layer(inputs, mask=mask))


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_layers_go_into_the_bidirectional_of_keras_too(name, rng):
    layer = getattr(ours, name)(UNITS, **SOME)
    mixed = keras.layers.Bidirectional(layer)
    pair = both(lambda layers: getattr(layers, name)(UNITS, **SOME), rng)
    inside = Bidirectional(getattr(keras.layers, name)(UNITS, **SOME))
    for other in (mixed, inside):
        other.build((None, TIMESTEPS, FEATURES))
        other.set_weights(pair[0].get_weights())
        states = random_states("lstm" if name == "LSTM" else "gru", rng)
        mask = MASKS["scattered"]
        assert_equal_to_keras([other, pair[1]], random_inputs(rng), 2 * states, mask)
    config = mixed.get_config()
    assert keras.layers.Bidirectional.from_config(config).get_config() == config


def test_symbolic_call_knows_shapes_and_masks():
    tokens = keras.Input((TIMESTEPS,), dtype="int32")
    x = keras.layers.Embedding(9, FEATURES, mask_zero=True)(tokens)
    for merge_mode in ("concat", None):
        mine, theirs = (
            layers.Bidirectional(layers.LSTM(UNITS, **SOME), merge_mode)(x)
            for layers in (ours, keras.layers)
        )
        assert [y.shape for y in mine] == [y.shape for y in theirs]
        count = 2 if merge_mode is None else 1
        masked = [keras.src.backend.get_keras_mask(y) is not None for y in mine]
        assert masked == [True] * count + [False] * 4


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
    with pytest.raises(ValueError, match="plus.*concat"):
        Bidirectional(LSTM(3), merge_mode="plus")
    with pytest.raises(ValueError, match="Dense"):
        Bidirectional(keras.layers.Dense(3))


def test_wrong_number_of_initial_states_is_refused(rng):
    layer = make_bidirectional("lstm", rng)
    states = random_states("lstm", rng)
    with pytest.raises(ValueError, match="initial_state"):
        layer(random_inputs(rng), initial_state=states)
