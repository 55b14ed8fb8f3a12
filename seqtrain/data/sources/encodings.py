"""Find out how a file writes characters as bytes."""

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path

from .folders import class_files
from .streams import PIECE, marked_encoding, open_data

_SAMPLE = 2**16  # bytes that are judged: a second's work for the library
_FILES = 200  # of a folder
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# What is left for charset-normalizer to judge, the likelier ones first where it sees
# no difference: cp1252, say, has what latin-1 has, and curly quotes. Without this
# choice it takes French for cp1257.
_OF_TWO_BYTES = "big5 gb18030 cp932 euc_jp cp949".split()
_OF_ONE_BYTE = (
    "cp1252 iso8859_2 cp1250 cp1253 cp1251 koi8_r "
    "cp866 cp1254 cp1257 cp1255 cp1256 tis_620 mac_roman cp850"
).split()
_WESTERN_LIKE = ("iso8859_2", "cp1250", "cp1254", "cp1257")
_ALIKE = 0.1  # of its measure of mess, from 0 to 1


def encoding_hint(path: Path) -> str:
    """What to do about a file in another encoding: name the one that it looks like."""
    found = find_encoding(path)
    if found and found != "utf-8":
        return f"it looks like {found}: set data.encoding: {found}"
    return "save the file as UTF-8, or name its encoding by data.encoding"


def find_encoding(path: Path) -> str | None:
    """Return the encoding of a file, or of the texts in a folder.

    A byte order mark tells it. Zero bytes tell UTF-16 or UTF-32, as texts hold none.
    What can be read as UTF-8 is UTF-8, as texts in other encodings can't by chance.
    The rest is judged by the library charset-normalizer, by the letters and the words
    that come out.

    Returns:
        The name that Python has for it; None if nothing fits.

    Raises:
        DataError: If it can't be read.
    """
    judged = bytearray()
    for file in _files(path):
        with open_data(file) as (stream, _):
            start = stream.peek(PIECE)[:PIECE]
            if found := marked_encoding(start) or _wide(start):
                return found
            for line in _bad_lines(stream):
                judged += line
                if len(judged) > _SAMPLE:
                    break
    return _judge(bytes(judged)) if judged else "utf-8"


def _files(path: Path) -> list[Path]:
    if not os.path.isdir(path):
        return [path]
    files = [file.path for file in class_files(path) if not file.problem]
    return files[:: len(files) // _FILES + 1]


def _wide(start: bytes) -> str | None:
    """The encoding of two or four bytes a character that gives most spaces and ends."""
    if b"\0" not in start or _is_ascii_text(start):
        return None
    counts = {}
    for encoding in _WIDE:
        try:
            text = start[: len(start) // 4 * 4].decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            counts[encoding] = sum(map(text.count, "\n \t,;"))
    best = max(counts, key=counts.__getitem__, default=None)
    return best if best and counts[best] else None


def _is_ascii_text(raw: bytes) -> bool:
    """Whether hardly any byte is not ASCII, or a control character."""
    odd = sum(byte < 9 or 13 < byte < 32 or byte > 126 for byte in raw)
    return odd < len(raw) / 10


def _bad_lines(stream: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a file, lines at most, that are no UTF-8."""
    while line := stream.readline(PIECE):
        if line.isascii():
            continue
        try:
            # A line that was cut may end within a character.
            codecs.getincrementaldecoder("utf-8")().decode(line, line.endswith(b"\n"))
        except UnicodeDecodeError:
            yield line


def _judge(raw: bytes) -> str | None:
    from charset_normalizer import from_bytes  # takes 30 ms

    runs = sum(map(len, re.findall(rb"[\x80-\xff]{2,}", raw)))
    alone = re.findall(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])", raw)
    judged = _OF_ONE_BYTE if len(alone) > runs else _OF_TWO_BYTES + _OF_ONE_BYTE
    matches = list(from_bytes(raw, threshold=0.4, cp_isolation=judged))
    if not matches:
        return None
    least = min(match.chaos for match in matches)
    alike = [match for match in matches if match.chaos <= least + _ALIKE]
    turkish = [match.encoding for match in alike if match.language == "Turkish"]
    names = {name for match in alike for name in match.could_be_from_charset}
    found = next(name for name in judged if name in names)
    if found in _WESTERN_LIKE and any(
        "cp1252" in match.could_be_from_charset and match.chaos <= least + 2 * _ALIKE
        for match in matches
    ):
        found = "cp1252"
    # Only four letters of Turkish are others than in cp1252.
    if found == "cp1252" and "cp1254" in turkish:
        found = "cp1254"
    return found.replace("_", "-")
