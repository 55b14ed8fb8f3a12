"""How good a trained model is, beside what is easy to reach without one."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ..config import RECALLED, FilesData
from ..data.encoded import Encoded
from ..data.sources.examples import Examples
from ..data.sources.files import read_examples
from ..errors import ConfigError, DataError, listed, shown
from ..metrics import (
    accuracy_by_length,
    accuracy_with_interval,
    classification_metrics,
    cross_entropies,
    logits_to_probabilities,
    sequence_metrics,
)
from ..runs.run import Run
from ..tasks.load import load_data, load_texts
from ..tasks.tasks import TEXTS, find_task
from .baselines import load_baselines
from .predict import Predictor

Split = Literal["test", "validation", "train"]


BATCH_SIZE = 256


def evaluate(run: Run, *, split: Split = "test", data: Path | None = None) -> dict:
    """Predict a data set, and keep what comes out in the run's `eval/`.

    Args:
        run: A run with a trained model. Nothing outside its directory is needed,
            but for the data.
        split: Which part of the run's own data.
        data: A file or folder to take instead; it must have the run's labels.

    Returns:
        What `eval/<split>.json`, or `eval/data-<stem>.json`, holds: the entries of
        `classification_metrics`, `by_length`, `baselines`, and timings. A task of a
        value or of sequences has those of `sequence_metrics`, and no `by_length`.

    Raises:
        ConfigError: If a file is given for a task that has no texts.
        DataError: If the data is not there, or has a label the run doesn't know.
        RunError: If the run has no model.
    """
    predictor, task = Predictor(run), find_task(run.config.data)
    if task == TEXTS:
        examples = _read_split(run, split) if data is None else _read_file(run, data)
        encoded = predictor.encode(examples)
    else:
        examples, encoded = Examples([], []), _made(run, split, data)

    started = time.perf_counter()
    if task.output == "class":
        probabilities = predictor.probabilities(encoded, batch_size=BATCH_SIZE)
    else:
        scores = _score_sequences(predictor, encoded)
    seconds = time.perf_counter() - started

    if task.output == "class":
        measured = _class_metrics(predictor, encoded, probabilities)
    else:
        measured = sequence_metrics(*scores)
    if task == TEXTS:
        baselines = _fitted_baselines(run, examples.texts, encoded.labels)
    else:
        baselines = {"chance": dict(task.chance)}
    result = {
        "run": run.path.name,
        "data": split if data is None else str(data),
        "skipped": examples.skipped,
        **measured,
        "baselines": baselines,
        "predict_seconds": seconds,
        "examples_per_second": len(encoded.labels) / seconds,
    }
    name = split if data is None else f"data-{data.name.split('.')[0]}"
    run.write_json(f"eval/{name}.json", result)
    return result


def _made(run: Run, split: Split, data: Path | None) -> Encoded:
    """Make a part of the data of a task that has no texts."""
    if data is not None:
        raise ConfigError(
            f"--data {data}: {run.path} was trained on data.task: "
            f"{run.config.data.task}, whose examples are made; none can be read",
            hint="take --split",
        )
    return getattr(load_data(run.config.data, seed=run.config.seed), split)


def _class_metrics(
    predictor: Predictor, encoded: Encoded, probabilities: np.ndarray
) -> dict:
    labels, predictions = encoded.labels, probabilities.argmax(axis=1)
    return {
        **classification_metrics(labels, probabilities, predictor.labels),
        "by_length": accuracy_by_length(
            labels, predictions, encoded.lengths, predictor.buckets
        ),
    }


def _fitted_baselines(run: Run, texts: Sequence[str], labels: np.ndarray) -> dict:
    rows = load_baselines(run).predict_probabilities(texts)
    return {
        name: accuracy_with_interval(labels, probabilities.argmax(axis=1))
        for name, probabilities in rows.items()
    }


def _score_sequences(
    predictor: Predictor, encoded: Encoded
) -> tuple[np.ndarray, np.ndarray | None]:
    """The loss of each sequence, and its accuracy if it has one.

    As in training: of a value the squared error; of classes at each timestep the
    mean cross-entropy, and the share of the recalled ones that are right.
    """
    values = encoded.labels.ndim == 1
    losses, accuracies = np.empty((2, len(encoded.labels)))
    for indices, outputs in predictor.outputs(encoded, batch_size=BATCH_SIZE):
        labels = encoded.labels[indices]
        if values:
            losses[indices] = (outputs[:, 0].astype(np.float64) - labels) ** 2
            continue
        rows = logits_to_probabilities(outputs.reshape(-1, outputs.shape[-1]))
        surprises = cross_entropies(labels.ravel(), rows).reshape(labels.shape)
        losses[indices] = surprises.mean(axis=1)
        right = outputs.argmax(axis=-1) == labels
        accuracies[indices] = right[:, -RECALLED:].mean(axis=1)
    return losses, None if values else accuracies


def _read_split(run: Run, split: Split) -> Examples:
    examples = getattr(load_texts(run.config.data, seed=run.config.seed), split)
    if examples is None:
        raise DataError(
            f"{run.path}: its config names no {split} data, some is needed",
            hint="give a file by --data FILE, or take --split validation",
        )
    if unknown := sorted(set(examples.labels) - set(run.labels)):
        raise DataError(
            f"{split} data: {shown(unknown[0])} is not one of the run's labels "
            f"({listed(run.labels)}), the data changed after the training",
            hint="evaluate the data of the training, or train again",
        )
    return examples


def _read_file(run: Run, path: Path) -> Examples:
    """Read a file with the columns of the run's own files, if it has such."""
    config = run.config.data
    columns = {}
    if isinstance(config, FilesData):
        columns = config.model_dump(include={"text", "label", "bad_rows"})
    return read_examples(path, **columns, classes=run.labels)
