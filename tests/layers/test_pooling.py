import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import BATCH, FEATURES, MASKS, TIMESTEPS, every_mask, random_inputs

from seqtrain.layers import TemporalPooling

REDUCE = {"last": lambda x, axis: x[-1], "mean": np.mean, "max": np.max}

every_mode = pytest.mark.parametrize("mode", REDUCE)


@every_mode
@every_mask
def test_pooling_sees_the_real_timesteps_only(mode, mask, rng):
    inputs = random_inputs(rng) - 5  # negative: a zero for padding would be a maximum
    real = np.ones((BATCH, TIMESTEPS), bool) if mask is None else mask
    expected = [
        REDUCE[mode](x[m], axis=0) if m.any() else np.zeros(FEATURES)
        for x, m in zip(inputs, real, strict=True)
    ]
    pooled = TemporalPooling(mode, dtype="float64")(inputs, mask=mask)
    np.testing.assert_allclose(pooled, expected, rtol=1e-12)


@every_mode
def test_gradient_stays_within_the_real_timesteps(mode, rng):
    inputs, mask = tf.constant(random_inputs(rng)), MASKS["right"]
    layer = TemporalPooling(mode, dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(layer(inputs, mask=mask))
    gradient = tape.gradient(total, inputs).numpy()
    # Each feature of a sequence hands out one; an empty sequence nothing.
    expected = np.repeat(mask.any(axis=1, keepdims=True), FEATURES, axis=1)
    np.testing.assert_allclose(gradient.sum(axis=1), expected, rtol=1e-12)
    np.testing.assert_array_equal(gradient[~mask], 0)


@every_mode
def test_mask_of_an_embedding_is_used_and_not_passed_on(mode):
    tokens = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(10, FEATURES, mask_zero=True)(tokens)
    model = keras.Model(tokens, TemporalPooling(mode)(embedded))
    short, padded = model(np.array([[3, 7]])), model(np.array([[3, 7, 0, 0]]))
    np.testing.assert_allclose(padded, short, atol=1e-6)
    assert getattr(padded, "_keras_mask", None) is None


@every_mode
def test_half_precision_keeps_padding_out(mode, rng):
    inputs, mask = random_inputs(rng) - 5, MASKS["right"]
    pooled = TemporalPooling(mode, dtype="mixed_bfloat16")(inputs, mask=mask)
    exact = TemporalPooling(mode, dtype="float64")(inputs, mask=mask)
    assert pooled.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(pooled, "float64"), exact, rtol=0.02)


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="'median'.*last.*mean.*max"):
        TemporalPooling("median")
