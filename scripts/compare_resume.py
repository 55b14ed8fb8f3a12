"""Kill trainings, resume them, and see whether they end as if nothing had happened.

    python scripts/compare_resume.py [--runs 10]

seqtrain beside `keras.Model.fit` with `BackupAndRestore`, as it saves after each epoch
and as it saves every 20 batches. The model, the data, the schedule, early stopping and
the best model that is kept are alike; each training is killed once by SIGKILL at a
random instant and started again. The results go to stdout as a table of Markdown.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from seqtrain.analysis.verify import COMMAND, Training, fingerprint
from seqtrain.config import load_config
from seqtrain.errors import SeqtrainError
from seqtrain.runs.run import Run
from seqtrain.tasks import load_data

CONFIG = """\
data: {source: generated, examples: 2000, length: 20, max_length: 20, distance: 3,
  vocabulary: 500, buckets: [20]}
model:
  embedding: {dim: 16, dropout: 0.2}
  layers: [{cell: lstm, units: 16}]
train: {epochs: 10, batch_size: 32, learning_rate: 5e-3, schedule: cosine, patience: 3,
  checkpoint_every: 20, jit_compile: false}
"""
KERAS = {"after each epoch": "epoch", "every 20 batches": 20}
WHAT = ("weights", "updates", "best model", "validation losses")


def train_with_keras(folder: Path, save_freq: str | int) -> None:
    """Train, or go on where the backup stands, and write down what came out."""
    import keras

    config = load_config(folder / "config.yaml")
    data = load_data(config.data, seed=config.seed)
    train, validation = map(padded, (data.train, data.validation))
    keras.utils.set_random_seed(config.seed)
    model = keras.Sequential(
        [
            keras.Input((20,), dtype="int32"),
            keras.layers.Embedding(500, 16, mask_zero=True),
            keras.layers.Dropout(0.2),
            keras.layers.LSTM(16),
            keras.layers.Dense(1),
        ]
    )
    steps = 10 * -(-len(train[1]) // 32)
    rate = keras.optimizers.schedules.CosineDecay(5e-3, steps)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    log = folder / "log.csv"
    ready = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: print("ready in …", file=sys.stderr, flush=True)
    )
    model.fit(
        *train,
        batch_size=32,
        epochs=10,
        validation_data=validation,
        verbose=0,
        callbacks=[
            keras.callbacks.CSVLogger(log, append=log.exists()),
            keras.callbacks.ModelCheckpoint(
                folder / "best.weights.h5", save_best_only=True, save_weights_only=True
            ),
            keras.callbacks.EarlyStopping(patience=3),
            ready,
            keras.callbacks.BackupAndRestore(folder / "backup", save_freq=save_freq),
        ],
    )
    weights = [weight.tolist() for weight in model.get_weights()]
    updates = int(model.optimizer.iterations)
    model.load_weights(folder / "best.weights.h5")
    best = [weight.tolist() for weight in model.get_weights()]
    rows = log.read_text().split()[1:]
    losses = [row.split(",")[-1] for row in rows if row[0].isdigit()]
    (folder / "result.json").write_text(json.dumps([weights, updates, best, losses]))


def padded(encoded) -> tuple[np.ndarray, np.ndarray]:
    """Tokens `(examples, 20)` and labels."""
    texts = [encoded.inputs_of(index) for index in range(encoded.examples)]
    return np.array(
        [[*text] + [0] * (20 - len(text)) for text in texts]
    ), encoded.targets


def keras_program(save_freq: str | int):
    """How to start and resume it, and what came out at its end, by `WHAT`."""

    def command(folder: Path) -> list[str]:
        here = [sys.executable, os.path.abspath(__file__)]
        return [*here, "--keras", str(save_freq), "--folder", str(folder)]

    def result(folder: Path) -> list | None:
        path = folder / "result.json"
        return json.loads(path.read_text()) if path.exists() else None

    return command, command, result


def seqtrain_program():
    """How to start and resume it, and what came out at its end, by `WHAT`."""

    def start(folder: Path) -> list[str]:
        config = str(folder / "config.yaml")
        return [*COMMAND, "train", config, "--run", str(folder / "run")]

    def resume(folder: Path) -> list[str]:
        if not (folder / "run" / "run.json").exists():
            return start(folder)
        return [*COMMAND, "train", "--resume", str(folder / "run")]

    def result(folder: Path) -> list | None:
        run = Run(folder / "run")
        if not run.path.exists() or run.status != "finished":
            return None
        found = fingerprint(run)
        evaluations = [line for line in run.metrics() if line["split"] == "validation"]
        return [
            found["weights and optimizer"],
            evaluations[-1]["step"],
            found["best model"],
            [line["loss"] for line in evaluations],
        ]

    return start, resume, result


def compare(program, folder: Path, *, runs: int, rng: random.Random) -> list[str]:
    """In how many of the killed runs each thing was as in the one that was not."""
    start, resume, result = program
    reference = fresh(folder / "reference")
    _, seconds = Training(start(reference)).finish()
    expected = result(reference)
    equal, off, number, broken = [0] * len(WHAT), set(), 0, 0
    while number < runs:
        path = fresh(folder / f"run-{number}")
        Training(start(path)).kill(rng.uniform(0, seconds), after_ready=True)
        if result(path):
            continue  # it ended before
        number += 1
        try:
            Training(resume(path)).finish()
        except SeqtrainError as error:  # it can't read what the kill left
            broken += 1
            print(f"{path}: {str(error).splitlines()[-1]}", file=sys.stderr)
            continue
        found = result(path)
        off.add(found[1] - expected[1])
        for index in range(len(WHAT)):
            equal[index] += found[index] == expected[index]
        print(
            f"{path}: {[a == b for a, b in zip(found, expected, strict=True)]}",
            file=sys.stderr,
        )
    cells = [f"{count} of {runs}" for count in equal]
    if off - {0}:
        cells[1] += f" (others off by {', '.join(map(str, sorted(off - {0})))})"
    return [f"{runs - broken} of {runs}", *cells]


def fresh(path: Path) -> Path:
    """An empty folder with the config."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    (path / "config.yaml").write_text(CONFIG)
    return path


def main() -> None:
    """Compare all programs; or be one of Keras's trainings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=10, help="of each program")
    parser.add_argument("--keras", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.keras:
        freq = options.keras if options.keras == "epoch" else int(options.keras)
        train_with_keras(options.folder, freq)
        return
    programs = {"seqtrain, every 20 steps": seqtrain_program()} | {
        f"Keras `BackupAndRestore`, {name}": keras_program(freq)
        for name, freq in KERAS.items()
    }
    rows = [["killed once; equal to the uninterrupted run", "starts again", *WHAT]]
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, program) in enumerate(programs.items()):
            path = Path(folder) / str(number)
            path.mkdir()
            cells = compare(program, path, runs=options.runs, rng=random.Random(0))
            rows.append([name, *cells])
    header, *body = rows
    for row in (header, ["---"] * len(header), *body):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
