"""How well the model tells the classes apart, in TensorBoard after each epoch."""

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import confusion_matrix

from ..board.curves import precision_recall
from ..board.writer import Sample, TensorBoardWriter, samples_markdown
from ..figures.classes import LiveCalibration, LiveConfusion
from ..metrics import calibration, confidence_edges, logits_to_probabilities
from ..tasks import Data
from ..tasks.inputs import Numbers, Tokens
from .loop import evaluation_batches


class Outputs(keras.metrics.Metric):
    """Collect the outputs of the model during an evaluation, to save a second pass.

    It adds no number to the results of the evaluation.
    """

    def __init__(self):
        super().__init__(name="outputs")
        self._batches = []

    def update_state(self, y_true, y_pred, sample_weight=None):
        tf.numpy_function(self._batches.append, [y_pred], [])

    def result(self):
        return {}

    def reset_state(self):
        self._batches.clear()

    @property
    def rows(self) -> np.ndarray:
        """The outputs of all batches since the last reset."""
        return np.concatenate(self._batches)


class ClassLog(keras.callbacks.Callback):
    """Show how the model classifies the validation data.

    Precision-recall curves, the confusion matrix, the calibration, some sample
    predictions and the most confident errors, all from the pass over the data that
    computes its loss.

    Args:
        writer: The event files of the run.
        data: The encoded data; samples are the first of its validation part.
        outputs: One of the metrics that the model is compiled with.
        inputs: What an example looks like as words.
        samples: How many predictions and errors to show.
    """

    def __init__(
        self,
        writer: TensorBoardWriter,
        data: Data,
        outputs: Outputs,
        inputs: Tokens | Numbers,
        samples: int,
    ):
        super().__init__()
        self.writer, self.data, self.outputs = writer, data, outputs
        self.inputs, self.samples = inputs, samples
        # The outputs come in the order of the evaluation, from short to long.
        batches = evaluation_batches(data)
        self._order = np.concatenate([batch.indices for batch in batches])
        self._edges = confidence_edges(len(data.labels))
        self._confusion = LiveConfusion(data.labels)
        self._calibration = LiveCalibration(self._edges)

    def on_epoch_end(self, epoch, logs=None):
        step = int(self.model.optimizer.iterations)
        labels, names = self.data.validation.targets, self.data.labels
        rows = np.empty((len(labels), len(names)))
        rows[self._order] = logits_to_probabilities(self.outputs.rows)
        for curve in precision_recall(labels, rows, names):
            self.writer.summary("validation", curve, step)
        confusion = confusion_matrix(
            labels, rows.argmax(axis=1), labels=range(len(names))
        )
        found = calibration(labels, rows, self._edges)
        for tag, png in (
            ("confusion", self._confusion.show(confusion)),
            ("calibration", self._calibration.show(*found)),
        ):
            self.writer.image(tag, png, step, split="validation")
        if self.samples:
            first = range(min(self.samples, len(labels)))
            worst = most_confident_errors(labels, rows)[: self.samples]
            self.writer.text("samples", self._table(rows, first), step)
            self.writer.text("worst_errors", self._table(rows, worst), step)

    def _table(self, rows, indices):
        return samples_markdown(self._sample(rows[i], i) for i in indices)

    def _sample(self, row, index):
        encoded, names = self.data.validation, self.data.labels
        return Sample(
            " ".join(self.inputs.shown(encoded.inputs_of(index), self.data.vocab)),
            names[encoded.targets[index]],
            names[row.argmax()],
            row.max(),
        )


def most_confident_errors(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The indices of the misclassified examples, the most confident first."""
    confidences = probabilities.max(axis=1)
    [wrong] = np.nonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-confidences[wrong], kind="stable")]
