"""The bytes and lines of a data file, read piece by piece.

However large a file is or claims to be, no more than one row of it is in memory.
"""

import contextlib
import gzip
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ...errors import DataError, ReadError
from ...spelling import did_you_mean

LONGEST_TEXT = 2**24  # characters of a row, bytes of a file: twice the longest novel
GZIP = b"\x1f\x8b"
PIECE = 2**16  # bytes

# gzip makes reviews 3 to 10 times smaller, and nothing more than 1000 times.
_LARGEST_GROWTH = 100
_ANY_GROWTH = 2**26  # bytes that a file of any size may unpack to


def open_file(path: Path) -> BinaryIO:
    """Open a file to read; refuse a pipe, a device or a folder.

    A pipe can be read only once, and maybe nobody writes to it; a device may
    have no end.

    Raises:
        DataError: If it is missing, not a regular file or may not be read.
        ReadError: While it is read, if the disk or the network does not deliver it.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise DataError(
                f"{path}: {_kind(path)}, a regular file is needed",
                hint="write what it holds to a file, and name that",
            )
        return io.BufferedReader(_File(path), PIECE)
    except FileNotFoundError:
        siblings = (file.name for file in path.parent.glob("*"))
        raise DataError(
            f"{path}: no such file or folder",
            hint=did_you_mean(path.name, siblings)
            or f"a relative path starts at {Path.cwd()}",
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: can't be read, {error.strerror}",
            hint="see that the path is right, and that you may read what it names",
        ) from None
    except ValueError:  # what Python raises for a NUL in a path
        raise DataError(
            f"{path}: a path can't hold a NUL", hint="write the path without it"
        ) from None


class _File(io.FileIO):
    """A file whose errors name it: a disk breaks, a network goes, a file is cut."""

    def readinto(self, buffer):
        with self._named():
            return super().readinto(buffer)

    def readall(self):
        with self._named():
            return super().readall()

    @contextlib.contextmanager
    def _named(self):
        try:
            yield
        except OSError as error:
            raise ReadError(
                f"{self.name}: can't be read to its end, {error.strerror}",
                hint="copy it to another disk, and see whether it is whole there",
            ) from None


def _kind(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return "a named pipe" if path.is_fifo() else "a device or a socket"


def read_text(path: Path) -> str:
    """Read a file that is one text.

    Raises:
        DataError: If it can't be read, is too long or is not UTF-8.
    """
    with open_file(path) as file:
        return decode(read_whole(file, str(path)), str(path))


def read_whole(file: BinaryIO, place: str) -> bytes:
    """Read all bytes; raise DataError if there are more than a text may have."""
    raw = file.read(LONGEST_TEXT + 1)
    if len(raw) > LONGEST_TEXT:
        raise too_long(place)
    return raw


def too_long(place: str) -> DataError:
    """The error for a text or a row of absurd length."""
    return DataError(
        f"{place}: longer than {LONGEST_TEXT:,} characters, which no text is",
        hint="is a quote or a line end missing, or is it not a text at all? "
        "a longer one has to be cut",
    )


def decode(raw: bytes, place: str) -> str:
    """Decode UTF-8, with or without a byte order mark; an error names the line."""
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _not_utf8(f"{place}:{line}", raw[error.start]) from None


def _not_utf8(place: str, byte: int) -> DataError:
    return DataError(
        f"{place}: byte 0x{byte:02x} is not UTF-8",
        hint="save the file as UTF-8: iconv -f LATIN1 -t UTF-8 OLD > NEW",
    )


def digest_file(path: Path) -> str:
    """Return the sha256 of a file."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_files(root: Path, files: Iterable[Path]) -> str:
    """Return one sha256 for the names, sizes and contents of files below `root`."""
    total = hashlib.sha256()
    for path in files:
        name = os.fsencode(path.relative_to(root).as_posix())
        with open_file(path) as file:
            total.update(b"%b\0%d\0" % (name, os.fstat(file.fileno()).st_size))
            while piece := file.read(PIECE):
                total.update(piece)
    return total.hexdigest()


def text_lines(stream: BinaryIO, place: str, newline: str) -> Iterator[str]:
    r"""Yield the lines of a file in UTF-8, line ends included.

    Args:
        stream: The bytes; a byte order mark at their start is left out.
        place: What an error calls the file.
        newline: What ends a line: with "\n" only that, with "" also "\r\n" and "\r".

    Raises:
        DataError: If a line is not UTF-8 or too long.
    """
    # An undecodable byte becomes half a surrogate pair, so we can name its line.
    with io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline=newline) as text:
        number = 0
        while line := text.readline(LONGEST_TEXT + 1):
            number += 1
            if len(line) > LONGEST_TEXT:
                raise too_long(f"{place}:{number}")
            if not line.isascii():
                _check_utf8(line, f"{place}:{number}")
            yield line.removeprefix("\ufeff") if number == 1 else line


def _check_utf8(line: str, place: str) -> None:
    try:
        line.encode()
    except UnicodeEncodeError as error:
        raise _not_utf8(place, ord(line[error.start]) - 0xDC00) from None


def unzip(file: BinaryIO, path: Path) -> BinaryIO:
    """Return what a gzip file holds, as a stream that raises DataError."""
    return io.BufferedReader(_Gunzip(file, path), PIECE)


class _Gunzip(io.RawIOBase):
    """The content of a gzip file, member after member, as it is read.

    Ends in a DataError where the file is damaged, cut off, followed by something
    else, or grows out of all proportion.
    """

    def __init__(self, file: BinaryIO, path: Path):
        self._packed, self._path = file, path
        self._unpacked = gzip.GzipFile(fileobj=file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            size = self._unpacked.readinto(buffer)
        except EOFError:
            raise self._damaged("it ends too early") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise self._damaged(error) from None
        growth = max(_ANY_GROWTH, _LARGEST_GROWTH * self._packed.tell())
        if self._unpacked.tell() > growth:
            raise DataError(
                f"{self._path}: unpacks to more than {_LARGEST_GROWTH} times its size, "
                "which no text does",
                hint="unpack it with gunzip and see what it is; a file without .gz "
                "has no such limit",
            )
        return size

    def _damaged(self, problem: object) -> DataError:
        return DataError(
            f"{self._path}: not a whole gzip file ({problem})",
            hint="copy or download it again, or drop .gz from the name of a plain file",
        )
