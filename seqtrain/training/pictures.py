"""Weights and best values in TensorBoard after each epoch."""

import keras

from ..board.projector import write_projector
from ..board.writer import TensorBoardWriter
from ..config import Config
from ..data.batches import dataset, epoch_batches
from ..data.encoded import Encoded
from ..models.gradients import gradients_of
from ..tasks import Data, kind_of
from .best import BestModel


class Pictures(keras.callbacks.Callback):
    """Show the weights and the best values in TensorBoard after each epoch.

    The projector shows the embedding of the best epoch, as in `model.keras`.

    Args:
        writer: The event files of the run.
        data: The encoded data.
        config: The config of the run.
        best: Knows the best epoch.
    """

    def __init__(
        self, writer: TensorBoardWriter, data: Data, config: Config, best: BestModel
    ):
        super().__init__()
        self.writer, self.data, self.best = writer, data, best
        self.histograms = config.log.histograms
        self.embedded = kind_of(config.data).inputs.embedded

    def on_epoch_end(self, epoch, logs=None):
        step = int(self.model.optimizer.iterations)
        shown = {
            f"best/{name}": self.best.logs[f"val_{name}"]
            for name in ("loss", "accuracy")
            if f"val_{name}" in self.best.logs
        }
        self.writer.scalars("validation", shown, step)
        if self.best.step == step and self.embedded:
            [embedding] = self.model.get_layer("embedding").get_weights()
            tokens = self.data.vocab.tokens
            write_projector(self.writer.folders["train"], embedding, tokens)
        if self.histograms and (epoch + 1) % self.histograms == 0:
            _, _, gradients = gradients_of(
                self.model, *self._first(self.data.train, 64), training=False
            )
            shown = {}
            for weight, gradient in zip(
                self.model.trainable_weights, gradients, strict=True
            ):
                shown[f"weights/{weight.path}"] = weight
                shown[f"gradients/{weight.path}"] = gradient
            self.writer.histograms(shown, step)

    def _first(self, encoded: Encoded, number: int):
        """The first `number` examples as one batch."""
        batches = epoch_batches(
            encoded.lengths[:number],
            batch_size=number,
            buckets=self.data.buckets,
            order="by_bucket",
        )
        return next(iter(dataset(encoded, batches)))
