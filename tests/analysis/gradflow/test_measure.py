import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from summing import Summing

from seqtrain.analysis.gradflow.curve import mean_by_lag
from seqtrain.analysis.gradflow.measure import GradflowMeter, largest_slope
from seqtrain.analysis.gradflow.summary import summarize
from seqtrain.errors import ConfigError
from seqtrain.layers import GRU, LSTM, RNN, Bidirectional, TemporalPooling

pytestmark = pytest.mark.usefixtures("seeded")

VOCABULARY, UNITS, TIMESTEPS = 7, 16, 12
LENGTHS = np.array([12, 12, 12, 11, 9, 4])
LABELS = np.array([0, 1, 1, 0, 1, 0], "int32")


@pytest.fixture
def tokens(rng):
    """Right-padded sequences of unequal length."""
    tokens = rng.integers(1, VOCABULARY, (len(LENGTHS), TIMESTEPS)).astype("int32")
    tokens[np.arange(TIMESTEPS) >= LENGTHS[:, None]] = 0
    return tokens


def make_model(*layers):
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(VOCABULARY, 3, mask_zero=True)(inputs)
    for layer in layers:
        x = layer(x)
    model = keras.Model(inputs, keras.layers.Dense(1)(x))
    loss = keras.losses.BinaryCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    model.compile("sgd", loss)
    return model


def measure(model, tokens, labels=LABELS, *weights):
    return GradflowMeter(model)(*map(tf.constant, (tokens, labels, *weights)))


def summary_of(layer, tokens, *pooling):
    model = make_model(layer, *pooling)
    [measured] = measure(model, tokens).values()
    [loop] = GradflowMeter(model).loops.values()
    return summarize(loop, [measured])


@pytest.mark.parametrize("rho", [0.8, 1.0, 1.1])
def test_a_linear_rnn_has_the_slope_of_its_kernel(rho, tokens):
    layer = RNN(UNITS, activation="linear")
    make_model(layer)
    kernel, orthogonal, bias = layer.get_weights()
    np.testing.assert_allclose(orthogonal @ orthogonal.T, np.eye(UNITS), atol=1e-5)
    layer.set_weights([kernel, rho * orthogonal, bias])

    summary = summary_of(layer, tokens)

    slope = math.log10(rho)
    assert summary["slope_decades_per_step"] == pytest.approx(slope, rel=0.01, abs=1e-5)
    expected = rho ** np.arange(len(summary["carried"]))
    np.testing.assert_allclose(summary["carried"], expected, rtol=1e-4)
    if rho < 1:
        half_life = math.log(0.5) / math.log(rho)
        assert summary["half_life_steps"] == pytest.approx(half_life, rel=0.01)
    assert summary["singular_values"]["recurrent_kernel"] == pytest.approx(rho)


def test_the_gradient_is_that_of_an_examples_own_loss(tokens):
    layer = LSTM(UNITS, name="memory")
    model = make_model(layer)
    measured = measure(model, tokens)

    for row, length in [*enumerate(LENGTHS)][3:5]:
        one = np.array([row])
        alone = measure(model, tokens[one, :length], LABELS[one])
        np.testing.assert_allclose(
            measured["memory"].norms[:length, row],
            alone["memory"].norms[:, 0],
            rtol=1e-4,
        )


def test_the_weight_of_an_example_does_not_change_the_gradient_of_its_own_loss(tokens):
    model = make_model(LSTM(UNITS, name="memory"))
    weights = np.array([1, 2, 0.5, 3, 0, 1], "float32")
    plain = measure(model, tokens)["memory"].norms
    weighted = measure(model, tokens, LABELS, weights)["memory"].norms
    assert plain[0].min() > 0
    np.testing.assert_allclose(weighted, plain * (weights > 0), rtol=1e-4)


def test_timesteps_without_weight_are_no_part_of_an_examples_own_loss(rng, tokens):
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(VOCABULARY, 3)(inputs)
    hidden = GRU(UNITS, return_sequences=True, name="memory")(x)
    model = keras.Model(inputs, keras.layers.Dense(3)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    model.compile("sgd", loss)
    labels = rng.integers(0, 3, tokens.shape).astype("int32")
    weights = (tokens > 0).astype("float32")

    norms = measure(model, tokens, labels, weights)["memory"].norms

    for row, length in [*enumerate(LENGTHS)][4:]:
        one = np.s_[row : row + 1, :length]
        alone = measure(model, tokens[one], labels[one])["memory"].norms[:, 0]
        np.testing.assert_allclose(norms[:length, row], alone, rtol=1e-4)
        assert not norms[length:, row].any()


def test_lags_count_from_the_last_real_token(tokens):
    model = make_model(GRU(UNITS, name="memory"))
    wider = np.pad(tokens, [(0, 0), (0, 5)])
    curves = [
        mean_by_lag([measured["memory"].norms], [measured["memory"].mask])
        for measured in (measure(model, tokens), measure(model, wider))
    ]
    # Half of the examples have twelve tokens.
    assert [len(curve) for curve in curves] == [12, 12]
    np.testing.assert_allclose(*curves, rtol=1e-4)


def test_the_backward_direction_counts_from_the_first_token(tokens):
    layer = LSTM(UNITS)
    both = Bidirectional(layer, name="both")
    measured = measure(make_model(both), tokens)
    assert measured.keys() == {"both/forward", "both/backward"}
    for each in measured.values():
        assert each.mask.sum(1).tolist() == LENGTHS.tolist()
        last = mean_by_lag([each.carried], [each.mask])[0]
        assert last == pytest.approx(1, rel=1e-5)


def test_pooling_adds_to_the_gradient_but_not_to_what_is_carried(tokens):
    layer = RNN(UNITS, activation="linear", return_sequences=True)
    pooling = TemporalPooling("mean")
    make_model(layer, pooling)
    kernel, orthogonal, bias = layer.get_weights()
    layer.set_weights([kernel, 0.3 * orthogonal, bias])

    summary = summary_of(layer, tokens, pooling)

    assert min(summary["norms"]) > 0.5 * summary["norms"][0]
    assert summary["slope_decades_per_step"] == pytest.approx(math.log10(0.3), rel=0.01)


def test_saturated_units_and_gates_are_counted(tokens):
    layer = LSTM(UNITS, name="memory")
    make_model(layer)
    kernel, recurrent_kernel, bias = (np.zeros_like(w) for w in layer.get_weights())
    i, f, g, o = np.split(bias, 4)  # views
    i[:4] = 6.0  # σ(6) = 0.9975
    f[:] = math.log(9)  # σ = 0.9, a memory of ten steps
    f[0] = math.log(99)
    g[:8] = 3.0  # tanh(3) = 0.995
    layer.set_weights([kernel, recurrent_kernel, bias])

    summary = summary_of(layer, tokens)

    assert summary["gates"]["i"]["saturated_share"] == pytest.approx(4 / UNITS)
    assert summary["gates"]["f"]["saturated_share"] == 0
    assert summary["gates"]["o"]["mean"] == pytest.approx(0.5)
    assert summary["saturated_share"] == pytest.approx(8 / UNITS)
    mean = (0.9 * (UNITS - 1) + 0.99) / UNITS
    assert summary["memory_steps"] == pytest.approx(1 / (1 - mean), rel=1e-4)
    assert summary["longest_memory_steps"] == pytest.approx(100, rel=1e-3)


def test_what_is_not_finite_is_counted(tokens):
    layer = RNN(UNITS, activation="linear")
    make_model(layer)
    kernel, orthogonal, bias = layer.get_weights()
    layer.set_weights([kernel, 1e8 * orthogonal, bias])
    assert summary_of(layer, tokens)["nonfinite"] > 0


@pytest.mark.parametrize(
    "activation, slope", [("tanh", 1), ("sigmoid", 0.25), ("relu", 1), ("linear", 1)]
)
def test_largest_slope_of_an_activation(activation, slope):
    found = largest_slope(keras.activations.get(activation))
    assert found == pytest.approx(slope, rel=1e-3)


def test_a_layer_may_declare_its_loop_and_nothing_else(tokens):
    [measured] = measure(make_model(Summing()), tokens).values()
    assert (measured.gates, measured.saturated) == ({}, None)
    summary = summary_of(Summing(), tokens)
    np.testing.assert_allclose(summary["carried"], np.ones(TIMESTEPS), rtol=1e-5)
    for key in ("saturated_share", "memory_steps", "longest_memory_steps"):
        assert summary[key] is None
    assert (summary["gates"], summary["singular_values"]) == ({}, {})


def test_a_layer_that_declares_nothing_is_passed_over(tokens):
    layers = keras.layers.LSTM(4, return_sequences=True), GRU(UNITS, name="memory")
    assert measure(make_model(*layers), tokens).keys() == {"memory"}


def test_a_model_without_a_loop_to_watch_is_refused():
    with pytest.raises(ConfigError, match="no layer whose gradient.*recurrent"):
        GradflowMeter(make_model(keras.layers.LSTM(4)))


def test_a_layer_that_is_not_trained_has_its_singular_values(tokens):
    layer = RNN(UNITS, trainable=False)
    assert summary_of(layer, tokens)["singular_values"]["recurrent_kernel"] > 0
