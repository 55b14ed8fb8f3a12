"""Rows of the files that people have; what `init` makes of these has its own tests."""

import gzip
import io
import json
import sys
import time
import tracemalloc
import zipfile

import pytest

from seqtrain.data.sources.files import read_examples, read_rows
from seqtrain.data.sources.reading import DEFAULT, Reading
from seqtrain.errors import DataError


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(path, reading=DEFAULT):
    """Place, text, label and problem of each row, the place without the path."""
    return [
        (row.place.rpartition(":")[2], row.text, row.label, row.problem)
        for row in read_rows(path, reading)
    ]


def refusal(path, reading=DEFAULT):
    with pytest.raises(DataError) as error:
        list(read_rows(path, reading))
    assert str(path) in str(error.value)
    return str(error.value), error.value.hint


def test_a_row_has_all_its_columns_and_needs_no_label(tmp_path):
    path = write(tmp_path / "a.csv", 'id,text\n7,"so\nso"\n8,\n')
    found = list(read_rows(path, Reading(label=None)))
    assert [row.columns for row in found] == [
        {"id": "7", "text": "so\nso"},
        {"id": "8", "text": ""},
    ]
    assert [row.place for row in found] == [f"{path}:2", f"{path}:4"]
    assert [row.text for row in found] == ["so\nso", ""]
    path = write(tmp_path / "a.jsonl", '{"id": 7, "text": "so", "more": [1]}\n')
    [row] = read_rows(path, Reading(label=None))
    assert row.columns == {"id": 7, "text": "so", "more": [1]}
    assert row.label is None


def test_several_files_are_read_one_after_the_other(tmp_path):
    for name in "bac":
        write(tmp_path / f"{name}.csv", f"text,label\n{name},1\n")
    texts = [row.text for row in read_rows([tmp_path / "b.csv", tmp_path / "a.csv"])]
    assert texts == ["b", "a"]
    assert [row.text for row in read_rows(tmp_path / "*.csv")] == ["a", "b", "c"]
    write(tmp_path / "[x].csv", "text,label\nx,1\n")  # the name of a file goes first
    assert [row.text for row in read_rows(tmp_path / "[x].csv")] == ["x"]
    message, hint = refusal(tmp_path / "*.tsv")
    assert "no file fits this pattern" in message
    assert "a relative path starts at" in hint


def test_a_file_for_each_class_has_a_text_a_line(tmp_path):
    classes = {"good": tmp_path / "a.pos", "bad": tmp_path / "a.neg"}
    write(classes["good"], 'fine\n\n"so" so\r\n')
    write(classes["bad"], "dull")
    found = [(row.text, row.label) for row in read_rows(classes)]
    assert found == [("fine", "good"), ('"so" so', "good"), ("dull", "bad")]


def test_several_columns_of_texts_are_joined(tmp_path):
    path = write(tmp_path / "a.tsv", "a\tb\tlabel\none\ttwo\t1\n")
    assert rows(path, Reading(("b", "a"))) == [("2", "two\none", "1", None)]
    path = write(tmp_path / "a.jsonl", '{"a": "one", "b": null, "label": 1}\n')
    assert rows(path, Reading(("b", "a"))) == [("1", "", None, "'b' is null")]


@pytest.mark.parametrize(
    "header, column, text",
    [
        ("\ufefftext,label", "text", "1"),
        (' text ," label"', "text", "1"),
        ("text,label", " text ", "1"),
        (",label,text", "1", "1"),
        (",label,text", "text", "3"),
        ("x,label,x", 3, "3"),
        ("x,label,x", "x.1", "3"),
        ("x,label,", "3", "3"),
        ("x,label,x,x", "x.2", "4"),
    ],
)
def test_a_column_is_found_in_any_header(tmp_path, header, column, text):
    values = [str(i + 1) for i in range(header.count(",") + 1)]
    path = write(tmp_path / "a.csv", f"{header}\n{','.join(values)}\n")
    [row] = read_rows(path, Reading((column,)))
    assert (row.text, row.label) == (text, "2")


@pytest.mark.parametrize(
    "reading, problem, hint",
    [
        (Reading((4,)), "3 columns, no column 4", "data.text"),
        (Reading(("x",)), "two columns 'x'", "by its number, such as 1"),
        (Reading(("x",), header=False), "no column 'x', without", "numbers from 1"),
        (Reading(("y",)), "no column 'y' among x, label, x.1", "data.text"),
    ],
)
def test_a_column_that_is_not_there_is_refused(tmp_path, reading, problem, hint):
    path = write(tmp_path / "a.csv", "x,label,x\n1,2,3\n")
    message, found = refusal(path, reading)
    assert f"{path}:1: {problem}" in message
    assert hint in found


@pytest.mark.parametrize(
    "content, expected",
    [
        ("text,label\na,1,\nb,0,,\n", ["a", "b"]),
        ("text,label,\na,1\nb,0,\n", ["a", "b"]),
        ("text,label,,\na,1\nb,0,\n", ["a", "b"]),
        ("text,label\n,\na,1\n,\n", ["a"]),
        ("text,label\na,1,x\nb,0\n", ["the row has 3 of 2 fields", "b"]),
        ("text,label,\na\nb,0\n", ["the row has 1 of 3 fields", "b"]),
        ("sep=;\ntext;label\na;1\n", ["a"]),
        ('"sep=\t"\r\ntext\tlabel\r\na\t1\r\n', ["a"]),
        ("sep=a;text;label\n", "no column 'text'"),
        ("\n\n,\ntext,label\na,1\n", ["a"]),
    ],
)
def test_fields_too_many_or_too_few_are_blank_ones_or_a_bad_row(
    tmp_path, content, expected
):
    path = write(tmp_path / "a.csv", content)
    if isinstance(expected, str):
        assert expected in refusal(path)[0]
    else:
        assert [row[3] or row[1] for row in rows(path)] == expected


ROWS = [(f"it is number {i}", str(i % 2)) for i in range(60)]


def glue(first, last, header="sentence\tlabel\n"):
    lines = [f"{text}\t{label}\n" for text, label in ROWS]
    lines[first] = f'"{lines[first]}'
    lines[last] = '{}"\t{}\n'.format(*ROWS[last])
    return header + "".join(lines)


def test_rows_between_two_quotes_are_missed(tmp_path):
    path = write(tmp_path / "train.tsv", glue(10, 17))
    reading = Reading(("sentence",))
    with pytest.raises(DataError) as error:
        read_examples(path, reading)
    assert str(error.value).startswith(f"{path}:12: a quote opens here and closes")
    assert "data.quote: none" in error.value.hint
    assert read_examples(path, reading, bad_rows="skip").skipped == 1
    assert len(read_examples(path, reading._replace(quote="none")).texts) == 60
    texts_alone = reading._replace(label=None)
    assert sum(bool(row.problem) for row in read_rows(path, texts_alone)) == 1


def test_rows_between_two_quotes_are_missed_wherever_the_label_stands(tmp_path):
    lines = [f"{label},{text}\n" for text, label in ROWS]
    lines[0] = '0,"it is\n'
    lines[3] = '1,so it said"\n'
    path = write(tmp_path / "a.csv", "label,text\n" + "".join(lines))
    found = rows(path)
    assert [(place, bool(problem)) for place, _, _, problem in found[:2]] == [
        ("2", True),
        ("6", False),
    ]


@pytest.mark.parametrize(
    "text",
    ["one, two\nthree, four", "a,1 b\nc,2 d", "x\ny\nz", "one,\ntwo,\nthree,", "\n,\n"],
)
def test_lines_that_are_quoted_rightly_are_a_text(tmp_path, text):
    lines = [f'"{text}",{i % 2}\n' for i in range(20)]
    path = write(tmp_path / "a.csv", "text,label\n" + "".join(lines))
    assert read_examples(path).texts == [text] * 20


def test_a_quote_without_an_end_takes_one_row_with_it(tmp_path):
    lines = ["a,1\n", '"b,0\n', "c,1\n", "d,0\n"]
    path = write(tmp_path / "a.csv", "text,label\n" + "".join(lines))
    assert read_examples(path, bad_rows="skip").texts == ["a", "c", "d"]


def test_quotes_without_an_end_in_every_row_are_refused_in_time(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\n" + 'x","\n' * 300_000)
    began = time.process_time()
    with pytest.raises(DataError, match="the quotes of too many rows have no end"):
        read_examples(path, bad_rows="skip")
    assert time.process_time() - began < 10


ARRAY = [{"text": f'so "{i}" \u2028é', "label": i % 2} for i in range(3000)]


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_json_is_read_piece_by_piece(tmp_path, indent):
    for content in (ARRAY, []):
        raw = json.dumps(content, indent=indent, ensure_ascii=False)
        path = write(tmp_path / "a.json", f"\ufeff \n{raw}\n")
        if content:
            assert read_examples(path).texts == [row["text"] for row in ARRAY]
            assert next(read_rows(path)).place == f"{path}:1"
        else:
            assert "the file is empty" in refusal(path)[0]


@pytest.mark.parametrize(
    "content, expected",
    [
        ('[{"text": "a", "label": 1}, 5, null]', ["a", "not a JSON o", "not a JSON o"]),
        ('[{"x": "a", "x": "b"}, {"text": "c", "label": 1}]', ["'x' is given", "c"]),
        ('[{"text": "a", "label": NaN}]', ["not JSON, wh"]),
        ('[{"text": "a", "label": 1} {}]', "a.json:1: not JSON from this row on, nei"),
        ('[{"text": "a", "label": 1}, {"te', "a.json:2: not JSON from this row on"),
        ('[{"text": "a", "label": 1}, ]', "a.json:2: not JSON from this row on"),
        ('[{"text": "a", "label": 1}', "a.json:1: not JSON from this row on, nei"),
        ("[" * 100_000, "a.json:1: not JSON from this row on, nested too deeply"),
        ("[" + "9" * 5000 + "]", "a.json:1: not JSON from this row on, a number of"),
        ("[", "a.json:1: not JSON from this row on"),
        (" \n", "a.json: the file is empty"),
        ('{\n  "text": "a"\n}', ["not JSON, Ex", "not JSON, Ex", "not JSON, Ex"]),
        ('{"text": {"0": "a"}, "label": {"0": 1}}', ["the text is "]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_an_array_is_told_by_its_row(tmp_path, content, expected):
    path = write(tmp_path / "a.json", content)
    if isinstance(expected, str):
        assert expected in refusal(path)[0]
    else:
        assert [(row[3] or row[1])[:12] for row in rows(path)] == expected


def test_an_array_on_one_line_may_be_longer_than_any_text(tmp_path):
    row = json.dumps({"text": "word " * 20_000, "label": 1})
    path = write(tmp_path / "a.json", f"[{', '.join([row] * 200)}]")
    assert path.stat().st_size > 2**24
    tracemalloc.start()
    assert sum(1 for _ in read_rows(path)) == 200
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


def test_lines_of_fasttext_have_one_label(tmp_path):
    lines = [
        "__label__pos fine, so __label__x",
        "__label__neg\tdull",
        "__label__a __label__b both",
        "__label__a, __label__b both",
        "none",
        "",
    ]
    path = write(tmp_path / "a.txt", "\n".join(lines))
    reading = Reading(format="fasttext")
    assert rows(path, reading) == [
        ("1", "fine, so __label__x", "pos", None),
        ("2", "dull", "neg", None),
        ("3", "both", "a", "2 labels (__label__…), a text needs one"),
        ("4", "both", "a", "2 labels (__label__…), a text needs one"),
        ("5", "none", "", "0 labels (__label__…), a text needs one"),
    ]
    texts = [row.text for row in read_rows(path, reading._replace(label=None))]
    assert texts[2:] == ["both", "both", "none"]


def test_a_suffix_says_what_a_file_is_else_the_config(tmp_path):
    path = write(tmp_path / "a.txt", "text\tlabel\na\t1\n")
    message, hint = refusal(path)
    assert "its name ends in none of .csv" in message
    assert "data.format" in hint and "rename" not in hint
    reading = Reading(format="tsv")
    assert rows(path, reading) == [("2", "a", "1", None)]
    path = write(tmp_path / "a.jsonl", '{"text": "a", "label": 1}')
    assert rows(path, reading) == [("1", "a", "1", None)]


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "cp1252", "gb18030", "shift_jis", "koi8-r"]
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "d/x/a.txt", "a.txt"])
def test_any_file_may_be_in_any_encoding(tmp_path, name, encoding):
    text = {"cp1252": "Très “bon”", "koi8-r": "фильм"}.get(encoding, "電影")
    row = json.dumps({"text": text, "label": "1"}, ensure_ascii=False)
    content = {
        "a.csv": f"text,label\n{text},1\n",
        "a.jsonl": row,
        "a.json": f"[{row}]",
        "d/x/a.txt": text,
        "a.txt": f"__label__1 {text}",
    }[name]
    write(tmp_path / name, content.encode(encoding))
    reading = Reading(encoding=encoding, format="fasttext")
    found = list(read_rows(tmp_path / ("d" if "d/" in name else name), reading))
    assert [row.text for row in found] == [text]
    assert not found[0].problem


def test_the_encoding_that_is_needed_is_named(tmp_path):
    text = "Où est passée la qualité ? Très bon film, déjà vu à l'été dernier"
    path = write(tmp_path / "a.csv", f"text,label\n{text},1\n".encode("cp1252"))
    with pytest.raises(DataError, match="a.csv:2: byte 0xf9 is not UTF-8") as error:
        read_examples(path)
    assert "it looks like cp1252: set data.encoding: cp1252" in error.value.hint
    write(path, f"téxte qualité déjà,label\n{text},1\n".encode("cp1252"))
    message, hint = refusal(path)
    assert ":1: byte 0xe9 is not UTF-8" in message
    assert "set data.encoding: cp1252" in hint
    write(tmp_path / "d/fr/1.txt", text.encode("cp1252"))
    with pytest.raises(DataError, match="1.txt:1: byte 0xf9 is not UTF-8") as error:
        read_examples(tmp_path / "d")
    assert "set data.encoding: cp1252" in error.value.hint


def folder(path, *names):
    for name in names:
        write(path / name, f"text of {name}")
    return path


def test_a_folder_is_a_part_of_the_data_not_all(tmp_path):
    path = folder(tmp_path, "train/pos/1.txt", "test/pos/1.txt")
    message, hint = refusal(path)
    assert "its sub-folders test, train hold folders, not texts" in message
    assert str(path / "train") in hint
    assert {row.label for row in read_rows(path / "train")} == {"pos"}
    write(tmp_path / "lines/train.txt", "a\n")
    write(tmp_path / "lines/test.txt", "a\n")
    assert "its files are parts of the data, not cl" in refusal(tmp_path / "lines")[0]


def test_unlabelled_texts_are_no_class_unless_they_are_named(tmp_path):
    path = folder(tmp_path, "neg/1.txt", "pos/1.txt", "unsup/1.txt")
    found = {row.label for row in read_rows(path, Reading(classes=["neg", "unsup"]))}
    assert found == {"neg", "unsup"}
    assert {row.label for row in read_rows(path)} == {"neg", "pos"}
    _, hint = refusal(path, Reading(classes=["neg", "odd"]))
    assert "data.classes" in hint


@pytest.mark.parametrize(
    "name, is_text",
    [("1", 1), ("1.TXT", 1), ("49960", 1), ("1.7c53336b37003a92", 1), ("0.1.text", 1),
     ("a.csv", 0), ("a.JPEG", 0), ("a.html", 0), ("a.mp3", 0), ("a.md", 0)],
)  # fmt: skip
def test_a_text_in_a_folder_may_have_no_suffix(tmp_path, name, is_text):
    [row] = read_rows(folder(tmp_path, f"pos/{name}"))
    assert row.problem == (None if is_text else "not a .txt file")


def parquet(rows, **options):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), stream, **options)
    return stream.getvalue()


def test_parquet_has_values_of_all_types(tmp_path):
    values = [
        {"text": "a", "label": 1, "id": 0.5},
        {"text": None, "label": True, "id": None},
        {"text": "c", "label": 2, "id": 1.5},
    ]
    for name, wrap in (("a.parquet", bytes), ("a.parquet.gz", gzip.compress)):
        path = write(tmp_path / name, wrap(parquet(values[::2])))
        assert rows(path) == [("1", "a", "1", None), ("2", "c", "2", None)]
        assert next(read_rows(path)).columns == {"text": "a", "label": 1, "id": 0.5}
    values = [{"text": None, "label": "x"}, {"text": "b", "label": None}]
    path = write(tmp_path / "b.parquet", parquet(values))
    assert [row[3] for row in rows(path)] == ["'text' is null", "'label' is null"]


def test_parquet_that_is_damaged_or_grows_is_refused(tmp_path):
    raw = parquet([{"text": "a", "label": 1}] * 100)
    for bad in (raw[:-9], raw[:50] + raw[60:], b"", b"PAR1PAR1", raw[4:]):
        path = write(tmp_path / "a.parquet", bad)
        message, _ = refusal(path)
        assert "no whole Parquet file" in message
    rows = [{"text": "a" * 2**20, "label": 1}] * 100
    path = write(tmp_path / "a.parquet", parquet(rows, compression="zstd"))
    assert path.stat().st_size < 2**20
    assert "unpacks to more than 100 times" in refusal(path)[0]


def workbook(rows):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_cells_of_excel_are_what_they_would_be_in_csv(tmp_path):
    import datetime

    day = datetime.datetime(2020, 1, 2)
    cells = [["text", "label", "day"], ["a\nb", 1, day, "note"], [2, True], [], ["c"]]
    path = write(tmp_path / "a.xlsx", workbook(cells))
    assert rows(path) == [
        ("2", "a\nb", "1", None),
        ("3", "2", "true", None),
        ("5", "c", "", None),
    ]
    assert next(read_rows(path)).columns["day"] == "2020-01-02 00:00:00"
    path = write(tmp_path / "a.zip", b"")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.xlsx", workbook(cells[:2]))
    assert rows(path) == [("2", "a\nb", "1", None)]


def test_excel_that_is_damaged_or_grows_is_refused(tmp_path):
    raw = workbook([["text", "label"], ["a", 1]])
    for bad in (raw[:-30], b"", b"PK\3\4", raw[:200] + bytes(99) + raw[299:]):
        path = write(tmp_path / "a.xlsx", bad)
        assert "no workbook of Excel that can be read" in refusal(path)[0]
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(2**27))
    assert "unpacks to more than 100 times" in refusal(path)[0]


@pytest.mark.parametrize("name", ["a.parquet", "a.xlsx"])
def test_a_library_that_is_missing_is_asked_for_by_name(tmp_path, monkeypatch, name):
    library = {"a.parquet": "pyarrow", "a.xlsx": "openpyxl"}[name]
    for module in list(sys.modules):
        if module.partition(".")[0] == library:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    message, hint = refusal(write(tmp_path / name, b"PAR1"))
    assert f"{library} is needed to read it, which is not installed" in message
    assert hint == "pip install 'seqtrain[files]'"


def test_files_of_another_kind_are_refused_clearly(tmp_path):
    write(tmp_path / "a.xls", b"\xd0\xcf\x11\xe0")
    assert "ends in none of" in refusal(tmp_path / "a.xls")[0]
    write(tmp_path / "a.csv", b"PK\3\4" + bytes(100))
    assert refusal(tmp_path / "a.csv")
