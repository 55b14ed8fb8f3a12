import keras
import numpy as np
import pytest

from seqtrain.config import find_config, load_config, shipped_configs
from seqtrain.models.build import build_model
from seqtrain.tasks import kind_of

VOCAB = 50
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
LISTED = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}


def build(config):
    return build_model(config, vocab_size=VOCAB, num_classes=2)


def count_weights(config):
    """The numbers in all weights of a model with standard layers, for two classes."""
    kind, section = kind_of(config.data), config.model
    features, total = kind.inputs.features, 0
    if features is None:
        features = section.embedding.dim
        total = VOCAB * features
    for layer in section.layers:
        assert layer.formulation == "standard"
        biases = 2 if layer.cell == "gru" else 1
        directions = 1 + layer.bidirectional
        rows = features + layer.units + biases
        total += directions * rows * GATES[layer.cell] * layer.units
        features = directions * layer.units
    if section.pooling == "concat":
        features *= 3
    return total + (features + 1) * (2 if kind.target.per_step else 1)


@pytest.mark.parametrize("path", shipped_configs(), ids=lambda path: path.stem)
def test_a_shipped_config_builds_a_model_of_the_right_size(path):
    config = load_config(path)
    assert build(config).count_params() == count_weights(config)


@pytest.mark.parametrize("cell", LISTED)
def test_a_document_config_builds_the_documents_model(cell, rng):
    listed = keras.Sequential(
        [
            keras.Input((50,)),
            keras.layers.Embedding(VOCAB, 64),
            LISTED[cell](64, return_sequences=True),
            LISTED[cell](64),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    ours = build(load_config(find_config(f"document_{cell}")))
    # A plain RNN of larger weights is chaotic: it makes 1e-3 of a rounding.
    spread = 0.15 if cell == "rnn" else 0.3
    listed.set_weights([rng.normal(0, spread, w.shape) for w in listed.weights])
    ours.set_weights(listed.get_weights())
    tokens = rng.integers(1, VOCAB, (8, 50))

    logits = ours(tokens, training=True)  # any dropout would show

    expected = listed(tokens, training=True)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(keras.ops.sigmoid(logits), expected, atol=1e-5)
