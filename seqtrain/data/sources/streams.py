"""The bytes and lines of a data file, read piece by piece.

However large a file is or claims to be, no more than one row of it is in memory.
"""

import codecs
import contextlib
import gzip
import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ...errors import DataError, ReadError, listed, shown
from ...spelling import did_you_mean

LONGEST_TEXT = 2**24  # characters of a row, bytes of a file: twice the longest novel
OTHER_ENCODING = "set data.encoding to that of the file"  # the hint to a bad byte
GZIP = b"\x1f\x8b"
PIECE = 2**16  # bytes

# A byte order mark is what a file says itself about its encoding. UTF-32 comes first:
# its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

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


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Read a file that is one text.

    Raises:
        DataError: If it can't be read, is too long or is not in the encoding.
    """
    with open_file(path) as file:
        return decode(read_whole(file, str(path)), str(path), encoding)


def read_whole(file: BinaryIO, place: str) -> bytes:
    """Read all bytes; raise DataError if there are more than a text may have."""
    raw = file.read(LONGEST_TEXT + 1)
    if len(raw) > LONGEST_TEXT:
        raise too_long(place)
    return raw


def too_long(place: str, limit: str = f"{LONGEST_TEXT:,} characters") -> DataError:
    """The error for a text or a row of absurd length."""
    return DataError(
        f"{place}: longer than {limit}, which no text is",
        hint="is a quote or a line end missing, or is it not a text at all? "
        "a longer one has to be cut",
    )


def decode(raw: bytes, place: str, encoding: str = "utf-8") -> str:
    """Decode a text, with or without a byte order mark; an error names the line.

    The mark, if there is one, goes before `encoding`.
    """
    encoding = marked_encoding(raw) or encoding
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{place}:{line}: {_not_in(encoding, raw[error.start])}",
            hint=OTHER_ENCODING,
        ) from None


def marked_encoding(start: bytes) -> str | None:
    """The encoding that a byte order mark at the start of a file names, if any."""
    return next((_MARKS[mark] for mark in _MARKS if start.startswith(mark)), None)


def _not_in(encoding: str, byte: int) -> str:
    return f"byte 0x{byte:02x} is not {encoding.upper()}"


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


def text_stream(stream: BinaryIO, encoding: str, newline: str) -> io.TextIOWrapper:
    r"""Return the characters of a file, which a byte order mark may begin.

    A byte that is not in the encoding becomes half a surrogate pair, which no file can
    hold otherwise: `bad_byte` finds it.

    Args:
        stream: The bytes; is closed with the result.
        encoding: How characters are written as bytes, unless a byte order mark at
            their start says so.
        newline: What ends a line: with "\n" only that, with "" also "\r\n" and "\r".
    """
    stream = stream if hasattr(stream, "peek") else _buffered(stream)
    encoding = marked_encoding(stream.peek(4)[:4]) or encoding
    # That of Python gives up where one of the two or four bytes is an ASCII letter.
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    errors = _EACH_BYTE if wide else "surrogateescape"
    return io.TextIOWrapper(stream, encoding, errors, newline=newline)


def text_lines(
    stream: BinaryIO, place: str, newline: str, encoding: str = "utf-8"
) -> Iterator[str]:
    """Yield the lines of a file, line ends included.

    The arguments are those of `text_stream`, and `place` is what an error calls it.

    Raises:
        DataError: If a line is too long.
    """
    with text_stream(stream, encoding, newline) as text:
        number = 0
        while line := text.readline(LONGEST_TEXT + 1):
            number += 1
            if len(line) > LONGEST_TEXT:
                raise too_long(f"{place}:{number}")
            yield line.removeprefix("\ufeff") if number == 1 else line


def _buffered(stream: BinaryIO) -> io.BufferedReader:
    return io.BufferedReader(stream, PIECE)


def _escape_each_byte(error: UnicodeError) -> tuple[str, int]:
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


_EACH_BYTE = "seqtrain.escape_each_byte"
codecs.register_error(_EACH_BYTE, _escape_each_byte)


def bad_byte(line: str, encoding: str = "utf-8") -> str | None:
    """Say which byte of a piece of `text_stream` is not in its encoding, if one is."""
    if line.isascii():
        return None
    try:
        line.encode()
    except UnicodeEncodeError as error:
        return _not_in(encoding, ord(line[error.start]) - 0xDC00)
    return None


@contextlib.contextmanager
def open_data(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a data file, unpacked if it is a `.gz`, or a `.zip` that holds one file.

    Yields:
        The bytes, and the name of what they are the content of: without `.gz`, that
        of the file in the `.zip`.

    Raises:
        DataError: If it can't be read or is damaged.
    """
    suffix = path.suffix.lower()
    with open_file(path) as file:
        if suffix == ".gz":
            yield unzip(file, path), path.name[: -len(suffix)]
        elif suffix == ".zip":
            with _only_member(file, path) as (stream, name):
                yield stream, name
        else:
            yield file, path.name


@contextlib.contextmanager
def _only_member(file: BinaryIO, path: Path) -> Iterator[tuple[BinaryIO, str]]:
    _check_contents(file, path)
    try:
        with zipfile.ZipFile(file) as archive:
            files = [each for each in archive.infolist() if _is_data(each)]
            if len(files) != 1:
                names = listed([each.filename for each in files]) or "nothing"
                raise DataError(
                    f"{path}: it holds {names}, a single file is needed",
                    hint="unpack it, and name the files or the folder",
                )
            [member] = files
            if member.flag_bits & 1:
                raise DataError(
                    f"{path}: {shown(member.filename)} is encrypted",
                    hint="unpack it with its password",
                )
            with archive.open(member) as stream:
                name = member.filename.rpartition("/")[2]
                yield _buffered(_Unpacked(file, stream, path)), name
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise _damaged_zip(path, error) from None


def _is_data(member: zipfile.ZipInfo) -> bool:
    """Whether it is a file, and not one that a Mac adds or a hidden one."""
    *folders, name = member.filename.split("/")
    return bool(name) and not name.startswith(".") and "__MACOSX" not in folders


def _check_contents(file: BinaryIO, path: Path) -> None:
    """Refuse a zip whose table of contents would fill the memory, before reading it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _ZIP_TAIL))
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < 22:
        raise _damaged_zip(path, "its table of contents is missing")
    [contents] = struct.unpack_from("<I", tail, place + 12)
    if contents > _LONGEST_CONTENTS or tail[max(0, place - 20) :].startswith(b"PK\6\7"):
        raise DataError(
            f"{path}: a zip of thousands of files or of gigabytes, one file is needed",
            hint="unpack it, and name the file or the folder",
        )


_ZIP_TAIL = 2**16 + 22  # bytes: the longest comment, and what stands before it
_LONGEST_CONTENTS = 2**20  # bytes: of some thousand files


def _damaged_zip(path: Path, problem: object) -> DataError:
    return DataError(
        f"{path}: not a whole zip file ({problem})", hint="copy or download it again"
    )


def unzip(file: BinaryIO, path: Path) -> BinaryIO:
    """Return what a gzip file holds, as a stream that raises DataError."""
    return _buffered(_Unpacked(file, gzip.GzipFile(fileobj=file), path))


class _Unpacked(io.RawIOBase):
    """The content of a packed file, as it is read.

    Ends in a DataError where the file is damaged, cut off, followed by something
    else, or grows out of all proportion.

    Args:
        packed: The file.
        content: What it holds.
        path: What an error calls it.
    """

    def __init__(self, packed: BinaryIO, content: BinaryIO, path: Path):
        self._packed, self._content, self._path = packed, content, path
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            size = self._content.readinto(buffer)
        except EOFError:
            raise self._damaged("it ends too early") from None
        except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
            raise self._damaged(error) from None
        self._size += size
        check_growth(self._size, self._packed.tell(), self._path)
        return size

    def _damaged(self, problem: object) -> DataError:
        if isinstance(self._content, zipfile.ZipExtFile):
            return _damaged_zip(self._path, problem)
        return DataError(
            f"{self._path}: not a whole gzip file ({problem})",
            hint="copy or download it again, or drop .gz from the name of a plain file",
        )


def check_growth(size: int, packed: int, path: Path) -> None:
    """Refuse what unpacks to more than any text does.

    Raises:
        DataError: If `packed` bytes became `size` bytes or characters, which is too
            much.
    """
    if size > max(_ANY_GROWTH, _LARGEST_GROWTH * packed):
        raise DataError(
            f"{path}: unpacks to more than {_LARGEST_GROWTH} times its size, "
            "which no text does",
            hint="unpack it with gunzip or unzip and see what it is; a plain file "
            "has no such limit",
        )
