"""What is in a `model.keras`, found out without Keras: a config, weights, no code."""

import contextlib
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import RunError, shown
from ..system.folder import MIB, Folder

WEIGHTS = "model.weights.h5"
MOST_CONFIG = 4 * MIB  # bytes; that of a deep model has some thousands
_PARTS = {"config.json", "metadata.json", WEIGHTS}
_NOT_A_ZIP = (
    EOFError,
    OSError,
    RuntimeError,  # it has a password, or an unknown compression
    struct.error,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
)
_NAME = re.compile(r"[A-Za-z0-9_.\\/>-]*")  # TensorFlow's rule for a scope
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


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the file as what it is, a zip archive.

    Raises:
        RunError: If it is none.
    """
    with Folder(path.parent).open(path.name) as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except _NOT_A_ZIP:
            raise damaged(path, "it is not a complete zip file") from None
        with archive:
            yield archive


def read_config(archive: zipfile.ZipFile, path: Path) -> object:
    """Read the config in the file, after a check of what parts there are.

    Raises:
        RunError: If the file is damaged, or the config names anything but objects of
            Keras and seqtrain.
    """
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    if missing := sorted(_PARTS - sizes.keys()):
        raise damaged(path, f"it has no {missing[0]}")
    if sum(sizes.values()) > 2 * path.stat().st_size:
        raise damaged(path, "its parts are larger than the file")
    if sizes["config.json"] > MOST_CONFIG:
        raise damaged(path, "its config.json is larger than that of a model")
    try:
        config = json.loads(archive.read("config.json"))
    except (ValueError, RecursionError):  # first, as the latter is a RuntimeError
        raise damaged(path, "its config.json is no JSON") from None
    except _NOT_A_ZIP:
        raise damaged(path, "its config.json can't be unpacked") from None
    _refuse_code(config, path)
    _refuse_names(config, path)
    return config


def _refuse_code(config: object, path: Path) -> None:
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


def _refuse_names(config: object, path: Path) -> None:
    """Refuse names that TensorFlow takes for no layer.

    At such a name Keras 3.15 breaks off inside of its scope, and begins the names of
    all later variables of the process with it.
    """
    for entry in _entries(config):
        inner = entry.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        if name is not None and not _NAME.fullmatch(str(name)):
            raise damaged(path, f"it has a layer called {shown(str(name))}")


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


def damaged(path: Path, problem: str) -> RunError:
    """The error of a file that can't be used, and why."""
    return RunError(
        f"{path} is damaged: {problem}",
        hint="copy the whole run again, or train again",
    )
