"""Data files broken at random: each is read or refused, at once, with its place."""

import gzip
import io
import json
import os
import random
import re
import shutil
import tarfile
import time
import tracemalloc
import zipfile

import pytest

from seqtrain.data.sources.files import read_examples
from seqtrain.data.sources.imdb import imdb_files, read_imdb
from seqtrain.data.sources.reading import Reading
from seqtrain.data.tokenize import tokenize
from seqtrain.errors import DataError
from seqtrain.sections.data import Standardize
from seqtrain.tasks.texts import FilesData, source_files

FOLDER = FilesData(train="folder")
SECONDS = 2  # of a file
# The longest text takes 16 MB, and 64 where a character of it is not in the first
# plane; it is there as a line and as a field, and for a moment as tokens.
PEAK = 400 * 2**20

TEXTS = [
    "Good, they say.",
    'A "classic"\nin <b>two</b> lines',
    "",
    "Ça va\u2028très bien 🎬",
    "映画はとても &amp; good",
    "e\u0301 " * 20,
]
LABELS = ["pos", "neg", "neg", "pos", "0", "très bien"]
ROWS = [
    (f"{text} {number}", label)
    for number in range(3)
    for text, label in zip(TEXTS, LABELS, strict=True)
]
POISON = [
    *[b"\0", b"\0" * 600, b'"', b'""', b"'", b"\n", b"\r", b"\r\n", b",", b"\t", b"\\"],
    *[b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xf4\x90\x80\x80"],
    *[b"{", b"}", b"[", b"[" * 5000, b'{"a":' * 5000, b'"text": ', b"NaN", b"1e999"],
    *[b"9" * 5000, b"-", b"\\ud800", b"\\u0000", b"\x1b[2J", b"\x9b"],
    *[b"&#" + b"9" * 5000, b"ustar", b"0000777", b"\x80" * 12],
    *[b"<!--" * 3000, b"-->", b"\xcc\x96\xcc\x80" * 3000, b"text,label\n", b"null"],
    *[b"\x1f\x8b\x08\0", b"../" * 9, b"/etc/passwd"],
]


def delimited(rows, delimiter):
    def quoted(field):
        return '"' + field.replace('"', '""') + '"'

    lines = [delimiter.join(map(quoted, row)) for row in [("text", "label"), *rows]]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def json_lines(rows):
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    return "\n".join(lines).encode()


def json_array(rows):
    return b"[" + json_lines(rows).replace(b"\n", b",\n") + b"]"


def fasttext(rows):
    lines = [f"__label__{label.replace(' ', '_')} {text}\n" for text, label in rows]
    return "".join(lines).encode("utf-8", "surrogatepass")


def parquet(rows):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    stream = io.BytesIO()
    columns = {"text": [text for text, _ in rows], "label": [each for _, each in rows]}
    parquet.write_table(pyarrow.table(columns), stream)
    return stream.getvalue()


def excel(rows):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in [("text", "label"), *rows]:
        sheet.append([re.sub("[\0-\x1f]", "", field)[:30_000] for field in row])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def in_zip(name, content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


CONTENTS = {
    "jsonl": json_lines,
    "json": json_array,
    "parquet": parquet,
    "xlsx": excel,
    "txt": fasttext,
    "csv": lambda rows: delimited(rows, ","),
    "tsv": lambda rows: delimited(rows, "\t"),
}


def members(rows):
    """Reviews as members of an archive, and others beside them."""
    for number, (text, _) in enumerate(rows):
        split, name = ("train", "test")[number % 2], ("neg", "pos")[number // 2 % 2]
        path = f"aclImdb/{split}/{name}/{number}.txt"
        yield path, text.encode("utf-8", "surrogatepass")
    yield "aclImdb/README", b"About."


def tar(entries, rng=None):
    stream = io.BytesIO()
    form = rng.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]) if rng else 0
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, content in entries:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if rng and rng.random() < 0.05:
                break_member(member, rng)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def break_member(member, rng):
    change = rng.randrange(5)
    if change == 0:
        member.type = bytes([rng.randrange(33, 127)])
        member.linkname = "/etc/passwd"
    elif change == 1:
        member.name = rng.choice(["../", "/", "\x1b[2J", "x" * 300]) + member.name
    elif change == 2:
        member.mtime = 1.5  # a header of its own in pax
    elif change == 3:
        member.name = f"aclImdb/train/pos/{rng.randrange(9)}.txt"
    else:
        member.pax_headers = {"size": rng.choice(["-1", "9" * 30, "512", ""])}


def with_rows_broken(rng):
    """Rows out of order, left out, repeated, and with fields of all kinds."""
    rows = rng.choices(ROWS, k=rng.randrange(len(ROWS) * 2))
    for _ in range(rng.randrange(3)):
        if rows:
            text, label = rng.choice(rows)
            strange = rng.choice(POISON).decode("utf-8", "surrogateescape")
            strange = strange.encode("utf-8", "replace").decode()
            changed = (text + strange, label) if rng.random() < 0.5 else (text, strange)
            rows[rng.randrange(len(rows))] = changed
    if rng.random() < 0.001:  # a field that no text has
        rows.append(("a" * rng.choice([2**20, 2**24 + 1]), "pos"))
    return rows


def with_bytes_broken(raw, rng):
    raw = bytearray(raw)
    for _ in range(rng.choice([0, 1, 1, 2, 5, 20])):
        place, change = rng.randrange(len(raw) + 1), rng.randrange(6)
        other = rng.randrange(len(raw) + 1)
        low, high = min(place, other), max(place, other)
        if change == 0 and raw:
            raw[place % len(raw)] ^= 1 << rng.randrange(8)
        elif change == 1:
            raw[place:place] = rng.choice(POISON)
        elif change == 2:
            del raw[low : len(raw) if rng.random() < 0.3 else low + 9]
        elif change == 3 and len(raw) < 10**6:  # a piece twice
            raw[high:high] = raw[low:high]
        elif change == 4:  # pieces in another order
            raw = raw[place:] + raw[:place]
        elif change == 5:
            raw[low : low + 9] = rng.randbytes(9)
    return bytes(raw)


def zipped(content, rng):
    """Broken before, after and in between: members, padding and what is none."""
    place = rng.randrange(len(content) + 1)
    parts = [content[:place], content[place:]] if rng.random() < 0.3 else [content]
    raw = b"".join(gzip.compress(part, mtime=0) for part in parts)
    if rng.random() < 0.1:
        raw += rng.choice([bytes(100), b"garbage", raw, raw[:20]])
    return with_bytes_broken(raw, rng) if rng.random() < 0.3 else raw


def make_file(form, path, rng):
    rows = with_rows_broken(rng)
    if "tar" in form:
        entries = [*members(rows)]
        rng.shuffle(entries)
        content = tar(entries, rng)
    else:
        content = CONTENTS[form.partition(".")[0]](rows)
    packed = form.endswith("zip")
    if rng.random() < (0.3 if packed else 0.7):
        content = with_bytes_broken(content, rng)
    if packed:
        content = in_zip(f"a.{form.partition('.')[0]}", content)
        content = with_bytes_broken(content, rng) if rng.random() < 0.3 else content
    path.write_bytes(zipped(content, rng) if form.endswith("gz") else content)


def make_folder(form, path, rng):
    for text, label in with_rows_broken(rng)[:8]:
        name = label.encode("utf-8", "replace")[:99].replace(b"\0", b"\xff")
        name = b"c" + name.replace(b"/", b"_") + b"\xfe" * (rng.random() < 0.02)
        name = os.fsencode(path) + b"/" + name
        os.makedirs(name, exist_ok=True)
        file = name + b"/%d.txt" % rng.randrange(9)
        kind = rng.randrange(40)
        if os.path.lexists(file):
            continue
        if kind == 0:
            os.mkfifo(file)
        elif kind == 1:
            os.mkdir(file)
        elif kind == 2:
            os.symlink(rng.choice(["/dev/zero", "0.txt", "..", file, "/etc"]), file)
        else:
            with open(file, "wb") as stream:
                raw = text.encode()
                stream.write(with_bytes_broken(raw, rng) if kind < 8 else raw)


def read(form, path, rng):
    if "tar" in form:
        imdb_files(path)
        train, test = read_imdb(path)
        return train.texts + test.texts
    bad_rows = rng.choice(["stop", "skip"])
    if form == "folder":
        source_files(FOLDER.model_copy(update={"train": path}))
    reading = Reading(format="fasttext")
    return read_examples(path, reading, bad_rows=bad_rows).texts


def fuzz(form, number, folder, seed=0):
    """Read so many files; return how many were accepted, and the slowest's seconds."""
    accepted, slowest = 0, 0
    for index in range(number):
        rng = random.Random(f"{seed} {form} {index}")
        path = folder / (form if form == "folder" else f"a.{form}")
        if form == "folder":
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        (make_folder if form == "folder" else make_file)(form, path, rng)
        began = time.process_time()
        try:
            for text in read(form, path, rng):
                tokenize(text, Standardize())
            accepted += 1
        except DataError as error:
            assert str(path) in str(error), index
            assert error.hint, index
            assert len(str(error)) < 5000, index
            shown = str(error).replace("\n", "").replace("\u3000", "")
            assert shown.replace("\xa0", "").isprintable(), index
        slowest = max(slowest, time.process_time() - began)
    return accepted, slowest


FORMATS = [
    "json",
    "txt",
    "parquet",
    "xlsx",
    "csv.zip",
    "csv",
    "tsv",
    "jsonl",
    "csv.gz",
    "jsonl.gz",
    "folder",
    "tar",
    "tar.gz",
]


def check(form, number, folder):
    tracemalloc.start()
    accepted, slowest = fuzz(form, number, folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"{form}: {accepted} accepted, {number - accepted} refused, "
        f"slowest {slowest:.2f} s, peak {peak / 2**20:.0f} MiB"
    )
    assert 0.02 * number < accepted < 0.98 * number  # so that both were seen
    assert slowest < SECONDS
    assert peak < PEAK


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_broken_at_random_is_read_or_refused(tmp_path, form):
    check(form, 60, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_five_thousand_files_broken_at_random_are_read_or_refused(tmp_path, form):
    check(form, 5000, tmp_path)
