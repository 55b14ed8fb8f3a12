"""Load `model.keras`: layers and weights, but never code."""

import json
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import keras

from .. import layers  # noqa: F401  Keras finds our layers in a saved model by this
from ..errors import RunError, shown
from ..tasks.kind import Kind

_PARTS = {"config.json", "metadata.json", "model.weights.h5"}
_LARGEST_CONFIG = 2**24  # bytes; a deep model has some thousands
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
    may name layers of Keras and of seqtrain, but no function of another module.

    Args:
        path: A `.keras` file.
        vocab_size: Tokens in the vocabulary of the run.
        num_classes: Number of labels of the run.
        kind: The kind of data of the run.

    Raises:
        RunError: If the file is damaged, carries code, or doesn't fit the vocabulary,
            the labels or the kind of data.
    """
    _check_config(_read_config(path), path)
    try:
        with warnings.catch_warnings():
            # Keras warns if a layer keeps its initial weights.
            warnings.simplefilter("error", UserWarning)
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        columns = model.output_shape[-1]
        needed = kind.inputs.features, kind.target.per_step
        fits = _features_and_per_step(model) == needed
        # A model of numbers has no vocabulary.
        rows = _embedding_rows(model) if fits and kind.inputs.embedded else vocab_size
    except (
        AttributeError,
        ImportError,
        IndexError,
        KeyError,
        OSError,
        RuntimeError,
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


def _read_config(path: Path) -> object:
    """Read the config in the file, after a check of all sizes and check sums."""
    try:
        with zipfile.ZipFile(path) as file:
            sizes = {info.filename: info.file_size for info in file.infolist()}
            if missing := sorted(_PARTS - sizes.keys()):
                raise _damaged(path, f"it has no {missing[0]}")
            if sum(sizes.values()) > 2 * path.stat().st_size:  # Keras compresses none
                raise _damaged(path, "its parts are larger than the file")
            if damaged := file.testzip():
                raise _damaged(path, f"{shown(damaged)} in it has another check sum")
            if sizes["config.json"] > _LARGEST_CONFIG:
                raise _damaged(path, "its config.json is larger than that of a model")
            return json.loads(file.read("config.json"))
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zipfile.LargeZipFile):
        raise _damaged(path, "it is not a complete zip file") from None
    except (ValueError, RecursionError):
        raise _damaged(path, "its config.json is no JSON") from None
    except (OSError, RuntimeError) as error:  # the latter for one with a password
        raise _damaged(path, f"it can't be read, {error}") from None


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
