"""Files that were made to break a reader: `test_files` has those of people."""

import gzip
import json
import os
import re
import time
import tracemalloc

import pytest

from seqtrain.data.sources.files import LONGEST_LABEL, MOST_CLASSES, read_examples
from seqtrain.data.sources.reading import Reading
from seqtrain.data.sources.streams import LONGEST_TEXT
from seqtrain.errors import DataError
from seqtrain.tasks import load_data
from seqtrain.tasks.texts import FilesData, source_files


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path, **options):
    """The error of a file, which is short, shows clean, and names place and remedy."""

    def seconds():
        nonlocal error
        began = time.process_time()
        with pytest.raises(DataError) as error:
            read_examples(path, **options)
        return time.process_time() - began

    error = None
    # Once is enough; what else the machine does may slow it down.
    assert any(seconds() < 2 for _ in range(3))
    message = str(error.value)
    assert str(path) in message
    assert len(message) < 5000
    assert message.replace("\n", "").isprintable()
    assert error.value.hint.isprintable()
    return message


def peak_of(action):
    tracemalloc.start()
    action()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".csv.gz"])
def test_millions_of_empty_lines_take_no_memory(tmp_path, suffix):
    row = b'{"text": "Good.", "label": 1}\n' if "json" in suffix else b"Good.,1\n"
    content = b"text,label\n" * ("csv" in suffix) + b"\n" * 2_000_000 + row
    path = tmp_path / f"a{suffix}"
    write(path, gzip.compress(content) if suffix.endswith(".gz") else content)
    began = time.process_time()
    assert read_examples(path).texts == ["Good."]
    assert time.process_time() - began < 3


def test_millions_of_bad_rows_are_counted_not_kept(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\nGood.,1\n" + "Bad.\n" * 100_000)
    assert "… and 99990 more" in refusal(path)

    def skip():
        examples = read_examples(path, bad_rows="skip")
        assert examples.skipped == 100_000
        assert len(examples.skipped_rows) == 10

    assert peak_of(skip) < 4 * 2**20  # as a list they are 20 MB


def test_field_of_many_megabytes_is_a_text(tmp_path):
    text = "word " * 2_000_000
    path = write(tmp_path / "a.csv", f'text,label\n"{text}",1\n')
    assert read_examples(path) == ([text], ["1"], (), 0, ())


@pytest.mark.parametrize(
    "row",
    [b'"' + b"word\n" * 4_000_000, b"a" * LONGEST_TEXT + b",1\n", b'"\n",' * 10**7],
)
def test_row_that_does_not_end_is_refused_where_it_starts(tmp_path, row):
    path = write(tmp_path / "a.csv", b"text,label\nGood.,1\n" + row)
    assert re.search(
        f"{path}:3: longer than 1(6,777,216 char|,000,000 lines)", refusal(path)
    )


def test_labels_as_many_as_rows_are_refused(tmp_path):
    rows = "".join(f"Good.,{number}\n" for number in range(100_000))
    path = write(tmp_path / "a.csv", f"text,label\n{rows}")
    message = refusal(path)
    assert message.startswith(f"{path}:{MOST_CLASSES + 2}: more than 1,000 different")


def test_label_of_a_megabyte_is_cut_in_the_message(tmp_path):
    path = write(tmp_path / "a.csv", f"text,label\nGood.,{'x' * 10**6}\n")
    assert "has 1,000,000 characters, at most 200 are a name" in refusal(path)
    path = write(tmp_path / "a.csv", f"text,label\nGood.,{'x' * LONGEST_LABEL}\n")
    assert len(read_examples(path).labels[0]) == LONGEST_LABEL


@pytest.mark.parametrize(
    "label", ["a\x1b[31mred", "a\tb", "a\u2028b", "a\x9bb", "a\0b"]
)
def test_label_that_would_change_a_terminal_is_refused(tmp_path, label):
    path = write(tmp_path / "a.csv", f"text,label\nGood.,{label}\n")
    assert ":2: label 'a\\" in refusal(path)
    path = write(tmp_path / "a.jsonl", json.dumps({"text": "", "label": label}))
    assert ":1: label 'a\\" in refusal(path)


def test_unknown_label_is_told_with_a_few_of_the_known_ones(tmp_path):
    rows = "Good.,new\n" * 10_000
    path = write(tmp_path / "a.csv", f"text,label\n{rows}")
    message = refusal(path, classes={f"class {n}" for n in range(1000)})
    assert "class 0, class 1, class 10, " in message
    assert "and 990 more" in message


def test_header_of_a_hundred_thousand_columns_is_not_printed(tmp_path):
    header = ",".join(f"column{number}" for number in range(100_000))
    path = write(tmp_path / "a.csv", f"{header}\n")
    assert "among column0, column1, " in refusal(path)
    assert "and 99,990 more" in refusal(path)


def test_a_hundred_thousand_columns_of_one_name_are_told_apart_in_time(tmp_path):
    path = write(tmp_path / "a.csv", "text,label" + ",x" * 100_000 + "\n")
    assert "no example in it" in refusal(path)


@pytest.mark.parametrize("name", ["\x1b[31m", "x" * 10**6, "\u202e"])
def test_names_of_columns_are_shown_clean_and_short(tmp_path, name):
    refusal(write(tmp_path / "a.csv", f"{name}\n1\n"))
    refusal(write(tmp_path / "a.csv", "a,a\n"), reading=Reading(("a",), name))
    refusal(write(tmp_path / "a.jsonl", json.dumps({name: 1, f"{name}2": 2})))
    refusal(
        write(tmp_path / "a.jsonl", json.dumps({name: 1})),
        reading=Reading((f"{name}1",)),
    )


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"], ids=ascii)
def test_any_ending_of_lines_ends_a_row(tmp_path, ending):
    rows = ["text,label", "Good.,1", '"Bad,', 'in two lines",0', "So so.,1"]
    path = write(tmp_path / "a.csv", "\ufeff" + ending.join([*rows, "x"]))
    assert f"{path}:6: the row has 1 of 2" in refusal(path)
    path = write(tmp_path / "a.csv", ending.join(rows))
    assert read_examples(path).texts == ["Good.", f"Bad,{ending}in two lines", "So so."]


def test_mixed_endings_of_lines_end_rows(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\rGood.,1\r\nBad.,0\nSo so.,1\r\r")
    assert read_examples(path).texts == ["Good.", "Bad.", "So so."]


def test_nul_is_a_character_of_a_text(tmp_path):
    path = write(tmp_path / "a.csv", b"text,label\nGo\0od.,1\n")
    assert read_examples(path).texts == ["Go\0od."]
    assert "the row has 1 of 2 fields" in refusal(write(path, b"text,label\n\0\0\0"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32-be", "latin-1"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_file_in_another_encoding_is_refused(tmp_path, name, encoding):
    content = '{"text": "Très bien", "label": 1}\n' if "json" in name else ""
    content = content or "text,label\nTrès bien,1\n".replace(",", "\t" * ("t" in name))
    assert refusal(write(tmp_path / name, content.encode(encoding)))


def row(text='"Good."', label="1"):
    return f'{{"text": {text}, "label": {label}}}'


@pytest.mark.parametrize(
    "line, problem",
    [
        (row("[" * 100_000 + "]" * 100_000), "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        (row(label="9" * 5000), "a number of more than 4300 digits"),
        (row(text="9" * 10_000_000), "a number of more than 4300 digits"),
        (row(label="NaN"), "not JSON, which has no NaN"),
        (row(text="-Infinity"), "not JSON, which has no -Infinity"),
        (row(label="1e999"), "the label is too large for a number"),
        (row(label='"a", "label": "b"'), "'label' is given twice"),
        (row(label='1, "other": {"x": 1, "x": 1}'), "'x' is given twice"),
        (row(text=r'"half \ud800"'), "the text holds half a surrogate pair"),
        (row(label=r'"half \udfff"'), r"label 'half \udfff' holds a control"),
        (row(text='["Good."]'), "the text is an array, not a string"),
        (row(text=json.dumps({"x" * 1000: 1})), "the text is an object, not a str"),
        (row(label="[1]"), "the label is an array, a string or a number"),
        (row(label='{"a": 1}'), "the label is an object, a string or a number"),
        ("null", "not a JSON object"),
        ("5", "not a JSON object"),
        ("\0", "not JSON, Expecting value at column 1"),
        (row() + row(), "not JSON, Extra data at column 30"),
    ],
    ids=lambda value: value[:20],
)
def test_line_that_no_example_can_be_made_of_is_a_bad_row(tmp_path, line, problem):
    path = write(tmp_path / "a.jsonl", f"{row()}\n{line}\n{row()}\n")
    assert f"{path}:2: {problem}" in refusal(path)
    examples = read_examples(path, bad_rows="skip")
    assert (len(examples.texts), examples.skipped) == (2, 1)


def test_line_separators_of_unicode_do_not_end_a_line_of_json(tmp_path):
    text = "one\u2028two\u2029three\x85four"
    line = json.dumps({"text": text, "label": 1}, ensure_ascii=False)
    path = write(tmp_path / "a.jsonl", f"\ufeff{line}\r\n{line}")
    assert read_examples(path).texts == [text, text]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.jsonl"])
def test_pipe_or_folder_is_no_data_file(tmp_path, name):
    path = tmp_path / name
    os.mkfifo(path)
    assert "a named pipe, a regular file is needed" in refusal(path)
    path.unlink()
    path.mkdir()
    assert "a folder without classes" in refusal(path)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    for name in ("neg", "pos"):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            (folder / name / f"{number}.txt").write_text(f"{name} {number}")
    return folder


def files_config(folder):
    return FilesData(train=folder, validation=0.5, bad_rows="skip")


def test_links_are_followed_where_they_stay_in_the_folder(folder):
    (folder / "pos/3.txt").symlink_to("0.txt")
    (folder / "fine").symlink_to("pos", target_is_directory=True)
    examples = read_examples(folder)
    assert examples.texts[:4] == ["pos 0", "pos 1", "pos 2", "pos 0"]
    assert examples.labels == ["fine"] * 4 + ["neg"] * 3 + ["pos"] * 4


@pytest.mark.parametrize(
    "kind, problem",
    [
        ("/etc/passwd", "a link that leads out of the data"),
        ("/dev/zero", "a link that leads out of the data"),
        ("../../outside.txt", "a link that leads out of the data"),
        ("9.txt", "a link that leads nowhere"),  # to itself
        ("missing.txt", "a link that leads nowhere"),
        ("..", "a folder"),
        ("a pipe", "a pipe, a device or a socket"),
        ("a folder", "a folder"),
    ],
)
def test_what_is_no_text_in_a_class_is_a_bad_row(folder, monkeypatch, kind, problem):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(folder.parent / "cache"))
    (folder.parent / "outside.txt").write_text("outside")
    path = folder / "pos/9.txt"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to(kind)
    assert refusal(folder) == f"{path}: {problem}"
    data = load_data(files_config(folder), seed=0)
    assert data.report.skipped == 1
    assert data.report.skipped_rows == [f"{path}: {problem}"]
    assert load_data(files_config(folder), seed=0).report == data.report


def test_digest_of_a_folder_knows_what_is_no_text(folder):
    def digest():
        return source_files(files_config(folder))[str(folder)]

    before = digest()
    (folder / "pos/9.txt").symlink_to("missing.txt")
    broken = digest()
    (folder / "pos/9.txt").unlink()
    (folder / "pos/9.txt").mkdir()
    assert len({before, broken, digest()}) == 3
    (folder / "pos/9.txt").rmdir()
    assert digest() == before


@pytest.mark.parametrize("target", ["/etc", "missing", "odd", ".."])
def test_link_to_a_class_that_is_not_there_is_refused(folder, target):
    (folder / "odd").symlink_to(target)
    message = refusal(folder)
    assert message.startswith(f"{folder / 'odd'}: a link that leads ")


def test_names_that_are_not_utf8_are_shown_and_kept_as_escapes(folder, monkeypatch):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(folder.parent / "cache"))
    name = os.fsencode(folder) + b"/pos/caf\xe9"
    os.mkdir(name)
    os.mkdir(os.fsencode(folder) + b"/\xe9")
    write_to = os.fsencode(folder) + b"/\xe9/0.txt"
    with open(write_to, "w") as file:
        file.write("text")
    with pytest.raises(DataError) as error:
        read_examples(folder)
    assert f"{folder}/pos/caf\\udce9: a folder" in str(error.value)
    assert "label '\\udce9' holds a control character" in str(error.value)
    for _ in range(2):  # the second time from the cache
        report = load_data(files_config(folder), seed=0).report
        assert f"{folder}/pos/caf\\udce9: a folder" in report.skipped_rows
    os.rename(write_to, os.fsencode(folder) + b"/pos/\xe9.txt")
    assert len(read_examples(folder, bad_rows="skip").texts) == 7


def test_hidden_files_are_no_data(folder):
    os.mkfifo(folder / "pos/.fifo.txt")
    (folder / ".git").mkdir()
    assert len(read_examples(folder).texts) == 6


def test_folder_of_very_many_texts_is_read_in_seconds(folder):
    path = folder / "pos/0.txt"
    for number in range(5000):
        os.link(path, folder / f"pos/more{number}.txt")
    began = time.process_time()
    source_files(files_config(folder))
    assert len(read_examples(folder).texts) == 5006
    assert time.process_time() - began < 3
