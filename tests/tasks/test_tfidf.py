import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from seqtrain.data.sources.examples import Examples
from seqtrain.errors import RunError
from seqtrain.tasks.tfidf import Classifiers, fit_classifiers

TEXTS = [
    "A fine film, fine indeed!",
    "dull",
    "good film",
    "bad :(",
    "I wept; good.",
    "b a d",
    "Ein schöner Film",
    "no good, a bad film",
    "",
]
LABELS = ["pos", "neg", "pos", "neg", "pos", "neg", "pos", "neg", "neg"]
NEW = ["a good film", "never seen words", "", "BAD bad bad :("]


def test_regression_predicts_what_scikit_learn_predicts():
    vectorizer = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]")
    regression = LogisticRegression().fit(vectorizer.fit_transform(TEXTS), LABELS)

    baselines = fit_classifiers(Examples(TEXTS, LABELS), ["neg", "pos"])

    np.testing.assert_allclose(
        baselines.predict_probabilities(NEW)["tfidf_logistic_regression"],
        regression.predict_proba(vectorizer.transform(NEW)),
        rtol=1e-10,
    )


def test_many_classes_are_predicted_as_scikit_learn_does():
    labels = ["9", "10", "11"] * 3
    vectorizer = TfidfVectorizer(token_pattern=r"\w+|[^\w\s]")
    ids = [0, 1, 2] * 3
    regression = LogisticRegression().fit(vectorizer.fit_transform(TEXTS), ids)

    baselines = fit_classifiers(Examples(TEXTS, labels), ["9", "10", "11"])

    np.testing.assert_allclose(
        baselines.predict_probabilities(NEW)["tfidf_logistic_regression"],
        regression.predict_proba(vectorizer.transform(NEW)),
        rtol=1e-10,
    )


def test_majority_gives_every_text_the_shares_of_the_training_data():
    baselines = fit_classifiers(Examples(TEXTS, LABELS), ["neg", "pos"])
    np.testing.assert_allclose(
        baselines.predict_probabilities(["x", "y"])["majority"], [[5 / 9, 4 / 9]] * 2
    )


def test_a_class_that_training_lacks_has_no_probability():
    baselines = fit_classifiers(Examples(TEXTS, LABELS), ["neg", "odd", "pos"])
    for probabilities in baselines.predict_probabilities(NEW).values():
        assert (probabilities[:, 1] == 0).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("names", [["neg", "pos"], ["neg", "odd", "pos"]])
def test_saved_and_loaded_baselines_predict_the_same_to_the_bit(tmp_path, names):
    baselines = fit_classifiers(Examples([*TEXTS, "\ud800"], [*LABELS, "pos"]), names)
    path = tmp_path / "baselines.npz"
    baselines.save(path)

    expected = baselines.predict_probabilities(NEW)
    loaded = Classifiers.load(path).predict_probabilities(NEW)

    assert list(tmp_path.iterdir()) == [path]
    assert loaded.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(loaded[name], expected[name])


def test_no_damage_changes_kept_baselines_unseen(tmp_path):
    path = tmp_path / "baselines.npz"
    kept = fit_classifiers(Examples(TEXTS, LABELS), ["neg", "pos"])
    kept.save(path)
    raw = path.read_bytes()
    refused = 0
    for place in range(0, len(raw), 17):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 16]) + raw[place + 1 :])
        try:
            loaded = Classifiers.load(path)
        except RunError:
            refused += 1
        else:
            for array, same in zip(loaded, kept, strict=True):
                np.testing.assert_array_equal(array, same)
    assert refused > len(raw) / 17 / 2
