import keras
import numpy as np
import pytest
import tensorflow as tf
import unrolled
from cases import (
    BATCH,
    FEATURES,
    MASKS,
    TIMESTEPS,
    UNITS,
    every_mask,
    make_layer,
    random_inputs,
)

from seqtrain.layers import RNN, Bidirectional
from seqtrain.layers import recurrence as module
from seqtrain.layers.watch import watching

pytestmark = pytest.mark.usefixtures("seeded")

OMEGA = 0.7


def gradients(layer, inputs, mask=None, *, training=True):
    """Of a loss at the end: of each weight, and of the hidden states; and these."""
    layer.return_sequences = True
    with tf.GradientTape() as tape, watching(tape) as watch:
        hidden = layer(inputs, mask=mask, training=training)
        loss = tf.reduce_mean(tf.reduce_sum(tf.sin(3 * hidden[:, -1]), -1))
    [loop] = watch.loops[layer]
    weights = [w.value for w in layer.trainable_weights]
    *by_weight, d_hidden = tape.gradient(loss, [*weights, loop.probe])
    return by_weight, tf.transpose(d_hidden, [1, 0, 2]), hidden


def omega(kernel, d_hidden, slope, mask=None):
    """Ω by its equation, one sequence and one timestep at a time; their mean."""
    total, batch = 0.0, len(d_hidden)
    for n, t in np.ndindex(*d_hidden.shape[:2]):
        d = d_hidden[n, t]
        if (mask is None or mask[n, t]) and tf.norm(d) > 0:
            # The gradient of h_t, times the Jacobian of h_t by the state before.
            passed = tf.linalg.matvec(kernel, d * slope[n, t])
            total += (tf.norm(passed) / tf.norm(d) - 1) ** 2
    return total / batch


def gradient_of_omega(layer, d_hidden, hidden, mask):
    kernel = layer.recurrent_kernel.value
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        value = omega(kernel, d_hidden, 1 - hidden**2, mask)
    return tape.gradient(value, kernel)


@every_mask
def test_omega_adds_its_gradient_to_that_of_the_recurrent_kernel(mask, rng):
    layer = make_layer("rnn", rng, omega=OMEGA)
    inputs = random_inputs(rng)
    plain, d_hidden, hidden = gradients(layer, inputs, mask, training=False)
    given, d_hidden_too, hidden_too = gradients(layer, inputs, mask)

    np.testing.assert_array_equal(hidden_too, hidden)
    np.testing.assert_array_equal(d_hidden_too, d_hidden)
    for position in (0, 2):  # kernel and bias
        np.testing.assert_array_equal(given[position], plain[position])
    expected = OMEGA * gradient_of_omega(layer, d_hidden, hidden, mask)
    np.testing.assert_allclose(given[1] - plain[1], expected, rtol=1e-10, atol=1e-13)
    assert np.abs(expected).max() > 0.01


def test_omega_is_that_of_the_jacobian_of_a_step(rng):
    # What stands in `omega` above, from the derivative of h_t by h_{t-1} as TensorFlow
    # has it.
    layer = make_layer("rnn", rng)
    weights = [w.value for w in layer.trainable_weights]
    x, old = tf.constant(rng.normal(size=(1, FEATURES))), tf.zeros((1, UNITS), "double")
    with tf.GradientTape() as tape:
        tape.watch(old)
        named = dict(zip(["kernel", "recurrent_kernel", "bias"], weights, strict=True))
        [new] = unrolled.step(layer, named, x, [old])
    jacobian = tape.jacobian(new, old)[0, :, 0].numpy()  # (new, old)
    d = rng.normal(size=UNITS)
    ratio = np.linalg.norm(d @ jacobian) / np.linalg.norm(d)
    found = omega(weights[1], d[None, None], (1 - new**2)[None])
    np.testing.assert_allclose(found, (ratio - 1) ** 2, rtol=1e-12)


def test_the_loss_by_which_the_gradient_is_scaled_does_not_count(rng):
    layer = make_layer("rnn", rng, omega=OMEGA)
    inputs, scale = random_inputs(rng), 1e-6
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_sum(layer(inputs, training=True) ** 2)
        calm = tf.reduce_sum(layer(inputs, training=False) ** 2)
        small, small_calm = scale * loss, scale * calm
    kernel = layer.recurrent_kernel.value
    of = [tape.gradient(x, kernel) for x in (loss, calm, small, small_calm)]
    np.testing.assert_allclose(of[2] - of[3], of[0] - of[1], rtol=1e-9, atol=1e-12)


def test_omega_of_a_gradient_that_vanished_is_finite_and_that_of_a_small_one_counts():
    layer = RNN(
        UNITS, omega=OMEGA, return_sequences=True, recurrent_initializer="zeros"
    )
    inputs = tf.ones((BATCH, 40, FEATURES))
    layer.build(inputs.shape)

    def extra():
        [_, with_omega, _], *_ = gradients(layer, inputs)
        [_, plain, _], *_ = gradients(layer, inputs, training=False)
        return (with_omega - plain).numpy()

    np.testing.assert_array_equal(extra(), 0)  # nothing goes back at all
    # 1e-3 a step: after 13 the gradient is below 1e-38 and gone, its square after 7.
    layer.recurrent_kernel.assign(1e-3 * np.eye(UNITS))
    layer.kernel.assign(tf.zeros_like(layer.kernel))
    steps = extra().trace() / (OMEGA * -2 * np.sqrt(UNITS)) * np.sqrt(UNITS)
    assert np.isfinite(extra()).all()
    assert 11 < steps < 15


def test_parts_of_a_batch_give_the_omega_of_the_whole(monkeypatch, rng):
    monkeypatch.setattr(module, "lanes", lambda: 3)
    inputs = tf.constant(rng.normal(size=(3 * module.ROWS, TIMESTEPS, FEATURES)))
    layer = make_layer("rnn", rng, omega=OMEGA)
    kernel = layer.recurrent_kernel.value

    def gradient(inputs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(inputs, training=True) ** 2)
        return tape.gradient(loss, kernel)

    whole = gradient(inputs)
    compiled = tf.function(gradient)
    np.testing.assert_allclose(compiled(inputs), whole, rtol=1e-11, atol=1e-13)
    unknown = tf.function(
        gradient, input_signature=[tf.TensorSpec([None, None, FEATURES], "float64")]
    )
    np.testing.assert_allclose(unknown(inputs), whole, rtol=1e-11, atol=1e-13)


def test_either_direction_has_its_omega(rng):
    pair = Bidirectional(RNN(UNITS, omega=OMEGA, dtype="float64"), dtype="float64")
    inputs = tf.constant(random_inputs(rng))
    pair.build(inputs.shape)

    def kernels(training):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(pair(inputs, mask=MASKS["right"], training=training))
        return tape.gradient(
            loss, [layer.recurrent_kernel.value for layer in pair.layers]
        )

    for ours, plain in zip(kernels(True), kernels(False), strict=True):
        assert np.abs(ours - plain).max() > 0.01


def test_omega_falls_when_it_is_trained_with(rng):
    inputs = rng.normal(size=(8, 20, FEATURES)).astype("float32")
    labels = rng.normal(size=(8, 1)).astype("float32")
    layer = RNN(16, omega=1.0, recurrent_initializer="glorot", seed=0)
    model = keras.Sequential(
        [keras.Input((20, FEATURES)), layer, keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse", jit_compile=True)
    model.optimizer.learning_rate = 0.01

    def value():
        with tf.GradientTape() as tape, watching(tape) as watch:
            loss = tf.reduce_mean((model(inputs) - labels) ** 2)
        [loop] = watch.loops[layer]
        d_hidden = tf.transpose(tape.gradient(loss, loop.probe), [1, 0, 2])
        slope = 1 - tf.transpose(loop.saved[0], [1, 0, 2]) ** 2
        return float(omega(layer.recurrent_kernel.value, d_hidden, slope)), float(loss)

    before, loss = value()
    reported = model.train_on_batch(inputs, labels)
    np.testing.assert_allclose(reported, loss, rtol=1e-5)
    for _ in range(60):
        model.train_on_batch(inputs, labels)
    assert value()[0] < 0.5 * before


@pytest.mark.parametrize("wrong", [0, -1.0, float("nan"), float("inf")])
def test_another_weight_is_refused(wrong):
    with pytest.raises(ValueError, match=f"omega is {wrong}.*positive"):
        RNN(UNITS, omega=wrong)


def test_omega_beside_zoneout_is_refused():
    with pytest.raises(ValueError, match="omega is 0.1.*zoneout"):
        RNN(UNITS, omega=0.1, zoneout=0.2)
