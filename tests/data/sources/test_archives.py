import gzip
import io
import os
import tarfile
import time
import tracemalloc

import pytest

from seqtrain.data.sources.archives import LONGEST_HEADER, MOST_HEADERS, archive_texts
from seqtrain.data.sources.streams import LONGEST_TEXT
from seqtrain.errors import DataError

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)


def header(name, size=0, kind=tarfile.REGTYPE, form=tarfile.GNU_FORMAT, **fields):
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    for field, value in fields.items():
        setattr(member, field, value)
    return member.tobuf(form)


def member(name, content=b"", **options):
    padding = bytes(-len(content) % BLOCK)
    return header(name, len(content), **options) + content + padding


def read(tmp_path, content, name="a.tar"):
    path = tmp_path / name
    path.write_bytes(content)
    return list(archive_texts(path, lambda name: name.endswith(".txt")))


def refused(tmp_path, content, problem, name="a.tar"):
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(DataError, match=problem) as error:
        read(tmp_path, content, name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - began < 2
    assert peak < 3 * 2**20
    assert str(tmp_path / name) in str(error.value)
    assert error.value.hint


def test_wanted_texts_come_in_the_order_of_the_archive(tmp_path):
    content = member("b.txt", b"Good.") + member("c.bin", b"\xff" * 2000)
    content += member("a.txt", "Ça va".encode()) + END
    expected = [("b.txt", "Good."), ("a.txt", "Ça va")]
    assert read(tmp_path, content) == expected
    assert read(tmp_path, gzip.compress(content)) == expected


@pytest.mark.parametrize(
    "form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT]
)
@pytest.mark.parametrize("name", ["n" * 90 + ".txt", "d/" * 60 + "n.txt", "é.txt"])
def test_names_are_those_that_tarfile_wrote(tmp_path, form, name):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for text in (b"Good.", b"Bad."):
            entry = tarfile.TarInfo(name if text == b"Good." else "short.txt")
            entry.size, entry.mtime = len(text), 1.5  # a field of its own in pax
            archive.addfile(entry, io.BytesIO(text))
    assert read(tmp_path, stream.getvalue()) == [(name, "Good."), ("short.txt", "Bad.")]


def test_names_that_lead_elsewhere_lead_nowhere(tmp_path):
    names = ["../up.txt", "/root.txt", "a/../../b.txt", "\x1b[31mred.txt"]
    content = b"".join(member(name, b"x") for name in names) + END
    assert [name for name, _ in read(tmp_path, content)] == names
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_name_is_shown_without_what_a_terminal_would_obey(tmp_path):
    content = member("\x1b[31mred.txt", b"\xff") + END
    refused(tmp_path, content, r"a.tar: \\x1b\[31mred.txt:1: byte 0xff is not UTF-8")


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.BLKTYPE,
        tarfile.DIRTYPE,
        b"?",
    ],
)
def test_what_is_no_file_is_refused_where_a_text_is_wanted(tmp_path, kind):
    link = header("a.txt", kind=kind, linkname="/etc/passwd")
    refused(tmp_path, link + END, "a.txt: a link or device, a plain file")
    other = header("a.bin", kind=kind, linkname="/etc/passwd", size=5)
    if kind == b"?":  # whatever it is, its content follows
        other += bytes(BLOCK)
    assert read(tmp_path, other + member("b.txt", b"x") + END) == [("b.txt", "x")]


@pytest.mark.parametrize("size", [LONGEST_TEXT + 1, 8**11 - 1, 2**63, 2**80])
def test_text_of_absurd_size_is_refused_unread(tmp_path, size):
    refused(tmp_path, header("a.txt", size) + END, "a.txt: longer than 16,777,216")


@pytest.mark.parametrize("size", [3 * BLOCK, 8**11 - 1, 2**63, 2**80])
def test_file_that_claims_more_than_there_is_is_refused(tmp_path, size):
    refused(tmp_path, header("a.bin", size) + END, "ends within a file")


@pytest.mark.parametrize("size", [-1, -BLOCK, -(2**60)])
def test_file_of_negative_size_is_refused(tmp_path, size):
    refused(tmp_path, header("a.bin", size) + END, "not a whole .tar")


def test_sparse_file_is_refused(tmp_path):
    block = bytearray(header("a.bin", kind=tarfile.GNUTYPE_SPARSE))
    block[483:495] = b"77777777777\0"  # the size it has when its holes are filled
    sum_ = sum(block[:148]) + 8 * 32 + sum(block[156:])
    block[148:156] = b"%06o\0 " % sum_
    refused(tmp_path, bytes(block) + END, "not a whole .tar")


def pax(records, **options):
    return member("pax", records, kind=tarfile.XHDTYPE, **options)


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length += 1
    return b"%d" % length + body


@pytest.mark.parametrize(
    "records, problem",
    [
        (record(b"size", b"99999999999"), "gigabytes or a sparse one"),
        (record(b"GNU.sparse.major", b"1"), "gigabytes or a sparse one"),
        (b"0 a=b\n", "a pax header that can't be read"),
        (b"999 a=b\n", "a pax header that can't be read"),
        (b"-5 a=b\n", "a pax header that can't be read"),
        (b"a=b\n" * 9, "a pax header that can't be read"),
        (b"9" * 60_000, "a pax header that can't be read"),
        (b"\xb2 a=b\n", "a pax header that can't be read"),
    ],
)
def test_pax_header_of_nonsense_is_refused(tmp_path, records, problem):
    refused(tmp_path, pax(records) + member("a.txt", b"x") + END, problem)


def test_pax_header_of_many_records_takes_no_time(tmp_path):
    records = b"5 a=\n" * (LONGEST_HEADER // 5)
    began = time.process_time()
    content = pax(records) + member("a.txt", b"x") + END
    assert read(tmp_path, content) == [("a.txt", "x")]
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME]
)
@pytest.mark.parametrize("size", [LONGEST_HEADER + 1, 8**11 - 1, 2**70])
def test_extended_header_of_absurd_size_is_refused_unread(tmp_path, kind, size):
    refused(tmp_path, header("a", size, kind=kind) + END, "a header of .* bytes")


def test_long_chain_of_extended_headers_ends(tmp_path):
    content = pax(record(b"path", b"b.txt")) * 1000 + member("a.txt", b"x") + END
    assert read(tmp_path, content) == [("b.txt", "x")]


@pytest.mark.slow
def test_archive_of_millions_of_files_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        for _ in range(MOST_HEADERS // 2000 + 1):
            file.write(header("a.bin") * 2000)
    with pytest.raises(DataError, match="more than 500,000 files"):
        list(archive_texts(path, str.isupper))


WHOLE = member("a.txt", b"Good.") + member("b.txt", b"Bad. " * 200) + END


@pytest.mark.parametrize(
    "end", [1, BLOCK - 1, BLOCK, BLOCK + 3, 2 * BLOCK, 3 * BLOCK, len(WHOLE) - len(END)]
)
def test_archive_cut_off_anywhere_is_refused(tmp_path, end):
    refused(tmp_path, WHOLE[:end], "not a whole .tar or .tar.gz")
    refused(tmp_path, gzip.compress(WHOLE[:end]), "not a whole .tar or .tar.gz")


@pytest.mark.parametrize("place", [0, 100, 130, 148, 156])
def test_header_with_a_wrong_sum_is_refused(tmp_path, place):
    damaged = bytearray(WHOLE)
    damaged[place] ^= 1
    refused(tmp_path, bytes(damaged), "not a whole .tar or .tar.gz")


@pytest.mark.parametrize("place", [-1, -5, -9])
def test_damage_after_the_last_file_is_seen_by_the_sum_of_gzip(tmp_path, place):
    damaged = bytearray(gzip.compress(WHOLE + os.urandom(100_000)))
    damaged[place] ^= 1
    refused(tmp_path, bytes(damaged), "not a whole gzip file", "a.tar.gz")


def test_what_follows_the_end_of_an_archive_is_no_part_of_it(tmp_path):
    assert read(tmp_path, WHOLE + WHOLE.replace(b"a.txt", b"c.txt")) == [
        ("a.txt", "Good."),
        ("b.txt", "Bad. " * 200),
    ]


def test_archive_that_swells_out_of_proportion_is_refused(tmp_path):
    content = gzip.compress(header("a.bin", 2**27) + bytes(2**27) + END)
    assert len(content) < 300_000
    refused(tmp_path, content, "a.tar.gz: unpacks to more than 100", "a.tar.gz")
