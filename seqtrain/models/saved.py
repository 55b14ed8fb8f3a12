"""Loading `model.keras`: its weights and layers, never code."""

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
_LARGEST_CONFIG = 2**24  # bytes; that of a deep model has some thousands
# Layers of Keras whose config brings a program along.
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
    """Load the model of a run, from token ids, or numbers, to what is wanted.

    Keras runs what a config names, so it is looked through first: it may name the
    layers of Keras and of seqtrain, but no function of another module.

    Args:
        path: A `.keras` file.
        vocab_size: Tokens of the vocabulary that is to fit it.
        num_classes: Labels that are to fit it.
        kind: What it is to read and put out.

    Raises:
        RunError: If it is damaged, carries code or doesn't fit.
    """
    _check_config(_read_config(path), path)
    try:
        with warnings.catch_warnings():
            # Keras warns where a layer is left with the weights it was made with.
            warnings.simplefilter("error", UserWarning)
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        columns = _columns(model)
        needed = kind.inputs.features, kind.target.per_step
        fits = _reads_and_writes(model) == needed
        # A model that reads numbers has no vocabulary.
        rows = _rows(model) if fits and kind.inputs.embedded else vocab_size
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
        # Keras has no error of its own: each layer raises what its arguments do.
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


def _rows(model: keras.Model) -> int:
    (embedding,) = (
        layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)
    )
    return embedding.input_dim


def _reads_and_writes(model: keras.Model) -> tuple[int | None, bool]:
    """The numbers it reads at a timestep, None for a token; if it writes at each."""
    return (*model.input_shape[2:], None)[0], len(model.output_shape) == 3


def _columns(model: keras.Model) -> int:
    return model.output_shape[-1]


def _read_config(path: Path) -> object:
    """Read the config out of the file; each part has to have its check sum."""
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
        raise _damaged(path, "it is no whole zip file") from None
    except (ValueError, RecursionError):
        raise _damaged(path, "its config.json is no JSON") from None
    except (OSError, RuntimeError) as error:  # the latter for one with a password
        raise _damaged(path, f"it can't be read, {error}") from None


def _check_config(config: object, path: Path) -> None:
    """Raise RunError if a config names what is no layer of Keras or of seqtrain."""
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
    """Yield every object with a class, however deep; a loop, as it may be very."""
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
