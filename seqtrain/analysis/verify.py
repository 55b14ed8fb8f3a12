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
from tensorboard.util.tensor_util import make_ndarray

from ..errors import SeqtrainError
from ..runs.checkpoints import Checkpoints
from ..runs.run import Run

COMMAND = (sys.executable, "-m", "seqtrain")


_SPLITS = ("train", "validation")


BEFORE_TRAINING = 1 / 6  # of the kills: while the program starts and compiles


class Verdict(NamedTuple):
    """How a run that was killed compares with one that was not.

    Args:
        run: The run that was killed.
        kills: How often.
        compared: What was compared, by name.
        different: What of it is not equal, bit for bit; empty is the proof.
    """

    run: Path
    kills: int
    compared: list[str]
    different: list[str]


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

    A killed run goes on by `train --resume` until it ends or is killed again; if one
    ends before all kills are done, another begins.

    Args:
        arguments: What follows `seqtrain train`: the config and its overrides.
        folder: Where the runs go.
        kills: How many in all.
        seed: Draws the instants.
        say: Is told what goes on.
        command: What starts seqtrain.

    Returns:
        A verdict for each run that was killed.

    Raises:
        SeqtrainError: If a training ends in another way than by a kill or well.
    """

    def new_run(path: Path) -> list[str]:
        if path.exists():  # the kill came before there was anything in it
            shutil.rmtree(path)
        return [*arguments, "--run", str(path)]

    rng = random.Random(seed)
    reference = folder / "uninterrupted"
    first = Training([*command, "train", *new_run(reference)])
    start_seconds, train_seconds = first.finish()
    say(
        f"uninterrupted: {start_seconds:.1f} s to start, {train_seconds:.1f} s to train"
    )
    expected = fingerprint(Run(reference))
    verdicts, done = [], 0
    while done < kills:
        path, killed = folder / f"killed-{len(verdicts) + 1}", 0
        while not _is_finished(path):
            way = ["--resume", str(path)] if _is_begun(path) else new_run(path)
            training = Training([*command, "train", *way])
            if done == kills:
                training.finish()
                break
            if rng.random() < BEFORE_TRAINING:
                delay, ready = rng.uniform(0, start_seconds), False
            else:
                delay, ready = rng.uniform(0, 2 * train_seconds / (kills + 1)), True
            if training.kill(delay, after_ready=ready):
                done, killed = done + 1, killed + 1
                when = f"{delay:.2f} s after it was {'ready' if ready else 'started'}"
                say(f"kill {done} of {kills}: {path.name}, {when}, at {_place(path)}")
        found = fingerprint(Run(path))
        different = [name for name in expected if expected[name] != found[name]]
        verdicts.append(Verdict(path, killed, list(expected), different))
    return verdicts


def fingerprint(run: Run) -> dict[str, str]:
    """A sha256 of each thing that a finished run promises, its timings left out."""
    checkpoint = Checkpoints(run.path).last(lambda _: None)
    state = checkpoint.state
    contents = {
        "weights and optimizer": checkpoint.arrays,
        "best model": list(_weights(run.model_path)),
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
    """A training in a process of its own, which says `ready in …` when it begins.

    Args:
        command: What starts it.
    """

    def __init__(self, command: Sequence[str]):
        self.command = command
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.said = []

    def finish(self) -> tuple[float, float]:
        """Wait for the end; return the seconds until it was ready, and from then on."""
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


def _is_begun(path: Path) -> bool:
    return (path / "run.json").exists()


def _is_finished(path: Path) -> bool:
    """Also of one that was killed while it ended."""
    return _is_begun(path) and Run(path).status == "finished"


def _place(path: Path) -> str:
    last = path / "checkpoints" / "last"
    return last.read_text().strip() if last.exists() else "no checkpoint yet"


def _weights(path: Path) -> Iterator[np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        found = []
        file.visititems(
            lambda _, item: (
                found.append(item) if isinstance(item, h5py.Dataset) else None
            )
        )
        yield from (item[()] for item in found)


def _without_timings(record: dict) -> dict:
    return {key: value for key, value in record.items() if not _is_timing(key)}


def _is_timing(key: str) -> bool:
    return key.endswith(("_seconds", "_per_second"))


def _events(run: Path, split: str) -> Iterator[list]:
    """Tag, step and value of all that TensorBoard shows of a split, in their order."""
    for path in sorted((run / "tensorboard" / split).iterdir()):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if not _is_timing(value.tag):
                    shown = make_ndarray(value.tensor)
                    if value.tag == "__run_graph__":  # TensorFlow numbers its functions
                        nodes = GraphDef.FromString(shown.item()).node
                        shown = np.array([[node.name, node.op] for node in nodes])
                    yield [value.tag, event.step, shown.tolist()]


def _sha256(content: list) -> str:
    total = hashlib.sha256()
    for item in content:
        if isinstance(item, np.ndarray):
            total.update(f"{item.dtype} {item.shape}".encode())
            total.update(np.ascontiguousarray(item))
        else:
            total.update(json.dumps(item, default=str).encode())
    return total.hexdigest()
