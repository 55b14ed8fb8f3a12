"""A cell that the package does not know: what a new one takes, and what it gets."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import BATCH, FEATURES, MASKS, TIMESTEPS, UNITS, random_inputs, randomize

from seqtrain.layers import Bidirectional
from seqtrain.layers.base import Recurrent
from seqtrain.layers.cell import cell_by_tape, slope
from seqtrain.layers.watch import watching

pytestmark = pytest.mark.usefixtures("seeded")


@keras.saving.register_keras_serializable("tests")
class MinimalGated(Recurrent):
    """One gate: `h_t = (1 - f_t) * h_{t-1} + f_t * φ(x_g + f_t * a_g)`."""

    num_gates = 2

    def cell(self):
        def equations(pre, states):
            (x_f, a_f, x_g, a_g), (hidden,) = pre, states
            f = x_f + a_f
            g = x_g + tf.sigmoid(f) * a_g
            hidden += tf.sigmoid(f) * (self.activation(g) - hidden)
            return (hidden,), (f, g)

        def gates(sums):
            f, g = sums
            return {"f": tf.sigmoid(f)}, slope(self.activation, g)

        return cell_by_tape(equations, gates, blocks=(1, 1), num_sums=2, memory=None)


def outputs_by_the_equations(layer, inputs, mask):
    kernel, recurrent_kernel, bias = layer.get_weights()
    hidden, outputs = np.zeros((BATCH, UNITS)), []
    for t in range(TIMESTEPS):
        x = inputs[:, t] @ kernel + bias
        a = hidden @ recurrent_kernel
        f = 1 / (1 + np.exp(-x[:, :UNITS] - a[:, :UNITS]))
        g = np.tanh(x[:, UNITS:] + f * a[:, UNITS:])
        hidden = np.where(mask[:, t, None], (1 - f) * hidden + f * g, hidden)
        outputs.append(hidden)
    return np.stack(outputs, 1)


@pytest.fixture
def layer(rng):
    layer = MinimalGated(UNITS, return_sequences=True, dtype="float64")
    layer.build((None, TIMESTEPS, FEATURES))
    randomize(layer, rng)
    return layer


def test_a_new_cell_runs_by_its_equations_alone(layer, rng):
    inputs, mask = random_inputs(rng), MASKS["scattered"]
    expected = outputs_by_the_equations(layer, inputs, mask)
    np.testing.assert_allclose(layer(inputs, mask=mask), expected, rtol=1e-12)


def test_a_new_cell_reads_in_both_directions(layer, rng):
    both = Bidirectional(layer, dtype="float64")
    inputs, mask = random_inputs(rng), MASKS["right"]
    both.build(inputs.shape)
    both.set_weights(2 * layer.get_weights())
    reverse = layer(inputs[:, ::-1], mask=tf.constant(mask[:, ::-1]))
    outputs = both(inputs, mask=mask).numpy()
    real = mask[..., None]
    np.testing.assert_array_equal(
        outputs[..., UNITS:], np.where(real, reverse[:, ::-1], 0)
    )
    np.testing.assert_array_equal(
        outputs[..., :UNITS], np.where(real, layer(inputs, mask=mask), 0)
    )


def test_a_new_cell_is_saved_and_watched(layer, rng):
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert again.get_config() == layer.get_config()
    with tf.GradientTape() as tape, watching(tape) as watch:
        layer(random_inputs(rng))
    [(name, declared)] = layer.watchable_loops().items()
    [loop] = watch.loops[declared.layer]
    gates, _ = declared.gates(loop.saved)
    assert (name, [*gates]) == ("", ["f"])
    assert [kernel.name for kernel in declared.kernels] == ["recurrent_kernel"]
