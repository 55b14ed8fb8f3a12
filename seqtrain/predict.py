"""From texts to probabilities with the model of a run."""

from collections.abc import Iterable, Iterator
from itertools import islice

import keras
import numpy as np
import tensorflow as tf

from . import layers  # noqa: F401  Keras finds our layers in a saved model by this
from .data.batches import Batch, bucket_lengths, epoch_batches
from .data.examples import Examples
from .data.load import Encoded, encode_texts
from .data.text import PADDING, Vocabulary
from .errors import RunError
from .metrics import logits_to_probabilities
from .runs import Run


class Predictor:
    """The best model of a run with its vocabulary and labels, loaded once.

    Args:
        run: A run whose training kept a model.

    Raises:
        RunError: If there is no model yet.
    """

    def __init__(self, run: Run):
        if not run.model_path.exists():
            raise RunError(
                f"{run.path}: no model.keras in this run ({run.info['status']}), "
                "a trained model is needed",
                hint="wait for its first epoch, or train again",
            )
        self.vocab = Vocabulary.load(run.vocabulary_path)
        self.labels = run.labels
        self.data = run.config.data
        self.buckets = bucket_lengths(self.data.max_length, self.data.buckets)
        model = keras.saving.load_model(run.model_path, compile=False)
        # One trace for every shape.
        self._logits = tf.function(
            lambda tokens: model(tokens, training=False),
            input_signature=[tf.TensorSpec((None, None), tf.int32)],
        ).get_concrete_function()

    def encode(self, examples: Examples) -> Encoded:
        """Turn texts into token ids as in training, and labels into class ids."""
        return encode_texts(
            examples.texts, examples.labels, self.vocab, self.data, self.labels
        )

    def probabilities(self, encoded: Encoded, *, batch_size: int) -> np.ndarray:
        """Predict in batches of like length; rows come in the order of `encoded`.

        Returns:
            `(examples, classes)`, float64.
        """
        batches = epoch_batches(
            encoded.lengths,
            batch_size=batch_size,
            buckets=self.buckets,
            seed=0,
            epoch=0,
            shuffle=False,
        )
        probabilities = np.empty((len(encoded.labels), len(self.labels)))
        for batch in batches:
            logits = self._logits(_pad(encoded, batch)).numpy()
            probabilities[batch.indices] = logits_to_probabilities(logits)
        return probabilities


def _pad(encoded: Encoded, batch: Batch) -> tf.Tensor:
    """Gather a batch; tf.data would take 70 ms to set up, for a single text too."""
    tokens = np.full((len(batch.indices), batch.width), PADDING, np.int32)
    for row, index in zip(tokens, batch.indices, strict=True):
        start, stop = encoded.offsets[index : index + 2]
        row[: stop - start] = encoded.tokens[start:stop]
    return tf.constant(tokens)  # (batch, width)


def predict(run: Run, texts: Iterable[str], batch_size: int = 64) -> Iterator[dict]:
    """Classify a stream of texts, in order.

    Reads `batch_size` texts, answers them, and only then reads on. So 64 at a time
    suit a file, and one at a time suits a pipe whose writer waits for each answer.

    Yields:
        `text`, its `label` with the `probability`, and all `probabilities` by name.
    """
    predictor = Predictor(run)
    texts = iter(texts)
    while batch := list(islice(texts, batch_size)):
        encoded = predictor.encode(Examples(batch, []))
        rows = predictor.probabilities(encoded, batch_size=batch_size)
        for text, row in zip(batch, rows.tolist(), strict=True):
            best = max(range(len(row)), key=row.__getitem__)
            yield {
                "text": text,
                "label": predictor.labels[best],
                "probability": row[best],
                "probabilities": dict(zip(predictor.labels, row, strict=True)),
            }
