"""How good a trained model is, beside what is easy to reach without one."""

import time
from pathlib import Path

from ..runs.run import Run
from ..tasks.kind import Split
from .predict import Predictor

BATCH_SIZE = 256


def evaluate(run: Run, *, split: Split = "test", data: Path | None = None) -> dict:
    """Predict a data set, and keep what comes out in the run's `eval/`.

    Args:
        run: A run with a trained model. Nothing outside its directory is needed,
            but for the data.
        split: Which part of the run's own data.
        data: A file or folder to take instead; it must have the run's labels.

    Returns:
        What `eval/<split>.json`, or `eval/data-<stem>.json`, holds: what the target of
        the data measures, `baselines`, and timings.

    Raises:
        ConfigError: If a file is given where examples are made.
        DataError: If the data is not there, or has a label the run doesn't know.
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
        **kind.target.measure(part.encoded, scores, trained.labels, predictor.buckets),
        "baselines": kind.baselines.measure(trained, part),
        "predict_seconds": seconds,
        "examples_per_second": part.encoded.examples / seconds,
    }
    name = split if data is None else f"data-{data.name.split('.')[0]}"
    run.write_json(f"eval/{name}.json", result)
    return result
