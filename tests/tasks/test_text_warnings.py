"""What is lost of texts is said, with a key that keeps it."""

import csv
import random
import re

import pytest

from seqtrain.config import load_config
from seqtrain.tasks import load_data

WORDS = "the film was long and we saw it at home with all our friends again".split()
THAI = ["ฉันชอบหนังเรื่องนี้มาก", "หนังเรื่องนี้แย่มาก", "นักแสดงเล่นได้ดีจริงๆ", "เสียดายเวลาที่ดู"]


def sentence(rng, words=WORDS):
    return " ".join(rng.choices(words, k=8))


def by_sign(first, second):
    """Texts whose labels hang on what stands behind the words."""
    rng = random.Random(0)
    signs = {"a": first, "b": second}
    return [(sentence(rng) + signs[label], label) for label in "ab" * 100]


def thai():
    rng = random.Random(0)
    phrases = ["".join(rng.choices(THAI, k=3)) + str(n) for n in range(200)]
    return [(phrase, label) for phrase, label in zip(phrases, "ab" * 100, strict=True)]


def shouted():
    rng = random.Random(0)
    return [
        (sentence(rng).upper() if label == "a" else sentence(rng), label)
        for label in "ab" * 100
    ]


def names():
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [("".join(rng.choices(letters, k=7)), label) for label in "ab" * 100]


def spelt(*labels):
    rng = random.Random(0)
    return [(sentence(rng), labels[n % len(labels)]) for n in range(200)]


def load(folder, rows, *overrides):
    with open(folder / "train.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    (folder / "c.yaml").write_text(
        f"data: {{source: files, train: {folder}/train.csv}}\n"
    )
    config = load_config(folder / "c.yaml", overrides)
    return load_data(config.data, seed=0)


DROP = "data.standardize.punctuation=drop"


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("rows", "overrides", "expected", "remedy"),
    [
        (
            by_sign(" 😍", " 😡"),
            [DROP],
            "100% of the texts have emoji or emoticons, which are dropped",
            "data.standardize.punctuation=emoji",
        ),
        (
            by_sign(" :)", " :("),
            [DROP],
            "100% of the texts have emoji",
            "data.standardize.punctuation=emoji",
        ),
        (
            by_sign("!", "?"),
            [],
            "'[!?]' stands in 100% of the texts labelled '[ab]', in 0% of the others",
            "data.standardize.punctuation=split",
        ),
        (
            by_sign(" $$$ ||| %%% ((( ###", " $$$ ||| %%% ((( ###"),
            [],
            r"3\d% of the characters are punctuation and symbols",
            "data.standardize.punctuation=split",
        ),
        (
            shouted(),
            [],
            "a word in capitals stands in 100% of the texts labelled 'a'",
            "data.standardize.lowercase=false",
        ),
        (
            by_sign(" <b>x</b>", " x"),
            [],
            "an HTML tag stands in 100% of the texts labelled 'a'",
            "data.standardize.html=keep",
        ),
        (thai(), [], r"a token has \d\d characters", "data.tokens=characters"),
        (
            names(),
            [],
            "100% of the validation tokens are unknown",
            "data.tokens=characters",
        ),
        (
            spelt("a", "b"),
            ["data.vocabulary=5"],
            r"7\d% of the training tokens are unknown",
            "data.vocabulary=17",
        ),
        (
            [*by_sign("", ""), *[("?!", "a")] * 20],
            [],
            r"\d+% of the training texts have no token",
            "data.standardize.punctuation=split",
        ),
    ],
)
def test_what_is_lost_is_said_and_the_key_that_is_named_helps(
    tmp_path, rows, overrides, expected, remedy
):
    warnings = "\n".join(load(tmp_path, rows, *overrides).report.warnings)
    assert re.search(expected, warnings)
    assert remedy.replace("=", ": ") in warnings
    mended = load(tmp_path, rows, *overrides, remedy).report.warnings
    assert not re.search(expected.replace("100%", r"\d+%"), "\n".join(mended))


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("1", "0", "1.0"), r"'1' \(60\), '1\.0' \(\d+\)"),
        (("1", "0", "true"), r"'1' \(\d+\), 'true'"),
        (("ham", "spam", "Ham"), r"'Ham' \(\d+\), 'ham' \(\d+\)"),
        (("not spam", "spam", "not_spam"), "'not spam' .*'not_spam'"),
        (("a", "b", "a\u200b"), "differ only in spelling"),
    ],
)
def test_labels_that_differ_only_in_spelling_are_named(tmp_path, labels, said):
    [warning] = load(tmp_path, spelt(*labels)).report.warnings
    assert re.search(said, warning)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize(
    "labels", [("a", "b"), ("A", "A-", "A+"), ("-1", "1"), ("0.5", "1"), ("10", "1")]
)
def test_of_usual_texts_and_labels_nothing_is_said(tmp_path, labels):
    assert load(tmp_path, spelt(*labels)).report.warnings == []
