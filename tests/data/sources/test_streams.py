import gzip
import io
import os
import socket
import tracemalloc
import zipfile

import pytest

from seqtrain.data.sources.streams import (
    LONGEST_TEXT,
    bad_byte,
    decode,
    digest_file,
    digest_files,
    open_data,
    open_file,
    read_text,
    text_lines,
    unzip,
)
from seqtrain.errors import DataError, ReadError

CONTENT = os.urandom(3000) + b"good film\n" * 50_000
PARTS = [CONTENT[:10], b"", CONTENT[10:2000], CONTENT[2000:]]
MEMBERS = b"".join(map(gzip.compress, PARTS))


def unzipped(raw, path="a.gz", size=-1):
    return unzip(io.BytesIO(raw), path).read(size)


def lines(raw, newline="", place="a.csv"):
    return list(text_lines(io.BytesIO(raw), place, newline))


@pytest.mark.parametrize("size", [1, 7, 1000, 65_536, 10**6])
def test_gzip_members_come_out_one_after_the_other(size):
    stream = unzip(io.BytesIO(MEMBERS), "a.gz")
    pieces = iter(lambda: stream.read(size) if size > 1 else stream.read(4096), b"")
    assert b"".join(pieces) == CONTENT


@pytest.mark.parametrize("padding", [1, 512, 200_000])
def test_zeros_between_and_after_gzip_members_are_padding(padding):
    zeros = bytes(padding)
    assert unzipped(MEMBERS + zeros) == CONTENT
    assert unzipped(MEMBERS + zeros + MEMBERS) == CONTENT * 2


@pytest.mark.parametrize(
    "after",
    [b"garbage", b"\0\0garbage", MEMBERS[:20]],
    ids=["garbage", "garbage after zeros", "half a member"],
)
def test_anything_else_after_a_gzip_member_is_refused(after):
    with pytest.raises(DataError, match="a.gz: not a whole gzip file"):
        unzipped(MEMBERS + after)


@pytest.mark.parametrize("end", [*range(1, 40), -1, -4, -8])
def test_gzip_cut_off_anywhere_is_refused(end):
    # One byte is too little to know a gzip file by.
    problem = "Not a gzipped file" if end == 1 else "it ends too early"
    with pytest.raises(DataError, match=f"not a whole gzip file .{problem}"):
        unzipped(gzip.compress(CONTENT)[:end])


def test_no_bit_of_a_gzip_file_changes_the_content_unseen():
    content = b"good film\n"
    raw = gzip.compress(content, mtime=0)
    refused = 0
    for place in range(len(raw) * 8):
        damaged = bytearray(raw)
        damaged[place // 8] ^= 1 << place % 8
        try:
            assert unzipped(bytes(damaged)) == content
        except DataError:
            refused += 1
    assert refused > len(raw) * 8 / 2


def test_gzip_that_swells_out_of_proportion_is_refused_in_little_memory():
    bomb = gzip.compress(bytes(2**27))  # 130 kB; each of these bytes makes a thousand
    stream = unzip(io.BytesIO(bomb), "bomb.gz")
    tracemalloc.start()
    with pytest.raises(DataError, match="bomb.gz: unpacks to more than 100") as error:
        while stream.read(2**16):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    assert "gunzip" in error.value.hint


def test_gzip_within_proportion_may_be_of_any_size():
    part = os.urandom(2**16) + bytes(2**21)
    raw = gzip.compress(part) * 60
    assert len(unzipped(raw)) == len(part) * 60 > 2**26


@pytest.mark.parametrize("newline", ["", "\n"])
def test_nothing_but_a_line_end_ends_a_line(newline):
    expected = ["ça\n", "b\u2028c\x85\x0b\n", "\n", "\0\n", "last"]
    raw = "".join(["\ufeff", *expected]).encode()
    assert lines(raw, newline) == expected


def test_ends_of_lines_are_those_that_were_asked_for():
    raw = b"a\rb\r\nc\n"
    assert lines(raw, "") == ["a\r", "b\r\n", "c\n"]
    assert lines(raw, "\n") == ["a\rb\r\n", "c\n"]


@pytest.mark.parametrize(
    "bad, byte",
    [(b"caf\xe9", "e9"), (b"\xed\xa0\x80", "ed"), (b"\xf0\x9f", "f0"), (b"\xff", "ff")],
    ids=ascii,
)
@pytest.mark.parametrize("number", [1, 2, 5000])
def test_line_that_is_not_utf8_is_found_with_its_byte(bad, byte, number):
    raw = "é fine\n".encode() * (number - 1) + bad + b"\n"
    *good, last = lines(raw)
    assert bad_byte(last) == f"byte 0x{byte} is not UTF-8"
    assert not any(map(bad_byte, good))


TEXT = "text,label\né 映画 🎬,1\n"
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


@pytest.mark.parametrize("encoding", ["utf-8", *WIDE])
def test_a_byte_order_mark_goes_before_the_encoding(encoding):
    raw = ("\ufeff" + TEXT).encode(encoding)
    for given in ("utf-8", "cp1252", "utf-16-be"):
        found = list(text_lines(io.BytesIO(raw), "a.csv", "", given))
        assert "".join(found) == TEXT
        assert decode(raw, "a.csv", given) == TEXT


@pytest.mark.parametrize(
    "encoding, bad",
    [
        ("utf-16-le", b"\x41\xd8\x41\x00"),  # half a surrogate pair
        ("utf-16-be", b"\xd8\x41\x00\x41"),
        ("utf-32-le", b"\x00\x00\x11\x00"),
        ("cp1252", b"\x81"),
        ("gb18030", b"\xff"),
        ("euc-jp", b"\xff"),
        ("ascii", b"\x80"),
    ],
)
def test_a_byte_that_is_not_in_another_encoding_is_found(encoding, bad):
    line = "one line\n".encode(encoding)
    found = list(text_lines(io.BytesIO(line + bad + line), "a", "", encoding))
    assert not bad_byte(found[0], encoding)
    assert f"is not {encoding.upper()}" in bad_byte(found[1], encoding)


def zipped(entries, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def read_zip(path):
    with open_data(path) as (stream, name):
        return stream.read(), name


def test_the_only_file_in_a_zip_is_read(tmp_path):
    path = tmp_path / "a.ZIP"
    others = {"__MACOSX/d/._a.csv": b"x", "d/.DS_Store": b"x", "d/": b""}
    zipped({**others, "d/a.csv": CONTENT}, path)
    assert read_zip(path) == (CONTENT, "a.csv")


@pytest.mark.parametrize(
    "entries, problem",
    [
        ({"a.csv": b"x", "b.csv": b"y"}, "it holds a.csv, b.csv, a single file"),
        ({}, "it holds nothing, a single file"),
        ({"a.csv": bytes(2**27)}, "unpacks to more than 100 times"),
        ({f"{n:0100}.csv": b"" for n in range(8000)}, "a zip of thousands of files"),
    ],
)
def test_a_zip_of_other_things_is_refused_in_little_memory(tmp_path, entries, problem):
    path = zipped(entries, tmp_path / "a.zip")
    del entries
    tracemalloc.start()
    with pytest.raises(DataError, match=f"a.zip: {problem}") as error:
        with open_data(path) as (stream, _):
            while stream.read(2**16):
                pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**20
    assert "unpack it" in error.value.hint


def test_a_zip_damaged_or_cut_off_anywhere_is_refused(tmp_path):
    path = zipped({"a.csv": CONTENT}, tmp_path / "a.zip")
    raw = path.read_bytes()
    damaged = [raw[:-1], raw[:100], b"", b"PK", raw[:60] + b"xx" + raw[62:]]
    for each in damaged:
        path.write_bytes(each)
        with pytest.raises(DataError, match="a.zip: not a whole zip file"):
            read_zip(path)


def test_an_encrypted_zip_is_refused(tmp_path):
    path = zipped({"a.csv": b"x"}, tmp_path / "a.zip")
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="a.zip: 'a.csv' is encrypted"):
        read_zip(path)


@pytest.mark.parametrize("ending", [b"", b"\nmore"], ids=ascii)
def test_line_may_be_as_long_as_the_longest_text(ending):
    assert len(lines(b"a" * LONGEST_TEXT)[0]) == LONGEST_TEXT
    with pytest.raises(DataError, match="a.csv:2: longer than 16,777,216 char"):
        lines(b"first\n" + b"a" * (LONGEST_TEXT + 1) + ending)


def test_file_of_a_single_endless_line_is_refused_in_bounded_memory(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: no disk is used
    tracemalloc.start()
    with (
        pytest.raises(DataError, match="a.csv:1: longer than"),
        path.open("rb") as file,
    ):
        list(text_lines(file, str(path), ""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * LONGEST_TEXT


@pytest.mark.parametrize(
    "kind, problem",
    [
        ("a pipe", "a named pipe, a regular file"),
        ("a folder", "a folder, a regular file"),
        ("a socket", "a device or a socket, a regular file"),
        ("/dev/zero", "a device or a socket, a regular file"),
        ("/dev/stdin/..", "can't be read, Not a directory"),
        ("a\0b", "a path can't hold a NUL"),
        ("a" * 300, "can't be read, File name too long"),
        ("a circle", "can't be read, Too many levels of symbolic links"),
        ("missing", "no such file or folder"),
    ],
    ids=ascii,
)
def test_what_is_no_regular_file_is_refused_at_once(
    tmp_path, monkeypatch, kind, problem
):
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    path = tmp_path / kind
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a circle":
        path.symlink_to(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(kind)
    for read in (open_file, read_text, digest_file):
        with pytest.raises(DataError, match=problem) as error:
            read(path)
        assert error.value.hint


def test_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")
    with pytest.raises(DataError, match="a.csv: can't be read, Permission denied"):
        open_file(path)


def test_text_longer_than_any_text_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(LONGEST_TEXT + 1)
    with pytest.raises(DataError, match="a.txt: longer than"):
        read_text(path)


def test_digest_of_files_knows_where_a_file_ends_and_what_it_is_called(tmp_path):
    def digest(**files):
        for path in tmp_path.iterdir():
            path.unlink()
        for name, content in files.items():
            (tmp_path / os.fsdecode(name.encode("latin-1"))).write_bytes(content)
        return digest_files(tmp_path, sorted(tmp_path.iterdir()))

    digests = {
        digest(a=b"xy", b=b""),
        digest(a=b"x", b=b"y"),
        digest(a=b"xy", c=b""),
        digest(**{"a": b"xy", "\xff": b""}),  # a name that is not UTF-8
    }
    assert len(digests) == 4
    assert digest(a=b"xy", b=b"") in digests


@pytest.mark.parametrize("read", [read_text, digest_file])
def test_a_disk_that_does_not_deliver_is_told_by_the_name_of_the_file(tmp_path, read):
    path = tmp_path / "a.csv"
    path.symlink_to("/proc/self/mem")  # a file whose first bytes nobody can read
    if not path.exists():
        pytest.skip("no /proc")
    with pytest.raises(ReadError, match="can't be read to its end, ") as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.exit_code == 1
