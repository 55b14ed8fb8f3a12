import h5py
import keras
import numpy as np
import pytest
from cases import FEATURES, TIMESTEPS, randomize

from seqtrain import layers as ours

pytestmark = pytest.mark.usefixtures("seeded")


def model_of(layers):
    model = keras.Sequential(
        [
            keras.Input((TIMESTEPS, FEATURES)),
            layers.SimpleRNN(3, return_sequences=True),
            layers.SimpleRNN(2, return_sequences=True),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            keras.Sequential([layers.GRU(4, return_sequences=True, dropout=0.1)]),
            layers.LSTM(2),
        ]
    )
    model.build((None, TIMESTEPS, FEATURES))
    return model


@pytest.fixture
def inputs(rng):
    return rng.normal(size=(4, TIMESTEPS, FEATURES))


def test_files_of_weights_go_both_ways(inputs, rng, tmp_path):
    models = model_of(ours), model_of(keras.layers)
    for suffix in (".weights.h5", ".weights.json", ".keras"):
        for model, other in (models, models[::-1]):
            randomize(model, rng)
            path = tmp_path / f"model{suffix}"
            if suffix == ".keras":
                model.save(path)
            else:
                shards = {"max_shard_size": 1} if suffix == ".weights.json" else {}
                model.save_weights(path, **shards)
            other.load_weights(path)
            for a, b in zip(other.get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(other(inputs), model(inputs), rtol=0, atol=1e-6)


def test_file_of_weights_is_laid_out_as_that_of_keras(tmp_path):
    places = []
    for layers in (ours, keras.layers):
        model_of(layers).save_weights(tmp_path / "model.weights.h5")
        places.append([])
        with h5py.File(tmp_path / "model.weights.h5") as file:
            file.visit(places[-1].append)
    assert places[0] == places[1]


def test_file_of_an_earlier_version_loads_equal(inputs, rng, tmp_path):
    model = model_of(ours)
    randomize(model, rng)
    expected = model(inputs)
    model.save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5", "r+") as file:
        cells = []
        file.visit(lambda name: cells.append(name) if name.endswith("cell") else None)
        assert len(cells) == 6
        for cell in cells:  # the weights were the layer's, an RNN's name was its own
            layer = cell.removesuffix("/cell")
            del file[f"{layer}/vars"]
            file.move(f"{cell}/vars", f"{layer}/vars")
            del file[cell]
            if "simple_rnn" in layer:
                file.move(layer, layer.replace("simple_rnn", "rnn"))
    randomize(model, rng)
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model(inputs), expected)


def test_config_of_an_earlier_version_makes_the_layer():
    # As written before `SimpleRNN` had this name and a Bidirectional its second layer.
    entry = {
        "module": None,
        "class_name": "RNN",
        "config": {"units": 3, "name": "rnn_1", "seed": 4, "dropout": 0.5},
        "registered_name": "seqtrain>RNN",
    }
    layer = keras.saving.deserialize_keras_object(entry)
    assert type(layer) is ours.RNN is ours.SimpleRNN
    both = ours.Bidirectional.from_config(
        {"name": "both", "layer": entry, "merge_mode": "sum"}
    )
    assert both.forward_layer.seed == 4 and both.backward_layer.seed == 5
    assert both.backward_layer.go_backwards


def test_file_of_another_shape_or_model_is_refused_as_in_keras(tmp_path):
    model = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), ours.LSTM(3)])
    for other in (keras.layers.LSTM(4), keras.layers.GRU(3)):
        source = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), other])
        source.save_weights(tmp_path / "model.weights.h5")
        with pytest.raises(ValueError, match="lstm"):
            model.load_weights(tmp_path / "model.weights.h5")


def test_weights_are_saved_in_a_plain_dictionary_too(rng):
    layer = ours.GRU(3)
    layer.build((None, TIMESTEPS, FEATURES))
    randomize(layer, rng)
    store = {}
    layer.save_own_variables(store)
    kept = {key: np.array(value) for key, value in store.items()}
    weights = layer.get_weights()
    randomize(layer, rng)
    layer.load_own_variables(kept)
    for weight, before in zip(layer.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, before)
