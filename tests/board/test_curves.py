import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve
from tensorboard.util.tensor_util import make_ndarray

from seqtrain.board.curves import THRESHOLD_ROW, curve, precision_recall
from seqtrain.board.plugins import QuantilePrCurves


def test_a_point_counts_what_is_at_least_its_threshold(rng):
    positive = rng.random(300) < 0.3
    scores = (positive + rng.normal(size=300)).round(1)  # some are equal
    *counts, precision, recall, thresholds = curve(positive, scores)
    for k, threshold in enumerate(thresholds):
        named = scores >= threshold
        expected = [
            (named & positive).sum(),
            (named & ~positive).sum(),
            (~named & ~positive).sum(),
            (~named & positive).sum(),
        ]
        assert [row[k] for row in counts] == expected
    columns = precision_recall_curve(positive, scores)  # the first two have one more
    exact = {t: (p, r) for p, r, t in zip(*columns, strict=False)}
    found = [*zip(precision, recall, strict=True)]
    np.testing.assert_allclose(found, [exact[t] for t in thresholds], rtol=1e-12)


@pytest.mark.parametrize("number", [1, 2, 150, 5000])
def test_points_spread_over_the_recall_however_sure_the_model_is(rng, number):
    positive = np.repeat([True, False], number)
    logits = np.where(positive, 12, -12) + rng.normal(size=2 * number)
    scores = 1 / (1 + np.exp(-logits))
    assert ((scores < 1e-3) | (scores > 1 - 1e-3)).all()
    *_, recall, thresholds = curve(positive, scores)
    assert recall[0] == 1
    assert recall[-1] == 1 / number
    assert np.abs(np.diff(recall)).max() <= 0.0101 + 1 / number
    assert (np.diff(thresholds) >= 0).all()


def test_of_two_classes_the_second_has_a_curve_of_many_each_one_with_examples():
    rows = np.eye(30)[[0, 5, 29]]
    [curve] = precision_recall(np.array([0, 1, 1]), rows[:, [0, 5]], ["dull", "good"])
    assert curve.value[0].tag == "precision_recall/good/pr_curves"
    names = [f"c{k}" for k in range(30)]
    curves = [*precision_recall(np.array([0, 5, 5]), rows, names)]
    assert [each.value[0].tag for each in curves] == [
        "precision_recall/c0/pr_curves",
        "precision_recall/c5/pr_curves",
    ]
    *_, recall, _ = make_ndarray(curves[1].value[0].tensor)
    assert recall[0] == 1
    everyone = [*precision_recall(np.arange(30), np.eye(30), names)]
    assert len(everyone) == 20  # nobody looks at more


def test_the_thresholds_shown_are_those_of_the_points(rng):
    positive = rng.random(500) < 0.5
    rows = curve(positive, rng.beta(0.1, 0.1, size=500) * 0.5 + positive * 0.25)
    plugin = object.__new__(QuantilePrCurves)  # all else is for its HTTP requests
    shown = plugin._make_pr_entry(3, 0.0, rows)
    assert shown["thresholds"] == rows[THRESHOLD_ROW].tolist()
    assert shown["recall"][-1] < 0.05
    old = plugin._make_pr_entry(3, 0.0, rows[:THRESHOLD_ROW])
    np.testing.assert_allclose(old["thresholds"], np.linspace(0, 1, 101))
