"""`seqtrain predict --file`: an answer a row, whatever holds the rows."""

import csv
import gzip
import json
from pathlib import Path

import pytest

TABLE = 'id,text,label\n7,"superb,\nreally",positive\n8,awful,\n9,"",negative\n'


def write(name, text):
    path = Path(name)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return name


def rows(done):
    return [line.split("\t") for line in done.stdout.splitlines()]


JSONL = "".join(
    json.dumps({"id": number, "text": text}) + "\n"
    for number, text in [(7, "superb,\nreally"), (8, "awful"), (9, "")]
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("T2.CSV.gz", TABLE),
        ("t.jsonl", JSONL),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                ("t.csv", TABLE),
                ("t.tsv", TABLE.replace(",", "\t").replace("superb\t", "superb,")),
                ("t.json", f"[{','.join(JSONL.splitlines())}]"),
            ]
        ),
    ],
)
def test_every_row_has_its_answer(call, name, content):
    by_text = call("predict", "tiny-1", "superb,\nreally", "awful", "")
    done = call("predict", "tiny-1", "--file", write(name, content))
    assert done.stdout == by_text.stdout
    kept = call("predict", "tiny-1", "--data", name, "--keep", "id")
    assert [row[0] for row in rows(kept)] == ["7", "8", "9"]
    assert [row[1:] for row in rows(kept)] == [row[:2] for row in rows(done)]


def test_a_file_without_a_format_in_its_name_is_lines(call):
    done = call("predict", "--file", write("table.txt", TABLE))
    assert [row[2] for row in rows(done)] == TABLE.splitlines()
    assert (
        call("predict", "--file", write("l.txt.gz", "superb\n\n")).stdout.count("\n")
        == 2
    )
    named = call("predict", "--file", write("table", TABLE), "--set", "data.format=csv")
    assert [row[2] for row in rows(named)] == [r"superb,\nreally", "awful", ""]


@pytest.mark.parametrize("format", ["csv", "tsv"])
def test_a_table_has_a_header_and_comes_back_exactly(call, format):
    done = call(
        "predict",
        "--file",
        write("t.csv", TABLE),
        "--keep",
        "all",
        "--out",
        f"o.{format}",
    )
    assert (done.returncode, done.stdout) == (0, f"o.{format}\n")
    with open(f"o.{format}", newline="") as file:
        found = list(csv.DictReader(file, delimiter="," if format == "csv" else "\t"))
    assert list(found[0]) == ["id", "text", "label", "predicted_label", "probability"]
    assert [row["text"] for row in found] == ["superb,\nreally", "awful", ""]
    assert [row["label"] for row in found] == ["positive", "", "negative"]
    again = call("predict", "--file", "t.csv", "--out", f"o.{format}")
    assert again.returncode == 2
    assert again.stderr.startswith(f"error: --out o.{format}: it exists already")
    printed = call("predict", "--file", "t.csv", "--keep", "all", "--format", format)
    assert printed.stdout == Path(f"o.{format}").read_text()


def test_json_lines_keep_values_as_they_are(call):
    done = call("predict", "--file", write("t.jsonl", JSONL), "--keep", "id", "--json")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [7, 8, 9]
    assert answers[0].keys() == {"id", "label", "probability", "probabilities"}
    done = call("predict", "--file", "t.jsonl", "--format", "jsonl")
    assert json.loads(done.stdout.splitlines()[0])["text"] == "superb,\nreally"


def test_a_column_of_another_name_is_set(call):
    write("r.csv", TABLE.replace("text", "review"))
    done = call("predict", "--file", "r.csv")
    assert done.returncode == 3
    assert "no column 'text' among id, review, label" in done.stderr
    assert "set data.text" in done.stderr
    done = call("predict", "--file", "r.csv", "--set", "data.text=review")
    assert len(rows(done)) == 3


BAD = "id,text\n1,superb\n2,awful,more\n3,awful\n"


def test_a_bad_row_stops_after_the_answers_before_it(call):
    done = call("predict", "--file", write("b.csv", BAD), "--keep", "id")
    assert done.returncode == 3
    assert [row[0] for row in rows(done)] == ["1"]
    assert done.stderr.startswith("error: b.csv:3: the row has 3 of 2 fields\n")
    assert "--set data.bad_rows=skip" in done.stderr


def test_a_bad_row_that_is_skipped_has_an_error_for_an_answer(call):
    write("b.csv", BAD)
    skip = "--set", "data.bad_rows=skip"
    done = call("predict", "--file", "b.csv", *skip)
    assert [row[2] for row in rows(done)] == [
        "superb",
        "b.csv:3: the row has 3 of 2 fields",
        "awful",
    ]
    assert done.stderr.startswith("warning: 1 rows could not be read")
    done = call("predict", "--file", "b.csv", *skip, "--json")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[1] == {"error": "b.csv:3: the row has 3 of 2 fields"}
    assert [answer.get("text") for answer in answers] == ["superb", None, "awful"]


def test_more_rows_than_are_held_at_a_time_keep_their_order(call):
    lines = "".join(f"{n},{'superb' if n % 3 else 'awful film'}\n" for n in range(2500))
    done = call(
        "predict", "--file", write("many.csv", "id,text\n" + lines), "--keep", "id"
    )
    found = rows(done)
    assert [row[0] for row in found] == [str(n) for n in range(2500)]
    answers = {n % 3 > 0: row[1:] for n, row in enumerate(found)}
    assert all(row[1:] == answers[n % 3 > 0] for n, row in enumerate(found))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["superb", "--keep", "id"], "--keep needs a file with columns"),
        (["--file", "t.csv", "--keep", "idd"], "--keep idd: no such column among id"),
        (["--file", "t.csv", "--out", "o.xyz"], "ends in none of .tsv, .csv, .jsonl"),
        (
            ["--file", "t.csv", "--set", "data.max_length=3"],
            "--set data.max_length: the",
        ),
        (
            ["--file", "t.csv", "--set", "train.epochs=3"],
            "--set train.epochs: the model",
        ),
        (["--file", "t.csv", "--json", "--format", "csv"], "exclude each other"),
        (["--file", "none.csv"], "none.csv: No such file"),
    ],
)
def test_what_cannot_be_done_is_said(call, arguments, said):
    write("t.csv", TABLE)
    done = call("predict", *arguments)
    assert done.returncode in (2, 3)
    assert said in done.stderr
    assert not Path("o.xyz").exists()
