import keras
import numpy as np
import pytest
from pydantic import ValidationError

from seqtrain.config import Config
from seqtrain.layers import GRU, LSTM, RNN, Bidirectional, Dropout
from seqtrain.models.build import build_model

pytestmark = pytest.mark.usefixtures("seeded")

VOCABULARY, DIM, UNITS, MAX_LENGTH = 10, 3, 4, 40
DATA = {"source": "imdb", "max_length": MAX_LENGTH}
TEXTS = [[3, 7, 5], [], [9], [2, 2, 8, 1, 6, 4]]
IN_KERAS = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
}

every_pooling = pytest.mark.parametrize("pooling", ["last", "mean", "max", "concat"])
every_cell = pytest.mark.parametrize("cell", IN_KERAS)
either_direction = pytest.mark.parametrize(
    "bidirectional", [False, True], ids=["forward", "both"]
)


def make_model(*layers, num_classes=2, dim=DIM, embedding_dropout=0.0, **options):
    layers = layers or ({},)
    model = {
        "embedding": {"dim": dim, "dropout": embedding_dropout},
        "layers": [{"cell": "gru", "units": UNITS, **layer} for layer in layers],
        **options,
    }
    config = Config.model_validate({"data": DATA, "model": model})
    return build_model(config, vocab_size=VOCABULARY, num_classes=num_classes)


def randomize(model, rng):
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])


def pad(texts, width):
    return np.array([text + [0] * (width - len(text)) for text in texts])


def recurrent_layer(model):
    """The first recurrent layer of a model, one direction of it."""
    [first, *_] = [
        layer
        for layer in model.layers
        if isinstance(layer, RNN | LSTM | GRU | Bidirectional)
    ]
    return first.forward_layer if isinstance(first, Bidirectional) else first


@either_direction
@every_pooling
def test_prediction_does_not_depend_on_padding(pooling, bidirectional, rng):
    model = make_model(
        {"cell": "lstm", "units": 5, "bidirectional": bidirectional},
        {"bidirectional": bidirectional},
        pooling=pooling,
    )
    randomize(model, rng)

    padded = model(pad(TEXTS, 8)).numpy()

    assert len({*padded[:, 0]}) == len(TEXTS)
    for text, logits in zip(TEXTS, padded, strict=True):
        # No layer takes a sequence without a timestep: one of padding stands for it.
        alone = model(pad([text], max(len(text), 1))).numpy()[0]
        np.testing.assert_allclose(logits, alone, atol=1e-6)


def keras_logits(model, cell, text, pooling, bidirectional):
    """What the model makes of one text, by Keras's own layers and NumPy."""
    embeddings, *weights, kernel, bias = model.get_weights()
    layer = IN_KERAS[cell](UNITS, return_sequences=True)
    if bidirectional:
        layer = keras.layers.Bidirectional(layer)
    layer.build((None, None, DIM))
    layer.set_weights(weights)
    outputs = layer(embeddings[text][None]).numpy()[0]  # (timesteps, features)
    # The backward direction ends at the first word.
    last = np.concatenate([outputs[-1, :UNITS], outputs[0, UNITS:]])
    pooled = {"last": last, "mean": outputs.mean(axis=0), "max": outputs.max(axis=0)}
    pooled["concat"] = np.concatenate([*pooled.values()])
    return pooled[pooling] @ kernel + bias


@either_direction
@every_cell
@every_pooling
def test_logits_are_those_of_the_layers_of_keras(pooling, cell, bidirectional, rng):
    model = make_model({"cell": cell, "bidirectional": bidirectional}, pooling=pooling)
    randomize(model, rng)
    text = TEXTS[-1]

    logits = model(pad([text], len(text) + 2)).numpy()[0]

    expected = keras_logits(model, cell, text, pooling, bidirectional)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("num_classes, columns", [(2, 1), (3, 3), (4, 4)])
def test_two_classes_share_a_logit_and_more_have_their_own(num_classes, columns):
    model = make_model(num_classes=num_classes)
    assert model.output_shape == (None, columns)
    assert model(pad(TEXTS, 6)).shape == (len(TEXTS), columns)


def test_stack_has_the_layers_of_the_config_in_their_order():
    model = make_model(
        {"cell": "lstm", "units": 6, "bidirectional": True},
        {"cell": "rnn", "units": 2, "activation": "relu"},
        {"cell": "gru", "units": 7},
        dim=5,
    )
    shapes = [tuple(weight.shape) for weight in model.weights]
    assert shapes == [
        (VOCABULARY, 5),
        *[(5, 24), (6, 24), (24,)] * 2,
        *[(12, 2), (2, 2), (2,)],
        *[(2, 21), (7, 21), (2, 21)],
        *[(7, 1), (1,)],
    ]
    bidirectional, rnn, gru = model.layers[2:5]
    assert isinstance(bidirectional, Bidirectional)
    assert isinstance(bidirectional.forward_layer, LSTM)
    assert isinstance(rnn, RNN)
    assert rnn.activation is keras.activations.relu
    assert isinstance(gru, GRU)
    assert gru.activation is keras.activations.tanh


def test_document_formulation_and_its_outputs_reach_the_layers():
    model = make_model(
        {"cell": "rnn", "formulation": "document", "output_units": 2},
        {"cell": "lstm", "formulation": "document"},
        {"cell": "gru", "formulation": "document"},
    )
    shapes = {weight.path: tuple(weight.shape) for weight in model.weights}
    by_name = {path.split("/", 1)[1]: shape for path, shape in shapes.items()}
    assert by_name["output_kernel"] == (UNITS, 2)
    assert by_name["peephole_kernel"] == (UNITS, 4 * UNITS)
    assert tuple(model.layers[4].bias.shape) == (3 * UNITS,)


def test_concat_of_a_layer_with_outputs_is_refused():
    layer = {"cell": "rnn", "formulation": "document", "output_units": 2}
    with pytest.raises(ValidationError, match="last, mean or max"):
        make_model(layer, pooling="concat")


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_a_residual_layer_adds_its_input(pooling, rng):
    both = {"cell": "rnn", "units": 2, "bidirectional": True, "residual": True}
    top = {"units": 4, "residual": True}
    model = make_model(both, top, dim=4, pooling=pooling)
    randomize(model, rng)
    tokens = pad(TEXTS, 8)

    logits = model(tokens).numpy()

    layers = {layer.name: layer for layer in model.layers}
    for text, found in zip(TEXTS, logits, strict=True):
        pooled = np.zeros(4)  # of a text without a token
        if text:
            x = layers["embedding"](np.array([text])).numpy()
            x = layers["bidirectional_rnn_1"](x).numpy() + x
            layers["gru_2"].return_sequences = True
            [x] = layers["gru_2"](x).numpy() + x
            pooled = {"last": x[-1], "mean": x.mean(0), "max": x.max(0)}[pooling]
        kernel, bias = layers["logits"].get_weights()
        np.testing.assert_allclose(found, pooled @ kernel + bias, rtol=1e-5, atol=1e-5)


def test_cures_reach_the_layers():
    model = make_model(
        {"cell": "rnn", "weight_dropout": 0.1, "omega": 2.0},
        {"cell": "lstm", "zoneout": 0.3, "layer_norm": True},
        {"zoneout": 0.2},
    )
    rnn, lstm, gru = model.layers[2:5]
    assert (rnn.weight_dropout, rnn.omega, rnn.zoneout) == (0.1, 2.0, 0.0)
    assert (lstm.zoneout, lstm.layer_norm, lstm.weight_dropout) == (0.3, True, 0.0)
    assert (gru.zoneout, gru.layer_norm) == (0.2, False)


def test_initializers_reach_the_layer():
    model = make_model(
        {
            "cell": "rnn",
            "kernel_initializer": "orthogonal",
            "recurrent_initializer": "identity",
        }
    )
    layer = recurrent_layer(model)
    np.testing.assert_array_equal(layer.recurrent_kernel, np.eye(UNITS))
    kernel = layer.kernel.numpy()  # (features, units), fewer features than units
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(DIM), atol=1e-6)

    recurrent = recurrent_layer(make_model({"cell": "rnn"})).recurrent_kernel.numpy()
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(UNITS), atol=1e-6)
    assert np.abs(recurrent - np.eye(UNITS)).max() > 0.1

    he = make_model({"kernel_initializer": "he_uniform"}, dim=200)
    limit = np.sqrt(6 / 200)
    assert 0.9 * limit < recurrent_layer(he).kernel.numpy().max() <= limit


@either_direction
def test_chrono_spreads_the_memories_over_the_longest_text(bidirectional):
    units = 200
    layer = {
        "units": units,
        "bidirectional": bidirectional,
        "bias_initializer": "chrono",
    }
    lstm = recurrent_layer(make_model({**layer, "cell": "lstm"})).bias.numpy()
    inputs, forget, others = lstm[:units], lstm[units : 2 * units], lstm[2 * units :]
    gru = recurrent_layer(make_model(layer)).bias.numpy()

    for remembering in (forget, gru.sum(axis=0)[:units]):
        times = np.exp(remembering)
        assert times.min() >= 1
        assert 0.9 * (MAX_LENGTH - 1) < times.max() <= MAX_LENGTH - 1
        assert abs(times.mean() - MAX_LENGTH / 2) < 3
    np.testing.assert_array_equal(inputs, -forget)
    np.testing.assert_array_equal(others, 0)


@pytest.mark.parametrize("bias, forget", [(None, 1), ("forget_one", 1), ("zeros", 0)])
def test_bias_of_the_forget_gate_is_that_of_the_config(bias, forget):
    layer = recurrent_layer(make_model({"cell": "lstm", "bias_initializer": bias}))
    expected = np.repeat([0, forget, 0, 0], UNITS)
    np.testing.assert_array_equal(layer.bias, expected)


def test_each_dropout_stands_in_its_place():
    model = make_model(
        {"dropout": 0.3}, {"dropout": 0.4}, embedding_dropout=0.2, dropout=0.5
    )
    assert [
        (type(layer), getattr(layer, "rate", getattr(layer, "dropout", None)))
        for layer in model.layers[1:]
    ] == [
        (keras.layers.Embedding, None),
        (Dropout, 0.2),
        (GRU, 0.3),
        (GRU, 0.4),
        (Dropout, 0.5),
        (keras.layers.Dense, None),
    ]


@pytest.mark.parametrize(
    "place",
    [{"embedding_dropout": 0.5}, {"layer": {"dropout": 0.5}}, {"dropout": 0.5}],
    ids=["embedding", "layer", "features"],
)
@every_pooling
def test_each_dropout_acts_in_training_only(pooling, place):
    layer = place.get("layer", {})
    options = {name: rate for name, rate in place.items() if name != "layer"}
    model = make_model(layer, pooling=pooling, **options)
    tokens = pad(TEXTS, 6)
    calm = model(tokens, training=False)
    np.testing.assert_array_equal(model(tokens, training=False), calm)
    trained = [model(tokens, training=True).numpy() for _ in range(2)]
    assert (trained[0] != trained[1]).any()
    assert (trained[0] != calm).numpy().any()


def test_model_without_dropout_has_no_random_numbers():
    assert not make_model().non_trainable_variables


def test_logits_are_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make_model()
    finally:
        keras.config.set_dtype_policy("float32")
    assert model(pad(TEXTS, 6)).dtype == "float32"
