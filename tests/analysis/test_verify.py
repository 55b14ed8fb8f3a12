"""SIGKILL at random instants; the kills inside the writes are slow tests."""

import itertools
import os
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from small_run import make_run
from tiny_training import CONFIG, begin, start

from seqtrain.analysis import verify
from seqtrain.analysis.verify import Verdict, fingerprint, verify_resume
from seqtrain.board.writer import TensorBoardWriter
from seqtrain.cli import main
from seqtrain.errors import SeqtrainError
from seqtrain.runs.checkpoints import Checkpoint, Checkpoints
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


@pytest.mark.parametrize(
    "kills, epochs", [(1, 6), pytest.param(6, 20, marks=pytest.mark.slow)]
)
def test_a_run_that_is_killed_ends_as_one_that_is_not(config, capfd, kills, epochs):
    fast_to_compile = "model.layers=[{cell: rnn, units: 8, dropout: 0.2}]"
    overrides = [*EVERYTHING, fast_to_compile, f"train.epochs={epochs}"]
    if kills == 1:
        overrides.append("train.jit_compile=false")  # which takes long to compile
    what = arguments(config, overrides)
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
from seqtrain.cli import main
from seqtrain.runs.checkpoints import Checkpoints

fsync, save = os.fsync, Checkpoints.save

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
os.fsync, Checkpoints.save = slow, told
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


COMPARED = [
    "weights and optimizer",
    "best model",
    "metrics.jsonl",
    "TensorBoard",
    "position and early stopping",
    "run.json",
    "vocabulary.txt",
]
STATE = {
    "position": {"epoch": 2, "batch": 0},
    "best": {"logs": {"val_loss": 0.5}, "waited": 1},
    "rollbacks": 0,
}
SAVED = Checkpoint(10, 5, True, [np.array([1.0, 2.0]), np.array([10])], STATE)


def save_checkpoint(run, **fields):
    Checkpoints(run.path).save(SAVED._replace(**fields), keep=1)


def change_weight(run):
    save_checkpoint(run, arrays=[np.array([1.0, np.nextafter(2, 3)]), np.array([10])])


def change_optimizer(run):
    save_checkpoint(run, arrays=[np.array([1.0, 2.0]), np.array([11])])


def change_best_model(run):
    import keras

    model = keras.saving.load_model(run.model_path)
    model.set_weights([weight + 1e-6 for weight in model.get_weights()])
    model.save(run.model_path)


def change_metric(run):
    path = run.path / "metrics.jsonl"
    path.write_text(path.read_text().replace("0.75", "0.7500000000000001"))


def repeat_a_line(run):
    run.log(run.metrics()[-1])


def write_events_twice(split):
    def change(run):
        [events] = (run.path / "tensorboard" / split).iterdir()
        shutil.copy(events, f"{events}.2")

    return change


def change_state(**fields):
    return lambda run: save_checkpoint(run, state=STATE | fields)


def change_best(**fields):
    return change_state(best=STATE["best"] | fields)


CHANGES = {
    "a weight's last bit": (change_weight, "weights and optimizer"),
    "the optimizer": (change_optimizer, "weights and optimizer"),
    "the best model": (change_best_model, "best model"),
    "a metric's last bit": (change_metric, "metrics.jsonl"),
    "a line of metrics": (repeat_a_line, "metrics.jsonl"),
    "a training event": (write_events_twice("train"), "TensorBoard"),
    "a validation event": (write_events_twice("validation"), "TensorBoard"),
    "the step": (lambda run: save_checkpoint(run, step=11), COMPARED[4]),
    "the best step": (lambda run: save_checkpoint(run, best=6), COMPARED[4]),
    "the position": (change_state(position={"epoch": 2, "batch": 1}), COMPARED[4]),
    "the best loss": (change_best(logs={"val_loss": 0.25}), COMPARED[4]),
    "the patience": (change_best(waited=2), COMPARED[4]),
    "the rollbacks": (change_state(rollbacks=1), COMPARED[4]),
    "the status": (lambda run: run.update(status="interrupted"), "run.json"),
    "the best epoch": (lambda run: run.update(best={"epoch": 2}), "run.json"),
    "the data": (lambda run: run.update(data_digest="other"), "run.json"),
    "the vocabulary": (
        lambda run: run.vocabulary_path.write_text("\n[unk]\nother\n"),
        "vocabulary.txt",
    ),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run with everything that is compared, which nobody trained."""
    run = make_run(tmp_path_factory.mktemp("finished"))
    for split in ("train", "validation"):
        run.log({"epoch": 1, "split": split, "loss": 0.75, "epoch_seconds": 1.5})
    board = TensorBoardWriter(run.path)
    for split in ("train", "validation"):
        board.scalars(split, {"loss": 0.75, "epoch_seconds": 1.5}, step=5)
    board.close()
    save_checkpoint(run)
    run.update(best={"epoch": 1}, data_digest="digest")
    return run.path


@pytest.fixture
def copied(finished, tmp_path):
    return Run(shutil.copytree(finished, tmp_path / "copied"))


@pytest.mark.parametrize("what", CHANGES)
def test_a_difference_is_found(finished, copied, what):
    change, name = CHANGES[what]
    before = fingerprint(Run(finished))
    assert list(before) == COMPARED
    assert fingerprint(copied) == before
    change(copied)
    after = fingerprint(copied)
    assert [each for each in COMPARED if after[each] != before[each]] == [name]


def test_steps_whose_digits_are_the_same_in_a_row_differ(copied):
    prints = []
    for step, best in [(12, 3), (123, None), (1, 23)]:
        shutil.rmtree(copied.path / "checkpoints")
        save_checkpoint(copied, step=step, best=best)
        prints.append(fingerprint(copied)["position and early stopping"])
    assert len(set(prints)) == 3


def test_timings_make_no_difference(finished, copied):
    path = copied.path / "metrics.jsonl"
    path.write_text(path.read_text().replace("1.5", "2.5"))
    board = TensorBoardWriter(copied.path)
    board.scalars("train", {"epoch_seconds": 2.5, "words_per_second": 9.0}, step=5)
    board.close()
    assert fingerprint(copied) == fingerprint(Run(finished))


# What a process is started with in place of seqtrain. A killed run waits for its kill;
# resumed, it ends as the template does but for what is appended to `vocabulary.txt`.
# `killed-1` then ends before it is ready, so that no second kill can meet it.
STAND_IN = """
import pathlib, shutil, sys, time
from seqtrain.system.sealed import seal, unseal

template, appended, _, *arguments = sys.argv[1:]
path = pathlib.Path(arguments[-1])
info = unseal((pathlib.Path(template) / "run.json").read_bytes())
resumed = "--resume" in arguments
if resumed:
    with open(path / "vocabulary.txt", "a") as file:
        file.write(appended)
else:
    shutil.copytree(template, path)
    (path / "run.json").write_bytes(seal({**info, "status": "running"}))
if not (resumed and path.name == "killed-1"):
    print("ready in 0.0 s", file=sys.stderr, flush=True)
    time.sleep(0.3 if path.name == "uninterrupted" else 1 if resumed else 60)
(path / "run.json").write_bytes(seal(info))
"""


@pytest.mark.parametrize("appended", ["", "other\n"])
def test_a_run_that_is_resumed_is_compared_with_one_that_was_not_killed(
    finished, tmp_path, appended
):
    said = []
    [verdict] = verify_resume(
        ["tiny.yaml"],
        tmp_path,
        kills=1,
        say=said.append,
        command=[sys.executable, "-c", STAND_IN, str(finished), appended],
    )
    assert verdict.run == tmp_path / "killed-1"
    assert (verdict.kills, verdict.compared) == (1, COMPARED)
    assert verdict.different == (["vocabulary.txt"] if appended else [])
    assert said[0].startswith("uninterrupted: ")
    assert said[1].startswith("kill 1 of 1: killed-1, ")
    assert said[1].endswith(" s after it was ready, at step-00000010")


def test_the_kills_are_as_many_as_asked_for_over_all_runs(finished, tmp_path):
    verdicts = verify_resume(
        ["tiny.yaml"],
        tmp_path,
        kills=2,
        say=lambda _: None,
        command=[sys.executable, "-c", STAND_IN, str(finished), ""],
    )
    assert [verdict.run.name for verdict in verdicts] == ["killed-1", "killed-2"]
    assert [verdict.kills for verdict in verdicts] == [1, 1]


def test_instants_lie_within_the_start_and_twice_the_share_of_a_kill():
    drawn = list(itertools.islice(verify._instants(0, 3, 2.0, 8.0), 600))
    assert drawn == list(itertools.islice(verify._instants(0, 3, 2.0, 8.0), 600))
    late = [delay for delay, after_ready in drawn if after_ready]
    early = [delay for delay, after_ready in drawn if not after_ready]
    assert 60 < len(early) < 140  # a sixth of them
    assert 1.9 < max(early) <= 2.0
    assert 3.9 < max(late) <= 4.0  # so that three kills take up one training
    assert min(early + late) < 0.1


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
