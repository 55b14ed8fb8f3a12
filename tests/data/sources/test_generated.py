import time

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from seqtrain.data.sources.generated import generate
from seqtrain.data.tokenize import tokenize
from seqtrain.sections.data import Standardize

PRAISE = set(
    "superb wonderful brilliant delightful gripping moving charming masterful "
    "hilarious inspired elegant excellent".split()
)
BLAME = set(
    "dreadful tedious clumsy lifeless boring shallow hollow pointless "
    "forgettable ridiculous awful stale".split()
)
ANNOUNCING = {"verdict", "rating", "judgement", "conclusion"}
SHAPES = [
    (1, 0),
    (2, 0),
    (2, 1),
    (3, 0),
    (7, 3),
    (60, 0),
    (60, 10),
    (60, 59),
    (200, 150),
]


def reviews(count=200, *, length=60, distance=10, noise=0.0, seed="0"):
    return generate(count, length=length, distance=distance, noise=noise, seed=seed)


def words(text):
    return tokenize(text, Standardize())


def verdict(text, distance):
    """Read the label off the deciding word, by the rule of the module's docstring."""
    *before, deciding = words(text)[: len(words(text)) - distance]
    assert deciding in PRAISE | BLAME
    negated = before[-1:] in (["not"], ["hardly"])
    return "positive" if (deciding in PRAISE) != negated else "negative"


def bag_of_words_accuracy(train, test):
    vectorizer = TfidfVectorizer()
    model = LogisticRegression().fit(
        vectorizer.fit_transform(train.texts), train.labels
    )
    return model.score(vectorizer.transform(test.texts), test.labels)


@pytest.mark.parametrize("length, distance", SHAPES)
def test_review_has_its_length_and_its_verdict_at_its_distance(length, distance):
    examples = reviews(length=length, distance=distance)
    assert {len(words(text)) for text in examples.texts} == {length}
    assert [verdict(text, distance) for text in examples.texts] == examples.labels


@pytest.mark.parametrize("length, distance", [(3, 0), (60, 10), (60, 58)])
def test_verdict_is_announced_just_before_it_and_nowhere_else(length, distance):
    for text in reviews(length=length, distance=distance).texts:
        place = length - distance - 1
        found = [i for i, word in enumerate(words(text)) if word in ANNOUNCING]
        assert len(found) == 1
        assert place - found[0] == (2 if words(text)[place - 1] in "not hardly" else 1)


def test_both_classes_and_negated_verdicts_occur():
    examples = reviews(1000)
    assert 400 < examples.labels.count("positive") < 600
    before = [words(text)[-12] for text in examples.texts]
    assert 150 < sum(word in ("not", "hardly") for word in before) < 350


def test_noise_is_the_share_of_labels_that_contradict_the_verdict():
    examples = reviews(5000, noise=0.2)
    wrong = sum(
        verdict(text, 10) != label
        for text, label in zip(examples.texts, examples.labels, strict=True)
    )
    assert wrong / 5000 == pytest.approx(0.2, abs=0.02)


def test_same_seed_makes_the_same_reviews_and_another_seed_others():
    assert reviews(seed="a") == reviews(seed="a")
    assert not set(reviews(seed="a").texts) & set(reviews(seed="b").texts)


def test_bag_of_words_stays_far_below_the_best_possible():
    accuracy = bag_of_words_accuracy(reviews(4000), reviews(2000, seed="1"))
    assert accuracy < 0.65


def test_words_around_the_verdict_say_nothing_about_the_label():
    def without_verdict(examples):
        texts = [words(text) for text in examples.texts]
        # The longest verdict has seven words; the tenth from the end comes after it.
        return examples._replace(texts=[" ".join(t[:-17] + t[-10:]) for t in texts])

    train, test = (without_verdict(reviews(4000, seed=seed)) for seed in "01")
    assert bag_of_words_accuracy(train, test) == pytest.approx(0.5, abs=0.03)


def test_review_reads_as_a_moderate_vocabulary_of_whole_sentences():
    texts = reviews(2000).texts
    assert 200 < len({word for text in texts for word in words(text)}) < 400
    assert all(text[0].isupper() or text[0] == '"' for text in texts)
    assert all(text[-1] in ".!?" for text in texts)
    assert not any(gap in text for text in texts for gap in "{}%")


def test_ten_thousand_long_reviews_take_no_three_seconds():
    started = time.process_time()
    reviews(10_000, length=200, distance=100)
    assert time.process_time() - started < 3


@pytest.mark.slow
def test_small_lstm_comes_near_the_best_possible(seeded):
    import keras
    import numpy as np

    ids = {}

    def encoded(examples):
        tokens = [
            [ids.setdefault(w, len(ids)) for w in words(t)] for t in examples.texts
        ]
        return np.array(tokens), np.array(examples.labels) == "positive"

    train, test = encoded(reviews(4000)), encoded(reviews(1000, seed="1"))
    model = keras.Sequential(
        [
            keras.layers.Embedding(len(ids), 64),
            keras.layers.LSTM(64),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(*train, batch_size=64, epochs=8, verbose=0)
    assert model.evaluate(*test, verbose=0)[1] > 0.95
