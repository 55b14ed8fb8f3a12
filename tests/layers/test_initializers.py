import keras
import numpy as np
import pytest
from cases import FEATURES

from seqtrain.layers import GRU, LSTM, RNN, Chrono

pytestmark = pytest.mark.usefixtures("seeded")

UNITS, TIMESTEPS = 200, 50  # enough units to see a distribution

every_cell = pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
both_formulations = pytest.mark.parametrize("formulation", ["standard", "document"])


def build(cell, timesteps=TIMESTEPS, units=UNITS, **options):
    layer = cell(units, **options)
    layer.build((None, timesteps, FEATURES))
    return layer


def gate_blocks(weight, units=UNITS):
    """One array for each gate, from the columns."""
    weight = weight.numpy()
    return np.split(weight, weight.shape[-1] // units, axis=-1)


@both_formulations
def test_lstm_forget_bias_starts_at_one(formulation):
    i, f, g, o = gate_blocks(build(LSTM, formulation=formulation).bias)
    np.testing.assert_array_equal(f, 1)
    np.testing.assert_array_equal([i, g, o], 0)


@pytest.mark.parametrize("cell", [RNN, GRU])
@both_formulations
def test_other_biases_start_at_zero(cell, formulation):
    bias = build(cell, formulation=formulation).bias
    np.testing.assert_array_equal(bias, 0)


@both_formulations
def test_chrono_sets_lstm_memories_from_one_step_to_all(formulation):
    layer = build(LSTM, formulation=formulation, bias_initializer="chrono")
    i, f, g, o = gate_blocks(layer.bias)
    assert_log_uniform(f, TIMESTEPS)
    np.testing.assert_array_equal(i, -f)
    np.testing.assert_array_equal([g, o], 0)


def test_chrono_sets_gru_memories_from_one_step_to_all():
    z, r, g = gate_blocks(build(GRU, bias_initializer="chrono").bias)
    assert_log_uniform(z.sum(axis=0), TIMESTEPS)  # both biases act on the gate
    np.testing.assert_array_equal([r, g], 0)


def test_chrono_takes_the_given_length_before_that_of_the_sequences():
    for timesteps in (TIMESTEPS, None):
        layer = build(LSTM, timesteps, bias_initializer=Chrono(1000))
        assert_log_uniform(gate_blocks(layer.bias)[1], 1000)


def assert_log_uniform(bias, timesteps):
    """That e^bias is spread evenly over 1 to timesteps - 1."""
    lengths = np.exp(bias)
    assert 1 <= lengths.min() < 0.1 * timesteps
    assert 0.9 * timesteps < lengths.max() <= (timesteps - 1) * (1 + 1e-6)
    assert abs(lengths.mean() / timesteps - 0.5) < 0.1  # 5 standard errors


def test_chrono_of_the_same_seed_repeats():
    first, second = (Chrono(TIMESTEPS, seed=3)((UNITS,)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_chrono_without_a_length_says_how_to_give_one():
    with pytest.raises(ValueError, match=r"Chrono\(timesteps"):
        build(LSTM, timesteps=None, bias_initializer="chrono")


def test_chrono_needs_a_length_with_something_to_spread():
    with pytest.raises(ValueError, match="timesteps.*2"):
        Chrono(2)


@every_cell
def test_recurrent_kernel_starts_orthogonal(cell):
    kernel = build(cell).recurrent_kernel.numpy()
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(UNITS), atol=1e-5)


@every_cell
def test_identity_holds_for_each_gate(cell):
    layer = build(cell, recurrent_initializer="identity")
    for block in gate_blocks(layer.recurrent_kernel):
        np.testing.assert_array_equal(block, np.eye(UNITS))


@every_cell
def test_glorot_is_the_same_as_in_keras(cell):
    layer = build(cell, recurrent_initializer="glorot")
    rows, columns = layer.recurrent_kernel.shape
    kernel = layer.recurrent_kernel.numpy()
    limit = np.sqrt(6 / (rows + columns))
    assert 0.99 * limit < np.abs(kernel).max() <= limit
    assert abs(kernel.std() / limit - 1 / np.sqrt(3)) < 0.01


@every_cell
def test_initializers_of_keras_are_taken(cell):
    options = {
        "kernel_initializer": keras.initializers.Constant(0.1),
        "recurrent_initializer": "ones",
        "bias_initializer": keras.initializers.Constant(0.3),
    }
    if cell is LSTM:
        options["unit_forget_bias"] = False
    layer = build(cell, **options)
    np.testing.assert_array_equal(layer.kernel, np.float32(0.1))
    np.testing.assert_array_equal(layer.recurrent_kernel, 1)
    np.testing.assert_array_equal(layer.bias, np.float32(0.3))
