import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import FEATURES, TIMESTEPS, new_layer, randomize

from seqtrain.layers import GRU, LSTM, RNN, Bidirectional, Chrono, TemporalPooling

pytestmark = pytest.mark.usefixtures("seeded")

LAYERS = {
    "everything": LSTM(
        4,
        activation="relu",
        formulation="document",
        return_sequences=True,
        return_state=True,
        dropout=0.25,
        seed=3,
        kernel_initializer="he_normal",
        recurrent_initializer="identity",
        bias_initializer=Chrono(30, seed=5),
        name="memory",
    ),
    "output_units": RNN(4, formulation="document", output_units=2),
    "defaults": GRU(4),
    "chrono": GRU(4, bias_initializer="chrono"),
    "bidirectional": Bidirectional(LSTM(4, dropout=0.5, seed=1), merge_mode="sum"),
    "pooling": TemporalPooling("max"),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_config_makes_an_equal_layer(layer):
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    for each in (layer, again):
        each.build((None, TIMESTEPS, FEATURES))
    assert [(w.name, w.shape) for w in again.weights] == [
        (w.name, w.shape) for w in layer.weights
    ]


def test_config_holds_every_argument():
    config = LAYERS["everything"].get_config()
    assert config["units"] == 4
    assert config["activation"] == "relu"
    assert config["formulation"] == "document"
    assert config["return_sequences"] and config["return_state"]
    assert (config["dropout"], config["seed"]) == (0.25, 3)
    assert {
        name: value["class_name"]
        for name, value in config.items()
        if name.endswith("_initializer")
    } == {
        "kernel_initializer": "HeNormal",
        "recurrent_initializer": "GateIdentity",
        "bias_initializer": "Chrono",
    }
    assert config["bias_initializer"]["config"] == {"timesteps": 30, "seed": 5}
    assert LAYERS["output_units"].get_config()["output_units"] == 2
    assert LAYERS["bidirectional"].get_config()["merge_mode"] == "sum"


@pytest.fixture
def model(rng):
    """Token ids → logits, through every kind of layer."""
    cells = ["rnn_document_output", "lstm_document", "gru"]
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(20, FEATURES, mask_zero=True),
            *(new_layer(n, dtype="float32", return_sequences=True) for n in cells),
            Bidirectional(LSTM(4, dropout=0.5, return_sequences=True)),
            TemporalPooling("max"),
            keras.layers.Dense(2),
        ]
    )
    randomize(model, rng)
    return model


@pytest.fixture
def tokens(rng):
    tokens = rng.integers(1, 20, size=(4, TIMESTEPS))
    lengths = np.array([TIMESTEPS, 3, 0, 1])
    return tokens * (np.arange(TIMESTEPS) < lengths[:, None])


def test_saved_model_loads_equal(model, tokens, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(tokens), model(tokens))


@pytest.mark.slow
def test_saved_model_loads_in_plain_keras(model, tokens, tmp_path):
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "tokens.npy", tokens)
    program = """
import keras
import numpy as np
import seqtrain.layers

model = keras.models.load_model("model.keras")
np.save("outputs.npy", model(np.load("tokens.npy")))
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    outputs = np.load(tmp_path / "outputs.npy")
    np.testing.assert_array_equal(outputs, model(tokens))


def test_exported_model_predicts_the_same(model, tokens, tmp_path):
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    # Other batch sizes and lengths too: the signature fixes neither.
    for batch in (tokens, tokens[:1, :3]):
        batch = tf.constant(batch, "int32")
        np.testing.assert_allclose(
            loaded.serve(batch), model(batch), rtol=1e-6, atol=1e-6
        )


def test_weights_move_to_a_model_made_anew(model, tokens, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    again = keras.Sequential.from_config(model.get_config())
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(again(tokens), model(tokens))
