"""Texts with their labels, and how a file's bytes become text."""

import difflib
import gzip
import hashlib
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError


class Examples(NamedTuple):
    """Texts and the names of their classes, both in the order of the source.

    `labels` is empty where none were asked for. `skipped_rows` names each row
    that was left out as `file:line: why`.
    """

    texts: list[str]
    labels: list[str]
    skipped_rows: tuple[str, ...] = ()


def label_names(labels: Iterable[str]) -> list[str]:
    """Return the classes once each: as numbers if all are integers, else by name.

    Example:
        >>> label_names(["10", "9", "9"])
        ['9', '10']
        >>> label_names(["pos", "neg", "9"])
        ['9', 'neg', 'pos']
    """
    names = sorted(set(labels))
    if all(name.removeprefix("-").isdecimal() for name in names):
        return sorted(names, key=int)
    return names


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """Return a hint with the nearest of `names`, if one is near."""
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]!r}?" if near else None


def cache_folder() -> Path:
    """Return the folder for downloads and encoded data.

    It is `$SEQTRAIN_CACHE`, else `$XDG_CACHE_HOME/seqtrain`, else
    `~/.cache/seqtrain`.
    """
    if folder := os.environ.get("SEQTRAIN_CACHE"):
        return Path(folder)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "seqtrain"


def read_bytes(path: Path) -> bytes:
    """Read a file; raise DataError if it is missing or can't be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        siblings = [file.name for file in path.parent.glob("*")]
        raise DataError(
            f"{path}: no such file or folder",
            hint=did_you_mean(path.name, siblings)
            or f"a relative path starts at {Path.cwd()}",
        ) from None
    except OSError as error:
        raise DataError(f"{path}: can't be read, {error.strerror}") from None


def decode(raw: bytes, place: str) -> str:
    """Decode UTF-8, with or without a byte order mark; name the line that isn't."""
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{place}:{line}: byte 0x{raw[error.start]:02x} is not UTF-8",
            hint="save the file as UTF-8: iconv -f LATIN1 -t UTF-8 OLD > NEW",
        ) from None


def decompress(raw: bytes, path: Path) -> bytes:
    """Decompress gzip; raise DataError if it is damaged or cut off."""
    try:
        return gzip.decompress(raw)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: not a whole gzip file ({error})",
            hint="copy or download it again, or drop .gz from the name of a plain file",
        ) from None


def digest_file(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def digest_files(root: Path, files: Iterable[Path]) -> str:
    """Return one sha256 for the names, sizes and contents of files below `root`."""
    total = hashlib.sha256()
    for file in files:
        raw = read_bytes(file)
        total.update(f"{file.relative_to(root).as_posix()}\0{len(raw)}\0".encode())
        total.update(raw)
    return total.hexdigest()
