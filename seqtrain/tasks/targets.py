"""What a model predicts: a class, a value, or a class at each timestep.

Each target defines the width of the model's head, the loss, what counts as a hit, and
the metrics. They are chosen while a config is read, so TensorFlow and scikit-learn,
which take seconds, are imported only inside of the methods that compute.
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

# A batch at a time: the indices of its examples, and the model's outputs for them.
Outputs = Iterable[tuple[np.ndarray, np.ndarray]]
# The loss of a batch is Σ w L / Σ w, w being the sample weights.
_REDUCTION = "mean_with_sample_weight"


@dataclass(frozen=True)
class Label:
    """One class for a sequence."""

    per_step: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ("loss", "accuracy")
    fewest_labels: ClassVar[int] = 2
    class_pictures: ClassVar[bool] = True  # confusion matrix, class curves, calibration
    # Pooling over time gives the gradient a short way to early timesteps.
    pooling_cures: ClassVar[bool] = True

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield nothing: every `model` section can predict it."""
        return iter(())

    def columns(self, num_classes: int) -> int:
        """Return the width of the head: one logit for two classes."""
        return 1 if num_classes == 2 else num_classes

    def loss(self, columns: int) -> "keras.Loss":
        """Return the cross-entropy of the logits."""
        import keras

        if columns == 1:
            return keras.losses.BinaryCrossentropy(
                from_logits=True, reduction=_REDUCTION
            )
        return keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=_REDUCTION
        )

    def hits(self, targets: "tf.Tensor", outputs: "tf.Tensor"):
        """Compare the predicted classes with the true ones.

        Args:
            targets: Class ids, `(batch,)`.
            outputs: Logits, `(batch, 1)` or `(batch, classes)`.

        Returns:
            1 for a hit and 0 for a miss, `(batch,)` float32; and None: all count.
        """
        import tensorflow as tf

        if outputs.shape[-1] == 1:  # a logit, so 0.0 and not 0.5 is the even chance
            predicted = tf.cast(outputs[:, 0] > 0, targets.dtype)
        else:
            predicted = tf.argmax(outputs, -1, targets.dtype)
        # `==` loses the static rank; `tf.equal` keeps it.
        return tf.cast(tf.equal(predicted, targets), "float32"), None

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
        """Return the name of a class."""
        return names[target]


@dataclass(frozen=True)
class Value:
    """One number for a sequence."""

    per_step: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ("loss",)
    fewest_labels: ClassVar[int] = 0
    class_pictures: ClassVar[bool] = False
    pooling_cures: ClassVar[bool] = False

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield nothing: every `model` section can predict it."""
        return iter(())

    def columns(self, num_classes: int) -> int:
        """Return the width of the head."""
        return 1

    def loss(self, columns: int) -> "keras.Loss":
        """Return the mean squared error."""
        import keras

        return keras.losses.MeanSquaredError(reduction=_REDUCTION)

    def hits(self, targets: "tf.Tensor", outputs: "tf.Tensor") -> None:
        """Return None: a value has no hits."""

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
        """Return a value as text."""
        return f"{target:.3g}"


@dataclass(frozen=True)
class StepLabels:
    """One class for each timestep of a sequence.

    Timesteps of padding, whose target is -1, count neither for the loss nor for the
    accuracy. The loss of a batch is the mean over its timesteps; the loss of an epoch
    weighs each batch by its number of examples, as in Keras.

    Args:
        last: How many timesteps at the end of each sequence count for the accuracy;
            None: all of them.
    """

    last: int | None = None
    per_step: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("loss", "accuracy")
    fewest_labels: ClassVar[int] = 2
    class_pictures: ClassVar[bool] = False
    pooling_cures: ClassVar[bool] = False

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield `pooling` if it is set: the outputs are not pooled over time.

        Args:
            model: The `model` section.
            name: The name of the kind, for the message.
        """
        if model.pooling != ModelConfig.model_fields["pooling"].default:
            yield f"has no effect with data.task: {name}", ("pooling",)

    def columns(self, num_classes: int) -> int:
        """Return the width of the head at each timestep."""
        return num_classes

    def loss(self, columns: int) -> "keras.Loss":
        """Return the cross-entropy of the logits at all timesteps with a target."""
        import keras

        return keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, ignore_class=NO_TARGET, reduction=_REDUCTION
        )

    def hits(self, targets: "tf.Tensor", outputs: "tf.Tensor"):
        """Compare the predicted classes with the true ones.

        Args:
            targets: Class ids, -1 at padding, `(batch, timesteps)`.
            outputs: Logits, `(batch, timesteps, classes)`.

        Returns:
            1 for a hit and 0 for a miss; and 1 where a timestep counts, else 0. Both
            `(batch, timesteps)`, float32.
        """
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
        """Return the entries of `sequence_metrics`; all timesteps weigh the same."""
        from ..metrics import cross_entropies, sequence_metrics

        losses, accuracies, with_target, counted = np.zeros((4, encoded.examples))
        for index, rows in enumerate(scores):
            targets = encoded.targets_of(index)
            real = targets != NO_TARGET
            targets, rows = targets[real], rows[real]
            if len(targets):
                hits = rows.argmax(axis=-1) == targets
                hits = hits[-(self.last or 0) :]  # [-0:] keeps all
                losses[index] = cross_entropies(targets, rows).mean()
                accuracies[index] = hits.mean()
                with_target[index], counted[index] = len(targets), len(hits)
        return sequence_metrics(losses, accuracies, with_target, counted)

    def shown(self, target: np.ndarray, names: Sequence[str]) -> str:
        """Return the names of the classes of an example, joined."""
        return "".join(names[id] for id in target if id != NO_TARGET)
