"""Load `model.keras`: layers and weights, but never code."""

import copy
import io
import math
import warnings
import zipfile
import zlib
from pathlib import Path

import h5py
import keras
import tensorflow as tf

from .. import layers  # noqa: F401  Keras finds our layers in a saved model by this
from ..errors import RunError, listed, shown
from ..system.folder import KIB, MIB
from ..tasks.kind import Kind
from .archive import MOST_CONFIG, WEIGHTS, damaged, opened, read_config
from .gradients import nonfinite


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
        with opened(path) as archive, warnings.catch_warnings():
            _check_sizes(archive, read_config(archive, path), path)
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
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
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
        raise damaged(path, f"Keras can't build it: {reason[:200]}") from None
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


def _check_sizes(archive: zipfile.ZipFile, config: object, path: Path) -> None:
    """Check that the weights are as many as the config says, and all bytes are whole.

    It allocates none: neither what the config would, nor what the weights' file says
    it holds.
    """
    with tf.Graph().as_default():  # variables of a graph have a shape, but no content
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config))
        shapes = [math.prod(variable.shape) for variable in model.variables]
    size = archive.getinfo(WEIGHTS).file_size
    if sum(shapes) > size:
        raise damaged(
            path, f"its config has {sum(shapes):,} weights, their file {size:,} bytes"
        )
    # HDF5 needs some space beside the numbers.
    most = 8 * sum(shapes) + 64 * KIB * len(shapes) + MIB + MOST_CONFIG
    if path.stat().st_size > most:
        raise damaged(path, f"its weights have {most:,} bytes at most, the file more")
    if broken := archive.testzip():
        raise damaged(path, f"{shown(broken)} in it has another check sum")
    with h5py.File(io.BytesIO(archive.read(WEIGHTS))) as file:
        file.visititems(lambda name, item: _check_stored(name, item, path))


def _check_stored(name: str, item: h5py.Group | h5py.Dataset, path: Path) -> None:
    """Check that an array in HDF5 is no larger than its bytes."""
    if isinstance(item, h5py.Dataset):
        said = math.prod(item.shape or ()) * item.dtype.itemsize
        if said > item.id.get_storage_size():
            raise damaged(
                path, f"{shown(name)} in it has not all of its {said:,} bytes"
            )
