"""Writing that a kill or a full disk never leaves half done."""

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from ..errors import WriteError

# The names of `temporary_beside`, and of a checkpoint before it is whole.
TEMPORARY = re.compile(r"\.([0-9a-f]{8}-.+|step-\d+)")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's errors while writing into a message about `path`.

    Raises:
        WriteError: If the disk is full, the place read-only or the like. An existing
            file stays a FileExistsError.
    """
    try:
        yield
    except FileExistsError:  # nothing is wrong with the disk
        raise
    except OSError as error:
        raise WriteError(
            f"{path}: can't be written, {error.strerror or error}",
            hint="make room, or make the place writable",
        ) from None


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; on return it is on the disk.

    Raises:
        WriteError: If it can't be written; the old file is still there then.
    """
    with temporary_beside(path) as temporary:
        write(temporary, content)
        os.replace(temporary, path)
        sync(path.parent)


def write(path: Path, content: bytes) -> None:
    """Write a file; on return its content is on the disk."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A name in the same folder to write to, then move to `path` by `os.replace`.

    What was not moved is deleted. The name keeps the suffix, which tells libraries
    the format.
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    with writing(path):
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)
