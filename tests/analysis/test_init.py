import csv
import gzip
import json
import os
import re
import sys
from pathlib import Path

import pytest

from seqtrain.analysis.init import init
from seqtrain.cli import main
from seqtrain.config import load_config
from seqtrain.config.json_schema import EDITOR_LINE, FILE_NAME, json_schema_text
from seqtrain.errors import ConfigError, DataError

TEXTS = ["a superb film about a ship", "what a dull affair it was", "fine, as it goes"]
# (text, label): thirty of the first class and ten of the second.
ROWS = [(f"{TEXTS[i % 3]} {i}", "bad" if i % 4 else "good") for i in range(40)]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def call(monkeypatch, capfd):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["seqtrain", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return call


def write_csv(name, header, rows, delimiter=","):
    opened = gzip.open if name.endswith(".gz") else open
    with opened(name, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return Path(name)


def write_jsonl(name, rows):
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Path(name)


def write_folder(name):
    for i, (text, label) in enumerate(ROWS):
        folder = Path(name, label)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.txt").write_text(text)
    return Path(name)


def swapped():
    return [(label, text) for text, label in ROWS]


FILES = {
    "csv": lambda: write_csv("r.csv", ["text", "label"], ROWS),
    "gz": lambda: write_csv("r.csv.gz", ["text", "label"], ROWS),
    "tsv": lambda: write_csv("r.tsv", ["verdict", "review"], swapped(), "\t"),
    "folder": lambda: write_folder("reviews"),
    "numbers": lambda: write_csv(
        "r.csv", ["text", "label"], [(text, len(label) % 2) for text, label in ROWS]
    ),
    "jsonl": lambda: write_jsonl(
        "r.jsonl", [{"id": i, "y": label == "bad", "t": text} for i, (text, label)
        in enumerate(ROWS)]
    ),
    "columns": lambda: write_csv("r.csv", ["1", "yes"], swapped()),
    "signs": lambda: write_csv("r.csv", ["a: b # c", "{d}, [e]"], ROWS),
    "quotes": lambda: write_csv("r.csv", ["it's \"so\"", "\\t ~"], ROWS),
    "lines": lambda: write_csv("r.csv", ["two\nlines\t", " \x85é\u2028"], ROWS),
    "unicode": lambda: write_csv("ré 日.csv", ["文章", "Etikett 😀"], ROWS),
    "null": lambda: write_csv("null.csv", ["null", "true"], ROWS),
    "long": lambda: write_csv("r.csv", ["text " * 50, "label"], ROWS),
    "more": lambda: write_csv(
        "r.csv",
        ["id", "lang", "text", "when", "sentiment"],
        [(i, "en", t, f"2020-01-{i}", n) for i, (t, n) in enumerate(ROWS)],
    ),
    "bad rows": lambda: write_csv(
        "r.csv", ["text", "label"], [*ROWS, ("no label", ""), ("no field",)]
    ),
    "empty text": lambda: write_csv("r.csv", ["text", "label"], [*ROWS, ("", "bad")]),
    "few words": lambda: write_csv(
        "r.csv", ["t", "label"], [("!!! ???" * i + " so", i % 2) for i in range(9)]
    ),
    "sorted": lambda: write_csv(
        "r.csv", ["text", "label"], [(f"{i} of so many texts", i // 5000) for i in
        range(10000)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_a_config_for_any_data_loads_and_passes_the_check(call, kind):
    data = FILES[kind]()
    code, out, err = call("init", data)
    assert code == 0, err
    path = Path(out.rstrip("\n"))
    assert path.name == f"{data.name.split('.')[0]}.yaml"
    assert err.startswith("next: seqtrain check ")
    assert str(load_config(path).data.train) == str(data)
    code, out, err = call("check", path)
    assert code == 0
    assert all(line.startswith("warning: ") for line in err.splitlines())
    assert path.read_text().isprintable() or "\n" in path.read_text()
    for line in path.read_text(encoding="utf-8").split("\n"):
        assert line.isprintable()


def test_each_guess_is_marked_with_what_it_rests_on():
    text = init(FILES["more"]()).read_text()
    for line in (
        "train: r.csv               # bad 30, good 10",
        "text: text                 # guessed: the longest strings, 6 words on average",
        "label: sentiment           # guessed: only 2 values, and they repeat",
        "batch_size: 32             # guessed: for 40 texts",
        "class_weights: balanced    # guessed: the largest class is 3.0 times the "
        "smallest",
    ):
        assert f"\n  {line}\n" in text
    why = r"\n  # guessed: \d+ different tokens in 40 texts, \d+ twice or more\n"
    assert re.search(why + r"  vocabulary: \d+\n", text)
    why = r"max_length: \d +# guessed: 50th percentile \d tokens, 95th \d, longest \d\n"
    assert re.search(why, text)


def test_rows_that_cannot_be_read_are_counted_and_skipped():
    path = init(FILES["bad rows"]())
    assert load_config(path).data.bad_rows == "skip"
    assert "# guessed: 2 cannot be read, first r.csv:42: no label\n" in path.read_text()


def test_a_test_file_that_is_alike_is_taken():
    write_csv("test.csv", ["text", "label"], ROWS[:5])
    data = write_csv("train.csv", ["text", "label"], ROWS)
    assert load_config(init(data)).data.test == Path("test.csv")
    write_csv("test.csv", ["text", "score"], ROWS[:5])
    assert load_config(init(data, Path("again.yaml"))).data.test is None


def test_balanced_classes_get_no_weights():
    data = write_csv("r.csv", ["text", "label"], [(t, i % 2) for i, (t, _) in
                     enumerate(ROWS)])  # fmt: skip
    assert load_config(init(data)).train.class_weights == "none"


def test_without_data_it_is_a_config_of_generated_reviews(call):
    code, out, err = call("init")
    assert (code, out) == (0, "generated.yaml\n")
    assert err == "next: seqtrain check generated.yaml\n"
    assert load_config("generated.yaml").data.source == "generated"
    assert call("check", "generated.yaml")[0] == 0


def test_it_names_the_schema_and_puts_it_beside(call):
    Path("mine").mkdir()
    code, out, _ = call("init", "--out", "mine/first.yaml")
    assert (code, out) == (0, "mine/first.yaml\n")
    assert Path("mine/first.yaml").read_text().startswith(f"{EDITOR_LINE}\n")
    schema = Path("mine", FILE_NAME)
    assert schema.read_text() == json_schema_text()
    schema.write_text("{}")
    init(None, Path("mine/second.yaml"))
    assert schema.read_text() == "{}"


def test_it_overwrites_nothing(call):
    Path("r.yaml").write_text("seed: 1")
    code, out, err = call("init", FILES["csv"]())
    assert (code, out) == (2, "")
    assert err == "error: r.yaml exists already\nhint: name another file by --out\n"
    assert Path("r.yaml").read_text() == "seed: 1"


def test_it_cannot_be_written_everywhere():
    with pytest.raises(ConfigError, match="nowhere/r.yaml: cannot be written, No such"):
        init(None, Path("nowhere/r.yaml"))
    name = os.fsdecode(b"caf\xe9.csv")
    with pytest.raises(ConfigError, match="a name that is not UTF-8 cannot stand"):
        init(write_csv(name, ["text", "label"], ROWS), Path("cafe.yaml"))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Path("none.csv"), "none.csv: no such file"),
        (lambda: write_csv("r.csv", [], []), "r.csv: the file is empty"),
        (lambda: write_csv("r.csv", ["text", "label"], []), "no example in it"),
        (lambda: write_csv("r.csv", ["text"], [("a",), ("b",)]), "found 1 column, 'te"),
        (lambda: write_csv("r.csv", ["t", "id"], enumerate("abcdef")), "no column"),
        (lambda: write_csv("r.csv", ["t", "l"], [(t, 1) for t, _ in ROWS]), "no col"),
        (lambda: write_jsonl("r.jsonl", [1, None, []]), "it\nr.jsonl:1: not a"),
        (lambda: write_jsonl("r.jsonl", [{"a": "b"}] * 9), "found 1 column, 'a'"),
        (lambda: Path("reviews.csv").mkdir() or Path("reviews.csv"), "without classes"),
    ],
)  # fmt: skip
def test_data_without_labelled_texts_is_refused(call, make, said):
    code, out, err = call("init", make())
    assert (code, out) == (3, "")
    assert said in err
    assert "\nhint: " in err
    assert not list(Path().glob("*.yaml"))


def test_why_every_row_was_bad_is_passed_on():
    Path("r.csv").write_text("text,label\n" + "one,two,three\n" * 9)
    with pytest.raises(DataError, match="no example in it\nr.csv:2: the row has 3 of"):
        init(Path("r.csv"))
