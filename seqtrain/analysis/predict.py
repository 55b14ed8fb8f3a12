"""Predict with the model of a run."""

import io
from collections.abc import Iterable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from ..data.batches import epoch_batches, gather
from ..data.encoded import Encoded
from ..data.sources.reading import Row
from ..data.sources.streams import LONGEST_TEXT, too_long
from ..errors import DataError, RunError, command, listed, shorten
from ..models.saved import load_model
from ..runs.run import Run
from ..spelling import did_you_mean
from ..tasks import kind_of

BATCH_SIZE = 64
ROWS = 1024  # of a file, answered together
PIECE = 2**16  # bytes read at a time


def load_best(run: Run) -> keras.Model:
    """Load the best model of a run.

    Raises:
        RunError: If there is no model yet, or a file of the run is damaged.
    """
    if not run.folder.has(run.model_path.name):
        raise RunError(
            f"{run.path}: no model.keras in this run ({shorten(run.info['status'])}), "
            "a trained model is needed",
            hint="wait for its first epoch, or train again",
        )
    return load_model(
        run.model_path,
        vocab_size=len(run.vocab),
        num_classes=len(run.labels),
        kind=kind_of(run.config.data),
    )


class Predictor:
    """The best model of a run with its labels and vocabulary, loaded once.

    Args:
        run: A run with a trained model.

    Raises:
        RunError: If there is no model yet, or a file of the run is damaged.
    """

    def __init__(self, run: Run):
        model = load_best(run)
        self.kind, self.trained = kind_of(run.config.data), run.trained
        self.buckets = run.buckets
        [inputs] = model.inputs
        # A single trace serves all shapes.
        self._outputs = tf.function(
            lambda inputs: model(inputs, training=False),
            input_signature=[tf.TensorSpec(inputs.shape, inputs.dtype)],
            autograph=False,
        ).get_concrete_function()

    def score(self, encoded: Encoded, *, batch_size: int) -> Sequence[np.ndarray]:
        """Predict in batches of similar length.

        Args:
            encoded: The examples.
            batch_size: Examples of a batch.

        Returns:
            The result of `target.score`, such as probabilities, in the order of the
            examples.
        """
        classes = len(self.trained.labels)
        outputs = self.outputs(encoded, batch_size=batch_size)
        return self.kind.target.score(encoded, outputs, classes)

    def outputs(
        self, encoded: Encoded, *, batch_size: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield for each batch the indices of its examples and the model's outputs."""
        batches = epoch_batches(
            encoded.lengths,
            batch_size=batch_size,
            buckets=self.buckets,
            order="by_bucket",
        )
        for batch in batches:
            # To set up tf.data takes 70 ms, even for a single text.
            inputs, _ = gather(encoded, batch)
            yield batch.indices, self._outputs(tf.constant(inputs)).numpy()


def predict(run: Run, batches: Iterable[Sequence[str]]) -> Iterator[dict]:
    """Answer a stream of texts, in order.

    Args:
        run: A run with a trained model.
        batches: The texts; one batch is answered before the next is asked for.

    Yields:
        The answer of the kind of data; for labelled texts `text`, its `label` with the
        `probability` of that, and all `probabilities` by name.

    Raises:
        RunError: If the run has no model, or one that reads no texts.
    """
    predictor = Predictor(run)
    kind, trained = predictor.kind, predictor.trained
    if kind.prediction is None:
        raise RunError(
            f"{run.path}: trained on data.task: {kind.name}, which has no texts to "
            "predict; a model of texts is needed",
            hint=f"{command('eval', run.path)} measures it on examples of its task",
        )
    for texts in batches:
        encoded = kind.prediction.encode(texts, trained)
        scores = predictor.score(encoded, batch_size=BATCH_SIZE)
        for text, score in zip(texts, scores, strict=True):
            yield kind.prediction.answer(text, score, trained.labels)


def predict_rows(
    run: Run, rows: Iterable[Row], keep: Sequence[str]
) -> Iterator[tuple[dict, dict[str, object]]]:
    """Answer the rows of a file, in order, an answer for each.

    Args:
        run: A run with a trained model; `data.bad_rows` of its config says what becomes
            of a row that can't be read.
        rows: The rows, of which no more than `ROWS` are held at a time.
        keep: The names of columns to keep; "all" keeps each.

    Yields:
        The answer, as of `predict`, or where a bad row is skipped an `error` with its
        place; and the columns that are kept, by name.

    Raises:
        DataError: If a row is bad that may not be skipped, once those before it are
            answered; or if a column to keep is not there.
    """
    waiting = []  # the rows whose answers come next

    def texts() -> Iterator[list[str]]:
        for row in rows:
            if row.problem and run.config.data.bad_rows == "stop":
                if waiting:
                    yield [each.text for each in waiting]
                raise DataError(
                    f"{row.place}: {row.problem}",
                    hint=f"{row.hint or 'mend the data'}; or answer such a row by its "
                    "problem: --set data.bad_rows=skip",
                )
            waiting.append(row)
            if len(waiting) == ROWS:
                yield [each.text for each in waiting]
        if waiting:
            yield [each.text for each in waiting]

    for answer in predict(run, texts()):
        row = waiting.pop(0)
        if row.problem:
            answer = {"error": f"{row.place}: {row.problem}"}
        yield answer, _kept(row, keep)


def _kept(row: Row, keep: Sequence[str]) -> dict[str, object]:
    columns = row.columns
    if "all" in keep:
        return columns
    for name in keep:
        if name not in columns and not row.problem:
            raise DataError(
                f"{row.place}: --keep {name}: no such column among {listed(columns)}",
                hint=did_you_mean(name, columns) or "name one of these",
            )
    return {name: columns.get(name) for name in keep}


def read_lines(stream: io.BufferedReader, name: str) -> Iterator[list[str]]:
    """Yield the lines that have arrived, as soon as there are any.

    A file is read in large pieces, while a program that writes into a pipe and waits
    for each answer gets it.

    Args:
        stream: UTF-8, with one text per line.
        name: What error messages call the stream.

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
