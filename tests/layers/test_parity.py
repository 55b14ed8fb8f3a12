"""The arguments of Keras's recurrent layers, beside those layers."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import (
    BATCH,
    CASES,
    FEATURES,
    IN_KERAS,
    MASKS,
    TIMESTEPS,
    UNITS,
    assert_all_close,
    every_cell,
    random_inputs,
    random_states,
    randomize,
    results_and_gradients,
)

from seqtrain.layers import GRU, LSTM, RNN

pytestmark = pytest.mark.usefixtures("seeded")

GATED = ("lstm", "gru")
# The cells that an argument is for, and the arguments.
ARGUMENTS = {
    "defaults": (tuple(IN_KERAS), {}),
    "no bias": (tuple(IN_KERAS), {"use_bias": False}),
    "no activation": (tuple(IN_KERAS), {"activation": None}),
    "unrolled": (tuple(IN_KERAS), {"unroll": True}),
    "zero output": (tuple(IN_KERAS), {"zero_output_for_mask": True}),
    "hard gates": (GATED, {"recurrent_activation": "hard_sigmoid"}),
    "other gates": (GATED, {"recurrent_activation": "softsign", "use_bias": False}),
    "softmax": (GATED, {"recurrent_activation": "softmax", "activation": "elu"}),
    "reset before": (("gru",), {"reset_after": False}),
    "reset before, no bias": (("gru",), {"reset_after": False, "use_bias": False}),
    "reset before, hard": (
        ("gru",),
        {"reset_after": False, "recurrent_activation": "hard_sigmoid"},
    ),
}
PAIRS = [
    (name, argument) for argument, (names, _) in ARGUMENTS.items() for name in names
]


def twins(name, rng=None, **options):
    """A layer and its twin of Keras, with the same random weights."""
    options = {"dtype": "float64", **options}
    ours, theirs = CASES[name].layer(UNITS, **options), IN_KERAS[name](UNITS, **options)
    for layer in (ours, theirs):
        layer.build((BATCH, TIMESTEPS, FEATURES))
    randomize(theirs, rng or np.random.default_rng(2))
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def assert_equal(name, mask, given, rng, *, tolerance=1e-11, **options):
    layers = twins(name, rng, return_state=True, **options)
    inputs, states = random_inputs(rng), random_states(name, rng) if given else None
    (ours, our_gradients), (theirs, their_gradients) = (
        results_and_gradients(layer, inputs, states, MASKS[mask]) for layer in layers
    )
    assert_all_close(ours, theirs, rtol=tolerance, atol=tolerance)
    assert_all_close(our_gradients, their_gradients, rtol=tolerance, atol=tolerance)


COMBINATIONS = list(
    itertools.product(MASKS, (True, False), (True, False), (True, False))
)


@pytest.mark.parametrize(
    "name, argument, combination",
    [
        # Seven has no factor in common with their number, so that each has its turn.
        (*pair, COMBINATIONS[7 * number % len(COMBINATIONS)])
        for number, pair in enumerate(PAIRS)
    ],
)
def test_argument_does_what_it_does_in_keras(name, argument, combination, rng):
    mask, given, sequences, backwards = combination
    _, options = ARGUMENTS[argument]
    assert_equal(
        *(name, mask, given, rng),
        return_sequences=sequences,
        go_backwards=backwards,
        **options,
    )


@pytest.mark.slow
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-11), ("float32", 1e-5)])
@pytest.mark.parametrize("name, argument", PAIRS)
def test_argument_does_what_it_does_in_keras_in_every_combination(
    name, argument, dtype, tolerance, rng
):
    _, options = ARGUMENTS[argument]
    for mask, given, sequences, backwards in COMBINATIONS:
        assert_equal(
            *(name, mask, given, rng),
            tolerance=tolerance,
            return_sequences=sequences,
            go_backwards=backwards,
            dtype=dtype,
            **options,
        )


@pytest.mark.parametrize(
    "name, options, jit_compile",
    [
        pytest.param(*case, marks=[] if quick else pytest.mark.slow)
        for *case, quick in [
            ("gru", {"reset_after": False, "return_sequences": True}, False, True),
            ("gru", {"reset_after": False, "return_sequences": True}, True, False),
            ("lstm", {"recurrent_activation": "hard_sigmoid"}, False, False),
            ("lstm", {"recurrent_activation": "hard_sigmoid"}, True, False),
        ]
    ],
)
def test_argument_does_the_same_in_a_compiled_function(name, options, jit_compile, rng):
    layer, _ = twins(name, rng, return_state=True, **options)
    inputs, mask = tf.constant(random_inputs(rng)), tf.constant(MASKS["scattered"])

    @tf.function(jit_compile=jit_compile)
    def run(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            results = layer(inputs, mask=mask)
            loss = sum(tf.reduce_sum(tf.sin(r)) for r in results)
        return [*results, tape.gradient(loss, inputs)]

    eager = run.python_function(inputs)
    assert_all_close(run(inputs), eager, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("unit_forget_bias", [True, False])
@pytest.mark.parametrize("initializer", ["zeros", keras.initializers.Constant(0.03)])
def test_forget_bias_starts_as_in_keras(initializer, unit_forget_bias):
    options = {"bias_initializer": initializer, "unit_forget_bias": unit_forget_bias}
    biases = []
    for layer in (LSTM(UNITS, **options), keras.layers.LSTM(UNITS, **options)):
        layer.build((None, TIMESTEPS, FEATURES))
        biases.append(layer.get_weights()[2])
    np.testing.assert_array_equal(*biases)


def test_names_of_initializers_set_the_forget_bias_too():
    def bias(**options):
        layer = LSTM(UNITS, **options)
        layer.build((None, TIMESTEPS, FEATURES))
        return np.unique(layer.bias[UNITS : 2 * UNITS]).tolist()

    assert bias() == bias(bias_initializer="forget_one") == [1]
    assert bias(unit_forget_bias=False) == [0]
    assert bias(bias_initializer="chrono", unit_forget_bias=True) != [1]


@every_cell
def test_regularizers_and_constraints_act_as_in_keras(name, rng):
    options = {
        "kernel_regularizer": keras.regularizers.L2(0.1),
        "recurrent_regularizer": "l1",
        "bias_regularizer": keras.regularizers.L1L2(0.2, 0.3),
        "kernel_constraint": keras.constraints.MaxNorm(0.5),
        "recurrent_constraint": "unit_norm",
        "bias_constraint": "non_neg",
    }
    if name != "rnn":  # Keras 3.15 takes that of a SimpleRNN, and forgets it
        options["activity_regularizer"] = keras.regularizers.L2(0.4)
    layers = twins(name, rng, return_sequences=True, **options)
    inputs = tf.constant(random_inputs(rng))
    for layer in layers:
        with tf.GradientTape() as tape:
            outputs = layer(inputs)
            loss = tf.reduce_sum(outputs**2) + sum(layer.losses)
        assert len(layer.losses) == len(options) - 3
        weights = layer.trainable_weights
        gradients = tape.gradient(loss, [w.value for w in weights])
        keras.optimizers.SGD(0.01).apply(gradients, weights)
    ours, theirs = layers
    assert_all_close(ours.losses, theirs.losses, rtol=1e-12)
    assert_all_close(ours.get_weights(), theirs.get_weights(), rtol=1e-10, atol=1e-12)


def test_activity_of_an_rnn_is_regularized(rng):
    layer = RNN(UNITS, activity_regularizer=keras.regularizers.L2(0.5))
    outputs = layer(random_inputs(rng))
    [loss] = layer.losses
    np.testing.assert_allclose(loss, 0.5 * np.sum(outputs**2) / BATCH, rtol=1e-5)


def test_each_gate_drops_inputs_of_its_own_where_it_does_in_keras():
    def cells(**options):
        layer = LSTM(
            *(1, "linear", "linear"),
            dropout=0.5,
            recurrent_initializer="zeros",
            kernel_initializer="ones",
            unit_forget_bias=False,
            return_state=True,
            seed=1,
            **options,
        )
        ones = np.ones((200, 1, 1), "float32")
        start = [np.zeros((200, 1), "float32"), np.ones((200, 1), "float32")]
        _, _, cell = layer(ones, initial_state=start, training=True)
        return set(np.unique(cell))  # f * 1 + i * g, each of them 0 or 2

    assert cells() == {0, 6}
    assert cells(implementation=1) == cells(recurrent_dropout=0.1) == {0, 2, 4, 6}


def test_every_weight_belongs_to_a_family(rng):
    options = {
        "kernel_regularizer": keras.regularizers.L2(0.5),
        "recurrent_regularizer": keras.regularizers.L2(0.5),
        "bias_constraint": "non_neg",
        "formulation": "document",
    }
    layers = LSTM(UNITS, **options), RNN(UNITS, output_units=2, **options)
    for layer in layers:
        layer.build((None, TIMESTEPS, FEATURES))
    assert {w.name for layer in layers for w in layer.weights if w.regularizer} == {
        *("kernel", "recurrent_kernel", "peephole_kernel", "output_kernel")
    }
    constrained = [w.name for w in layers[1].weights if w.constraint]
    assert constrained == ["bias", "output_bias"]


@every_cell
def test_stateful_layer_goes_on_where_the_last_batch_ended(name, rng):
    layers = twins(name, rng, stateful=True, return_sequences=True)
    batches = [random_inputs(rng) for _ in range(3)]
    outputs = []
    for layer in layers:
        calls = [layer(batch, mask=MASKS["scattered"]) for batch in batches]
        calls += [layer.states[0].numpy(), layer(batches[0], initial_state=None)]
        layer.reset_state()
        calls += [layer(batches[0])]
        layer.reset_states()
        calls += [layer.states[0].numpy()]
        outputs.append(calls)
    assert_all_close(*outputs, rtol=1e-12, atol=1e-13)
    ours, theirs = layers
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert RNN(UNITS).states is None


def test_stateful_layer_needs_batches_of_one_size(rng):
    layer, _ = twins("gru", rng, stateful=True)
    with pytest.raises(ValueError, match=f"has 3 sequences.*needs {BATCH}"):
        layer(random_inputs(rng)[:3])
    with pytest.raises(ValueError, match="size of a batch isn't known.*batch_size"):
        GRU(UNITS, stateful=True).build((None, TIMESTEPS, FEATURES))


@every_cell
def test_states_have_the_form_that_they_have_in_keras(name, rng):
    ours, theirs = twins(name, rng, return_state=True)
    assert ours.state_size == theirs.state_size
    for found, expected in (
        (ours.get_initial_state(3), theirs.get_initial_state(3)),
        (ours(random_inputs(rng)), theirs(random_inputs(rng))),
        (
            ours.compute_output_shape((BATCH, TIMESTEPS, FEATURES)),
            theirs.compute_output_shape((BATCH, TIMESTEPS, FEATURES)),
        ),
    ):
        assert type(found) is type(expected)
        assert [np.shape(f) for f in found] == [np.shape(e) for e in expected]


@every_cell
def test_mask_may_have_an_axis_of_features(name, rng):
    layer, _ = twins(name, rng, go_backwards=True)
    inputs, mask = random_inputs(rng), MASKS["scattered"]
    np.testing.assert_array_equal(
        layer(inputs, mask=mask[..., None]), layer(inputs, mask=mask)
    )


@pytest.mark.parametrize(
    "name, dtype", [("rnn", "int64"), ("lstm", "uint8"), ("gru", "bool")]
)
def test_inputs_of_another_type_are_cast_as_in_keras(name, dtype, rng):
    inputs = rng.integers(0, 2, size=(BATCH, TIMESTEPS, FEATURES)).astype(dtype)
    ours, theirs = (layer(inputs) for layer in twins(name, rng, dtype="float32"))
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name, sequences", [("rnn", True), ("lstm", False), ("gru", True)]
)
def test_bidirectional_of_keras_takes_the_layers(name, sequences, rng):
    outputs, weights = [], None
    mask, inputs = MASKS["scattered"], random_inputs(rng)
    for kind in (CASES[name].layer, IN_KERAS[name]):
        options = {"return_sequences": sequences, "return_state": True}
        layer = keras.layers.Bidirectional(
            kind(UNITS, dtype="float64", **options), dtype="float64"
        )
        layer.build((None, TIMESTEPS, FEATURES))
        if weights is None:
            randomize(layer, rng)
            weights = layer.get_weights()
        layer.set_weights(weights)
        outputs.append(layer(inputs, mask=mask))
    assert_all_close(*outputs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "name, options",
    [
        ("rnn", {"recurrent_dropout": 0.4, "dropout": 0.3}),
        ("lstm", {"recurrent_dropout": 0.4}),
        # Without use_cudnn=False Keras 3.15 ends with an error.
        ("lstm", {"dropout": 0.4, "implementation": 1, "use_cudnn": False}),
        ("gru", {"recurrent_dropout": 0.4, "dropout": 0.3}),
        ("gru", {"recurrent_dropout": 0.4, "reset_after": False}),
    ],
)
def test_dropout_has_the_mean_and_spread_of_that_of_keras(name, options, rng):
    layers = twins(name, rng, seed=3, dtype="float32", **options)
    count = 3000
    inputs = np.tile(rng.normal(size=(1, 3, FEATURES)), (count, 1, 1))
    states = rng.normal(size=(CASES[name].num_states, 1, UNITS))
    states = [np.tile(s, (count, 1)).astype("float32") for s in states]
    ours, theirs = (
        layer(inputs, initial_state=states, training=True).numpy() for layer in layers
    )
    error = np.std(theirs, axis=0) / np.sqrt(count)
    assert (np.abs(ours.mean(0) - theirs.mean(0)) < 6 * error).all()
    np.testing.assert_allclose(ours.std(0), theirs.std(0), rtol=0.15, atol=1e-3)
    calm = (layer(inputs, initial_state=states).numpy() for layer in layers)
    np.testing.assert_allclose(*calm, rtol=1e-5, atol=1e-6)


def test_recurrent_dropout_is_one_mask_for_all_timesteps():
    layer = RNN(
        UNITS,
        activation="linear",
        recurrent_dropout=0.5,
        recurrent_initializer="identity",
        kernel_initializer="zeros",
        return_sequences=True,
        seed=1,
    )
    ones = np.ones((BATCH, UNITS), "float32")
    inputs = np.zeros((BATCH, TIMESTEPS, FEATURES))
    outputs = layer(inputs, initial_state=ones, training=True).numpy()
    assert set(np.unique(outputs[:, 0])) == {0, 2}
    powers = 2.0 ** np.arange(TIMESTEPS)
    np.testing.assert_array_equal(outputs, outputs[:, :1] * powers[:, None])


@pytest.mark.parametrize(
    "options",
    [
        {"formulation": "document"},
        {"layer_norm": True},
        {"zoneout": 0.2},
        {"weight_dropout": 0.2},
    ],
)
@pytest.mark.parametrize("name", GATED)
def test_arguments_go_with_our_own(name, options, rng):
    both = {
        "recurrent_dropout": 0.3,
        "recurrent_activation": "hard_sigmoid",
        "use_bias": False,
        "go_backwards": True,
    }
    layer = CASES[name].layer(UNITS, dtype="float64", **both, **options)
    inputs = random_inputs(rng)
    _, gradients = run_in_training(layer, inputs)
    assert all(np.isfinite(g).all() and np.any(g) for g in gradients)
    plain = CASES[name].layer.from_config(
        {**layer.get_config(), "go_backwards": False, "recurrent_dropout": 0.0}
    )
    plain.build(inputs.shape)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(inputs), plain(inputs[:, ::-1]), rtol=1e-12)


def run_in_training(layer, inputs):
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(tf.sin(outputs))
    return outputs, tape.gradient(loss, [w.value for w in layer.trainable_weights])


@pytest.mark.parametrize(
    "name, options",
    [
        ("lstm", {}),
        ("gru", {"reset_after": False}),
        *(pytest.param(name, {}, marks=pytest.mark.slow) for name in ("rnn", "gru")),
    ],
)
def test_gradient_of_a_gradient_is_that_of_keras(name, options, rng):
    layers = twins(name, rng, **options)
    inputs = tf.constant(random_inputs(rng))
    ours, theirs = (second_gradient(layer, inputs) for layer in layers)
    assert_all_close(ours, theirs, rtol=1e-8, atol=1e-9)


def second_gradient(layer, inputs):
    """The gradient of a penalty of the input's gradient, for the input and weights."""
    mask = MASKS["scattered"]
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            loss = tf.reduce_sum(tf.sin(layer(inputs, mask=mask)))
        penalty = tf.reduce_sum(inner.gradient(loss, inputs) ** 2)
    return outer.gradient(
        penalty, [inputs, *(w.value for w in layer.trainable_weights)]
    )


@pytest.mark.parametrize(
    "name, timesteps, jit_compile",
    [
        pytest.param(*case, marks=[] if case == ("rnn", TIMESTEPS, False) else slow)
        for slow in [pytest.mark.slow]
        for case in itertools.product(IN_KERAS, [TIMESTEPS, None], [False, True])
    ],
)
def test_gradient_of_a_gradient_is_the_eager_one_in_a_graph(
    name, timesteps, jit_compile, rng
):
    layer, _ = twins(name, rng, return_sequences=True)
    inputs = tf.constant(random_inputs(rng))
    signature = [tf.TensorSpec([BATCH, timesteps, FEATURES], "float64")]
    compiled = tf.function(
        lambda inputs: second_gradient(layer, inputs),
        jit_compile=jit_compile,
        input_signature=signature,
    )
    eager = second_gradient(layer, inputs)
    assert_all_close(compiled(inputs), eager, rtol=1e-8, atol=1e-8)


@every_cell
def test_forward_mode_is_that_of_keras(name, rng):
    inputs = tf.constant(random_inputs(rng))
    found = []
    for layer in twins(name, rng, return_state=True):
        tangent = tf.ones_like(inputs)
        with tf.autodiff.ForwardAccumulator(inputs, tangent) as accumulator:
            results = layer(inputs, mask=MASKS["right"])
        found.append([accumulator.jvp(result) for result in results])
    assert_all_close(*found, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "jit_compile",
    [False, pytest.param(True, marks=pytest.mark.slow)],
)
def test_forward_mode_goes_through_a_compiled_function(jit_compile, rng):
    layer, _ = twins("rnn", rng)
    inputs = tf.constant(random_inputs(rng))
    tangents = []
    for run in (layer, tf.function(layer, jit_compile=jit_compile)):
        with tf.autodiff.ForwardAccumulator(inputs, tf.sin(inputs)) as accumulator:
            outputs = run(inputs)
        tangents.append(accumulator.jvp(outputs))
    np.testing.assert_allclose(*tangents, rtol=1e-10, atol=1e-12)


@every_cell
def test_activation_may_be_a_layer_that_learns(name, rng):
    activations = keras.layers.PReLU("ones"), keras.layers.PReLU("ones")
    found = []
    for kind, activation in zip(
        (CASES[name].layer, IN_KERAS[name]), activations, strict=True
    ):
        layer = kind(UNITS, activation=activation, return_state=True)
        layer.build((None, TIMESTEPS, FEATURES))
        if not activation.built:
            activation.build((None, UNITS))
        rng = np.random.default_rng(4)
        for weight in layer.trainable_weights:
            weight.assign(rng.normal(size=weight.shape))
        inputs = np.random.default_rng(5).normal(size=(BATCH, TIMESTEPS, FEATURES))
        found.append(results_and_gradients(layer, inputs, mask=MASKS["right"]))
    for ours, theirs in zip(*found, strict=True):
        assert_all_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "layer, arguments, message",
    [
        (LSTM, {"use_cudnn": True}, "use_cudnn is True.*'auto' or False"),
        (GRU, {"recurrent_dropout": 1.0}, r"recurrent_dropout is 1\.0"),
        (GRU, {"bias_initializer": "chrono", "use_bias": False}, "chrono.*use_bias"),
        (
            LSTM,
            {"bias_initializer": "forget_one", "unit_forget_bias": False},
            "forget_one.*unit_forget_bias",
        ),
        (GRU, {"reset_after": False, "layer_norm": True}, "reset_after is False"),
        (
            GRU,
            {"reset_after": False, "formulation": "document"},
            "reset_after is False.*document",
        ),
        (RNN, {"omega": 1.0, "recurrent_dropout": 0.1}, "omega.*recurrent_dropout"),
    ],
)
def test_what_does_not_go_together_is_refused(layer, arguments, message):
    with pytest.raises(ValueError, match=message):
        layer(3, **arguments)


def test_units_may_be_any_integer():
    assert GRU(np.int64(3)).get_config()["units"] == 3
