"""The proof that a run which is killed and resumed ends as one that never was."""

import hashlib
import io
import json
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.util.tensor_util import make_ndarray

from ..errors import SeqtrainError
from ..runs.checkpoints import Checkpoints
from ..runs.run import Run

COMMAND = (sys.executable, "-m", "seqtrain")
BEFORE_TRAINING = 1 / 6  # share of the kills that hit the start and the compilation
_SPLITS = ("train", "validation")


class Verdict(NamedTuple):
    """How a run that was killed compares with one that was not.

    Args:
        run: The run that was killed.
        kills: How often it was killed.
        compared: The names of what was compared.
        different: Those that are not equal, bit for bit; empty is the proof.
    """

    run: Path
    kills: int
    compared: list[str]
    different: list[str]


class Instant(NamedTuple):
    """When to kill a training.

    Args:
        delay: Seconds to wait.
        after_ready: Whether to count them from the first step of the training, not
            from the start of its process.
    """

    delay: float
    after_ready: bool

    def __str__(self) -> str:
        event = "ready" if self.after_ready else "started"
        return f"{self.delay:.2f} s after it was {event}"


def verify_resume(
    arguments: Sequence[str],
    folder: Path,
    *,
    kills: int,
    seed: int = 0,
    say: Callable[[str], None],
    command: Sequence[str] = COMMAND,
) -> list[Verdict]:
    """Train without a stop, then again with SIGKILLs at random instants, and compare.

    A killed run goes on by `train --resume` until it ends or is killed again. If it
    ends before all kills are done, another run begins.

    Args:
        arguments: What follows `seqtrain train`: the config and its overrides.
        folder: An empty folder for the runs.
        kills: How many in all.
        seed: Draws the instants.
        say: Called with a line about each step of the proof.
        command: What starts seqtrain.

    Returns:
        A verdict for each run that was killed.

    Raises:
        SeqtrainError: If a training fails by itself.
    """

    def begin(path: Path) -> Training:
        return _begin_or_resume(command, arguments, path)

    uninterrupted = folder / "uninterrupted"
    start_seconds, train_seconds = begin(uninterrupted).finish()
    say(
        f"uninterrupted: {start_seconds:.1f} s to start, {train_seconds:.1f} s to train"
    )
    expected = fingerprint(Run(uninterrupted))
    instants = _instants(seed, kills, start_seconds, train_seconds)
    verdicts, done = [], 0
    while done < kills:
        path, before = folder / f"killed-{len(verdicts) + 1}", done
        for instant in _train_with_kills(path, begin, instants, most=kills - done):
            done += 1
            place = _last_checkpoint(path)
            say(f"kill {done} of {kills}: {path.name}, {instant}, at {place}")
        found = fingerprint(Run(path))
        different = [name for name in expected if expected[name] != found[name]]
        verdicts.append(Verdict(path, done - before, list(expected), different))
    return verdicts


def _begin_or_resume(
    command: Sequence[str], arguments: Sequence[str], path: Path
) -> "Training":
    if _has_begun(path):
        return Training([*command, "train", "--resume", str(path)])
    if path.exists():  # the kill came before there was anything in it
        shutil.rmtree(path)
    return Training([*command, "train", *arguments, "--run", str(path)])


def _instants(
    seed: int, kills: int, start_seconds: float, train_seconds: float
) -> Iterator[Instant]:
    """Draw instants, most of them such that the kills spread over one training."""
    rng = random.Random(seed)
    while True:
        if rng.random() < BEFORE_TRAINING:
            yield Instant(rng.uniform(0, start_seconds), after_ready=False)
        else:
            longest = 2 * train_seconds / (kills + 1)
            yield Instant(rng.uniform(0, longest), after_ready=True)


def _train_with_kills(
    path: Path,
    begin: Callable[[Path], "Training"],
    instants: Iterator[Instant],
    most: int,
) -> Iterator[Instant]:
    """Train a run to its end; yield each instant at which it was killed on the way."""
    killed = 0
    while not _has_finished(path):
        training = begin(path)
        if killed == most:
            training.finish()
            return
        instant = next(instants)
        if training.kill(instant.delay, after_ready=instant.after_ready):
            killed += 1
            yield instant


def fingerprint(run: Run) -> dict[str, str]:
    """A sha256 of each thing that a resumed run must end with, timings left out."""
    checkpoint = Checkpoints(run.path).last(lambda _: None)
    state = checkpoint.state
    contents = {
        "weights and optimizer": checkpoint.arrays,
        "best model": _weights(run.model_path),
        "metrics.jsonl": list(map(_without_timings, run.metrics())),
        "TensorBoard": [list(_events(run.path, split)) for split in _SPLITS],
        "position and early stopping": [
            checkpoint.step,
            checkpoint.best,
            state["position"],
            state["best"]["logs"],
            state["best"]["waited"],
            state["rollbacks"],
        ],
        "run.json": [run.info["status"], run.info["best"], run.info["data_digest"]],
        "vocabulary.txt": [run.vocabulary_path.read_text(encoding="utf-8")],
    }
    return {name: _sha256(content) for name, content in contents.items()}


class Training:
    """A training in a process of its own, which says `ready in …` at its first step.

    Args:
        command: What starts the process.
    """

    def __init__(self, command: Sequence[str]):
        self.command = command
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.said = []

    def finish(self) -> tuple[float, float]:
        """Wait for the end; return the seconds until it was ready, and from there."""
        self._wait_until_ready()
        ready = time.monotonic()
        self._wait_for_the_end()
        return ready - self.began, time.monotonic() - ready

    def kill(self, delay: float, *, after_ready: bool) -> bool:
        """Send SIGKILL after a time; return False if the training ended before."""
        if after_ready:
            self._wait_until_ready()
        try:
            _, said = self.process.communicate(timeout=delay)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.communicate()
            return self.process.returncode == -signal.SIGKILL
        self.said.append(said)
        self._refuse_failure()
        return False

    def _wait_until_ready(self):
        for line in self.process.stderr:
            self.said.append(line)
            if line.startswith("ready in "):
                return

    def _wait_for_the_end(self):
        self.said.append(self.process.communicate()[1])
        self._refuse_failure()

    def _refuse_failure(self):
        if self.process.returncode:
            raise SeqtrainError(
                f"{' '.join(self.command)}: exit code {self.process.returncode}\n"
                + "".join(self.said).strip()
            )


def _has_begun(path: Path) -> bool:
    return (path / "run.json").exists()


def _has_finished(path: Path) -> bool:
    """Whether a run is complete, even if a kill met its process after that."""
    return _has_begun(path) and Run(path).status == "finished"


def _last_checkpoint(path: Path) -> str:
    last = path / "checkpoints" / "last"
    return last.read_text().strip() if last.exists() else "no checkpoint yet"


def _weights(path: Path) -> list[np.ndarray]:
    """The arrays of a saved model, in the order of their names."""
    arrays = []

    def collect(_, item):
        if isinstance(item, h5py.Dataset):
            arrays.append(item[()])

    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file.visititems(collect)
    return arrays


def _without_timings(record: dict) -> dict:
    return {key: value for key, value in record.items() if not _is_timing(key)}


def _is_timing(key: str) -> bool:
    return key.endswith(("_seconds", "_per_second"))


def _events(run: Path, split: str) -> Iterator[list]:
    """Tag, step and value of all that TensorBoard shows of a split, as written."""
    for path in sorted((run / "tensorboard" / split).iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if not _is_timing(value.tag):
                    yield [value.tag, event.step, _shown(value)]


def _shown(value: Summary.Value) -> list:
    content = make_ndarray(value.tensor)
    if value.tag == "__run_graph__":
        # TensorFlow numbers its functions anew in each process: compare the nodes.
        nodes = GraphDef.FromString(content.item()).node
        content = np.array([[node.name, node.op] for node in nodes])
    return content.tolist()


def _sha256(content: list) -> str:
    total = hashlib.sha256()
    for item in content:
        if isinstance(item, np.ndarray):
            total.update(f"{item.dtype} {item.shape}".encode())
            total.update(np.ascontiguousarray(item))
        else:
            total.update(json.dumps(item, default=str).encode())
        total.update(b"\n")  # or [1, 23] would be equal to [12, 3]
    return total.hexdigest()
