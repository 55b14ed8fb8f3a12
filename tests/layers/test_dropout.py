import keras
import numpy as np
import pytest
import tensorflow as tf

from seqtrain.layers import Dropout
from seqtrain.layers.dropout import drop

ONES = np.ones((7, 11, 13), "float32")  # an odd number of entries


def test_dropout_hides_a_share_and_scales_the_rest():
    outputs = Dropout(0.3, seed=0)(ONES, training=True).numpy()
    np.testing.assert_allclose(outputs[outputs != 0], 1 / 0.7, rtol=1e-6)
    assert abs((outputs == 0).mean() - 0.3) < 0.05  # 3.5 standard errors
    assert (outputs == 0).any(axis=(1, 2)).all()


def test_dropout_acts_in_training_only():
    np.testing.assert_array_equal(Dropout(0.3)(ONES), ONES)
    np.testing.assert_array_equal(Dropout(0.3)(ONES, training=False), ONES)
    np.testing.assert_array_equal(Dropout(0.0)(ONES, training=True), ONES)


def test_same_seed_repeats_and_calls_differ():
    first, second = Dropout(0.5, seed=1), Dropout(0.5, seed=1)
    calls = [first(ONES, training=True).numpy() for _ in range(2)]
    np.testing.assert_array_equal(calls, [second(ONES, training=True) for _ in calls])
    assert (calls[0] != calls[1]).any()
    assert (calls[0] != Dropout(0.5, seed=2)(ONES, training=True)).numpy().any()


@pytest.mark.parametrize("jit_compile", [False, True])
def test_pattern_is_the_same_when_compiled(jit_compile):
    first, second = Dropout(0.5, seed=1), Dropout(0.5, seed=1)
    compiled = tf.function(
        lambda inputs: first(inputs, training=True), jit_compile=jit_compile
    )
    for _ in range(2):
        np.testing.assert_array_equal(compiled(ONES), second(ONES, training=True))


def test_gradient_passes_where_the_input_did():
    inputs = tf.constant(ONES)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = Dropout(0.5, seed=1)(inputs, training=True)
    gradient = tape.gradient(outputs, inputs)
    np.testing.assert_array_equal(gradient, outputs)  # the inputs are ones


def test_pattern_is_shared_over_an_axis_of_one():
    seeds = keras.random.SeedGenerator(3)
    outputs = drop(tf.constant(ONES), 0.4, (7, 1, 13), seeds).numpy()
    np.testing.assert_array_equal(outputs, outputs[:, :1].repeat(11, axis=1))
    assert 0.2 < (outputs[:, 0] == 0).mean() < 0.6  # 4 standard errors
    assert len({row.tobytes() for row in outputs[:, 0]}) == 7


def test_saved_model_drops_on(tmp_path):
    model = keras.Sequential([keras.Input((11,)), Dropout(0.3, seed=4)])
    model.save(tmp_path / "dropout.keras")
    restored = keras.saving.load_model(tmp_path / "dropout.keras")
    inputs = ONES[:, :, 0]
    np.testing.assert_array_equal(restored(inputs), inputs)
    trained = restored(inputs, training=True)
    np.testing.assert_array_equal(trained, model(inputs, training=True))
    assert (trained != inputs).numpy().any()


def test_mask_passes_through():
    tokens = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(10, 3, mask_zero=True)(tokens)
    model = keras.Model(
        tokens, keras.layers.GlobalAveragePooling1D()(Dropout(0.5)(embedded))
    )
    short, padded = model(np.array([[3, 7]])), model(np.array([[3, 7, 0]]))
    np.testing.assert_allclose(padded, short, atol=1e-6)


def test_config_makes_an_equal_layer():
    config = Dropout(0.3, seed=4).get_config()
    assert (config["rate"], config["seed"]) == (0.3, 4)
    assert Dropout.from_config(config).get_config() == config


def test_another_rate_is_refused():
    with pytest.raises(ValueError, match=r"1\.5"):
        Dropout(1.5)
