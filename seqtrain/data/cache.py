"""Where downloads and encoded data are kept, and an entry that is never stale.

An entry is one file, named by a hash of all that it follows from: the data files, the
settings, the code that reads and encodes. It begins with the sha256 of the rest.
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

from ..errors import DataError
from .sources.streams import digest_files, open_file

_DIGEST_SIZE = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """Return the folder for downloads and encoded data.

    It is `$SEQTRAIN_CACHE`, else `$XDG_CACHE_HOME/seqtrain`, else
    `~/.cache/seqtrain`.

    Raises:
        DataError: If none of them is known.
    """
    if folder := os.environ.get("SEQTRAIN_CACHE"):
        return Path(folder)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "seqtrain"
    try:
        return Path.home() / ".cache" / "seqtrain"
    except RuntimeError:
        raise DataError(
            "no home folder is known, encoded data is kept below it",
            hint="name a folder for it by SEQTRAIN_CACHE",
        ) from None


def entry_path(*follows_from: object) -> Path:
    """Return where the entry is that follows from these values, as JSON holds them.

    Part of the name are also the code of this package, Python, for its Unicode tables,
    and NumPy, for its random numbers.
    """
    package = Path(__file__).parents[1]
    code = digest_files(package, sorted(package.rglob("*.py")))
    everything = [*follows_from, code, platform.python_version(), np.__version__]
    name = hashlib.sha256(json.dumps(everything).encode()).hexdigest()
    return cache_folder() / "encoded" / name


def read_entry(path: Path) -> dict[str, np.ndarray] | None:
    """Read the arrays of an entry; None if it is not there or damaged."""
    try:
        with open_file(path) as file:
            blob = file.read()
    except (DataError, OSError):  # whatever is there, the data can be encoded anew
        return None
    digest, content = blob[:_DIGEST_SIZE], blob[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        return None
    return dict(np.load(io.BytesIO(content), allow_pickle=False))


def write_entry(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an entry; where that is not possible, say so and go on without."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except OSError as error:  # what is in memory serves this command as well
        print(
            f"warning: {path.parent}: encoded data can't be kept there, "
            f"{error.strerror}; each command encodes it anew\n"
            "hint: name a folder that can be written by SEQTRAIN_CACHE",
            file=sys.stderr,
        )
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
