"""Weight dropout, zoneout and layer normalization, against loops in Python."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import unrolled
from cases import (
    BATCH,
    CASES,
    FEATURES,
    MASKS,
    TIMESTEPS,
    UNITS,
    assert_all_close,
    loss_weights,
    make_layer,
    random_inputs,
)

from seqtrain.layers import GRU, LSTM, RNN, Bidirectional
from seqtrain.layers import recurrence as module
from seqtrain.layers.dropout import draw_spared, drop

pytestmark = pytest.mark.usefixtures("seeded")

RATE, SEED = 0.4, 3
KINDS = [name for name in CASES if "output" not in name]
every_kind = pytest.mark.parametrize("name", KINDS)
NORMALIZED = {"lstm": LSTM, "gru": GRU}
every_normalized = pytest.mark.parametrize("name", NORMALIZED)
CURES = {
    "weight_dropout": {"weight_dropout": RATE},
    "zoneout": {"zoneout": RATE},
    "both": {"weight_dropout": RATE, "zoneout": RATE, "dropout": RATE},
}
every_cure = pytest.mark.parametrize("options", CURES.values(), ids=CURES)


def assert_equals_loop(layer, rng, mask, *, training=True, kernels=None, zoneout=None):
    """Compare results and gradients of a layer with those of a loop in Python.

    Args:
        kernels: From the layer's weights to those that the loop is to take.
        zoneout: As the loop takes it.
    """
    states = rng.normal(size=(layer.num_states, BATCH, UNITS))
    states = [tf.constant(s) for s in states]
    inputs, mask = tf.constant(random_inputs(rng)), MASKS[mask]
    weights = [w.value for w in layer.trainable_weights]
    watched = [*weights, inputs, *states]

    def ours():
        return layer(inputs, initial_state=states, mask=mask, training=training)

    def theirs():
        used = kernels(weights) if kernels else weights
        results = unrolled.run(layer, used, inputs, states, mask, zoneout)
        if mask is not None:  # an output before the first real timestep is zero
            begun = np.logical_or.accumulate(mask, axis=1)[..., None]
            results[0] = tf.where(begun, results[0], 0)
        return results

    found = []
    for run in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(watched)
            results = run()
            parts = zip(loss_weights(results), results, strict=True)
            loss = sum(tf.reduce_sum(w * r) for w, r in parts)
        found.append((results, tape.gradient(loss, watched)))
    (results, gradients), (expected, expected_gradients) = found
    assert_all_close(results, expected, rtol=1e-11, atol=1e-13)
    assert_all_close(gradients, expected_gradients, rtol=1e-10, atol=1e-12)


def cured(name, rng, **options):
    return make_layer(
        name, rng, return_sequences=True, return_state=True, seed=SEED, **options
    )


@every_kind
def test_weight_dropout_is_one_pattern_of_the_recurrent_kernels(name, rng):
    layer = cured(name, rng, weight_dropout=RATE)
    seeds = keras.random.SeedGenerator(SEED)
    recurrent = [k.name for k in layer.recurrent_kernels()]

    def kernels(weights):
        named = {w.name: w.value for w in layer.trainable_weights}
        given = dict(zip(named, weights, strict=True))
        for key in recurrent:
            given[key] = drop(given[key], RATE, given[key].shape, seeds)
        return list(given.values())

    assert_equals_loop(layer, rng, "scattered", kernels=kernels)


def patterns(layer):
    """The zoneout of a first call in training."""
    seeds, shape = keras.random.SeedGenerator(SEED), (BATCH, TIMESTEPS, UNITS)
    drawn = [draw_spared(RATE, shape, seeds) for _ in range(layer.num_states)]
    return [tf.cast(~spared, "float64") for spared in drawn]


@every_kind
def test_zoneout_keeps_units_of_the_old_states(name, rng):
    layer = cured(name, rng, zoneout=RATE)
    assert_equals_loop(layer, rng, "scattered", zoneout=patterns(layer))


@every_kind
def test_zoneout_is_the_mean_of_its_patterns_when_not_training(name, rng):
    layer = cured(name, rng, zoneout=RATE)
    mean = tf.fill((BATCH, TIMESTEPS, UNITS), tf.constant(RATE, "float64"))
    assert_equals_loop(
        layer, rng, "right", training=False, zoneout=[mean] * layer.num_states
    )


@every_normalized
@pytest.mark.parametrize(
    "mask, activation", [("none", "tanh"), ("scattered", "softsign")]
)
def test_normalized_layer_is_its_equations(name, mask, activation, rng):
    layer = cured(name, rng, layer_norm=True, activation=activation)
    assert_equals_loop(layer, rng, mask)


@every_normalized
def test_normalized_layer_takes_the_other_cures(name, rng):
    layer = cured(name, rng, layer_norm=True, zoneout=RATE)
    assert_equals_loop(layer, rng, "right", zoneout=patterns(layer))


@every_normalized
def test_a_normalized_layer_starts_with_gains_of_one_and_its_usual_bias(name):
    layer, plain = (NORMALIZED[name](UNITS, layer_norm=on) for on in (True, False))
    for each in (layer, plain):
        each.build((None, TIMESTEPS, FEATURES))
    np.testing.assert_array_equal(layer.bias, plain.bias)
    added = [w.name for w in layer.weights[len(plain.weights) :]]
    gains = ["kernel_gain", "recurrent_gain"]
    assert added == gains + (["cell_gain", "cell_bias"] if name == "lstm" else [])
    assert all((getattr(layer, gain).numpy() == 1).all() for gain in gains)


@every_normalized
def test_scale_of_what_is_normalized_does_not_count(name, rng):
    layer = NORMALIZED[name](UNITS, layer_norm=True)
    inputs = random_inputs(rng).astype("float32")
    layer.build(inputs.shape)
    start, outputs = [layer.kernel.numpy(), layer.recurrent_kernel.numpy()], []
    for scales in ((1e3, 1e5), (1e4, 1e3)):  # 1e-5 is nothing beside them
        layer.kernel.assign(scales[0] * start[0])
        layer.recurrent_kernel.assign(scales[1] * start[1])
        outputs.append(layer(inputs))
    np.testing.assert_allclose(*outputs, atol=1e-4)


def test_weight_dropout_hides_a_share_and_scales_the_rest(rng):
    layer = RNN(30, activation="linear", weight_dropout=RATE, seed=SEED)
    layer.build((None, 2, 1))
    layer.kernel.assign(np.zeros((1, 30)))
    layer.recurrent_kernel.assign(np.ones((30, 30)))
    zeros, start = np.zeros((30, 1, 1)), np.eye(30)
    [used, again] = (
        layer(zeros, initial_state=start, training=True).numpy() for _ in range(2)
    )
    np.testing.assert_allclose(np.unique(used), [0, 1 / (1 - RATE)], rtol=1e-6)
    assert abs((used == 0).mean() - RATE) < 0.06  # 3.7 standard errors
    assert (used != again).any()  # a batch has its own
    calm = layer(zeros, initial_state=start)
    np.testing.assert_array_equal(calm, np.ones((30, 30)))


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_zoneout_keeps_a_share_of_each_state(name, rng):
    layer = CASES[name].layer(UNITS, zoneout=RATE, return_state=True, seed=SEED)
    inputs = rng.normal(size=(200, 1, FEATURES))
    states = list(rng.normal(size=(layer.num_states, 200, UNITS)).astype("float32"))
    _, *last = layer(inputs, initial_state=states, training=True)
    shares = [(s == e).numpy() for s, e in zip(states, last, strict=True)]
    for share in shares:
        assert abs(share.mean() - RATE) < 0.06  # 3.9 standard errors
        assert len(np.unique(share, axis=0)) > 20  # sequences and units differ
    if len(shares) == 2:  # a state has its own
        assert abs((shares[0] & shares[1]).mean() - RATE**2) < 0.05


def test_zoneout_of_timesteps_differs(rng):
    layer = RNN(
        UNITS,
        activation="linear",
        zoneout=RATE,
        return_sequences=True,
        recurrent_initializer="zeros",
        seed=SEED,
    )
    inputs = np.arange(1.0, 101.0)[None, :, None] * np.ones((1, 1, FEATURES))
    hidden = layer(inputs, training=True).numpy()[0]  # each step another value
    stayed = hidden[1:] == hidden[:-1]
    assert abs(stayed.mean() - RATE) < 0.09  # 4 standard errors
    assert len(np.unique(stayed, axis=0)) > 10


@every_cure
@pytest.mark.parametrize("name", ["rnn", "lstm_document", "gru"])
def test_cures_act_in_training_only_and_repeat_with_their_seed(name, options, rng):
    inputs = random_inputs(rng)
    first, second = (make_layer(name, rng, seed=SEED, **options) for _ in range(2))
    second.set_weights(first.get_weights())
    calls = [first(inputs, training=True).numpy() for _ in range(2)]
    np.testing.assert_array_equal(calls, [second(inputs, training=True) for _ in calls])
    assert (calls[0] != calls[1]).any()
    np.testing.assert_array_equal(first(inputs), second(inputs, training=False))


def test_parts_of_a_batch_draw_what_the_whole_draws(rng, monkeypatch):
    monkeypatch.setattr(module, "lanes", lambda: 3)
    inputs = tf.constant(rng.normal(size=(3 * module.ROWS, TIMESTEPS, FEATURES)))
    mask = tf.constant(rng.integers(0, 2, size=inputs.shape[:2]) > 0)
    layer = make_layer("lstm", rng, seed=SEED, return_state=True, **CURES["both"])
    state, weights = layer.seed_generator.state, layer.trainable_weights

    def results_and_gradients(inputs):
        with tf.GradientTape() as tape:
            results = layer(inputs, mask=mask, training=True)
            loss = sum(tf.reduce_sum(tf.sin(r)) for r in results)
        return [*results, *tape.gradient(loss, [w.value for w in weights])]

    start = state.numpy()
    whole = results_and_gradients(inputs)
    state.assign(start)
    parts = tf.function(results_and_gradients)(inputs)
    assert_all_close(parts, whole, rtol=1e-10, atol=1e-11)


def test_both_directions_draw_their_own(rng):
    layer = RNN(UNITS, seed=SEED, return_sequences=True, zoneout=RATE)
    pair = Bidirectional(layer)
    inputs = np.ones((2, TIMESTEPS, FEATURES), "float32")
    pair.build(inputs.shape)
    pair.backward_layer.set_weights(pair.forward_layer.get_weights())
    forward, backward = np.split(pair(inputs, training=True).numpy(), 2, -1)
    assert (forward != backward[:, ::-1]).any()
    forward, backward = np.split(pair(inputs).numpy(), 2, -1)
    np.testing.assert_array_equal(forward, backward[:, ::-1])


@pytest.mark.slow
def test_cures_are_the_same_when_compiled_for_any_length(rng):
    layer = make_layer("gru", rng, seed=SEED, layer_norm=True, **CURES["both"])
    start, state = layer.seed_generator.state.numpy(), layer.seed_generator.state
    inputs = tf.constant(random_inputs(rng))

    @tf.function(
        jit_compile=True,
        input_signature=[tf.TensorSpec([None, None, FEATURES], "float64")],
    )
    def compiled(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=True)
        return outputs, tape.gradient(outputs, inputs)

    eager = compiled.python_function(inputs)
    state.assign(start)
    assert_all_close(compiled(inputs), eager, rtol=1e-10, atol=1e-12)


def test_saved_model_draws_on(tmp_path, rng):
    model = keras.Sequential(
        [
            keras.Input((TIMESTEPS, FEATURES)),
            LSTM(4, layer_norm=True, return_sequences=True, seed=1, **CURES["both"]),
            Bidirectional(GRU(4, return_sequences=True, seed=2, **CURES["both"])),
            RNN(4, omega=0.5, weight_dropout=RATE, seed=3),
        ]
    )
    randomize_trainable(model, rng)
    inputs = random_inputs(rng)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(inputs), model(inputs))
    trained = loaded(inputs, training=True).numpy()
    np.testing.assert_array_equal(trained, model(inputs, training=True))
    assert (trained != loaded(inputs)).numpy().any()


def randomize_trainable(model, rng):
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape))


@pytest.mark.parametrize(
    "layer, arguments, message",
    [
        (RNN, {"weight_dropout": 1.0}, r"weight_dropout is 1\.0.*\[0, 1\)"),
        (GRU, {"zoneout": -0.1}, r"zoneout is -0\.1.*\[0, 1\)"),
        (RNN, {"layer_norm": True}, "layer_norm is True.*LSTM or a GRU"),
        (
            LSTM,
            {"layer_norm": True, "formulation": "document"},
            "layer_norm is True.*formulation='standard'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(layer, arguments, message):
    with pytest.raises(ValueError, match=message):
        layer(3, **arguments)
