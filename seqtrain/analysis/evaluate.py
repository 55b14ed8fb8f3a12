"""Evaluate a trained model, and compare it with simple baselines."""

import time
from pathlib import Path

from ..runs.run import Run
from ..tasks.kind import Split
from .predict import Predictor

BATCH_SIZE = 256


def evaluate(run: Run, *, split: Split = "test", data: Path | None = None) -> dict:
    """Measure a model on a part of its data or a file; save it in the run's `eval/`.

    Args:
        run: A run with a trained model. Only the data may be outside its directory.
        split: Which part of the run's own data to use.
        data: A file or folder to use instead; it must have the run's labels.

    Returns:
        The content of `eval/<split>.json` or `eval/data-<stem>.json`: the metrics of
        the data's target, the `baselines`, and timings.

    Raises:
        ConfigError: If a file is given, but the run's examples are generated.
        DataError: If the data is missing, or has a label that the run doesn't know.
        RunError: If the run has no model.
    """
    predictor = Predictor(run)
    kind, trained = predictor.kind, predictor.trained
    if data is None:
        part = kind.read_split(trained, split)
    else:
        part = kind.read_file(trained, data)

    started = time.perf_counter()
    scores = predictor.score(part.encoded, batch_size=BATCH_SIZE)
    seconds = time.perf_counter() - started

    result = {
        "run": run.path.name,
        "data": split if data is None else str(data),
        "skipped": part.skipped,
        "notes": [*part.notes],
        **kind.target.measure(part.encoded, scores, trained.labels, predictor.buckets),
        "baselines": kind.baselines.measure(trained, part),
        "predict_seconds": seconds,
        "examples_per_second": part.encoded.examples / seconds,
    }
    name = split if data is None else f"data-{data.name.split('.')[0]}"
    run.write_json(f"eval/{name}.json", result)
    return result
