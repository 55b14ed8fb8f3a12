import keras
import numpy as np
import pytest

from seqtrain.data.vocabulary import Vocabulary
from seqtrain.sections.model import ModelConfig
from seqtrain.tasks.inputs import Numbers, Tokens


def model(**embedding):
    layers = [{"cell": "gru", "units": 2}]
    return ModelConfig.model_validate({"layers": layers, "embedding": embedding})


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_tokens_become_vectors_with_a_mask_of_the_real_ones(dropout):
    inputs, vectors = Tokens().layers(model(dim=5, dropout=dropout), 7)
    embedded = keras.Model(inputs, vectors)
    ids = np.array([[3, 6, 1], [2, 0, 0]])
    found = embedded(ids)
    [table] = embedded.get_layer("embedding").get_weights()
    assert table.shape == (7, 5)
    np.testing.assert_array_equal(found, table[ids])
    expected = [[True, True, True], [True, False, False]]
    assert keras.src.backend.get_keras_mask(found).numpy().tolist() == expected
    assert Tokens().width(model(dim=5)) == 5
    assert ("embedding_dropout" in [each.name for each in embedded.layers]) == bool(
        dropout
    )


def test_numbers_go_into_the_first_layer_as_they_are():
    inputs, same = Numbers(features=3).layers(model(), 2)
    assert inputs is same
    assert inputs.shape == (None, None, 3)
    assert inputs.dtype == "float32"
    assert Numbers(features=3).width(model()) == 3


def test_numbers_refuse_an_embedding():
    assert list(Tokens().broken(model(dim=5, dropout=0.1), "a")) == []
    assert list(Numbers(2).broken(model(), "a")) == []
    assert list(Numbers(2).broken(model(dim=5, dropout=0.1), "series")) == [
        ("has no effect with data.task: series", ("embedding", "dim")),
        ("has no effect with data.task: series", ("embedding", "dropout")),
    ]


def test_an_example_is_shown_without_its_padding():
    vocab = Vocabulary(["", "[unk]", "good", "film"])
    assert Tokens().shown(np.array([3, 1, 2, 0]), vocab) == ["film", "[unk]", "good"]
    rows = np.array([[0.12345, 1], [2, -30000]], np.float32)
    assert Numbers(2).shown(rows, vocab) == ["0.123/1", "2/-3e+04"]
