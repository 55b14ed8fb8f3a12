"""Writing that neither a kill nor a full disk leaves half done."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ..errors import WriteError


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says against a write into a message about `path`.

    Raises:
        WriteError: If what is done inside meets a full disk, a read-only place or
            the like. That a file is there already is not turned into one.
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
        WriteError: If it can't be written; what was there before still is.
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
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A name in the same folder that becomes `path` by `os.replace`; else it goes.

    The suffix stays, for libraries that go by it.
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    with writing(path):
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)
