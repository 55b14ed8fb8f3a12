"""What is wanted of a model: a class, a value, or a class at each timestep.

Each says what the head of a model looks like, its loss, what counts as a hit, and how
good predictions are. TensorFlow and scikit-learn are imported where a model is there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..data.batches import NO_TARGET
from ..data.encoded import Encoded
from ..sections.model import ModelConfig
from .inputs import Broken

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

# What a model puts out for the examples of these indices, batch by batch.
Outputs = Iterable[tuple[np.ndarray, np.ndarray]]
# Loss functions weigh by the examples' weights: Σ w L / Σ w.
_REDUCTION = "mean_with_sample_weight"


@dataclass(frozen=True)
class Label:
    """One class for a sequence."""

    per_step: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ("loss", "accuracy")
    fewest_labels: ClassVar[int] = 2
    confused: ClassVar[bool] = True  # one class can be mistaken for another: show it
    pooling_cures: ClassVar[bool] = True  # a mean over time shortens the gradient's way

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield the keys of the model that do not go with it; there are none."""
        return iter(())

    def columns(self, num_classes: int) -> int:
        """Return how many numbers the head puts out: one logit for two classes."""
        return 1 if num_classes == 2 else num_classes

    def loss(self, columns: int) -> "keras.Loss":
        """Return the loss: the cross-entropy of the logits."""
        import keras

        if columns == 1:
            return keras.losses.BinaryCrossentropy(
                from_logits=True, reduction=_REDUCTION
            )
        return keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=_REDUCTION
        )

    def hits(self, targets: "tf.Tensor", outputs: "tf.Tensor"):
        """Return which classes are named rightly, 1 or 0, and which of them count."""
        import tensorflow as tf

        if outputs.shape[-1] == 1:  # a logit, so 0.0 and not 0.5 is the even chance
            named = tf.cast(outputs[:, 0] > 0, targets.dtype)
        else:
            named = tf.argmax(outputs, -1, targets.dtype)
        # `==` loses the static rank; `tf.equal` keeps it.
        return tf.cast(tf.equal(named, targets), "float32"), None

    def score(self, encoded: Encoded, outputs: Outputs, classes: int) -> np.ndarray:
        """Return the probabilities of the classes, `(examples, classes)`, float64."""
        from ..metrics import logits_to_probabilities

        probabilities = np.empty((encoded.examples, classes))
        for indices, logits in outputs:
            probabilities[indices] = logits_to_probabilities(logits)
        return probabilities

    def measure(
        self,
        encoded: Encoded,
        scores: np.ndarray,
        names: Sequence[str],
        buckets: Sequence[int],
    ) -> dict:
        """Return the entries of `classification_metrics`, and `by_length`."""
        from ..metrics import accuracy_by_length, classification_metrics

        targets, predictions = encoded.targets, scores.argmax(axis=1)
        return {
            **classification_metrics(targets, scores, names),
            "by_length": accuracy_by_length(
                targets, predictions, encoded.lengths, buckets
            ),
        }

    def shown(self, target: np.ndarray, names: Sequence[str]) -> str:
        """Return what is wanted of an example as a word."""
        return names[target]


@dataclass(frozen=True)
class Value:
    """One number for a sequence."""

    per_step: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ("loss",)
    fewest_labels: ClassVar[int] = 0
    confused: ClassVar[bool] = False
    pooling_cures: ClassVar[bool] = False

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield the keys of the model that do not go with it; there are none."""
        return iter(())

    def columns(self, num_classes: int) -> int:
        """Return how many numbers the head puts out."""
        return 1

    def loss(self, columns: int) -> "keras.Loss":
        """Return the loss: the squared error."""
        import keras

        return keras.losses.MeanSquaredError(reduction=_REDUCTION)

    def hits(self, targets: "tf.Tensor", outputs: "tf.Tensor") -> None:
        """Return None: a value is not hit or missed."""

    def score(self, encoded: Encoded, outputs: Outputs, classes: int) -> np.ndarray:
        """Return the squared error of each example, `(examples,)`, float64."""
        losses = np.empty(encoded.examples)
        for indices, values in outputs:
            errors = values[:, 0].astype(np.float64) - encoded.targets[indices]
            losses[indices] = errors**2
        return losses

    def measure(
        self,
        encoded: Encoded,
        scores: np.ndarray,
        names: Sequence[str],
        buckets: Sequence[int],
    ) -> dict:
        """Return the entries of `sequence_metrics`."""
        from ..metrics import sequence_metrics

        return sequence_metrics(scores)

    def shown(self, target: np.ndarray, names: Sequence[str]) -> str:
        """Return what is wanted of an example as a word."""
        return f"{target:.3g}"


@dataclass(frozen=True)
class StepLabels:
    """A class at each timestep.

    A timestep of padding has none, and neither its loss nor a hit counts. In the loss
    of a batch all timesteps weigh the same; over the batches of an epoch it is averaged
    by their examples, as Keras does.

    Args:
        last: How many timesteps at the end of each sequence count for the accuracy;
            None: all.
    """

    last: int | None = None
    per_step: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("loss", "accuracy")
    fewest_labels: ClassVar[int] = 2
    confused: ClassVar[bool] = False
    pooling_cures: ClassVar[bool] = False

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield the keys of the model that do not go with it: nothing is pooled."""
        if model.pooling != ModelConfig.model_fields["pooling"].default:
            yield f"has no effect with data.task: {name}", ("pooling",)

    def columns(self, num_classes: int) -> int:
        """Return how many numbers the head puts out at each timestep."""
        return num_classes

    def loss(self, columns: int) -> "keras.Loss":
        """Return the loss: the cross-entropy of the logits, over all that is wanted."""
        import keras

        return keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=NO_TARGET, reduction=_REDUCTION
        )

    def hits(self, targets: "tf.Tensor", outputs: "tf.Tensor"):
        """Return which classes are named rightly, 1 or 0, and which of them count."""
        import tensorflow as tf

        hits = tf.equal(tf.argmax(outputs, -1, targets.dtype), targets)
        counted = tf.not_equal(targets, NO_TARGET)
        if self.last is not None:
            from_end = tf.cumsum(tf.cast(counted, "int32"), axis=1, reverse=True)
            counted &= from_end <= self.last
        return tf.cast(hits, "float32"), tf.cast(counted, "float32")

    def score(
        self, encoded: Encoded, outputs: Outputs, classes: int
    ) -> list[np.ndarray]:
        """Return the probabilities of the classes at each real timestep.

        Returns:
            For each example `(timesteps, classes)`, float64.
        """
        from ..metrics import logits_to_probabilities

        scores = [np.zeros((0, classes))] * encoded.examples
        for indices, logits in outputs:
            for index, rows in zip(indices, logits, strict=True):
                real = rows[: encoded.lengths[index]]
                scores[index] = logits_to_probabilities(real)
        return scores

    def measure(
        self,
        encoded: Encoded,
        scores: list[np.ndarray],
        names: Sequence[str],
        buckets: Sequence[int],
    ) -> dict:
        """Return the entries of `sequence_metrics`, each timestep weighing the same."""
        from ..metrics import cross_entropies, sequence_metrics

        losses, accuracies, wanted, counted = np.zeros((4, encoded.examples))
        for index, rows in enumerate(scores):
            targets = encoded.targets_of(index)
            real = targets != NO_TARGET
            targets, rows = targets[real], rows[real]
            if len(targets):
                hits = (rows.argmax(axis=-1) == targets)[-(self.last or 0) :]  # 0: all
                losses[index] = cross_entropies(targets, rows).mean()
                accuracies[index] = hits.mean()
                wanted[index], counted[index] = len(targets), len(hits)
        return sequence_metrics(losses, accuracies, wanted, counted)

    def shown(self, target: np.ndarray, names: Sequence[str]) -> str:
        """Return what is wanted of an example as a word."""
        return "".join(names[id] for id in target if id != NO_TARGET)
