"""The cache of downloads and encoded data, whose entries are never stale.

An entry is a file named by a hash of everything that its content depends on: the data
files, the settings, and the code. It begins with the sha256 of the rest of the file.
"""

import contextlib
import hashlib
import io
import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import DataError, ReadError, printable
from .sources.streams import digest_files, open_file

_DIGEST_SIZE = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """Return the folder for downloads and encoded data.

    It is `$SEQTRAIN_CACHE`, else `$XDG_CACHE_HOME/seqtrain`, else
    `~/.cache/seqtrain`.

    Raises:
        DataError: If neither variable is set and there is no home folder.
    """
    if folder := os.environ.get("SEQTRAIN_CACHE"):
        return Path(os.path.expanduser(folder))
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(os.path.expanduser(base)) / "seqtrain"
    try:
        return Path.home() / ".cache" / "seqtrain"
    except RuntimeError:
        raise DataError(
            "no home folder is known, encoded data is kept below it",
            hint="name a folder for it by SEQTRAIN_CACHE",
        ) from None


def entry_path(*depends_on: object) -> Path:
    """Return the path of the entry for these values.

    Its name depends also on the code of seqtrain, on the version of Python, for its
    Unicode tables, and on that of NumPy, for its random numbers.

    Args:
        *depends_on: All that the content of the entry depends on, in JSON types.
    """
    package = Path(__file__).parents[1]
    code = digest_files(package, sorted(package.rglob("*.py")))
    everything = [*depends_on, code, platform.python_version(), np.__version__]
    name = hashlib.sha256(json.dumps(everything).encode()).hexdigest()
    return cache_folder() / "encoded" / name


def read_entry(path: Path) -> dict[str, np.ndarray] | None:
    """Read the arrays of an entry; None if it is missing or damaged."""
    try:
        with open_file(path) as file:
            blob = file.read()
    except (DataError, ReadError):  # whatever is there, the data can be encoded again
        return None
    digest, content = blob[:_DIGEST_SIZE], blob[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        return None
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


def write_entry(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an entry; if that is not possible, print a warning and go on."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except OSError as error:  # this command has the data in memory
        print(
            f"warning: {printable(str(path.parent))}: encoded data can't be kept "
            f"there, {error.strerror}; each command encodes it anew\n"
            "hint: name a folder that can be written by SEQTRAIN_CACHE",
            file=sys.stderr,
        )
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
