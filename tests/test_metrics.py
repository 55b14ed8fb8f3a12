import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from seqtrain.metrics import (
    accuracy_by_length,
    calibration,
    classification_metrics,
    confidence_edges,
    logits_to_probabilities,
    wilson_interval,
)


@given(st.integers(1, 50_000), st.floats(0, 1))
def test_wilson_interval_is_scipys(total, share):
    correct = round(share * total)
    expected = binomtest(correct, total).proportion_ci(0.95, method="wilson")
    assert wilson_interval(correct, total) == pytest.approx(
        (expected.low, expected.high), rel=1e-9, abs=1e-12
    )


def test_wilson_interval_stays_inside_zero_and_one():
    for total in range(1, 1000):
        assert 0 <= wilson_interval(0, total)[0] < 1e-12
        assert 1 - 1e-12 < wilson_interval(total, total)[1] <= 1


def test_one_logit_gives_two_probabilities_that_keep_their_digits():
    logits = np.array([[-40.0], [0.0], [40.0]], np.float32)
    small = math.exp(-40) / (1 + math.exp(-40))
    np.testing.assert_allclose(
        logits_to_probabilities(logits),
        [[1 - small, small], [0.5, 0.5], [small, 1 - small]],
        rtol=1e-12,
    )


def test_many_logits_give_their_softmax():
    logits = np.array([[1.0, 2.0, -3.0], [1000.0, 0.0, 999.0]])
    total = math.exp(1) + math.exp(2) + math.exp(-3)
    expected = [
        [math.exp(1) / total, math.exp(2) / total, math.exp(-3) / total],
        [1 / (1 + math.exp(-1)), 0.0, math.exp(-1) / (1 + math.exp(-1))],
    ]
    np.testing.assert_allclose(logits_to_probabilities(logits), expected, rtol=1e-12)


def test_binary_metrics_are_those_counted_by_hand():
    labels = np.array([0, 0, 0, 1, 1])
    positive = np.array([0.1, 0.4, 0.7, 0.6, 0.2])
    metrics = classification_metrics(
        labels, np.stack([1 - positive, positive], axis=1), ["neg", "pos"]
    )

    assert metrics["examples"] == 5
    assert metrics["accuracy"] == 0.6
    low, high = wilson_interval(3, 5)
    assert (metrics["accuracy_low"], metrics["accuracy_high"]) == (low, high)
    likelihoods = [0.9, 0.6, 0.3, 0.6, 0.2]
    assert metrics["loss"] == pytest.approx(-np.mean(np.log(likelihoods)))
    # Of the six pairs of a positive and a negative, three stand in the right order.
    assert metrics["auc"] == 0.5
    assert metrics["confusion"] == [[2, 1], [1, 1]]
    assert metrics["per_class"] == {
        "neg": {
            "precision": pytest.approx(2 / 3),
            "recall": pytest.approx(2 / 3),
            "f1": pytest.approx(2 / 3),
            "support": 3,
        },
        "pos": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2},
    }


def test_many_class_metrics_know_the_true_rows_from_the_predicted_columns():
    labels = np.array([0, 1, 2, 2])
    probabilities = np.array(
        [[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.1, 0.6, 0.3]]
    )
    metrics = classification_metrics(labels, probabilities, ["a", "b", "c"])

    assert metrics["confusion"] == [[1, 0, 0], [1, 0, 0], [0, 1, 1]]
    assert metrics["per_class"]["b"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "support": 1,
    }
    # a: 3 of 3 pairs, b: 2 of 3, c: 4 of 4.
    assert metrics["auc"] == pytest.approx((1 + 2 / 3 + 1) / 3)


def test_auc_is_none_where_only_one_class_stands_in_the_data():
    probabilities = np.array([[0.2, 0.8], [0.6, 0.4]])
    assert classification_metrics(np.array([1, 1]), probabilities, "ab")["auc"] is None


def test_loss_of_a_probability_of_zero_is_finite():
    metrics = classification_metrics(np.array([0, 1]), np.eye(2)[[1, 1]], "ab")
    assert 300 < metrics["loss"] < 400


def test_accuracy_by_length_puts_each_length_into_its_bucket():
    lengths = np.array([0, 4, 5, 10, 30, 11])
    labels = np.array([0, 1, 0, 1, 0, 1])
    predictions = np.array([0, 0, 0, 1, 1, 1])

    buckets = accuracy_by_length(labels, predictions, lengths, [4, 10, 20, 25, 30])

    assert [(b["from"], b["to"], b["examples"], b["accuracy"]) for b in buckets] == [
        (0, 4, 2, 0.5),
        (5, 10, 2, 1.0),
        (11, 20, 1, 1.0),
        (26, 30, 1, 0.0),
    ]
    assert (buckets[1]["accuracy_low"], 1.0) == wilson_interval(2, 2)


def test_calibration_by_hand():
    confidences = np.array([0.55, 0.95, 0.95, 0.85, 1.0, 0.6])
    rows = np.stack([confidences, 1 - confidences], axis=1)
    labels = np.array([1, 0, 1, 0, 0, 0])
    bins, error = calibration(labels, rows, confidence_edges(2, bins=5))
    assert [entry["examples"] for entry in bins] == [1, 1, 0, 1, 3]
    assert bins[2] == {"examples": 0}
    assert bins[4]["confidence"] == pytest.approx(2.9 / 3)
    assert bins[4]["accuracy"] == pytest.approx(2 / 3)
    assert bins[4]["accuracy_low"] < 2 / 3 < bins[4]["accuracy_high"]
    # Σ |right - confidence| of the bins, by their sums.
    assert error == pytest.approx((0.55 + 0.4 + 0.15 + abs(2 - 2.9)) / 6)


def test_a_sure_and_right_model_is_calibrated():
    rows = np.eye(4)[[0, 1, 2, 3]]
    bins, error = calibration(np.arange(4), rows, confidence_edges(4))
    assert error == 0
    assert bins[-1]["examples"] == 4
