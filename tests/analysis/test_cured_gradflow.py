"""Each cure changes the curve of the gradient the way its paper says."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqtrain.analysis.gradflow.curve import Curve
from seqtrain.config import Config
from seqtrain.layers import GRU, LSTM, RNN
from seqtrain.layers.watch import watching
from seqtrain.models.build import build_model
from seqtrain.models.compile import compile_model
from seqtrain.training.step import TrainStep

BATCH, TIMESTEPS, FEATURES, UNITS = 8, 40, 2, 32


@pytest.fixture
def inputs(rng):
    inputs = rng.normal(size=(BATCH, TIMESTEPS, FEATURES))
    return tf.constant(inputs, tf.float32)


def make_layer(kind, **options):
    """A layer whose weights are drawn from the same seed each time."""
    keras.utils.set_random_seed(1)
    layer = kind(options.pop("units", UNITS), **options)
    layer.build((None, TIMESTEPS, FEATURES))
    return layer


def curve_of(layer, inputs, *, training=False):
    """The gradient that time carries back from the last state, by lag."""
    with tf.GradientTape() as tape, watching(tape) as watch:
        last = layer(inputs, training=training)
    [loop] = watch.loops[layer]
    units = tf.math.l2_normalize(
        tf.random.stateless_normal(last.shape, seed=(0, 0)), axis=-1
    )
    norms = tf.norm(tape.gradient(last, loop.probe, units), axis=-1)
    return Curve.of(norms.numpy().mean(1)[::-1])


def slope(inputs, kind, *, scale=1.0, **options):
    layer = make_layer(kind, **options)
    layer.recurrent_kernel.assign(scale * layer.recurrent_kernel)
    return curve_of(layer, inputs).slope


def make_model(*layers, learning_rate=0.01, clip_norm=None):
    """A model from layers as in a config, and what trains it."""
    keras.utils.set_random_seed(1)
    sections = {
        "data": {"source": "generated", "task": "adding", "length": TIMESTEPS},
        "model": {"layers": [{"units": UNITS, **layer} for layer in layers]},
        "train": {
            "optimizer": "sgd",
            "learning_rate": learning_rate,
            "clip_norm": clip_norm,
            "jit_compile": False,
        },
    }
    config = Config.model_validate(sections)
    model = build_model(config, vocab_size=3, num_classes=0)
    compile_model(model, config, steps_per_epoch=1)
    return model, TrainStep(model, config)


def test_clipping_keeps_a_cliff_from_throwing_the_model_away(inputs):
    # Pascanu et al. 2013: the norm of an update is bounded.
    inputs /= 10
    labels, moved, changed = inputs[:, 0, 0], [], []
    for clip_norm in (None, 0.1):
        model, step = make_model(
            {"cell": "rnn"}, learning_rate=1.0, clip_norm=clip_norm
        )
        layer = model.layers[1]
        layer.recurrent_kernel.assign(1.5 * layer.recurrent_kernel)
        before, curve = model.get_weights(), curve_of(layer, inputs)
        assert curve.grows
        *_, norm = step(inputs, labels)
        changed.append(curve_of(layer, inputs).slope - curve.slope)
        pairs = zip(before, model.get_weights(), strict=True)
        moved.append(math.sqrt(sum(((a - b) ** 2).sum() for a, b in pairs)))
    assert norm > 10
    assert moved == [pytest.approx(norm, rel=1e-4), pytest.approx(0.1, rel=1e-4)]
    thrown, kept = map(abs, changed)
    assert kept < 0.02 < 0.08 < thrown


def test_an_orthogonal_kernel_keeps_the_norm_that_a_glorot_one_loses(inputs):
    # Saxe et al. 2014. Where nothing is saturated the kernel alone counts.
    inputs /= 100
    glorot = slope(inputs, RNN, recurrent_initializer="glorot")
    assert abs(slope(inputs, RNN)) < 0.001 < 0.005 < -glorot


def test_an_identity_kernel_carries_the_gradient_through_relu(inputs):
    # Le et al. 2015.
    glorot, identity = (
        slope(inputs, RNN, activation="relu", recurrent_initializer=start)
        for start in ("glorot", "identity")
    )
    assert glorot < 5 * identity < 0


def test_a_forget_bias_of_one_lets_the_gradient_fall_more_slowly(inputs):
    # Jozefowicz et al. 2015.
    zero = slope(inputs, LSTM, unit_forget_bias=False)
    assert zero < 2 * slope(inputs, LSTM, bias_initializer="forget_one") < 0


@pytest.mark.parametrize("kind, bias", [(LSTM, "forget_one"), (GRU, "zeros")])
def test_a_chrono_bias_lets_the_gradient_fall_more_slowly(kind, bias, inputs):
    # Tallec and Ollivier 2018.
    usual, chrono = (
        curve_of(make_layer(kind, bias_initializer=each), inputs)
        for each in (bias, "chrono")
    )
    assert usual.slope < 2 * chrono.slope < 0
    assert chrono.norms[-1] > 10 * usual.norms[-1]
    if kind is GRU:  # an LSTM's input gate closes as its forget gate opens
        assert usual.reach < TIMESTEPS and chrono.reach is None


@pytest.mark.parametrize("kind", [pytest.param(LSTM, marks=pytest.mark.slow), GRU])
def test_a_normalized_layer_does_not_see_the_scale_of_its_kernel(kind, inputs):
    # Ba et al. 2016.
    plain, normalized = (
        [slope(inputs, kind, scale=s, layer_norm=on) for s in (1, 8)]
        for on in (False, True)
    )
    assert plain[0] < 0 < plain[1]  # it vanishes, then it explodes
    assert normalized[1] == pytest.approx(normalized[0], abs=1e-3)
    assert plain[0] < normalized[0] < 0


def test_omega_brings_the_slope_to_zero_as_it_trains(inputs):
    # Pascanu et al. 2013.
    layer, slopes = {"cell": "rnn", "recurrent_initializer": "glorot"}, []
    for omega in (None, 1.0):
        model, step = make_model({**layer, "omega": omega}, learning_rate=0.02)
        before = curve_of(model.layers[1], inputs).slope
        for _ in range(30):
            step(inputs, inputs[:, 0, 0])
        slopes.append(curve_of(model.layers[1], inputs).slope)
    assert before < -0.05
    assert abs(slopes[1]) < 0.4 * min(abs(before), abs(slopes[0]))


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_zoneout_lets_the_gradient_past_the_units(kind, inputs):
    # Krueger et al. 2017.
    assert slope(inputs, kind) < 1.3 * slope(inputs, kind, zoneout=0.3) < 0


def test_weight_dropout_is_in_the_gradient_of_training_alone(inputs):
    # Merity et al. 2018 say nothing of this curve. Of an orthogonal kernel of which a
    # share p is hidden and the rest scaled up by 1 / (1 - p) the entries have a
    # variance of 1 / (1 - p) by the number of units, and so large, squared, is the
    # spectral radius (circular law).
    rate = 0.5
    layer = make_layer(RNN, units=256, activation="linear", weight_dropout=rate, seed=1)
    assert curve_of(layer, inputs).slope == pytest.approx(0, abs=1e-4)
    trained = curve_of(layer, inputs, training=True).slope
    assert trained == pytest.approx(-0.5 * math.log10(1 - rate), rel=0.2)


def test_residual_layers_hand_the_gradient_down(inputs):
    # He et al. 2016; Wu et al. 2016.
    lowest = []
    for residual in (False, True):
        layers = [{"cell": "gru", "residual": residual and i > 0} for i in range(4)]
        model, _ = make_model(*layers)
        with tf.GradientTape() as tape, watching(tape) as watch:
            outputs = model(inputs)
        [loop] = watch.loops[model.layers[1]]
        norms = tf.norm(tape.gradient(outputs, loop.probe), axis=-1)
        lowest.append(norms.numpy().mean(1)[::-1])
    plain, residual = lowest
    assert residual[0] > 10 * plain[0]
    assert np.sum(residual) > 2 * np.sum(plain)
