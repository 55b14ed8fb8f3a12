import numpy as np
import pytest
import reference
import tensorflow as tf
import tensorflow.experimental.numpy as tnp
from cases import (
    BATCH,
    CASES,
    MASKS,
    TIMESTEPS,
    UNITS,
    every_case,
    every_mask,
    make_layer,
    random_inputs,
)

from seqtrain.layers import LSTM, Bidirectional
from seqtrain.layers.watch import watching

pytestmark = pytest.mark.usefixtures("seeded")


def watched_gradient(layer, inputs, mask, weights):
    """∂L/∂h by the watch, `(timesteps, batch, units)`, L a weighted sum of outputs."""
    with tf.GradientTape() as tape, watching(tape) as watch:
        outputs = layer(inputs, mask=mask)
        loss = tf.reduce_sum(weights * outputs)
    [loop] = watch.loops[layer]
    return tape.gradient(loss, loop.probe).numpy()


def brute_force_gradient(name, layer, inputs, mask, weights, monkeypatch):
    """The same by a tape over an unrolled Python loop of the reference equations."""
    monkeypatch.setattr(reference, "np", tnp)
    step, matrices = CASES[name].step, [tf.constant(w) for w in layer.get_weights()]
    mask = np.ones((BATCH, TIMESTEPS), bool) if mask is None else mask
    nothing = tf.zeros((BATCH, UNITS), tf.float64)
    states = [nothing] * CASES[name].num_states
    probes = [tf.zeros_like(nothing) for _ in range(TIMESTEPS)]
    with tf.GradientTape() as tape:
        tape.watch(probes)
        outputs = []
        for t, probe in enumerate(probes):
            _, new = step(inputs[:, t], states, matrices, tf.tanh)
            real = mask[:, t, None]
            states = [tf.where(real, n, s) for n, s in zip(new, states, strict=True)]
            states[0] += probe
            output = states[0]
            if "output" in name:
                has_begun = mask[:, : t + 1].any(1, keepdims=True)
                output = tf.where(has_begun, output @ matrices[3] + matrices[4], 0)
            outputs.append(output)
        outputs = outputs[-1] if weights.ndim == 2 else tf.stack(outputs, 1)
        loss = tf.reduce_sum(weights * outputs)
    return tf.stack(tape.gradient(loss, probes)).numpy()


@every_case
@every_mask
@pytest.mark.parametrize("sequences", [True, False], ids=["all", "last"])
def test_probe_gets_the_gradient_of_an_unrolled_loop(
    name, mask, sequences, rng, monkeypatch
):
    layer, inputs = (
        make_layer(name, rng, return_sequences=sequences),
        random_inputs(rng),
    )
    shape = layer.compute_output_shape(inputs.shape)
    weights = rng.normal(size=shape)

    actual = watched_gradient(layer, inputs, mask, weights)

    expected = brute_force_gradient(name, layer, inputs, mask, weights, monkeypatch)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("name", ["rnn", "lstm_document", "gru"])
def test_probe_of_a_compiled_loop_gets_the_same_gradient(name, rng):
    layer, inputs = make_layer(name, rng, return_sequences=True), random_inputs(rng)
    weights = rng.normal(size=layer.compute_output_shape(inputs.shape))
    mask = tf.constant(MASKS["right"])

    @tf.function
    def gradient():
        with tf.GradientTape() as tape, watching(tape) as watch:
            loss = tf.reduce_sum(weights * layer(tf.constant(inputs), mask=mask))
        [loop] = watch.loops[layer]
        return tape.gradient(loss, loop.probe)

    expected = watched_gradient(layer, inputs, mask, weights)
    np.testing.assert_allclose(gradient(), expected, rtol=1e-10, atol=1e-14)


def test_watch_does_not_change_what_a_layer_puts_out(rng):
    layer, inputs = make_layer("lstm", rng), random_inputs(rng)
    with tf.GradientTape() as tape, watching(tape):
        watched = layer(inputs)
    np.testing.assert_array_equal(watched, layer(inputs))


def test_watch_has_both_directions_of_a_bidirectional_layer(rng):
    layer = Bidirectional(LSTM(UNITS, return_sequences=True))
    mask = MASKS["right"]
    with tf.GradientTape() as tape, watching(tape) as watch:
        layer(random_inputs(rng).astype("float32"), mask=mask)
    [forward], [backward] = (watch.loops[each] for each in layer.layers)
    np.testing.assert_array_equal(forward.mask, mask)
    np.testing.assert_array_equal(backward.mask, mask[:, ::-1])


def test_parts_of_a_batch_are_watched_in_their_order(rng):
    layer = LSTM(UNITS)
    inputs = tf.constant(rng.normal(size=(64, 5, 3)), "float32")
    layer(inputs)

    @tf.function
    def look():
        with tf.GradientTape() as tape, watching(tape) as watch:
            outputs = layer(inputs)
        return [loop.last for loop in watch.loops[layer]], outputs

    parts, outputs = look()
    assert len(parts) > 1
    np.testing.assert_array_equal(tf.concat(parts, 0), outputs)


def test_gates_are_those_of_the_equations(rng):
    layer, inputs = make_layer("gru", rng), random_inputs(rng)
    with tf.GradientTape() as tape, watching(tape) as watch:
        layer(inputs)
    [loop] = watch.loops[layer]

    gates, slope = layer.watchable_loops()[""].gates(loop.saved)

    kernel, _, (input_bias, recurrent_bias) = layer.get_weights()
    z, r, g = np.split(inputs[:, 0] @ kernel + input_bias, 3, axis=1)
    b_z, b_r, b_g = np.split(recurrent_bias, 3)
    z, r = reference.sigmoid(z + b_z), reference.sigmoid(r + b_r)
    g = np.tanh(g + r * b_g)
    np.testing.assert_allclose(gates["z"][0], z, rtol=1e-12)
    np.testing.assert_allclose(gates["r"][0], r, rtol=1e-12)
    np.testing.assert_allclose(slope[0], 1 - g**2, rtol=1e-10)


def test_a_layer_declares_its_loop(rng):
    layer = make_layer("lstm_document", rng)
    [(name, loop)] = layer.watchable_loops().items()
    assert name == ""
    assert loop.layer is layer
    assert loop.memory == "f"
    assert loop.activation is layer.activation
    assert [k.name for k in loop.kernels] == ["recurrent_kernel", "peephole_kernel"]
    assert make_layer("gru_document", rng).watchable_loops()[""].memory is None


def test_a_bidirectional_layer_declares_a_loop_for_each_direction():
    layer = Bidirectional(LSTM(UNITS))
    layer.build((None, TIMESTEPS, 3))
    loops = layer.watchable_loops()
    assert [*loops] == ["forward", "backward"]
    assert [loop.layer for loop in loops.values()] == [*layer.layers]


def test_nothing_is_watched_outside(rng):
    layer = make_layer("rnn", rng)
    with tf.GradientTape() as tape, watching(tape) as watch:
        pass
    layer(random_inputs(rng))
    assert not watch.loops
