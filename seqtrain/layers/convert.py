"""Models of `keras.layers` become models of these layers, and the other way."""

import inspect
import json
import os
import tempfile
import warnings
from pathlib import Path

import keras

from .base import Recurrent
from .bidirectional import Bidirectional
from .dropout import Dropout
from .gru import GRU
from .lstm import LSTM
from .rnn import SimpleRNN

# What each of ours is in Keras, and the other way.
THEIRS = {
    SimpleRNN: keras.layers.SimpleRNN,
    LSTM: keras.layers.LSTM,
    GRU: keras.layers.GRU,
    Bidirectional: keras.layers.Bidirectional,
    Dropout: keras.layers.Dropout,
}
OURS = {theirs: ours for ours, theirs in THEIRS.items() if ours is not Dropout}

# Arguments that make no difference to what a layer predicts.
TRAINING_ONLY = ("weight_dropout", "omega")


def from_keras(model):
    """A copy of a model in which the recurrent layers are those of seqtrain.

    `SimpleRNN`, `LSTM`, `GRU` and `Bidirectional` of `keras.layers` are replaced,
    wherever they stand: in nested models and in other layers, such as
    `TimeDistributed`. All else stays as it is. Predictions are equal, and so are names,
    weights, and what the model is compiled with, the state of the optimizer included:
    training goes on.

    Args:
        model: A model or a single layer, or the path of a file that
            `keras.saving.load_model` opens. It is not changed.

    Returns:
        The copy.

    Raises:
        ValueError: If it has a `keras.layers.RNN`, whose cell may be any, or a layer
            that a class makes in its own code.

    Example:
        >>> theirs = keras.Sequential([keras.Input((5, 4)), keras.layers.LSTM(3)])
        >>> ours = from_keras(theirs)
        >>> type(ours.layers[0])
        <class 'seqtrain.layers.lstm.LSTM'>
    """
    return _converted(model, _to_ours, OURS)


def to_keras(model):
    """A copy of a model in which all layers are those of Keras.

    It is saved and loaded without seqtrain. As `from_keras`, the other way.

    Args:
        model: A model or a single layer, or the path of a file that
            `keras.saving.load_model` opens. It is not changed.

    Returns:
        The copy.

    Raises:
        ValueError: If something in it has no counterpart in Keras, such as zoneout.

    Example:
        >>> ours = keras.Sequential([keras.Input((5, 4)), LSTM(3)])
        >>> theirs = to_keras(ours)
        >>> type(theirs.layers[0]) is keras.layers.LSTM
        True
    """
    return _converted(model, _to_theirs, THEIRS)


def _converted(model, convert, unwanted):
    """A copy of a model, made from its config with each entry converted.

    It goes by way of a saved model, in which Keras keeps all that belongs to one: what
    several layers share, the state of the optimizer, vocabularies.
    """
    if isinstance(model, str | os.PathLike):
        model = keras.saving.load_model(model, safe_mode=True)
    if not isinstance(model, keras.Layer):
        raise ValueError(f"model is {model!r}, it must be a model, a layer or a path")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Of weights or an optimizer that have not begun yet, and of code in the model.
        warnings.simplefilter("ignore", UserWarning)
        keras.saving.save_model(model, folder, zipped=False)
        path = Path(folder, "config.json")
        config = _rewritten(json.loads(path.read_text()), convert)
        path.write_text(json.dumps(config))
        # Code in the model is no danger: it was in this process before.
        copy = keras.saving.load_model(folder, _own_objects(model), safe_mode=False)
    for layer in copy._flatten_layers():
        if type(layer) in unwanted:
            raise ValueError(
                f"layer {layer.name!r} is made in the code of a class, which can't be "
                "converted; make the model of layers, as Sequential or functional"
            )
    return copy


def _own_objects(model):
    """The user's classes of layers and functions of loss, which Keras finds by name."""
    losses = keras.tree.flatten(getattr(model, "loss", None))
    parts = [*model._flatten_layers(), *losses]
    found = [type(x) for x in parts if isinstance(x, keras.Layer | keras.losses.Loss)]
    found += [loss for loss in losses if inspect.isfunction(loss)]
    known = ("keras", "seqtrain")
    return {x.__name__: x for x in found if x.__module__.split(".")[0] not in known}


def _rewritten(config, convert):
    """A config with all its entries converted, the outer ones before the inner."""
    if isinstance(config, list):
        return [_rewritten(value, convert) for value in config]
    if not isinstance(config, dict):
        return config
    if "class_name" in config:
        config = convert(config)
    return {key: _rewritten(value, convert) for key, value in config.items()}


def _to_ours(entry):
    if entry.get("module") != "keras.layers":
        return entry
    theirs = getattr(keras.layers, entry["class_name"], None)
    if theirs is keras.layers.RNN:
        raise ValueError(
            f"layer {entry['config']['name']!r} is a keras.layers.RNN of "
            f"{entry['config']['cell']['class_name']}, only SimpleRNN, LSTM and GRU "
            "can be converted; make it one of these, which take the same weights"
        )
    ours = OURS.get(theirs)
    if ours is None:
        return entry
    registered_name = keras.saving.get_registered_name(ours)
    return {**entry, "module": None, "registered_name": registered_name}


def _to_theirs(entry):
    if not _is_ours(entry):
        return entry
    ours = keras.saving.get_registered_object(entry["registered_name"])
    if ours not in THEIRS:
        raise _refused(entry, f"is a {ours.__name__} of seqtrain.layers")
    theirs = THEIRS[ours]
    if issubclass(ours, Recurrent):
        entry = {**entry, "config": _config_of_theirs(ours, theirs, entry)}
    names = {"module": "keras.layers", "class_name": theirs.__name__}
    return {**entry, **names, "registered_name": None}


def _config_of_theirs(ours, theirs, entry):
    """The config of one of our layers, as far as Keras has the same."""
    config, units = entry["config"], entry["config"]["units"]
    known, defaults = theirs(units).get_config(), ours(units).get_config()
    taken = {*known, *inspect.signature(theirs).parameters, "implementation"}
    result = {}
    for key, value in config.items():
        if key not in taken and value != defaults[key]:
            found = f"has {key}={value!r}"
            if key in TRAINING_ONLY:
                remedy = f"it acts in training only: set layer.{key} = {defaults[key]}"
                raise _refused(entry, found, remedy)
            raise _refused(entry, found)
        if isinstance(value, dict) and _is_ours(value):  # an initializer
            if "build_config" not in entry:
                found = f"has {key}={value['class_name']}"
                raise _refused(entry, found, "build the layer, its weights are kept")
            value = known[key]  # it has done its work
        if key in taken:
            result[key] = value
    return result


def _is_ours(entry):
    return str(entry.get("registered_name")).startswith("seqtrain>")


def _refused(
    entry, found, remedy="keep it, Keras loads it after import seqtrain.layers"
):
    name = entry["config"].get("name")
    return ValueError(f"layer {name!r} {found}, Keras has nothing like it; {remedy}")
