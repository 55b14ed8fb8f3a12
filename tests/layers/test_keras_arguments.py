"""Every argument of Keras's recurrent layers, found by introspection."""

import inspect
import re
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from cases import FEATURES, randomize

from seqtrain import layers as ours

TIMESTEPS = 2  # few: Keras takes its time over each

pytestmark = pytest.mark.usefixtures("seeded")

LAYERS = ("SimpleRNN", "LSTM", "GRU", "Bidirectional")

# For each argument of Keras another value than its default.
OTHER = {
    "units": 2,
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": False,
    "unit_forget_bias": False,
    "reset_after": False,
    **{
        f"{weights}_{kind}": value
        for weights in ("kernel", "recurrent", "bias")
        for kind, value in {
            "initializer": "ones",
            "regularizer": keras.regularizers.L2(0.1),
            "constraint": "non_neg",
        }.items()
    },
    "activity_regularizer": keras.regularizers.L1(0.1),
    "dropout": 0.5,
    "recurrent_dropout": 0.5,
    "seed": 7,
    "return_sequences": True,
    "return_state": True,
    "go_backwards": True,
    "stateful": True,
    "zero_output_for_mask": True,
    "unroll": True,
    "use_cudnn": False,
    "implementation": 1,
    "layer": lambda layers: layers.GRU(2, return_sequences=True),
    "backward_layer": lambda layers: layers.LSTM(4, go_backwards=True),
    "merge_mode": None,
    "weights": None,  # Keras 3.15 doesn't use them: test_bidirectional.py does
    "name": "mine",
    "trainable": False,
    "dtype": "float64",
    "autocast": False,
    "input_shape": (TIMESTEPS, FEATURES),
    "input_dim": FEATURES,
}


def arguments_of(name):
    """The names and defaults of all arguments that Keras takes for a layer."""
    found = {}
    for cls in reversed(getattr(keras.layers, name).__mro__):
        if not issubclass(cls, keras.Layer) or cls.__init__ is object.__init__:
            continue
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        named = {p.name: p.default for p in parameters if p.kind != p.VAR_KEYWORD}
        source = inspect.getsource(cls.__init__)
        popped = re.findall(r'kwargs\.pop\(\s*"(\w+)", (\w+)', source)
        found |= named | {key: eval(default) for key, default in popped}
    found.pop("cell", None)  # of the base of the three
    return found


ARGUMENTS = [(name, key) for name in LAYERS for key in arguments_of(name)]


def documented():
    """The table of arguments in docs/layers.md: what is said of each."""
    text = Path(__file__, "../../../docs/layers.md").resolve().read_text()
    section = text.split("## The arguments of Keras\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*`) \| (\S.*?) \|", section, re.MULTILINE)
    return {key: here for keys, here in rows for key in re.findall(r"`(\w+)`", keys)}


def make(layers, cls, /, **options):
    if cls == "Bidirectional":
        layer = options.pop("layer", lambda layers: layers.LSTM(3))
        options = {
            k: v(layers) if inspect.isfunction(v) else v for k, v in options.items()
        }
        options = {"layer": layer(layers), **options}
    else:
        options = {"units": 3, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of input_shape and input_dim
        return getattr(layers, cls)(**options)


def test_every_argument_is_documented_and_has_a_value_to_try():
    keys = {key for _, key in ARGUMENTS}
    assert keys - set(documented()) == set()
    assert set(documented()) - keys == set()
    assert keys - set(OTHER) == set()
    assert set(documented().values()) <= {"as in Keras", "used", "no effect"}
    for name in LAYERS:  # the introspection itself finds what it must
        assert {"name", "dtype", "activity_regularizer"} <= set(arguments_of(name))
    assert {"implementation", "zero_output_for_mask"} <= set(arguments_of("LSTM"))


@pytest.mark.parametrize("name", LAYERS)
def test_every_argument_is_taken_at_its_default(name):
    empty = inspect.Parameter.empty
    defaults = {k: v for k, v in arguments_of(name).items() if v is not empty}
    config = make(ours, name, **defaults).get_config()
    theirs = make(keras.layers, name).get_config()
    assert theirs.keys() - config.keys() <= {"activity_regularizer"}


@pytest.mark.parametrize("name", LAYERS)
def test_what_keras_does_not_take_is_refused_by_name(name):
    with pytest.raises(ValueError, match="time_major"):
        make(ours, name, time_major=True)


@pytest.mark.parametrize("name", LAYERS)
def test_arguments_come_in_the_order_of_keras(name):
    theirs, mine = (
        [*inspect.signature(getattr(layers, name).call).parameters]
        for layers in (keras.layers, ours)
    )
    assert mine == theirs
    if name != "Bidirectional":
        assert getattr(ours, name)(3, "relu").activation is keras.activations.relu


@pytest.mark.parametrize("name, key", ARGUMENTS)
def test_argument_does_what_it_does_in_keras(name, key, rng):
    pair = [make(layers, name, **{key: OTHER[key]}) for layers in (ours, keras.layers)]
    inputs = rng.normal(size=(3, TIMESTEPS, FEATURES)).astype("float32")
    mask = np.arange(TIMESTEPS) < np.array([[2], [0], [1]])
    for layer in pair:
        layer.build(inputs.shape)
    randomize(pair[1], rng)
    pair[0].set_weights(pair[1].get_weights())
    results = [
        [keras.tree.flatten(layer(inputs, mask=mask)), layer.losses, layer.get_config()]
        for layer in pair
    ]
    (outputs, losses, config), (expected, expected_losses, expected_config) = results
    for output, other in zip(outputs, expected, strict=True):
        assert output.dtype == other.dtype
        np.testing.assert_allclose(output, other, rtol=1e-5, atol=1e-5)
    if (name, key) == ("SimpleRNN", "activity_regularizer"):
        assert losses and not expected_losses  # Keras 3.15 loses it
        return
    np.testing.assert_allclose(sum(losses), sum(expected_losses), rtol=1e-5)
    assert pair[0].trainable == pair[1].trainable
    if key in config and key in expected_config and name != "Bidirectional":
        assert config[key] == expected_config[key]
    for weight, other in zip(pair[0].weights, pair[1].weights, strict=True):
        assert type(weight.constraint) is type(other.constraint)
        assert type(weight.regularizer) is type(other.regularizer)


@pytest.mark.parametrize("name", LAYERS)
def test_config_of_keras_makes_the_layer(name):
    layer = make(keras.layers, name)
    config = layer.get_config()
    if name == "Bidirectional":
        # Its layers are those that its config names: the layers of Keras.
        both = ours.Bidirectional.from_config(config)
        assert type(both.forward_layer) is keras.layers.LSTM
        return
    again = getattr(ours, name).from_config(config).get_config()
    assert {key for key in config if config[key] != again.get(key)} == set()
