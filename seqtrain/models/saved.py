"""Load `model.keras`: layers and weights, but never code."""

import contextlib
import copy
import io
import json
import math
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import keras
import tensorflow as tf

from .. import layers  # noqa: F401  Keras finds our layers in a saved model by this
from ..errors import RunError, listed, shown
from ..system.folder import KIB, MIB, Folder
from ..tasks.kind import Kind
from .gradients import nonfinite

_WEIGHTS = "model.weights.h5"
_PARTS = {"config.json", "metadata.json", _WEIGHTS}
_MOST_CONFIG = 4 * MIB  # a deep model has some thousand bytes
# Classes of Keras whose config contains a program.
_PROGRAMS = {
    "Lambda",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "__lambda__",
    "__typespec__",
}


def load_model(
    path: Path, *, vocab_size: int, num_classes: int, kind: Kind
) -> keras.Model:
    """Load the model of a run.

    Keras runs what the config in the file names, so the config is checked first: it
    may name layers of Keras and of seqtrain, but no function of another module, and no
    more weights than the file has bytes for.

    Args:
        path: A `.keras` file.
        vocab_size: Tokens in the vocabulary of the run.
        num_classes: Number of labels of the run.
        kind: The kind of data of the run.

    Raises:
        RunError: If the file is damaged, carries code, has weights that are not finite,
            or doesn't fit the vocabulary, the labels or the kind of data.
    """
    try:
        with _opened(path) as archive, warnings.catch_warnings():
            config = _read_config(archive, path)
            _check_config(config, path)
            _check_sizes(archive, config, path)
            # Keras warns if a layer keeps its initial weights.
            warnings.simplefilter("error", UserWarning)
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        columns = model.output_shape[-1]
        needed = kind.inputs.features, kind.target.per_step
        fits = _features_and_per_step(model) == needed
        # A model of numbers has no vocabulary.
        rows = _embedding_rows(model) if fits and kind.inputs.embedded else vocab_size
    except (
        ArithmeticError,
        AttributeError,
        ImportError,
        LookupError,
        MemoryError,
        OSError,
        RuntimeError,
        tf.errors.OpError,
        TypeError,
        UserWarning,
        ValueError,
    ) as error:
        # Keras has no error class for this: each layer raises its own.
        reason = (str(error) or type(error).__name__).partition("\n")[0]
        raise _damaged(path, f"Keras can't build it: {reason[:200]}") from None
    if not fits:
        raise RunError(
            f"{path}: made for another task than that of the config, {kind.name}",
            hint="copy the whole run again; its files belong together",
        )
    if rows != vocab_size:
        raise RunError(
            f"{path}: made for a vocabulary of {rows:,} tokens, but vocabulary.txt has "
            f"{vocab_size:,}",
            hint="copy the whole run again; its files belong together",
        )
    if columns != kind.target.columns(num_classes):
        raise RunError(
            f"{path}: has {columns:,} outputs, which labels.json with "
            f"{num_classes:,} labels does not fit",
            hint="copy the whole run again; its files belong together",
        )
    if names := nonfinite(model.weights):
        raise RunError(
            f"{path}: not all of its weights are finite numbers ({listed(names)}), no "
            "prediction would mean anything",
            hint="copy the whole run again, or train again",
        )
    return model


def _embedding_rows(model: keras.Model) -> int:
    (embedding,) = (
        layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)
    )
    return embedding.input_dim


def _features_and_per_step(model: keras.Model) -> tuple[int | None, bool]:
    """The features that a model reads, None for tokens; whether it has step outputs."""
    features = (*model.input_shape[2:], None)[0]
    return features, len(model.output_shape) == 3


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the file as what it is, a zip archive whose parts are not compressed."""
    try:
        with (
            Folder(path.parent).open(path.name) as stream,
            zipfile.ZipFile(stream) as archive,
        ):
            yield archive
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zipfile.LargeZipFile):
        raise _damaged(path, "it is not a complete zip file") from None


def _read_config(archive: zipfile.ZipFile, path: Path) -> object:
    """Read the config in the file, after a check of what parts there are."""
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    if missing := sorted(_PARTS - sizes.keys()):
        raise _damaged(path, f"it has no {missing[0]}")
    if sum(sizes.values()) > 2 * path.stat().st_size:
        raise _damaged(path, "its parts are larger than the file")
    if sizes["config.json"] > _MOST_CONFIG:
        raise _damaged(path, "its config.json is larger than that of a model")
    try:
        return json.loads(archive.read("config.json"))
    except (ValueError, RecursionError):
        raise _damaged(path, "its config.json is no JSON") from None


def _check_sizes(archive: zipfile.ZipFile, config: object, path: Path) -> None:
    """Check that the weights are as many as the config says, and all bytes are whole.

    It allocates none: neither what the config would, nor what the weights' file says
    it holds.
    """
    with tf.Graph().as_default():  # variables of a graph have a shape, but no content
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config))
        shapes = [math.prod(variable.shape) for variable in model.variables]
    size = archive.getinfo(_WEIGHTS).file_size
    if sum(shapes) > size:
        raise _damaged(
            path, f"its config has {sum(shapes):,} weights, their file {size:,} bytes"
        )
    # HDF5 needs some space beside the numbers.
    most = 8 * sum(shapes) + 64 * KIB * len(shapes) + MIB + _MOST_CONFIG
    if path.stat().st_size > most:
        raise _damaged(path, f"its weights have {most:,} bytes at most, the file more")
    if damaged := archive.testzip():
        raise _damaged(path, f"{shown(damaged)} in it has another check sum")
    with h5py.File(io.BytesIO(archive.read(_WEIGHTS))) as file:
        file.visititems(lambda name, item: _check_stored(name, item, path))


def _check_stored(name: str, item: h5py.Group | h5py.Dataset, path: Path) -> None:
    """Check that an array in HDF5 is no larger than its bytes."""
    if isinstance(item, h5py.Dataset):
        said = math.prod(item.shape or ()) * item.dtype.itemsize
        if said > item.id.get_storage_size():
            raise _damaged(
                path, f"{shown(name)} in it has not all of its {said:,} bytes"
            )


def _check_config(config: object, path: Path) -> None:
    """Raise RunError if a config names anything but Keras and seqtrain objects."""
    for entry in _entries(config):
        name = str(entry["class_name"])
        module, registered = entry.get("module"), str(entry.get("registered_name"))
        ours = registered.startswith("seqtrain>")
        theirs = str(module).split(".")[0] in ("keras", "builtins", "None")
        if name in _PROGRAMS or not (ours or theirs):
            where = "" if module is None else f" of {shown(str(module))}"
            raise RunError(
                f"{path}: carries code, {shown(name)}{where}, which is never run; "
                "a model of layers of Keras and seqtrain is needed",
                hint="train it again, and delete the file if you don't know its origin",
            )


def _entries(config: object) -> Iterator[dict]:
    """Yield every object with a class; a loop, as recursion could be too deep."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _damaged(path: Path, problem: str) -> RunError:
    return RunError(
        f"{path} is damaged: {problem}",
        hint="copy the whole run again, or train again",
    )
