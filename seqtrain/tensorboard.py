"""What TensorBoard shows of a run: curves, histograms, text and the graph."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf


class TensorBoardWriter:
    """Write the event files of a run.

    Training and validation are two TensorBoard runs with the same tags, so
    that their curves lie over one another. What belongs to the whole run
    (histograms, text, graph) stands with training.

    Args:
        run: The run directory; files go to `tensorboard/{train,validation}`.
    """

    def __init__(self, run: Path):
        self._writers = {
            split: tf.summary.create_file_writer(str(run / "tensorboard" / split))
            for split in ("train", "validation")
        }

    def scalars(self, split: str, values: Mapping[str, float], step: int) -> None:
        """Add one point to the curve of each tag in `values`."""
        with self._writers[split].as_default(step):
            for tag, value in values.items():
                tf.summary.scalar(tag, value)

    def histograms(
        self, model: keras.Model, gradients: Mapping[str, np.ndarray], step: int
    ) -> None:
        """Add a histogram of every trainable weight and of every gradient.

        Args:
            model: Its weights are shown as `weights/<path of the weight>`.
            gradients: Path of the weight → gradient, shown as `gradients/<path>`.
            step: Optimizer steps done so far.
        """
        with self._writers["train"].as_default(step):
            for weight in model.trainable_weights:
                tf.summary.histogram(f"weights/{weight.path}", weight)
            for path, gradient in gradients.items():
                tf.summary.histogram(f"gradients/{path}", gradient)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Show `markdown` in the text dashboard."""
        with self._writers["train"].as_default(step):
            tf.summary.text(tag, markdown)

    def graph(self, model: keras.Model) -> None:
        """Show the operations of a prediction in the graph dashboard.

        Keras's own conceptual graph fails on a model with a mask (TensorBoard
        2.21), so the operations are traced instead.
        """
        inputs = model.inputs[0]
        traced = tf.function(model).get_concrete_function(
            tf.TensorSpec(inputs.shape, inputs.dtype, inputs.name)
        )
        with self._writers["train"].as_default(step=0):
            tf.summary.graph(traced.graph)

    def flush(self) -> None:
        """Have all of it on the disk."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Write what is left and close the files."""
        for writer in self._writers.values():
            writer.close()


class Sample(NamedTuple):
    """A text with its label and what the model says about it."""

    text: str
    label: str
    prediction: str
    probability: float


def yaml_markdown(yaml: str) -> str:
    """Markdown that shows `yaml` as it stands."""
    return f"```yaml\n{yaml.rstrip()}\n```"


def samples_markdown(samples: Iterable[Sample]) -> str:
    """Markdown table of sample predictions, the wrong ones in bold."""
    rows = ["label | prediction | probability | text", "---|---|---:|---"]
    for text, label, prediction, probability in samples:
        cells = [_literal(label), _literal(prediction), f"{probability:.3f}"]
        if prediction != label:
            cells = [f"**{cell}**" for cell in cells]
        rows.append(" | ".join([*cells, _literal(text)]))
    return "\n".join(rows)


def _literal(text: str) -> str:
    # Every sign as its number: nothing in a review may act as Markdown or HTML.
    return re.sub(
        r"[^\w ]|_", lambda sign: f"&#{ord(sign[0])};", " ".join(text.split())
    )
