"""Numbers about predictions, each accuracy with its 95% interval."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats
from scipy.special import softmax
from sklearn.metrics import (
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

_Z = 1.959963984540054  # of the normal distribution, for 95%


def logits_to_probabilities(logits: np.ndarray) -> np.ndarray:
    """One probability per class, from a single logit or from one per class.

    A single logit is that of the second of two classes. In float64 and by softmax, so
    that a small probability keeps its digits, where `1 - p` would lose them.

    Args:
        logits: `(batch, 1)` or `(batch, classes)`.

    Returns:
        `(batch, 2)` or `(batch, classes)`, float64.

    Example:
        >>> logits_to_probabilities(np.array([[0.0]]))
        array([[0.5, 0.5]])
    """
    logits = logits.astype(np.float64)
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    return softmax(logits, axis=1)


def wilson_interval(correct: float, total: float, z: float = _Z) -> tuple[float, float]:
    """Interval of a share by Wilson's score, which holds near 0 and 1 too [1].

    `scipy.stats.binomtest` has it as well, but only for whole numbers of hits.

    Args:
        correct: The number of hits, which need not be whole.
        total: The number of trials, at least one.
        z: Quantile of the normal distribution; the default gives 95%.

    Example:
        >>> low, high = wilson_interval(8874, 10000)
        >>> f"{low:.4f} {high:.4f}"
        '0.8811 0.8934'

    References:
        [1] Wilson, Probable inference, the law of succession, and statistical
            inference, 1927.
    """
    share = correct / total
    center = share + z**2 / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    # Rounding alone could take the ends a hair past 0 and 1.
    return max(0.0, (center - half) / scale), min(1.0, (center + half) / scale)


def accuracy_with_interval(labels: np.ndarray, predictions: np.ndarray) -> dict:
    """Accuracy with both ends of its 95% interval."""
    correct = int(np.sum(labels == predictions))
    low, high = wilson_interval(correct, len(labels))
    return {
        "accuracy": correct / len(labels),
        "accuracy_low": low,
        "accuracy_high": high,
    }


def cross_entropies(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The cross-entropy `-log p` of each label.

    `sklearn.metrics.log_loss` gives only their mean.

    Args:
        labels: Class ids, `(examples,)`.
        probabilities: `(examples, classes)`.
    """
    likelihoods = probabilities[np.arange(len(labels)), labels]
    # Logits more than 745 apart leave a probability of zero, whose log is not finite.
    return -np.log(np.maximum(likelihoods, np.finfo(np.float64).tiny))


def mean_with_interval(
    name: str, values: Sequence[float], weights: Sequence[float] | None = None
) -> dict:
    """A mean of independent values with both ends of its 95% interval.

    The interval is Student's, `mean ± t s / √n` with t = 1.96 for many values. A
    single value has no spread: it is both ends. With weights w the mean is a ratio of
    sums, `Σ w v / Σ w`, and s the deviation of `w (v - mean) / mean(w)` [1].

    References:
        [1] Cochran, Sampling techniques, 1977, chapter 2.11.
    """
    number, half = len(values), 0.0
    if weights is None or np.ptp(weights) == 0:
        mean = float(np.mean(values))
        deviation = float(np.std(values, ddof=1)) if number > 1 else 0.0
    else:
        mean = float(np.average(values, weights=weights))
        residuals = weights * (values - mean) / np.mean(weights)
        deviation = math.sqrt(np.sum(residuals**2) / (number - 1))
    if number > 1:
        half = float(stats.t.ppf(0.975, number - 1)) * deviation / math.sqrt(number)
    return {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}


def sequence_metrics(
    losses: np.ndarray,
    accuracies: np.ndarray | None = None,
    wanted: np.ndarray | None = None,
    counted: np.ndarray | None = None,
) -> dict:
    """What `eval` reports where each sequence has its own loss and accuracy.

    Sequences are independent of each other, the timesteps within one are not. So the
    accuracy gets Wilson's interval for as many trials as there are sequences. It is
    rather too wide: accuracies of sequences spread less than single hits and misses.
    Where their numbers n of timesteps differ, the trials are `(Σ n)² / Σ n²` [1].

    Args:
        losses: The mean loss of each sequence, `(examples,)`.
        accuracies: The share of right timesteps in each sequence, `(examples,)`; None
            where the targets are numbers.
        wanted: How many timesteps of each have a loss; None: all have as many.
        counted: How many of them count for the accuracy; None: all have as many.

    References:
        [1] Kish, Survey sampling, 1965.
    """
    loss = mean_with_interval("loss", losses, wanted)
    result = {"examples": len(losses), **loss}
    if accuracies is not None:
        share, trials = float(accuracies.mean()), len(accuracies)
        if counted is not None and np.ptp(counted) > 0:
            share = float(np.average(accuracies, weights=counted))
            trials = counted.sum() ** 2 / (counted**2).sum()
        low, high = wilson_interval(share * trials, trials)
        result |= {"accuracy": share, "accuracy_low": low, "accuracy_high": high}
    return result


def classification_metrics(
    labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]
) -> dict:
    """Everything that `eval` reports about one set of predictions.

    Args:
        labels: Class ids, `(examples,)`.
        probabilities: `(examples, classes)`, rows add up to one.
        names: The names of the classes.

    Returns:
        Plain numbers under `examples`, `accuracy` with `accuracy_low` and
        `accuracy_high`, `loss` (mean cross-entropy), `auc` (for more than two
        classes the mean over each class against the rest; None where undefined),
        `per_class` by name, and `confusion` with a row for each true class.
    """
    predictions = probabilities.argmax(axis=1)
    ids = range(len(names))
    per_class = precision_recall_fscore_support(
        labels, predictions, labels=ids, zero_division=0.0
    )
    return {
        "examples": len(labels),
        **accuracy_with_interval(labels, predictions),
        "loss": float(cross_entropies(labels, probabilities).mean()),
        "auc": _auc(labels, probabilities),
        "per_class": {
            name: {
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
                "support": int(support),
            }
            for name, precision, recall, f1, support in zip(
                names, *per_class, strict=True
            )
        },
        "confusion": confusion_matrix(labels, predictions, labels=ids).tolist(),
    }


def confidence_edges(classes: int, bins: int = 10) -> np.ndarray:
    """Edges of equal bins, from the lowest possible confidence to 1.

    Example:
        >>> confidence_edges(2, bins=5)
        array([0.5, 0.6, 0.7, 0.8, 0.9, 1. ])
    """
    return np.linspace(1 / classes, 1, bins + 1)


def calibration(
    labels: np.ndarray, probabilities: np.ndarray, edges: np.ndarray
) -> tuple[list[dict], float]:
    """Accuracy of the predictions in each bin of confidence.

    The confidence of a prediction is the probability of the predicted class. The
    expected calibration error [1] is the mean gap between both over the bins B;
    scikit-learn's `calibration_curve` knows two classes only and does not count:

        ECE = Σ_B |B| / examples * |accuracy(B) - mean confidence(B)|

    Args:
        labels: Class ids, `(examples,)`.
        probabilities: `(examples, classes)`, rows add up to one.
        edges: Edges of the bins of confidence, ascending.

    Returns:
        An entry for each bin with its `examples` and, if there are any, their mean
        `confidence` and `accuracy` with its interval; then the error.

    References:
        [1] Guo et al., On calibration of modern neural networks, 2017.
    """
    predictions, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    places = np.searchsorted(edges[1:-1], confidences, side="right")
    bins, error = [], 0.0
    for number in range(len(edges) - 1):
        inside = places == number
        entry = {"examples": int(inside.sum())}
        if inside.any():
            entry |= {
                "confidence": float(confidences[inside].mean()),
                **accuracy_with_interval(labels[inside], predictions[inside]),
            }
            distance = abs(entry["accuracy"] - entry["confidence"])
            error += entry["examples"] / len(labels) * distance
        bins.append(entry)
    return bins, error


def _auc(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Mean area under the ROC curves of the classes that have one.

    A class has none if all labels or no label is that class; `roc_auc_score` would
    then give no mean at all.
    """
    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = [
        roc_auc_score(labels == k, probabilities[:, k])
        for k in classes
        if 0 < np.sum(labels == k) < len(labels)
    ]
    return float(np.mean(areas)) if areas else None


def accuracy_by_length(
    labels: np.ndarray,
    predictions: np.ndarray,
    lengths: np.ndarray,
    edges: Sequence[int],
) -> list[dict]:
    """Accuracy of short and long examples, by bucket of length.

    Args:
        labels: Class ids, `(examples,)`.
        predictions: Predicted class ids, `(examples,)`.
        lengths: Tokens of each example; none is longer than the last edge.
        edges: The longest length in each bucket, ascending.

    Returns:
        An entry for each bucket with an example: `from` and `to` (both inclusive),
        `examples`, `accuracy` with its interval.
    """
    buckets = []
    for start, end in zip([0, *(edge + 1 for edge in edges)], edges, strict=False):
        inside = (start <= lengths) & (lengths <= end)
        if inside.any():
            buckets.append(
                {
                    "from": start,
                    "to": end,
                    "examples": int(inside.sum()),
                    **accuracy_with_interval(labels[inside], predictions[inside]),
                }
            )
    return buckets
