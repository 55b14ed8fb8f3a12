"""Measure how fast two checkouts of seqtrain are beside each other.

    python scripts/compare_speed.py OLD NEW [--rounds 5] [--starts 20]

Medians, with quartiles, of ratios NEW / OLD within a round; who begins takes turns:

    step     a train step of `imdb_lstm` on reviews of 400 words, after the first epoch
    epoch    an epoch of it, evaluation and checkpoint included, after the first
    cpu      processor time of the training, compiling included
    help     `seqtrain --help` from start to end
    help cpu its processor time, which depends less on what else the machine does
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from compare_checkouts import make_reviews, write_csv

SETTINGS = ("data.source=files", "data.buckets=[400]", "train.epochs=3")


def run(checkout: Path, folder: Path, *arguments: str) -> tuple[float, float]:
    """Run a command of a checkout; return its seconds and those of the processor."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "SEQTRAIN_CACHE": str(folder / "cache"),
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "seqtrain", *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{checkout}: seqtrain {' '.join(arguments)} ended with an error")
    return seconds, usage.ru_utime + usage.ru_stime


def training(checkout: Path, folder: Path, data: Path) -> dict[str, float]:
    """Train `imdb_lstm` for three epochs; the first compiles, and is left out."""
    name = tempfile.mktemp(dir=folder)
    settings = (*SETTINGS, f"data.train={data}", f"data.test={data}")
    words = [word for setting in settings for word in ("--set", setting)]
    _, cpu = run(checkout, folder, "train", "imdb_lstm", "--run", name, *words)
    lines = (Path(name) / "metrics.jsonl").read_text().splitlines()
    epochs = [record for record in map(json.loads, lines) if "epoch_seconds" in record]
    later = [record for record in epochs if record["epoch"] > 1]
    return {
        "step": statistics.mean(record["step_seconds"] for record in later),
        "epoch": statistics.mean(record["epoch_seconds"] for record in later),
        "cpu": cpu,
    }


def start(checkout: Path, folder: Path) -> dict[str, float]:
    """Show the help."""
    seconds, cpu = run(checkout, folder, "--help")
    return {"help": seconds, "help cpu": cpu}


def compare(
    measure: Callable[[Path], dict[str, float]], old: Path, new: Path, rounds: int
) -> None:
    """Measure both in turns, print the ratios."""
    ratios: dict[str, list[float]] = {}
    for number in range(rounds):
        order = (old, new) if number % 2 == 0 else (new, old)
        found = [measure(checkout) for checkout in order]
        before, after = found if number % 2 == 0 else reversed(found)
        for thing in before:
            ratios.setdefault(thing, []).append(after[thing] / before[thing])
        print(number + 1, before, after, file=sys.stderr)
    for thing, values in ratios.items():
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        print(f"{thing:8} {middle:.3f} ({low:.3f} to {high:.3f}), {rounds} rounds")
    sys.stdout.flush()


def main() -> None:
    """Compare starts, then trainings."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=20)
    options = parser.parse_args()
    old, new = options.old.resolve(), options.new.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "reviews.csv"
        rows = make_reviews(1500, seed="speed", words=400)
        write_csv(data, [["text", "label"], *rows])
        compare(lambda path: start(path, folder), old, new, options.starts)
        compare(lambda path: training(path, folder, data), old, new, options.rounds)


if __name__ == "__main__":
    main()
