import contextlib
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
from pathlib import Path

import numpy as np
import pytest
from command_line import COMMAND, CONFIG, STEPS, restore_ctrl_c, started

from seqtrain.config import load_config
from seqtrain.runs.run import Run


@pytest.mark.parametrize("arguments", [["check"], ["train", "--dry-run"]], ids=" ".join)
def test_class_weights_of_other_labels_are_found_before_training(call, arguments):
    done = call(*arguments, "tiny.yaml", "--set", "train.class_weights={pos: 2.0}")
    assert done.returncode == 2
    assert "train.class_weights" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["train"],
        ["train", "--dry-run"],
        ["train", "--from", "runs/tiny-1"],
        ["train", "--from", "runs/tiny-1", "--dry-run"],
        ["gradflow"],
        ["verify-resume"],
        ["shootout", "--set", "shootout.contenders={a: [], b: []}"],
    ],
    ids=" ".join,
)
def test_class_weights_of_other_labels_than_a_files_leave_nothing_behind(
    call, monkeypatch, tmp_path, arguments
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = "superb,positive\nawful,negative\n" * 20
    Path("forty.csv").write_text(f"text,label\n{rows}")
    before = sorted(Path("runs").iterdir())
    for setting in (
        "data={source: files, train: forty.csv}",
        "train.class_weights={pos: 2.0, neg: 1.0}",
    ):
        arguments = [*arguments, "--set", setting]
    done = call(*arguments, "tiny.yaml")
    assert done.returncode == 2
    assert "error: train.class_weights: found neg, pos, " in done.stderr
    assert sorted(Path("runs").iterdir()) == before
    assert not list(tmp_path.iterdir())


def test_train_gives_results_on_stdout_and_talk_on_stderr(trained):
    assert trained.returncode == 0
    header, *rows = trained.stdout.splitlines()
    assert header.split()[:2] == ["epoch", "step"]
    assert [row.split()[:2] for row in rows] == [["1", "9"], ["2", "18"]]
    assert all(len(row) <= len(header) <= 80 for row in rows)
    for said in ("best possible accuracy 1.0000", "plan: 2 epochs of 9 steps"):
        assert said in trained.stderr
    assert "\nrun runs/tiny-1\n" in trained.stderr
    assert trained.stderr.endswith("next: seqtrain eval runs/tiny-1\n")


def test_train_says_a_plain_line_per_interval_without_a_terminal(trained):
    steps = re.findall(
        r"^step (\d+)/18  .*loss \d\.\d{4}  accuracy \d\.\d{4}  "
        r"\d+ examples/s  \d:\d\d left$",
        trained.stderr,
        re.MULTILINE,
    )
    assert [int(step) for step in steps] == [3, 6, 9, 12, 15, 18]
    assert "\r" not in trained.stdout + trained.stderr
    assert "\x1b" not in trained.stdout + trained.stderr


def test_train_keeps_a_run_that_knows_how_it_came_about(trained):
    run = Path("runs/tiny-1")
    assert (run / "config.yaml").read_text() == CONFIG
    config = load_config(run / "config.resolved.yaml")
    assert config == load_config("tiny.yaml", ["seed=5"])
    info = json.loads((run / "run.json").read_text())
    assert (info["status"], info["seed"]) == ("finished", 5)
    assert info["command"] == "seqtrain train tiny.yaml --set seed=5"
    log = (run / "train.log").read_text()
    for line in trained.stdout.splitlines():
        assert f"{line}\n" in log
    for line in re.findall(r"^(?:plan|step).*", trained.stderr, re.MULTILINE):
        assert f"{line}\n" in log


def test_a_dry_run_shows_the_plan_and_makes_nothing(call):
    def made():  # but for encoded data
        return [each for each in Path().rglob("*") if "cache" not in each.parts]

    before = made()
    done = call("train", "tiny.yaml", "--dry-run", "--run", "dry")
    assert done.returncode == 0
    assert "plan: 2 epochs of 9 steps, batches of 20" in done.stderr
    assert made() == before


def test_a_dry_run_refuses_the_directory_of_another_run(call):
    done = call("train", "tiny.yaml", "--dry-run", "--run", "runs/tiny-1")
    assert done.returncode == 2
    assert "error: runs/tiny-1 already exists" in done.stderr


def test_train_never_overwrites(call):
    before = {path: path.stat() for path in Path("runs/tiny-1").rglob("*")}
    done = call("train", "tiny.yaml", "--run", "runs/tiny-1")
    assert done.returncode == 2
    assert "error: runs/tiny-1 already exists" in done.stderr
    assert "hint: pass another --run" in done.stderr
    assert {path: path.stat() for path in Path("runs/tiny-1").rglob("*")} == before


def test_a_training_that_diverges_is_told_and_recorded(call):
    steep = "train.learning_rate=1e38"
    done = call("train", "tiny.yaml", "--run", "steep", "--set", steep)
    assert done.returncode == 4
    assert re.search(r"^error: epoch 1, step \d+: loss ", done.stderr, re.MULTILINE)
    assert re.search(r"^hint: lower train.learning_rate", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr
    assert json.loads(Path("steep/run.json").read_text())["status"] == "diverged"


def test_a_training_that_diverges_in_its_last_step_is_told_too(call):
    steep = ["train.learning_rate=1e38", "train.epochs=1", "train.batch_size=180"]
    steep.append("log.every=1")
    sets = [word for setting in steep for word in ("--set", setting)]
    done = call("train", "tiny.yaml", "--run", "steep-end", *sets)
    assert done.returncode == 4
    assert json.loads(Path("steep-end/run.json").read_text())["status"] == "diverged"
    assert "NaN" not in Path("steep-end/metrics.jsonl").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "step"),
    [
        (signal.SIGINT, 130, 3),
        pytest.param(signal.SIGTERM, 143, STEPS + 3, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, 6, marks=pytest.mark.slow),
    ],
    ids=["Ctrl-C in the first epoch", "SIGTERM in the second", "SIGHUP"],
)
def test_an_interrupted_training_keeps_a_model(call, number, code, step):
    run = Path(f"interrupted-{step}")
    endless = ["--set", "train.epochs=100000", "--run", str(run)]
    with started("train", "tiny.yaml", *endless, preexec_fn=restore_ctrl_c) as process:
        while f"step {step}/" not in (line := process.stderr.readline()):
            assert line, "the training ended by itself"
        process.send_signal(number)
        _, said = process.communicate()

    assert process.returncode == code
    assert "Traceback" not in said
    assert "stopping after this step; once more leaves at once\n" in said
    assert f"\ninterrupted; go on by: seqtrain train --resume {run}\n" in said
    info = json.loads((run / "run.json").read_text())
    assert info["status"] == "interrupted"
    assert info["seconds"] > 0
    assert call("predict", str(run), "superb").returncode == 0
    done = call("train", "--resume", str(run), "--dry-run")
    last = (run / "checkpoints" / "last").read_text()
    assert done.stderr == f"{run} would go on from step {int(last[5:])}\n"
    assert int(last[5:]) >= step


def test_a_run_that_is_being_trained_is_refused_and_a_killed_one_resumed(call):
    run = Path("killed")
    arguments = ["train", "tiny.yaml", "--run", str(run)]
    with started(*arguments) as process:
        while "step 3/" not in (line := process.stderr.readline()):
            assert line, "the training ended by itself"
        process.send_signal(signal.SIGSTOP)
        done = call("train", "--resume", str(run))
        assert done.returncode == 5
        assert f"error: {run} is being trained by process {process.pid}" in done.stderr
        process.kill()
    done = call("train", "--resume", str(run), "--set", "train.learning_rate=0.5")
    assert done.returncode == 5
    assert "train.learning_rate   0.001  0.5" in done.stderr
    done = call("train", "--resume", str(run))
    assert done.returncode == 0
    assert done.stderr.endswith(f"next: seqtrain eval {run}\n")
    done = call("train", "--resume", str(run))
    assert done.returncode == 5
    assert f"error: {run} is finished: all of its 2 epochs are done" in done.stderr
    assert "hint: raise train.epochs by --set" in done.stderr
    assert call("train", "--resume", str(run), "--set", "train.epochs=3").stdout


@pytest.mark.parametrize(
    "stream", ["stdout", pytest.param("stderr", marks=pytest.mark.slow)]
)
def test_a_training_that_nobody_reads_comes_to_its_end(trained, stream):
    run = f"unread-{stream}"
    with started("train", "tiny.yaml", "--run", run) as process:
        while "step 3/" not in (line := process.stderr.readline()):
            assert line, "the training ended by itself"
        getattr(process, stream).close()  # as `| head` does
        other = "stderr" if stream == "stdout" else "stdout"
        said = getattr(process, other).read()
        process.wait()
    assert "Traceback" not in said
    assert json.loads(Path(run, "run.json").read_text())["status"] == "finished"
    assert process.returncode == 0


def test_a_config_may_stand_beside_the_run_that_goes_on(call):
    done = call("train", "tiny.yaml", "--resume", "runs/tiny-1")
    assert done.returncode == 5
    assert re.search(r"^  seed +5 +0$", done.stderr, re.MULTILINE)


def test_a_new_run_begins_with_the_weights_of_another(call):
    done = call("train", "tiny.yaml", "--from", "runs/tiny-1", "--run", "tuned")
    assert done.returncode == 0
    assert json.loads(Path("tuned/run.json").read_text())["from"] == "runs/tiny-1"
    wider = ["--set", "model.layers.0.units=9"]
    done = call("train", "tiny.yaml", "--from", "runs/tiny-1", *wider)
    assert done.returncode == 2
    assert re.search(r"^  model.layers\[0\].units +3 +9$", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
@pytest.mark.parametrize("problem", ["no model.keras", "model.keras is damaged"])
def test_weights_that_cannot_be_read_are_refused_before_there_is_a_run(
    call, tmp_path, problem, options
):
    source = shutil.copytree("runs/tiny-1", tmp_path / "source")
    model = source / "model.keras"
    if problem == "no model.keras":
        model.unlink()
    else:
        model.write_bytes(model.read_bytes()[:-20])
    new = tmp_path / "new"
    done = call(
        "train", "tiny.yaml", "--from", str(source), "--run", str(new), *options
    )
    assert done.returncode == 2
    assert problem in done.stderr
    assert not new.exists()


@pytest.mark.parametrize(
    ("others", "name"),
    [
        (["tiny.yaml"], "CONFIG"),
        (["--set", "seed=1"], "--set"),
        (["--run", "new"], "--run"),
        (["--dry-run"], "--dry-run"),
    ],
)
def test_what_a_replay_would_ignore_is_refused_by_name(call, others, name):
    done = call("train", "--replay", "runs/tiny-1", *others)
    assert done.returncode == 2
    assert done.stderr == f"error: train: --replay and {name} exclude each other\n"


def test_a_step_that_diverged_is_shown_again(call):
    steep = ["--run", "replayed", "--set", "train.learning_rate=1e38"]
    said = call("train", "tiny.yaml", *steep).stderr
    assert "seqtrain train --replay replayed shows the step" in said
    done = call("train", "--replay", "replayed")
    assert done.returncode == 0
    assert done.stdout.startswith("step ")
    assert re.search(r"^logits/kernel +", done.stdout, re.MULTILINE)
    assert call("train", "--replay", "runs/tiny-1").returncode == 2


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143)],
)
def test_a_run_interrupted_before_its_first_step_says_so(trained, number, code):
    run = f"early-{number.name}"
    arguments = ["train", "tiny.yaml", "--run", run]
    with started(*arguments, preexec_fn=restore_ctrl_c) as process:
        while f"run {run}" not in (line := process.stderr.readline()):
            assert line, "the training ended by itself"
        process.send_signal(number)
        _, said = process.communicate()

    assert process.returncode == code
    assert "Traceback" not in said
    assert json.loads(Path(run, "run.json").read_text())["status"] == "interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, pytest.param(80, marks=pytest.mark.slow)])
def test_a_terminal_shows_a_bar_that_does_not_wrap(trained, columns):
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    arguments = ["train", "tiny.yaml", "--run", f"columns-{columns}"]
    streams = {"stdout": subprocess.DEVNULL, "stderr": end, "env": environment}
    with started(*arguments, **streams) as process:
        os.close(end)
        shown = b""
        with contextlib.suppress(OSError):  # so Linux tells that all ends are closed
            while piece := os.read(terminal, 2**16):
                shown += piece
        os.close(terminal)
        assert process.wait() == 0
    frames = re.findall(r"\r\x1b\[K([^\r\n]*step \d+/18[^\r\n]*)", shown.decode())
    assert frames
    assert max(map(len, frames)) < columns
    for fact in ("%", "loss 0.", "accuracy 0."):
        assert all(fact in frame for frame in frames)
    if columns == 80:  # the usual width has room for everything
        assert all(re.search(r"examples/s.* \d:\d\d left$", frame) for frame in frames)
    # The lines are for where there is no bar.
    assert not re.search(r"^step ", shown.decode(), re.MULTILINE)


@pytest.mark.slow
def test_a_terminal_that_is_closed_stops_a_training_in_order(trained):
    terminal, end = pty.openpty()
    arguments = ["train", "tiny.yaml", "--set", "train.epochs=100000", "--run", "hung"]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), end)

    def own_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with started(*arguments, **streams, preexec_fn=own_terminal) as process:
        os.close(end)
        shown = b""
        while b"step 20/" not in shown:
            shown += os.read(terminal, 2**16)
        os.close(terminal)
        assert process.wait() == 129
    assert json.loads(Path("hung/run.json").read_text())["status"] == "interrupted"
    assert Path("hung/checkpoints/last").exists()


def test_a_run_that_is_gone_while_it_trains_is_told(call, monkeypatch):
    """In this process: what stands for another one moves the run at its first log."""
    log = Run.log

    def move(run, record):
        if run.path.exists():
            run.path.rename("moved")
        log(run, record)

    monkeypatch.setattr(Run, "log", move)
    done = call("train", "tiny.yaml", "--run", "going")
    assert done.returncode == 1
    assert "error: going: gone while it was trained, moved or deleted\n" in done.stderr
    assert done.stderr.endswith("seqtrain train --resume NEW_PLACE\n")
    assert not Path("going").exists()


def test_too_little_memory_is_a_message_and_a_run_that_goes_on(call, monkeypatch):
    monkeypatch.setattr(Run, "log", lambda *_: np.zeros(2**58))
    done = call("train", "tiny.yaml", "--run", "large")
    assert done.returncode == 1
    assert "error: out of memory, Unable to allocate" in done.stderr
    assert done.stderr.endswith("then go on by seqtrain train --resume large\n")
    assert json.loads(Path("large/run.json").read_text())["status"] == "failed"


def test_nothing_around_a_process_changes_its_results(trained, tmp_path):
    """Settings of Keras, a C locale, no home, no place for its files, no stderr."""
    settings = '{"floatx": "float16", "backend": "torch", "epsilon": 0.1}'
    (tmp_path / "keras.json").write_text(settings)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PYTHONIOENCODING": "ascii",
        "LC_ALL": "C",
        "TERM": "dumb",
        "TMPDIR": str(tmp_path / "none"),
        "SEQTRAIN_CACHE": os.environ["SEQTRAIN_CACHE"],
        "KERAS_HOME": str(tmp_path),
        "KERAS_BACKEND": "jax",
        "KERAS_MAX_EPOCHS": "1",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
    }
    command = [*COMMAND, "train", "tiny.yaml", "--set", "seed=5", "--run", "elsewhere"]
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *command], env=environment, capture_output=True
    )
    assert done.returncode == 0
    ends = [Run(Path(name)).metrics()[-1] for name in ("runs/tiny-1", "elsewhere")]
    values = [{k: v for k, v in end.items() if "_second" not in k} for end in ends]
    assert values[0] == values[1]
