"""Precision-recall curves whose points are spread evenly over the recall."""

from collections.abc import Iterator, Sequence

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.pr_curve.metadata import create_summary_metadata
from tensorboard.util.tensor_util import make_tensor_proto

CLASSES = 20  # that get a curve; nobody looks at more
POINTS = 101
THRESHOLD_ROW = 6  # below the six rows that TensorBoard's plugin reads

DESCRIPTION = (
    "Of the validation data, after each epoch: this class against the rest. A point "
    "takes for the class all examples whose probability of it is at least a threshold. "
    "The thresholds are quantiles of the probabilities in the class, so that the "
    "recall falls by 1% from point to point. `seqtrain board` shows them; plain "
    "TensorBoard shows, under that name, the share of the class that is below."
)


def precision_recall(
    labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]
) -> Iterator[Summary]:
    """Yield a curve for each class against the rest; for two only that of the second.

    A class without examples has no recall, and so no curve.

    Args:
        labels: Class ids, `(examples,)`.
        probabilities: `(examples, classes)`.
        names: The names of the classes; the first twenty get a curve.
    """
    for k in [1] if len(names) == 2 else range(min(len(names), CLASSES)):
        if (labels == k).any():
            rows = curve(labels == k, probabilities[:, k])
            metadata = create_summary_metadata(
                f"precision_recall/{names[k]}", DESCRIPTION, POINTS
            )
            yield Summary(
                value=[
                    Summary.Value(
                        tag=f"precision_recall/{names[k]}/pr_curves",
                        metadata=metadata,
                        tensor=make_tensor_proto(rows.astype("float32")),
                    )
                ]
            )


def curve(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """A precision-recall curve, from the threshold with full recall to the highest.

    The thresholds are quantiles of the scores of the positive examples. Thresholds
    that are spread evenly would all lie where a confident model has no scores.

    Args:
        positive: Whether an example is positive; at least one is, `(examples,)`.
        scores: `(examples,)`.

    Returns:
        Rows of true positives, false positives, true negatives, false negatives,
        precision, recall and thresholds, `(7, POINTS)`.
    """
    hits, others = np.sort(scores[positive]), np.sort(scores[~positive])
    thresholds = hits[np.linspace(0, len(hits) - 1, POINTS).round().astype(int)]
    false_negatives = np.searchsorted(hits, thresholds)
    true_negatives = np.searchsorted(others, thresholds)
    true_positives = len(hits) - false_negatives
    false_positives = len(others) - true_negatives
    return np.stack(
        [
            true_positives,
            false_positives,
            true_negatives,
            false_negatives,
            true_positives / (true_positives + false_positives),
            true_positives / len(hits),
            thresholds,
        ]
    )
