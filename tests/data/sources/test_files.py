import csv
import gzip
import json

import pytest

from seqtrain.data.sources.examples import Examples, label_names
from seqtrain.data.sources.files import read_examples
from seqtrain.data.sources.reading import Reading
from seqtrain.errors import DataError

TEXTS = ["Good, they say.", 'A "classic"\nin two lines', "", "Ça va\u2028très bien 🎬"]
LABELS = ["pos", "neg", "neg", "pos"]
ROWS = list(zip(TEXTS, LABELS, strict=True))


def write(path, content):
    raw = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def delimited(path, rows, header=("text", "label")):
    delimiter = "\t" if ".tsv" in path.name else ","
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


def json_lines(path, rows):
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    return write(path, "".join(lines))


def class_folder(path, texts):
    for name, text in texts.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".CSV"])
def test_delimited_file_gives_its_rows(tmp_path, suffix, gz):
    path = delimited(tmp_path / f"a.b{suffix}{gz}", ROWS)
    assert read_examples(path) == Examples(TEXTS, LABELS)


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_json_lines_give_their_rows(tmp_path, gz):
    rows = [{"id": 1, "label": label, "text": text} for text, label in ROWS]
    path = json_lines(tmp_path / f"a.jsonl{gz}", rows)
    assert read_examples(path) == Examples(TEXTS, LABELS)


def test_folder_gives_a_class_for_each_sub_folder(tmp_path):
    texts = {"pos/b.txt": "Good.", "pos/a.txt": "", "neg/a.txt": "Bad.\n"}
    others = {"README.md": "About.", "pos/.DS_Store": "", ".git/a.txt": ""}
    path = class_folder(tmp_path, texts | others)
    assert read_examples(path) == Examples(
        ["Bad.\n", "", "Good."], ["neg", "pos", "pos"]
    )


def test_columns_are_found_by_name(tmp_path):
    rows = [("1", "4", "Bad."), ("2", "10", "Good.")]
    path = delimited(tmp_path / "a.csv", rows, header=("id", "stars", "review"))
    assert read_examples(path, Reading(("review",), "stars")) == Examples(
        ["Bad.", "Good."], ["4", "10"]
    )


def test_texts_are_read_alone_where_no_label_is_asked_for(tmp_path):
    path = delimited(tmp_path / "a.csv", ROWS)
    assert read_examples(path, Reading(label=None)) == Examples(TEXTS, [])
    path = json_lines(tmp_path / "a.jsonl", [{"text": "Good."}])
    assert read_examples(path, Reading(label=None)) == Examples(["Good."], [])


def test_byte_order_mark_carriage_returns_and_blank_lines_are_no_content(tmp_path):
    content = "\ufefftext,label\r\n\r\nGood.,1\r\nBad.,0\r\n\r\n"
    path = write(tmp_path / "a.csv", content)
    assert read_examples(path) == Examples(["Good.", "Bad."], ["1", "0"])


def test_field_may_be_longer_than_the_limit_of_the_csv_module(tmp_path):
    path = delimited(tmp_path / "a.csv", [("word " * 100_000, "1")])
    assert len(read_examples(path).texts[0]) == 500_000


def test_labels_of_json_lines_may_be_numbers(tmp_path):
    labels = [1, -1, 2.5, True, " 1 "]
    path = json_lines(
        tmp_path / "a.jsonl", [{"text": "", "label": label} for label in labels]
    )
    assert read_examples(path).labels == ["1", "-1", "2.5", "true", "1"]


@pytest.mark.parametrize(
    "labels, names",
    [
        (["10", "9", "-1", "9"], ["-1", "9", "10"]),
        (["pos", "neg"], ["neg", "pos"]),
        (["10", "9", "good"], ["10", "9", "good"]),
    ],
)
def test_classes_sort_as_numbers_if_all_are_integers(labels, names):
    assert label_names(labels) == names


@pytest.mark.parametrize(
    "content, problem",
    [
        ("text,label\nGood.,1\n\nBad.,\n", "4: no label"),
        ("text,label\nGood.,1\nBad.\n", "3: the row has 1 of 2 fields"),
        (
            'text,label\n"two\nlines",1\nGood, they say,1\n',
            "4: the row has 3 of 2 fields",
        ),
        ("text,label\nGood.,1\nSo so.,2\n", "3: label '2' is not one of 0, 1"),
    ],
)
def test_bad_row_of_csv_is_named_by_the_line_where_it_starts(
    tmp_path, content, problem
):
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(DataError) as error:
        read_examples(path, classes={"0", "1"})
    assert str(error.value).startswith(f"{path}:{problem}")
    assert "data.bad_rows: skip" in error.value.hint


@pytest.mark.parametrize(
    "line, problem",
    [
        ('{"text": "Bad.", "label": ', "not JSON, Expecting value at column 27"),
        ('["Bad.", 0]', "not a JSON object"),
        ('{"text": null, "label": 0}', "'text' is null"),
        ('{"label": 0}', "no 'text' among label"),
        ('{"texts": "Bad.", "label": 0}', "did you mean 'texts'?"),
        ('{"text": 5, "label": 0}', "the text is 5, not a string"),
        ('{"text": "Bad.", "label": null}', "'label' is null"),
        ('{"text": "Bad.", "label": ""}', "no label"),
        ('{"text": "Bad.", "label": 2}', "label '2' is not one of 0, 1"),
        (r'{"text": "Bad \ud83c", "label": 0}', "half a surrogate pair"),
    ],
)
def test_bad_row_of_json_lines_is_named_by_its_line(tmp_path, line, problem):
    path = write(tmp_path / "a.jsonl", f'{{"text": "", "label": 1}}\n\n{line}\n')
    with pytest.raises(DataError) as error:
        read_examples(path, classes={"0", "1"})
    assert str(error.value).startswith(f"{path}:3: ")
    assert problem in str(error.value)


def test_skipped_rows_are_named_and_the_others_kept(tmp_path):
    content = 'text,label\nGood.,1\nBad.\n"",0\nSo so.,\n'
    path = write(tmp_path / "a.csv", content)
    assert read_examples(path, bad_rows="skip") == Examples(
        ["Good.", ""],
        ["1", "0"],
        (f"{path}:3: the row has 1 of 2 fields", f"{path}:5: no label"),
        skipped=2,
    )


def test_many_bad_rows_are_counted_and_the_first_named(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\n" + "Good.,\n" * 25)
    with pytest.raises(DataError) as error:
        read_examples(path)
    lines = str(error.value).splitlines()
    assert lines[0] == f"{path}:2: no label"
    assert lines[9:] == [f"{path}:11: no label", "… and 15 more"]


def test_file_in_a_class_that_is_no_text_is_a_bad_row(tmp_path):
    texts = {"pos/a.txt": "Good.", "neg/b.docx": "PK", "neg/c.txt": "Bad."}
    path = class_folder(tmp_path, texts)
    with pytest.raises(DataError, match="neg/b.docx: not a .txt file"):
        read_examples(path)
    assert read_examples(path, bad_rows="skip").texts == ["Bad.", "Good."]


@pytest.mark.parametrize("bad_rows", ["stop", "skip"])
@pytest.mark.parametrize(
    "name, content, problem, hint",
    [
        ("a.csv", "", "a.csv: the file is empty", "give one with examples"),
        ("a.jsonl", "\n \n", "a.jsonl: the file is empty", "give one with examples"),
        ("a.csv", "text,label\n", "a.csv: no example in it", "one example a row"),
        ("a.csv", "txt,label\n,1\n", ":1: no column 'text' among", "mean 'txt'?"),
        ("a.csv", "a,b\n,1\n", ":1: no column 'text' among a, b", "data.text"),
        ("a.csv", "text;label\n", ":1: no column 'text'", "data.delimiter: semicolon"),
        ("a.csv", "text,label,text\n,1,\n", ":1: two columns 'text'", "by its number"),
        ("a.txt", "Good.", "a.txt: its name ends in none of .csv", "data.format"),
        ("a.gz", "Good.", "a.gz: its name ends in none of .csv", "data.format"),
    ],
)
def test_file_that_cannot_be_read_is_refused_with_place_and_remedy(
    tmp_path, name, content, problem, hint, bad_rows
):
    path = write(tmp_path / name, content)
    with pytest.raises(DataError) as error:
        read_examples(path, bad_rows=bad_rows)
    assert problem in str(error.value)
    assert str(path) in str(error.value)
    assert hint in error.value.hint


@pytest.mark.parametrize(
    "name, content, number, problem, hint",
    [
        ("a.csv", '"b\nc,0\n', 3, "a row starts here", "twice"),
        ("a.csv", '"b" c,0\n', 3, "a row starts here", "twice"),
        ("a.tsv", '"So" bad\t1\n', 3, "a row starts here", "data.quote: none"),
        ("a.csv", b"caf\xe9,0\n", 3, "byte 0xe9 is not UTF-8", "data.encoding"),
        ("a.jsonl", b'{"text": "caf\xe9"}\n', 2, "byte 0xe9 is not", "data.encoding"),
    ],
)
def test_row_that_cannot_be_read_is_a_bad_row_like_any_other(
    tmp_path, name, content, number, problem, hint
):
    header = {"a.csv": "text,label\n", "a.tsv": "text\tlabel\n", "a.jsonl": ""}[name]
    good = {"a.csv": "fine,1\n", "a.tsv": "fine\t1\n"}.get(name)
    good = (good or '{"text": "fine", "label": 1}\n').encode()
    content = content if isinstance(content, bytes) else content.encode()
    path = write(tmp_path / name, header.encode() + good + content + good)
    with pytest.raises(DataError, match=f"^{path}:{number}: {problem}") as error:
        read_examples(path)
    assert hint in error.value.hint
    assert "data.bad_rows: skip" in error.value.hint
    assert read_examples(path, bad_rows="skip").texts[:1] == ["fine"]
    assert read_examples(path, bad_rows="skip").texts[-1:] == ["fine"]
    assert read_examples(path, bad_rows="skip").skipped in (1, 2)


WHOLE = gzip.compress(b"text,label\nGood.,1\nBad.,0\n" * 10)


@pytest.mark.parametrize(
    "raw",
    [
        b"text,label\nplain,1\n",
        WHOLE[:-12],
        WHOLE[:12] + b"\xff\xff" + WHOLE[14:],
        WHOLE[:-8] + b"\x00" * 8,
    ],
    ids=["plain", "truncated", "damaged", "wrong sum"],
)
def test_broken_gzip_is_refused(tmp_path, raw):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(raw)
    with pytest.raises(DataError, match="a.csv.gz: not a whole gzip file") as error:
        read_examples(path)
    assert "download it again" in error.value.hint


def test_missing_file_is_refused_with_the_nearest_name(tmp_path):
    write(tmp_path / "train.csv.gz", "")
    with pytest.raises(DataError, match="trian.csv.gz: no such file") as error:
        read_examples(tmp_path / "trian.csv.gz")
    assert error.value.hint == "did you mean 'train.csv.gz'?"
    with pytest.raises(DataError) as error:
        read_examples(tmp_path / "elsewhere" / "train.csv.gz")
    assert "a relative path starts at" in error.value.hint


def test_folder_without_classes_is_refused(tmp_path):
    class_folder(tmp_path, {"a.txt": "Good."})
    (tmp_path / "a.txt").rename(tmp_path / "a.md")
    with pytest.raises(DataError, match="a folder without classes") as error:
        read_examples(tmp_path)
    assert "sub-folder" in error.value.hint


def test_text_in_a_folder_that_is_not_utf8_is_a_bad_row(tmp_path):
    class_folder(tmp_path, {"pos/a.txt": ""})
    (tmp_path / "pos" / "b.txt").write_bytes(b"one\n\xff")
    with pytest.raises(DataError, match="pos/b.txt:2: byte 0xff is not UTF-8"):
        read_examples(tmp_path)
    assert read_examples(tmp_path, bad_rows="skip").skipped == 1


def test_columns_missing_from_every_skipped_row_are_named(tmp_path):
    path = json_lines(tmp_path / "a.jsonl", [{"review": "Good.", "label": 1}])
    with pytest.raises(DataError, match="(?s)no example in it.*no 'text' among rev"):
        read_examples(path, bad_rows="skip")
