"""Chosen files of a .tar or .tar.gz archive, without unpacking it."""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ...errors import DataError, shown
from .streams import GZIP, LONGEST_TEXT, PIECE, decode, open_file, too_long, unzip

# The Large Movie Review Dataset has 100,024 files; a Mac adds a file of its own for
# each, and pax puts a header before every file. Reading 500,000 takes seven seconds.
MOST_HEADERS = 500_000
# A path has 4096 bytes at most; the other fields of a header are short.
LONGEST_HEADER = 2**16


def archive_texts(
    path: Path, wanted: Callable[[str], object]
) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every wanted file of an archive.

    The archive is read once, from start to end, and nothing is written. A name is
    compared and shown but never opened, so one with `..` in it leads nowhere.

    Args:
        path: The archive; gzip is recognised by its first bytes.
        wanted: Says of a name whether that file is read.

    Raises:
        DataError: If the archive is damaged or cut off, or a wanted member is not
            a regular file with a text.
    """
    with open_file(path) as file:
        zipped = file.peek(len(GZIP)).startswith(GZIP)
        stream = unzip(file, path) if zipped else file
        try:
            for member in _members(stream, path):
                place = f"{path}: {member.name}"
                if wanted(member.name):
                    yield member.name, decode(_text(stream, member, place), place)
                else:
                    _skip(stream, _stored(member), path)
        except tarfile.HeaderError as error:
            raise _damaged(path, error) from None
        while zipped and stream.read(PIECE):
            pass  # the check sum stands at the end


def _members(stream: BinaryIO, path: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the header of each member; its content has to be read before the next.

    Not by `tarfile.open`: it takes a damaged header for the end of the archive, reads
    an extended header whole whatever its size, and recurses once for each of them.
    """
    longer_name = None
    for _ in range(MOST_HEADERS):
        header = stream.read(tarfile.BLOCKSIZE)
        if header == bytes(tarfile.BLOCKSIZE):
            return
        if len(header) < tarfile.BLOCKSIZE:
            raise _damaged(path, "it ends without the mark of its end")
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        if member.size < 0 or member.type == tarfile.GNUTYPE_SPARSE:
            raise _damaged(path, f"{shown(member.name)} is sparse or has no size")
        if member.type in _EXTENSIONS:
            fields = _extension(stream, member, path)
            if fields.keys() & {"size", "GNU.sparse.major", "GNU.sparse.size"}:
                raise _damaged(path, "a file of gigabytes or a sparse one is in it")
            longer_name = fields.get("path", longer_name)
            continue
        member.name = longer_name or member.name
        longer_name = None
        yield member
    raise DataError(
        f"{path}: more than {MOST_HEADERS:,} files, which no data set here has",
        hint="make an archive of the reviews alone",
    )


_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def _extension(stream: BinaryIO, member: tarfile.TarInfo, path: Path) -> dict[str, str]:
    """Return the fields that an extended header sets for the member after it."""
    if member.size > LONGEST_HEADER:
        raise _damaged(path, f"a header of {member.size:,} bytes")
    content = _read(stream, member.size, path)
    if member.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": _name(content.rstrip(b"\0"))}
    if member.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
        return _records(content, path)
    return {}


def _records(content: bytes, path: Path) -> dict[str, str]:
    """Split a pax header into its fields, each a line `length key=value`."""
    records = {}
    while content:
        length = content[:8].partition(b" ")[0]
        if not length.isdigit() or not 0 < int(length) <= len(content):
            raise _damaged(path, "a pax header that can't be read")
        record, content = content[: int(length)], content[int(length) :]
        key, _, value = record[len(length) + 1 : -1].partition(b"=")
        records[_name(key)] = _name(value)
    return records


def _name(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _text(stream: BinaryIO, member: tarfile.TarInfo, place: str) -> bytes:
    if not member.isreg():
        raise DataError(
            f"{place}: a link or device, a plain file is needed",
            hint="make the archive from plain files",
        )
    if member.size > LONGEST_TEXT:
        raise too_long(place)
    return _read(stream, member.size, place)


def _stored(member: tarfile.TarInfo) -> int:
    """How many bytes follow a header; a link's size says nothing about that."""
    empty = member.isdir() or member.issym() or member.islnk() or member.isdev()
    return 0 if empty else member.size


def _read(stream: BinaryIO, size: int, place: object) -> bytes:
    padded = -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    content = stream.read(padded)
    if len(content) < padded:
        raise _damaged(place, "it ends within a file")
    return content[:size]


def _skip(stream: BinaryIO, size: int, path: Path) -> None:
    left = -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    while left:
        piece = stream.read(min(left, PIECE))
        if not piece:
            raise _damaged(path, "it ends within a file")
        left -= len(piece)


def _damaged(place: object, problem: object) -> DataError:
    return DataError(
        f"{place}: not a whole .tar or .tar.gz archive ({problem})",
        hint="copy or download it again",
    )
