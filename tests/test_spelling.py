import time

import pytest

from seqtrain.spelling import did_you_mean, likeness, nearest


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("lsmt", "lstm"),
        ("ls", "lstm"),
        ("LSTM", "lstm"),
        ("batchsize", "batch_size"),
        ("batch-size", "batch_size"),
        ("Batch_Sise", "batch_size"),
        ("convolution", None),
        ("", None),
    ],
)
def test_the_nearest_word_is_found_if_one_is_near(word, meant):
    known = ["rnn", "lstm", "gru", "batch_size"]
    assert nearest(word, known) == meant
    assert did_you_mean(word, known) == (f"did you mean {meant!r}?" if meant else "")


def test_without_known_words_nothing_was_meant():
    assert did_you_mean("lstm", []) == ""


def test_a_known_word_is_suggested_as_it_is_written():
    assert nearest("train.csv", ["Train-1.CSV", "test.csv.gz"]) == "Train-1.CSV"


def test_a_word_is_most_like_itself():
    assert likeness("lstm", "LSTM") == 1
    assert likeness("lstm", "gru") < likeness("lstm", "lsmt") < 1


@pytest.mark.parametrize("length", [20, 200, 10**6])
def test_a_hint_takes_no_time_whatever_the_words(length):
    known = [f"{'x' * length}_{number}.txt" for number in range(2000)]
    began = time.process_time()
    nearest("x" * length + "1.txt", known)
    assert time.process_time() - began < 4
