"""What it costs to measure the gradient's flow.

    python scripts/compare_gradflow.py TRAIN [--rounds 3] [--epochs 3]

Two figures, each a median with its quartiles of ratios within a round:

    look / step      the seconds of one measurement of a batch, divided by those of a
                     train step on it, in one process
    live / without   those of a training of `imdb_lstm` with `log.gradflow: 100`,
                     divided by those of the same training without, in processes that
                     take turns; from the first step on, and including what is compiled
                     and drawn before it

TRAIN is a data file as `data.train` takes it. The results go to stdout.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from seqtrain.config import Config, find_config, load_config
from seqtrain.runs.run import Run
from seqtrain.system.quiet import import_tensorflow

CONFIG, EVERY = "imdb_lstm", 100
LOOKS = 20  # rounds of the first figure


def look_ratios(config: Config, number: int) -> list[float]:
    """Seconds of a measurement divided by those of a step, on the longest batch."""
    import keras

    from seqtrain.analysis.gradflow.measure import GradflowMeter, longest_batches
    from seqtrain.data.batches import dataset
    from seqtrain.models.build import build_model
    from seqtrain.models.compile import compile_model
    from seqtrain.tasks import load_data
    from seqtrain.training.step import TrainStep

    keras.utils.set_random_seed(0)
    data = load_data(config.data, seed=config.seed)
    model = build_model(
        config, vocab_size=len(data.vocab), num_classes=len(data.labels)
    )
    compile_model(model, config)
    longest = longest_batches(data, config)[:1]
    batch = next(iter(dataset(data.train, longest)))
    step, look = TrainStep(model, config), GradflowMeter(model)
    step(*batch), look(*batch)  # compiles
    ratios = []
    for _ in range(number):
        began = time.perf_counter()
        step(*batch)
        between = time.perf_counter()
        look(*batch)
        ratios.append((time.perf_counter() - between) / (between - began))
    return ratios


def training_seconds(name: str, settings: list[str], folder: Path) -> np.ndarray:
    """Seconds of a training: from its first step on, and with what comes before it."""
    options = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "seqtrain", "train", name, "--run", str(folder)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    metrics = Run(folder).metrics()
    steps = sum(line.get("epoch_seconds", 0) for line in metrics)
    before = sum(line.get("compile_seconds", 0) for line in metrics)
    return np.array([steps, steps + before])


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("train")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    own = ["data.source=files", f"data.train={arguments.train}"]
    own.append(f"train.epochs={arguments.epochs}")
    import_tensorflow()
    config = load_config(find_config(CONFIG), own)
    show("look / step", look_ratios(config, LOOKS))
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(arguments.rounds):
            live, without = (
                training_seconds(
                    CONFIG,
                    [*own, f"log.gradflow={every}"],
                    Path(folder, f"{round_}-{every}"),
                )
                for every in (EVERY, "null")
            )
            ratios.append(live / without)
    steps, whole = zip(*ratios, strict=True)
    show("live / without", steps)
    show("live / without, with what is compiled", whole)


def show(name: str, ratios) -> None:
    """Print a median with its quartiles."""
    low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    print(f"{name:38} {median:.3f} ({low:.3f} to {high:.3f})", flush=True)


if __name__ == "__main__":
    main()
