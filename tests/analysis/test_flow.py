import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqtrain.analysis.flow import (
    Curve,
    GradientFlow,
    largest_slope,
    mean_by_lag,
    recurrent_layers,
    summarize,
)
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


def look(model, tokens, labels=LABELS):
    return GradientFlow(model)(tf.constant(tokens), tf.constant(labels))


def summary_of(layer, tokens, *pooling):
    seen = look(make_model(layer, *pooling), tokens)
    [(name, found)] = recurrent_layers(make_model(layer, *pooling)).items()
    return summarize(found, [seen[name]])


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
    seen = look(model, tokens)

    for row, length in [*enumerate(LENGTHS)][3:5]:
        one = np.array([row])
        alone = look(model, tokens[one, :length], LABELS[one])
        np.testing.assert_allclose(
            seen["memory"].norms[:length, row], alone["memory"].norms[:, 0], rtol=1e-4
        )


def test_lags_count_from_the_last_real_token(tokens):
    model = make_model(GRU(UNITS, name="memory"))
    wider = np.pad(tokens, [(0, 0), (0, 5)])
    curves = [
        mean_by_lag([seen["memory"].norms], [seen["memory"].mask])
        for seen in (look(model, tokens), look(model, wider))
    ]
    # Half of the examples have twelve tokens.
    assert [len(curve) for curve in curves] == [12, 12]
    np.testing.assert_allclose(*curves, rtol=1e-4)


def test_the_backward_direction_counts_from_the_first_token(tokens):
    layer = LSTM(UNITS)
    both = Bidirectional(layer, name="both")
    seen = look(make_model(both), tokens)
    assert seen.keys() == {"both/forward", "both/backward"}
    for each in seen.values():
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


def test_means_stop_where_most_examples_have_ended():
    norms, mask = np.ones((5, 3)), np.arange(5) < np.array([[5], [3], [2]])
    assert mean_by_lag([norms], [mask]).tolist() == [1, 1, 1]


def test_batches_of_unequal_width_are_one_curve():
    first = np.array([[1.0], [2.0], [3.0]]), np.array([[True, True, True]])
    second = np.array([[5.0], [7.0]]), np.array([[True, True]])
    norms, masks = zip(first, second, strict=True)
    assert mean_by_lag(norms, masks).tolist() == [5.0, 3.5, 1.0]


def test_a_curve_that_falls_has_its_reach():
    curve = Curve.of(0.5 ** np.arange(20))
    assert curve.slope == pytest.approx(-math.log10(2))
    assert curve.half_life == pytest.approx(1)
    assert (curve.reach, curve.grows) == (7, False)  # 2^-7 is the first below 1%


def test_a_curve_that_comes_back_reaches_to_where_it_does():
    norms = np.array([1, 0.1, 0.001, 0.1, 0.001, 0.001])
    assert Curve.of(norms).reach == 4


def test_a_curve_that_stays_has_no_reach():
    curve = Curve.of(np.full(20, 0.3))
    assert curve.reach is None
    assert curve.slope == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("last", [np.inf, np.nan, 1e4])
def test_a_curve_that_grows_reaches_to_a_hundredfold(last):
    curve = Curve.of(np.array([1.0, 10.0, 99.0, last]))
    assert (curve.reach, curve.grows) == (3, True)
    assert curve.half_life is None


def test_of_a_curve_that_is_gone_at_once_no_slope_is_told():
    curve = Curve.of(np.array([1.0, 1e-9, 0.0, 0.0]))
    assert (curve.slope, curve.reach) == (None, 1)


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
