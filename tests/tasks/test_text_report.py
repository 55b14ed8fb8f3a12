import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtrain.data.sources.examples import Examples
from seqtrain.tasks import load_data
from seqtrain.tasks.text_report import Report, report_split
from seqtrain.tasks.texts import FilesData, GeneratedData

TRAIN = """text,label
good film,1
good film,1
Good film!,0
...,0
one two three four five six,1
"""
TEST = """text,label
good film,1
good film,0
bad,1
bad worse worst,1
one two,
"""
LINES = """\
                                 training       validation             test
examples                                5                5                4
  0                              2  40.0%         2  40.0%         1  25.0%
  1                              3  60.0%         3  60.0%         3  75.0%
tokens                                 12               12                8
  shortest text                         0                0                1
  25th percentile                       2                2                1
  median                                2                2                2
  75th percentile                       2                2                2
  95th percentile                       6                6                3
  longest text                          6                6                3
  cut off past 4                    16.7%            16.7%             0.0%
  unknown                            0.0%             0.0%            50.0%
texts without a token                   1                1                0
repeated texts                          1                1                1
texts also in training                                   5                2
vocabulary of 10 ids, from 8 distinct tokens in training
skipped rows: 1
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "test.csv").write_text(TEST)
    return FilesData(
        train="train.csv",
        test="test.csv",
        validation="train.csv",
        max_length=4,
        bad_rows="skip",
    )


def columns(line):
    """How many of a terminal a line takes; an accent takes none of its own."""
    return sum(
        2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in unicodedata.normalize("NFC", line)
        if unicodedata.category(c) not in ("Mn", "Me")
    )


def report_of(names, **changes):
    """A report on one text of each class."""
    texts = Examples([f"text {name}" for name in names], names)
    ones = np.ones(len(names), int)
    split = report_split(texts, names=names, lengths=ones, tokens=ones)
    fields = {
        "splits": {"training": split, "validation": split, "test": split},
        "vocabulary": 3,
        "words": 1,
        "max_length": 4,
        "best_accuracy": None,
        "skipped": 0,
        "skipped_rows": [],
        "warnings": [],
    }
    return Report(**fields | changes)


def test_report_counts_what_the_data_holds(config):
    report = load_data(config, seed=0).report
    training, test = report.splits["training"], report.splits["test"]
    assert training.examples == 5
    assert training.classes == {"0": 2, "1": 3}
    assert training.lengths == [0, 2, 2, 2, 6, 6]
    assert (training.tokens, training.kept) == (12, 10)
    assert training.unknown == 0
    assert training.empty == 1
    assert training.repeated == 1
    assert training.in_training == 0
    assert test.examples == 4
    assert test.classes == {"0": 1, "1": 3}
    assert (test.tokens, test.kept, test.unknown) == (8, 8, 4)
    assert test.repeated == 1
    assert test.in_training == 2
    assert report.splits["validation"].in_training == 5
    assert report.words == 8
    assert report.vocabulary == 10
    assert report.skipped == 1
    assert report.skipped_rows[0].startswith("test.csv:6: ")


def test_report_reads_like_this(config):
    lines = load_data(config, seed=0).report.text().splitlines()
    assert lines[:-1] == LINES.splitlines()
    assert lines[-1].startswith("  test.csv:6: ")


def test_the_cached_report_is_the_same(config):
    first, second = (load_data(config, seed=0).report for _ in range(2))
    assert second == first
    assert second.text() == first.text()


def test_report_comes_back_from_json(config):
    report = load_data(config, seed=0).report
    assert Report.from_dict(json.loads(json.dumps(report.as_dict()))) == report


def test_generated_reviews_report_the_best_possible_accuracy():
    config = GeneratedData(examples=60, test_examples=20, noise=0.25)
    report = load_data(config, seed=0).report
    assert report.best_accuracy == 0.75
    assert "best possible accuracy 0.7500" in report.text()


def test_report_without_test_data_has_two_columns():
    report = report_of(["a", "b"])
    del report.splits["test"]
    assert report.text().splitlines()[0].split() == ["training", "validation"]


def test_a_report_shows_the_first_of_many_classes_and_skipped_rows():
    names = [f"class {number}" for number in range(100)]
    rows = [f"reviews.csv:{number}: no label" for number in range(5)]
    text = report_of(names, skipped=1234, skipped_rows=rows).text()
    assert len(text.splitlines()) < 40
    assert "and 88 more classes" in text
    assert "and 1,229 more rows" in text
    assert all(row in text for row in rows)


def test_a_long_place_of_a_skipped_row_is_wrapped_not_cut():
    row = f"{'folder/' * 20}reviews.csv:17: no label"
    text = report_of(["a", "b"], skipped=1, skipped_rows=[row]).text()
    assert max(map(len, text.splitlines())) <= 80
    assert row in text.replace("\n    ", "")


@given(st.lists(st.text(max_size=40), min_size=1, max_size=15, unique=True))
def test_a_report_fits_80_columns_whatever_the_classes_are_called(names):
    lines = report_of(names).text().split("\n")
    assert max(map(columns, lines)) <= 80
    assert {columns(line) for line in lines if "%" in line} == {columns(lines[0])}
    assert len(lines) == 16 + min(len(names), 12) - 1 + (len(names) > 12)
