"""From texts to probabilities with the model of a run."""

import io
from collections.abc import Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from ..data.batches import Batch, bucket_lengths, epoch_batches
from ..data.encoded import Encoded
from ..data.sources.examples import Examples
from ..data.sources.streams import LONGEST_TEXT, too_long
from ..data.vocabulary import PADDING
from ..errors import DataError, RunError
from ..metrics import logits_to_probabilities
from ..models.saved import load_model
from ..runs.run import Run
from ..tasks.load import encode_texts
from ..tasks.tasks import TEXTS, find_task

BATCH_SIZE = 64
PIECE = 2**16  # bytes


def load_best(run: Run) -> keras.Model:
    """Load the best model of a run.

    Raises:
        RunError: If there is no model yet, or a file of the run is damaged.
    """
    if not run.model_path.exists():
        raise RunError(
            f"{run.path}: no model.keras in this run ({run.info['status']}), "
            "a trained model is needed",
            hint="wait for its first epoch, or train again",
        )
    return load_model(
        run.model_path,
        vocab_size=len(run.vocab),
        num_classes=len(run.labels),
        task=find_task(run.config.data),
    )


class Predictor:
    """The best model of a run with its vocabulary and labels, loaded once.

    Args:
        run: A run whose training kept a model.

    Raises:
        RunError: If there is no model yet, or a file of the run is damaged.
    """

    def __init__(self, run: Run):
        model = load_best(run)
        self.vocab = run.vocab
        self.labels = run.labels
        self.data = run.config.data
        self.buckets = bucket_lengths(self.data.max_length, self.data.buckets)
        [inputs] = model.inputs
        # One trace for every shape.
        self._logits = tf.function(
            lambda tokens: model(tokens, training=False),
            input_signature=[tf.TensorSpec(inputs.shape, inputs.dtype)],
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
        probabilities = np.empty((len(encoded.labels), len(self.labels)))
        for indices, logits in self.outputs(encoded, batch_size=batch_size):
            probabilities[indices] = logits_to_probabilities(logits)
        return probabilities

    def outputs(
        self, encoded: Encoded, *, batch_size: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield what the model puts out for a batch, after the examples' indices."""
        batches = epoch_batches(
            encoded.lengths,
            batch_size=batch_size,
            buckets=self.buckets,
            seed=0,
            epoch=0,
            shuffle=False,
        )
        for batch in batches:
            yield batch.indices, self._logits(_pad(encoded, batch)).numpy()


def _pad(encoded: Encoded, batch: Batch) -> tf.Tensor:
    """Gather a batch; tf.data would take 70 ms to set up, for a single text too."""
    shape = (len(batch.indices), batch.width, *encoded.tokens.shape[1:])
    tokens = np.full(shape, PADDING, encoded.tokens.dtype)
    for row, index in zip(tokens, batch.indices, strict=True):
        start, stop = encoded.offsets[index : index + 2]
        row[: stop - start] = encoded.tokens[start:stop]
    return tf.constant(tokens)  # (batch, width)


def predict(run: Run, batches: Iterable[Sequence[str]]) -> Iterator[dict]:
    """Classify a stream of texts, in order.

    Args:
        run: A run with a trained model.
        batches: The texts; one batch is answered before the next is asked for.

    Yields:
        `text`, its `label` with the `probability`, and all `probabilities` by name.

    Raises:
        RunError: If the run has no model, or one that reads no texts.
    """
    predictor = Predictor(run)
    if (task := find_task(predictor.data)) != TEXTS:
        raise RunError(
            f"{run.path}: trained on data.task: {task.name}, which has no texts to "
            "predict; a model of texts is needed",
            hint=f"seqtrain eval {run.path} measures it on examples of its task",
        )
    for texts in batches:
        encoded = predictor.encode(Examples(texts, []))
        rows = predictor.probabilities(encoded, batch_size=BATCH_SIZE)
        for text, row in zip(texts, rows.tolist(), strict=True):
            best = max(range(len(row)), key=row.__getitem__)
            yield {
                "text": text,
                "label": predictor.labels[best],
                "probability": row[best],
                "probabilities": dict(zip(predictor.labels, row, strict=True)),
            }


def read_lines(stream: io.BufferedReader, name: str) -> Iterator[list[str]]:
    """Read one text a line, all that have arrived at a time.

    So a file is read in large pieces, and a writer at the other end of a pipe who
    waits for each answer gets it.

    Args:
        stream: Bytes in UTF-8.
        name: What an error calls it.

    Raises:
        DataError: If a line is not UTF-8, or longer than any text.
    """
    number, rest = 0, b""
    while piece := _piece(stream, name):
        *lines, rest = (rest + piece).split(b"\n")
        if lines:
            yield [
                _decode(line, f"{name}:{number + i}") for i, line in enumerate(lines, 1)
            ]
            number += len(lines)
        if len(rest) > LONGEST_TEXT:
            raise too_long(f"{name}:{number + 1}")
    if rest:
        yield [_decode(rest, f"{name}:{number + 1}")]


def _piece(stream: io.BufferedReader, name: str) -> bytes:
    try:
        return stream.read1(PIECE)
    except OSError as error:  # a folder, or a disk that fails
        raise DataError(
            f"{name}: can't be read, {error.strerror}",
            hint="give a file or a pipe with one text a line",
        ) from None


def _decode(line: bytes, place: str) -> str:
    try:
        return line.decode().removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}: byte {error.start + 1} is not UTF-8, which is needed",
            hint="convert the text, e.g. with iconv -f latin1 -t utf-8",
        ) from None
