"""SIGKILL at random instants; the kills inside the writes are slow tests."""

import os
import random
import subprocess
import sys
import time

import pytest
from tiny_training import CONFIG, begin, start

from seqtrain.analysis import verify
from seqtrain.analysis.verify import Verdict, fingerprint, verify_resume
from seqtrain.cli import main
from seqtrain.errors import SeqtrainError
from seqtrain.runs.run import Run
from seqtrain.tables.verify import format_verdicts

EVERYTHING = [
    "data.examples=300",
    "model.layers=[{cell: lstm, units: 3, dropout: 0.1}, {cell: gru, units: 2}]",
    "train.jit_compile=true",
    "train.epochs=20",
    "train.batch_size=8",
    "train.patience=4",
    "train.checkpoint_every=23",
    "log.histograms=2",
]


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    return path


def arguments(config, overrides):
    return [str(config), *(word for each in overrides for word in ("--set", each))]


def check(config, overrides, folder, *, kills, seed):
    folder.mkdir()
    said = []
    verdicts = verify_resume(
        arguments(config, overrides), folder, kills=kills, seed=seed, say=said.append
    )
    assert sum(verdict.kills for verdict in verdicts) == kills
    assert [verdict.different for verdict in verdicts] == [[]] * len(verdicts), said
    assert all(len(verdict.compared) == 7 for verdict in verdicts)


@pytest.mark.parametrize("kills", [1, pytest.param(6, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_ends_as_one_that_is_not(config, capfd, kills):
    fast_to_compile = "model.layers=[{cell: rnn, units: 8, dropout: 0.2}]"
    what = arguments(config, [*EVERYTHING, fast_to_compile])
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        command = ["seqtrain", "verify-resume", *what, "--kills", str(kills)]
        patch.setattr(sys, "argv", command)
        main()
    said = capfd.readouterr()
    assert not ended.value.code, said.err
    header, *rows, last = said.out.splitlines()
    assert header.strip() == "equal, bit for bit"
    assert len(rows) == 7
    number = int(rows[0].split()[-1])
    assert all(row.endswith(f" {number} of {number}") for row in rows)
    assert last == f"{kills} kills in {number} runs"
    assert said.err.count("\nkill ") == kills


SLOW = {
    "rnn": ["model.layers=[{cell: rnn, units: 8, dropout: 0.2}]", *EVERYTHING[2:]],
    "lstm": [*EVERYTHING, "train.schedule=linear", "train.optimizer=rmsprop"],
    "gru": [
        "model.layers=[{cell: gru, units: 8, bidirectional: true}]",
        "model.pooling=concat",
        *EVERYTHING[2:],
        "train.schedule=step",
        "train.step_epochs=3",
        "train.warmup_steps=0",
    ],
    "stopped": [*EVERYTHING, "train.patience=1", "train.learning_rate=0.2"],
    "plain": [*EVERYTHING, "train.jit_compile=false", "train.clip_norm=null"],
    "best": [*EVERYTHING, "train.monitor=accuracy", "train.optimizer=adamw"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_ten_kills_of_each_of_six_configs_change_nothing(config, tmp_path, name):
    check(
        config,
        ["data.examples=600", *SLOW[name]],
        tmp_path / "runs",
        kills=10,
        seed=list(SLOW).index(name),
    )


# seqtrain, but flushing takes long, so that a kill mostly meets a checkpoint that is
# being written; what it says on stderr is when one begins.
SLOW_DISK = """
import os, sys, time
import seqtrain.checkpoints, seqtrain.disk
from seqtrain.cli import main

fsync, save = os.fsync, seqtrain.checkpoints.Checkpoints.save

def slow(descriptor):
    fsync(descriptor)
    if writing:
        time.sleep(0.05)

def told(self, checkpoint, **options):
    print(f"writing {checkpoint.step}", file=sys.stderr, flush=True)
    writing.append(True)
    save(self, checkpoint, **options)
    writing.clear()

writing = []
os.fsync, seqtrain.checkpoints.Checkpoints.save = slow, told
sys.argv = ["seqtrain", *sys.argv[1:]]
main()
"""


@pytest.mark.slow
def test_thirty_kills_inside_the_writing_of_checkpoints_change_nothing(
    config, tmp_path
):
    overrides = ["train.checkpoint_every=2", "train.epochs=20", "train.patience=null"]
    reference = start(tmp_path, *overrides)
    begin(reference)
    expected = fingerprint(reference)
    rng = random.Random(0)
    killed = {"half": 0, "whole": 0}
    runs = 0
    while sum(killed.values()) < 30:
        runs += 1
        path = tmp_path / f"killed-{runs}"
        way = [*arguments(config, overrides), "--run", str(path)]
        while (ended := kill_in_a_write(way, rng)) is not None:
            killed[ended] += 1
            way = ["--resume", str(path)]
            if sum(killed.values()) == 30:
                break
        if ended is not None:
            command = [*verify.COMMAND, "train", *way]
            subprocess.run(command, check=True, capture_output=True)
        assert fingerprint(Run(path)) == expected
    assert killed["half"] >= 15, killed  # it did meet the writing


def kill_in_a_write(way, rng):
    """Kill a training in one of its next writes: say how much of it was there."""
    command = [sys.executable, "-c", SLOW_DISK, "train", *way]
    number = rng.randint(1, 4)
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **options) as process:
        for line in process.stderr:
            if line.startswith("writing "):
                number -= 1
                if not number:
                    step = int(line.split()[1])
                    break
        else:
            assert process.wait() == 0
            return None
        time.sleep(rng.uniform(0, 0.35))
        process.kill()
    path = way[-1]
    whole = os.path.exists(f"{path}/checkpoints/step-{step:08}")
    return "whole" if whole else "half"


def test_a_difference_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "cache"))
    run = start(tmp_path, "train.epochs=2")
    begin(run)
    before = fingerprint(run)

    def different():
        found = fingerprint(run)
        return {name for name in before if found[name] != before[name]}

    assert different() == set()
    lines = (run.path / "metrics.jsonl").read_text()
    (run.path / "metrics.jsonl").write_text(lines.replace('"loss": 0', '"loss": 1', 1))
    assert different() == {"metrics.jsonl"}
    (run.path / "metrics.jsonl").write_text(lines)

    timing = lines.replace('"step_seconds": ', '"step_seconds": 1')
    assert timing != lines
    (run.path / "metrics.jsonl").write_text(timing)
    assert different() == set()  # a timing makes no difference

    other = start(tmp_path, "train.epochs=2", "seed=1")
    begin(other)
    kept = run.model_path.read_bytes()
    run.model_path.write_bytes(other.model_path.read_bytes())
    assert different() == {"best model"}
    run.model_path.write_bytes(kept)

    [events] = (run.path / "tensorboard" / "validation").iterdir()
    content = events.read_bytes()
    (events.with_name(events.name + ".2")).write_bytes(content)  # each step twice
    assert different() == {"TensorBoard"}


def test_a_training_that_fails_is_told_with_what_it_said(config, tmp_path):
    with pytest.raises(SeqtrainError, match="exit code 2\n.*train.epochs"):
        verify_resume(
            [str(config), "--set", "train.epochs=0"],
            tmp_path,
            kills=1,
            say=lambda _: None,
        )


def test_verdicts_are_counted_by_what_is_compared(tmp_path):
    verdicts = [
        Verdict(tmp_path, 2, ["weights", "metrics"], []),
        Verdict(tmp_path, 1, ["weights", "metrics"], ["metrics"]),
    ]
    assert [line.split() for line in format_verdicts(verdicts).splitlines()] == [
        ["equal,", "bit", "for", "bit"],
        ["weights", "2", "of", "2"],
        ["metrics", "1", "of", "2"],
        ["3", "kills", "in", "2", "runs"],
    ]
