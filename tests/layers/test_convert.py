import json

import keras
import numpy as np
import pytest
from cases import FEATURES, TIMESTEPS, randomize

from seqtrain import layers as ours
from seqtrain.layers import GRU, LSTM, RNN, Bidirectional, from_keras, to_keras

pytestmark = pytest.mark.usefixtures("seeded")

EITHER = pytest.mark.parametrize(
    "convert, source, target",
    [(from_keras, keras.layers, ours), (to_keras, ours, keras.layers)],
    ids=["from_keras", "to_keras"],
)


def stacked(layers):
    """Token ids → one vector, through every kind of layer, with a mask."""
    return keras.Sequential(
        [
            keras.Input((TIMESTEPS,), dtype="int32"),
            keras.layers.Embedding(9, FEATURES, mask_zero=True),
            layers.SimpleRNN(2, return_sequences=True, dropout=0.2, seed=1),
            layers.LSTM(3, return_sequences=True, activation="relu"),
            layers.Bidirectional(layers.GRU(2, return_sequences=True), "sum"),
            keras.layers.TimeDistributed(keras.layers.Dense(3)),
            layers.GRU(4, go_backwards=True),
        ]
    )


def branching(layers):
    """Two inputs, a shared layer, states handed on, nested models, layers in others."""
    pair = [keras.Input((TIMESTEPS, FEATURES), name=name) for name in ("left", "right")]
    shared = layers.LSTM(3, return_sequences=True, return_state=True, name="shared")
    outputs, *states = shared(pair[0])
    others = shared(pair[1])[0]
    inside = keras.Sequential(
        [keras.Input((TIMESTEPS, 3)), layers.GRU(2)], name="inside"
    )
    each = keras.layers.TimeDistributed(layers.SimpleRNN(2), name="each")
    folded = keras.layers.Reshape((2, TIMESTEPS // 2, 3))(others)
    parts = [
        layers.LSTM(3)(others, initial_state=states),
        inside(outputs),
        keras.layers.Flatten()(each(folded)),
    ]
    return keras.Model(pair, keras.layers.Concatenate()(parts), name="branching")


def inputs_of(model, rng):
    if model.inputs[0].dtype == "int32":
        return rng.integers(0, 9, size=(4, TIMESTEPS))
    return [rng.normal(size=(4, *x.shape[1:])) for x in model.inputs]


def recurrent_layers(model):
    names = ("SimpleRNN", "LSTM", "GRU", "Bidirectional")
    return [x for x in model._flatten_layers() if type(x).__name__ in names]


@EITHER
@pytest.mark.parametrize("make", [stacked, branching])
def test_model_becomes_one_of_other_layers_that_predicts_the_same(
    convert, source, target, make, rng
):
    model = make(source)
    randomize(model, rng)
    inputs = inputs_of(model, rng)
    before = [w.copy() for w in model.get_weights()]

    copy = convert(model)

    np.testing.assert_allclose(copy(inputs), model(inputs), rtol=0, atol=1e-6)
    assert recurrent_layers(copy)
    for layer in recurrent_layers(copy):
        assert type(layer) is getattr(target, type(layer).__name__)
    assert [x.name for x in copy.layers] == [x.name for x in model.layers]
    assert copy.name == model.name
    copy.set_weights([0 * w for w in copy.get_weights()])
    for kept, weight in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, weight)


@EITHER
def test_single_layer_is_converted(convert, source, target, rng):
    layer = source.Bidirectional(
        source.LSTM(3), backward_layer=source.GRU(2, go_backwards=True), name="outer"
    )
    layer.build((None, TIMESTEPS, FEATURES))
    randomize(layer, rng)
    copy = convert(layer)
    assert type(copy) is target.Bidirectional and copy.name == "outer"
    assert type(copy.forward_layer) is target.LSTM
    assert type(copy.backward_layer) is target.GRU
    inputs = rng.normal(size=(4, TIMESTEPS, FEATURES))
    np.testing.assert_allclose(copy(inputs), layer(inputs), rtol=0, atol=1e-6)
    assert not convert(source.GRU(3)).built


@EITHER
def test_file_is_converted(convert, source, target, rng, tmp_path):
    model = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), source.GRU(3)])
    model.save(tmp_path / "model.keras")
    (inputs,) = inputs_of(model, rng)
    for path in (tmp_path / "model.keras", str(tmp_path / "model.keras")):
        copy = convert(path)
        np.testing.assert_allclose(copy(inputs), model(inputs), rtol=0, atol=1e-6)


def test_training_goes_on_after_a_conversion(rng):
    model = keras.Sequential(
        [keras.Input((TIMESTEPS, FEATURES)), LSTM(3), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse", run_eagerly=True)
    batches = rng.normal(size=(3, 8, TIMESTEPS, FEATURES)), rng.normal(size=(3, 8, 1))

    def train(model, steps):
        model.reset_metrics()
        return [model.train_on_batch(*(b[i] for b in batches)) for i in steps]

    train(model, [0, 1])
    copy = from_keras(to_keras(model))
    assert copy.optimizer.iterations == 2
    np.testing.assert_allclose(train(copy, [2, 0]), train(model, [2, 0]), atol=1e-6)
    np.testing.assert_allclose(
        copy.get_weights()[0], model.get_weights()[0], rtol=0, atol=1e-6
    )


def test_model_of_keras_names_nothing_of_seqtrain(rng):
    model = keras.Sequential(
        [
            keras.Input((TIMESTEPS, FEATURES)),
            LSTM(3, bias_initializer="chrono", return_sequences=True),
            ours.Dropout(0.5),
            Bidirectional(GRU(3, recurrent_initializer="identity")),
        ]
    )
    copy = to_keras(model)
    assert "seqtrain" not in json.dumps(keras.saving.serialize_keras_object(copy))
    inputs = inputs_of(model, rng)
    np.testing.assert_allclose(copy(*inputs), model(*inputs), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "layer, message",
    [
        (LSTM(3, zoneout=0.1, name="x"), "'x' has zoneout=0.1.* keep it"),
        (GRU(3, layer_norm=True, name="x"), "'x' has layer_norm=True"),
        (LSTM(3, formulation="document", name="x"), "'x' has formulation='document'"),
        (GRU(3, weight_dropout=0.1), "weight_dropout=0.1.* set layer.weight_dropout"),
        (Bidirectional(RNN(3, omega=0.1)), "omega=0.1.* set layer.omega = None"),
        (ours.TemporalPooling("max", name="x"), "'x' is a TemporalPooling"),
        (GRU(3, bias_initializer="chrono"), "bias_initializer=Chrono.* build"),
    ],
)
def test_what_keras_does_not_have_is_refused_by_name(layer, message):
    model = keras.Sequential([keras.layers.Masking(), layer])
    with pytest.raises(ValueError, match=message):
        to_keras(model)


def test_remedy_for_what_acts_in_training_only_works(rng):
    model = keras.Sequential([keras.Input((TIMESTEPS, FEATURES)), LSTM(3)])
    model.layers[0].weight_dropout = 0.5
    with pytest.raises(ValueError, match="set layer.weight_dropout = 0.0"):
        to_keras(model)
    model.layers[0].weight_dropout = 0.0
    inputs = inputs_of(model, rng)[0]
    np.testing.assert_allclose(to_keras(model)(inputs), model(inputs), atol=1e-6)


@pytest.mark.parametrize(
    "cell",
    [keras.layers.LSTMCell(3), [keras.layers.GRUCell(3), keras.layers.GRUCell(2)]],
)
def test_rnn_of_any_cell_is_refused_by_name(cell):
    model = keras.Sequential([keras.layers.RNN(cell, name="mine")])
    with pytest.raises(ValueError, match="'mine' is a keras.layers.RNN of .*Cell"):
        from_keras(model)


@keras.saving.register_keras_serializable("tests")
class MadeInCode(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.LSTM(3, name="hidden")

    def call(self, inputs):
        return self.hidden(inputs)


def test_layer_that_is_made_in_code_is_refused_by_name():
    model = MadeInCode()
    model(np.zeros((2, TIMESTEPS, FEATURES)))
    with pytest.raises(ValueError, match="'hidden' is made in the code"):
        from_keras(model)


class Doubled(keras.Layer):
    def call(self, inputs):
        return 2 * inputs


def squared(targets, outputs):
    return keras.ops.square(targets - outputs)


def test_layers_and_losses_of_the_user_need_no_registration(rng):
    model = keras.Sequential(
        [keras.Input((TIMESTEPS, FEATURES)), Doubled(), keras.layers.GRU(1)]
    )
    model.compile("adam", squared, run_eagerly=True)
    copy = from_keras(model)
    data = inputs_of(model, rng)[0], np.zeros((4, 1))
    np.testing.assert_allclose(
        copy.evaluate(*data, verbose=0), model.evaluate(*data, verbose=0), rtol=1e-5
    )


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="model is 3, it must be a model"):
        to_keras(3)


def test_vocabulary_is_kept():
    tokens = keras.layers.TextVectorization()
    tokens.adapt(["one two three"])
    texts = keras.Input((), dtype="string")
    embedded = keras.layers.Embedding(9, FEATURES, mask_zero=True)(tokens(texts))
    model = keras.Model(texts, keras.layers.LSTM(3)(embedded))
    copy = from_keras(model)
    found = keras.ops.convert_to_tensor(["two", "three one"])
    np.testing.assert_allclose(copy(found), model(found), rtol=0, atol=1e-6)
