"""Files as people have them: `init` finds out how, and training reads them."""

import csv
import gzip
import io
import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from seqtrain.analysis.init import init
from seqtrain.config import load_config
from seqtrain.tasks.texts import read_source

TEXTS = [
    "a superb film, about a ship and its crew",
    "what a dull affair it was; nothing to see",
    "fine, as it goes, but far too long for me",
    "the best of the year | without any doubt",
]
# Twenty of each class.
ROWS = [(f"{TEXTS[i % 4]} {i}", "neg" if i % 2 else "pos") for i in range(40)]
SENTENCES = [(text.replace(",", "").replace(";", ""), label) for text, label in ROWS]


def table(rows=ROWS, header=("text", "label"), delimiter=",", end="\r\n", **options):
    stream = io.StringIO(newline="")
    lines = [header, *rows] if header else rows
    csv.writer(stream, delimiter=delimiter, lineterminator=end, **options).writerows(
        lines
    )
    return stream.getvalue()


def tsv(rows=ROWS, header="sentence\tlabel\n"):
    """As GLUE has it: a quote is text."""
    return header + "".join(f"{text}\t{label}\n" for text, label in rows)


def objects(rows=ROWS):
    return [{"text": text, "label": label} for text, label in rows]


def json_lines(rows=ROWS):
    return "".join(json.dumps(row) + "\n" for row in objects(rows))


def zipped(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def parquet(rows=ROWS):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    stream = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(objects(rows)), stream)
    return stream.getvalue()


def excel(rows=ROWS, header=("text", "label"), others=0):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [header, *rows]:
        book.active.append(row)
    for _ in range(others):
        book.create_sheet()
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_quotes(rows, places, text='"{}'):
    return [
        (text.format(row[0]), row[1]) if i in places else row
        for i, row in enumerate(rows)
    ]


FRENCH = ["Très bon film, déjà vu à l'été dernier", "Où est passée la qualité ?"]
RUSSIAN = ["Отличный фильм, я смотрел его два раза", "Плохая игра актёров, скучно"]
CHINESE = ["这部电影非常好看，演员的表演很精彩", "太无聊了，浪费时间，服务态度很差"]
JAPANESE = ["この映画はとても面白かったです", "最悪の作品です。二度と見たくない"]


def in_language(texts):
    return [(f"{texts[i % 2]} {i}", "pn"[i % 2]) for i in range(40)]


def folder(at, rows=ROWS, name="{}.txt"):
    return {
        f"{at}/{label}/{name.format(i)}": text for i, (text, label) in enumerate(rows)
    }


def lines_of(label):
    return "".join(f"{text}\n" for text, each in ROWS if each == label)


# By situation: the files, what is given to `init`, and lines of the config that it
# writes; 40 examples and both classes are read unless said.
CASES = {
    "plain": ({"r.csv": table()}, "r.csv", []),
    "semicolons of a European Excel": (
        {"r.csv": table(delimiter=";").encode("utf-8-sig")},
        "r.csv",
        ["delimiter: semicolon"],
    ),
    "semicolons, decimal commas": (
        {
            "r.csv": table(
                [(i, t, f"0,{i}", n) for i, (t, n) in enumerate(ROWS)],
                ("id", "text", "score", "label"),
                ";",
            )
        },
        "r.csv",
        ["delimiter: semicolon", "text: text", "label: label"],
    ),
    "sep= line of Excel": (
        {"r.csv": "sep=;\r\n" + table(delimiter=";")},
        "r.csv",
        [],
    ),
    "tabs in .csv": ({"r.csv": table(delimiter="\t")}, "r.csv", ["delimiter: tab"]),
    "pipes": ({"r.csv": table(delimiter="|")}, "r.csv", ["delimiter: pipe"]),
    "pipes in .txt": (
        {"r.txt": table(delimiter="|")},
        "r.txt",
        ["format: csv", "delimiter: pipe"],
    ),
    "commas in .tsv": ({"r.tsv": table()}, "r.tsv", ["delimiter: comma"]),
    "single quotes": (
        {"r.csv": table(quotechar="'", quoting=csv.QUOTE_ALL)},
        "r.csv",
        ["quote: single"],
    ),
    "all quoted": ({"r.csv": table(quoting=csv.QUOTE_ALL)}, "r.csv", []),
    "lines in quotes": (
        {"r.csv": table([(f"{t}\nand, well\nmore", n) for t, n in ROWS])},
        "r.csv",
        [],
    ),
    "one comma in each line of quotes": (
        {"r.csv": table([(f"so, {i}\nand, well", n) for i, (_, n) in enumerate(ROWS)])},
        "r.csv",
        [],
    ),
    "GLUE: unpaired quotes": (
        {"train.tsv": tsv(with_quotes(SENTENCES, [3, 10]))},
        "train.tsv",
        ["quote: none"],
    ),
    "GLUE: a quote that closes rows later": (
        {
            "train.tsv": tsv(
                with_quotes(with_quotes(SENTENCES, [10]), [17], 'he said "{}"')
            )
        },
        "train.tsv",
        ["quote: none"],
    ),
    "GLUE: quotes in the middle": (
        {"train.tsv": tsv(with_quotes(SENTENCES, [3, 10], 'so "good" {}'))},
        "train.tsv",
        [],
    ),
    "GLUE: a quoted word first": (
        {"train.tsv": tsv(with_quotes(SENTENCES, [3], '"so" good {}'))},
        "train.tsv",
        ["quote: none"],
    ),
    "no header": ({"r.csv": table(header=None)}, "r.csv", ["header: false", "text: 1"]),
    "no header, numbers": (
        {
            "r.csv": table(
                [(1 + i % 2, t, t[:9]) for i, (t, _) in enumerate(ROWS)],
                None,
                quoting=csv.QUOTE_ALL,
            )
        },
        "r.csv",
        ["header: false", "text: 2", "label: 1"],
    ),
    "sentiment140": (
        {
            "r.csv": table(
                [(4 * (i % 2), 1467 + i, "Mon Apr 06", "NO_QUERY", "me", f"{t} é")
                 for i, (t, _) in enumerate(ROWS)],
                None,
                quoting=csv.QUOTE_ALL,
            ).encode("cp1252")
        },
        "r.csv",
        ["header: false", "text: 6", "label: 1", "encoding: cp1252"],
    ),
    "SMS spam of Kaggle": (
        {
            "spam.csv": table(
                [(n, f"{t} £5", "", "", "") for t, n in ROWS],
                ("v1", "v2", "", "", ""),
            ).encode("cp1252")
        },
        "spam.csv",
        ["text: v2", "label: v1", "encoding: cp1252"],
    ),
    "SMS spam of UCI": (
        {"SMSSpamCollection": "".join(f"{n}\t{t}\n" for t, n in ROWS)},
        "SMSSpamCollection",
        ["format: tsv", "header: false", "text: 2", "label: 1"],
    ),
    "index of pandas": (
        {
            "r.csv": table(
                [(i, *row) for i, row in enumerate(ROWS)], ("", "text", "label")
            )
        },
        "r.csv",
        ["text: text", "label: label"],
    ),
    "BOM": ({"r.csv": table().encode("utf-8-sig")}, "r.csv", ["text: text"]),
    "BOM and quoted header": (
        {"r.csv": table(quoting=csv.QUOTE_ALL).encode("utf-8-sig")},
        "r.csv",
        ["text: text"],
    ),
    "spaces in the header": (
        {"r.csv": table(header=(" text ", " label"))},
        "r.csv",
        ["text: text", "label: label"],
    ),
    "two columns of a name": (
        {"r.csv": table([(*row, "x") for row in ROWS], ("text", "label", "text"))},
        "r.csv",
        ["text: 1"],
    ),
    "commas at the end of rows": (
        {"r.csv": table([(*row, "") for row in ROWS])},
        "r.csv",
        [],
    ),
    "commas at the end of header and rows": (
        {"r.csv": table([(*row, "") for row in ROWS], ("text", "label", ""))},
        "r.csv",
        [],
    ),
    "empty rows of Excel": (
        {"r.csv": table([*ROWS, ("", ""), ("", "")])},
        "r.csv",
        [],
    ),
    "CR only": ({"r.csv": table(end="\r")}, "r.csv", []),
    "LF only": ({"r.csv": table(end="\n")}, "r.csv", []),
    "UTF-16 of Excel": (
        {"r.txt": table(delimiter="\t").encode("utf-16")},
        "r.txt",
        ["encoding: utf-16", "format: tsv"],
    ),
    "UTF-16 LE without a mark": (
        {"r.csv": table().encode("utf-16-le")},
        "r.csv",
        ["encoding: utf-16-le"],
    ),
    "UTF-16 BE without a mark": (
        {"r.csv": table(in_language(CHINESE)).encode("utf-16-be")},
        "r.csv",
        ["encoding: utf-16-be"],
    ),
    "UTF-16 JSON lines": (
        {"r.jsonl": json_lines().encode("utf-16")},
        "r.jsonl",
        ["encoding: utf-16"],
    ),
    "CP1252": (
        {"r.csv": table(in_language(FRENCH)).encode("cp1252")},
        "r.csv",
        ["encoding: cp1252"],
    ),
    "GB18030": (
        {"r.csv": table(in_language(CHINESE)).encode("gb18030")},
        "r.csv",
        ["encoding: gb18030"],
    ),
    "Shift-JIS": (
        {"r.csv": table(in_language(JAPANESE)).encode("cp932")},
        "r.csv",
        ["encoding: cp932"],
    ),
    "KOI8-R": (
        {"r.csv": table(in_language(RUSSIAN)).encode("koi8-r")},
        "r.csv",
        ["encoding: koi8"],
    ),
    "CP1251": (
        {"r.csv": table(in_language(RUSSIAN)).encode("cp1251")},
        "r.csv",
        ["encoding: cp1251"],
    ),
    "JSON array": ({"r.json": json.dumps(objects())}, "r.json", []),
    "JSON array, indented": (
        {"r.json": json.dumps(objects(), indent=2)},
        "r.json",
        [],
    ),
    "JSON lines in .json": ({"r.json": json_lines()}, "r.json", []),
    "JSON lines in .ndjson.gz": (
        {"r.ndjson.gz": gzip.compress(json_lines().encode())},
        "r.ndjson.gz",
        [],
    ),
    "JSON lines in .txt": ({"r.txt": json_lines()}, "r.txt", ["format: jsonl"]),
    "fastText": (
        {"train.ft.txt": "".join(f"__label__{n} {t}\n" for t, n in ROWS)},
        "train.ft.txt",
        ["format: fasttext"],
    ),
    "fastText without a suffix": (
        {"cooking_train": "".join(f"__label__{n} {t}\n" for t, n in ROWS)},
        "cooking_train",
        ["format: fasttext"],
    ),
    "Parquet": (lambda: {"r.parquet": parquet()}, "r.parquet", []),
    "Parquet, gz": (
        lambda: {"r.parquet.gz": gzip.compress(parquet())},
        "r.parquet.gz",
        [],
    ),
    "Parquet, shards": (
        lambda: {
            "d/train-00000-of-00002.parquet": parquet(ROWS[:20]),
            "d/train-00001-of-00002.parquet": parquet(ROWS[20:]),
        },
        "d",
        [],
    ),
    "Excel": (lambda: {"r.xlsx": excel(others=2)}, "r.xlsx", []),
    "Excel, numbers": (
        lambda: {"r.XLSX": excel([(t, len(n) + ord(n[0])) for t, n in ROWS])},
        "r.XLSX",
        [],
    ),
    "Excel, no header": (
        lambda: {"r.xlsx": excel(ROWS[1:], ROWS[0])},
        "r.xlsx",
        ["header: false"],
    ),
    "zip": ({"r.zip": zipped(**{"a/r.csv": table()})}, "r.zip", []),
    "zip of a Mac": (
        {"r.csv.zip": zipped(**{"r.csv": table(), "__MACOSX/._r.csv": "x"})},
        "r.csv.zip",
        [],
    ),
    "zip of a Parquet file": (
        lambda: {"r.zip": zipped(**{"r.parquet": parquet()})},
        "r.zip",
        [],
    ),
    "capitals": ({"R.CSV": table()}, "R.CSV", []),
    "capitals, zipped": (
        {"R.TSV.GZ": gzip.compress(table(delimiter="\t").encode())},
        "R.TSV.GZ",
        [],
    ),
    "no suffix": ({"reviews": table()}, "reviews", ["format: csv"]),
    "folders": (folder("d"), "d", []),
    "folders, capitals": (folder("d", name="{}.TXT"), "d", []),
    "folders, no suffix": (folder("d", name="{}"), "d", []),
    "folders, names of hashes": (folder("d", name="000{}.7c53336b37003a9286"), "d", []),
    "folders in CP1252": (
        {k: v.encode("cp1252") for k, v in folder("d", in_language(FRENCH)).items()},
        "d",
        ["encoding: cp1252"],
    ),
    "train and test folders": (
        folder("d/train") | folder("d/test"),
        "d",
        ["train: d/train", "test: d/test"],
    ),
    "train folder beside test": (
        folder("d-train") | folder("d-test"),
        "d-train",
        ["test: d-test"],
    ),
    "unsup": (
        folder("d") | {"d/unsup/0.txt": "what?"},
        "d",
        [],
    ),
    "a file a class": (
        {"d/pos.txt": lines_of("pos"), "d/neg.txt": lines_of("neg")},
        "d",
        ["train: {neg: d/neg.txt, pos: d/pos.txt}"],
    ),
    "a file a class, as movie reviews have": (
        {
            "d/rt-polarity.pos": lines_of("pos"),
            "d/rt-polarity.neg": lines_of("neg"),
            "d/rt-polaritydata.README.1.0.txt": "About.",
        },
        "d",
        ["train: {neg: d/rt-polarity.neg, pos: d/rt-polarity.pos}"],
    ),
    "a file a class and part": (
        {
            f"d/{part}_{label}.txt": lines_of(label)
            for part in ("train", "test")
            for label in ("pos", "neg")
        },
        "d",
        ["test: {neg: d/test_neg.txt, pos: d/test_pos.txt}"],
    ),
    "siblings": (
        {f"d/{part}.tsv": table(delimiter="\t") for part in ("train", "test", "dev")},
        "d/train.tsv",
        ["test: d/test.tsv", "validation: d/dev.tsv"],
    ),
    "siblings in capitals": (
        {f"{part}.csv": table() for part in ("Train", "Test", "Valid")},
        "Train.csv",
        ["test: Test.csv", "validation: Valid.csv"],
    ),
    "siblings by their ends": (
        {f"r{part}.jsonl": json_lines() for part in ("", "_test", "_valid")},
        "r.jsonl",
        ["test: r_test.jsonl", "validation: r_valid.jsonl"],
    ),
    "a folder of parts": (
        {f"d/{part}.csv": table() for part in ("train", "test", "validation")},
        "d",
        ["train: d/train.csv", "test: d/test.csv", "validation: d/validation.csv"],
    ),
    "a folder of parts whose names say no more": (
        {f"d/{part}.txt": table() for part in ("train", "test")},
        "d",
        ["train: d/train.txt", "test: d/test.txt", "format: csv"],
    ),
    "a test file without labels": (
        {"train.csv": table(), "test.csv": table([r[:1] for r in ROWS], ("text",))},
        "train.csv",
        ["validation: 0.1"],
    ),
    "pairs of sentences": (
        {
            "train.tsv": table(
                [(i, t, f"is it {i}?", n) for i, (t, n) in enumerate(ROWS)],
                ("index", "sentence1", "sentence2", "label"),
                "\t",
            )
        },
        "train.tsv",
        ["text: [sentence1, sentence2]"],
    ),
    "a pattern": (
        {"d/a.csv": table(ROWS[:20]), "d/b.csv": table(ROWS[20:])},
        "d/*.csv",
        ["train: d/*.csv"],
    ),
    "NUL bytes": (
        {"r.csv": table([(f"{t}\0", n) for t, n in ROWS])},
        "r.csv",
        [],
    ),
    "very long fields": (
        {"r.csv": table([(t * 500, n) for t, n in ROWS])},
        "r.csv",
        [],
    ),
    "numbers as labels of floats": (
        {"r.csv": table([(t, float(n == "pos")) for t, n in ROWS])},
        "r.csv",
        [],
    ),
    "names of numbers": (
        {"r.csv": table([(n, t) for t, n in ROWS], ("0", "1"))},
        "r.csv",
        ["text: '1'", "label: '0'"],
    ),
}  # fmt: skip


def write(files):
    for name, content in (files() if callable(files) else files).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, bytes) else content.encode()
        Path(name).write_bytes(raw)


@pytest.mark.parametrize("situation", CASES)
def test_it_finds_out_how_to_read_what_people_have(tmp_path, monkeypatch, situation):
    monkeypatch.chdir(tmp_path)
    files, data, lines = CASES[situation]
    write(files)
    config = init(Path(data), Path("found.yaml"))
    text = config.read_text(encoding="utf-8")
    for line in lines:
        assert f"\n  {line}" in text, text
    assert not lines or all(
        key not in text or any(key in line for line in lines)
        for key in ("quote:", "delimiter:", "encoding:", "header:", "format:")
    ), text
    section = load_config(config).data
    source = read_source(section, seed=0)
    parts = source.train, source.validation
    count = sum(len(part.texts) for part in parts)
    if isinstance(section.validation, float):
        assert count == 40, text
    labels = Counter(label for part in parts for label in part.labels)
    assert len(labels) == 2 and min(labels.values()) > 18
    assert source.skipped == 0
