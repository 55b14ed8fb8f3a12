import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqtrain import __version__
from seqtrain.cli import app, main
from seqtrain.config import load_config, shipped_configs

COMMAND = [sys.executable, "-m", "seqtrain"]
COMMANDS = [
    command.name or command.callback.__name__ for command in app.registered_commands
]
LSTM = "model.layers[0].cell=lstm"
CONFIG = """\
data:
  source: generated
  examples: 200
  test_examples: 50
  length: 12
  distance: 2
  max_length: 12
  vocabulary: 200
model:
  embedding: {dim: 4}
  layers:
    - {cell: gru, units: 3}
train: {epochs: 2, batch_size: 20, jit_compile: false}
log: {every: 3}
"""
STEPS = 9  # of an epoch: a tenth of the examples is for validation


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory):
    """The current folder of every test here, with `tiny.yaml` and `reviews.csv`."""
    folder = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SEQTRAIN_CACHE", str(folder / "cache"))
        patch.delenv("PYTHONUNBUFFERED", raising=False)  # it hides a missing flush
        Path("tiny.yaml").write_text(CONFIG)
        Path("reviews.csv").write_text("text,label\nsuperb,positive\nawful,negative\n")
        yield folder


@pytest.fixture(scope="module")
def trained(workplace):
    """What the training of `runs/tiny-1` said, run in a process without a terminal."""
    command = [*COMMAND, "train", "tiny.yaml", "--set", "seed=5"]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def call(trained, monkeypatch, capfd):
    """Run a command in this process, in the folder of `runs/tiny-1`."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["seqtrain", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return SimpleNamespace(returncode=ended.value.code or 0, stdout=out, stderr=err)

    handler = signal.getsignal(signal.SIGTERM)
    yield call
    signal.signal(signal.SIGTERM, handler)  # `train` sets its own


@contextlib.contextmanager
def started(*arguments, **options):
    """A command that runs, and is killed if it has not ended within a minute."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    with subprocess.Popen([*COMMAND, *arguments], text=True, **options) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def restore_ctrl_c():
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(call, command):
    done = call(command, "--help")
    assert done.returncode == 0
    assert f"seqtrain {command} " in done.stdout
    assert "--help" in done.stdout
    assert done.stderr == ""


def test_help_names_every_command_and_no_other(call):
    done = call("--help")
    assert done.returncode == 0
    listed = done.stdout.partition("Commands:\n")[2]
    assert re.findall(r"^  ([\w-]+)", listed, re.MULTILINE) == COMMANDS
    known = "train eval predict check schema init verify-resume doctor board runs"
    assert sorted([*known.split(), "gradflow", "shootout"]) == sorted(COMMANDS)


def test_version_is_shown(call):
    assert call("--version").stdout == f"seqtrain {__version__}\n"


def test_help_answers_at_once():
    def seconds():
        began = time.perf_counter()
        subprocess.run([*COMMAND, "--help"], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) <= 0.3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["check", "tiny.yaml"],
        ["check", "tiny.yaml", "--no-data"],
        ["schema"],
        ["init", "reviews.csv", "--out", "made.yaml"],
        ["train", "tiny.yaml", "--dry-run"],
        ["runs"],
    ],
    ids=" ".join,
)
def test_what_needs_no_model_imports_no_tensorflow(trained, arguments):
    command = [sys.executable, "-X", "importtime", "-m", "seqtrain", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(re.findall(r"\| +(\w+)", done.stderr))
    assert "typer" in imported  # so that this test can see what was imported
    assert not imported & {"tensorflow", "keras"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Usage: "),
        (["trian"], "No such command 'trian'"),
        (["train"], "a config is needed"),
        (["train", "tiny.yaml", "--run", "a", "--resume", "b"], "exclude each other"),
        (["train", "tiny.yaml", "--from", "a", "--resume", "b"], "exclude each other"),
        (["check", "tiny.yaml", "--fast"], "No such option"),
        (["eval", "--split", "tset"], "'tset' is not one of"),
        (["board", "--port", "70000"], "'--port'"),
    ],
)
def test_a_wrong_command_line_is_told_on_stderr(call, arguments, said):
    done = call(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["check", "tniy.yaml"], "tniy.yaml: there is no such config", "'tiny.yaml'?"),
        (["eval", "tiny-2"], "tiny-2 does not exist", "seqtrain runs"),
        (["eval", "cache"], "cache is not a run", "seqtrain runs"),
        (
            ["predict", "runs/tiny-2", "a"],
            "runs/tiny-2 does not exist",
            "seqtrain runs",
        ),
        (["predict"], "predict: texts are needed", "seqtrain predict"),
        (["predict", "a", "--file", "b"], "predict: texts are needed", "predict -"),
        (["board", "nowhere"], "nowhere: there is no such folder", "seqtrain train"),
    ],
)
def test_what_does_not_exist_gets_a_hint(call, arguments, error, hint):
    done = call(*arguments)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith(f"error: {error}")
    assert second.startswith("hint: ")
    assert hint in second
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["check", "train"])
def test_all_that_is_wrong_with_a_config_is_told_at_its_places(call, command):
    text = CONFIG.replace("gru", "gur").replace("epochs", "epohcs")
    Path("wrong.yaml").write_text(text)

    done = call(command, "wrong.yaml", "--set", "log.every=often")

    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    for place in ("wrong.yaml:12:14: error: ", "wrong.yaml:13:9: error: "):
        assert len([line for line in lines if line.startswith(place)]) == 1
    assert "did you mean 'gru'?" in done.stderr
    assert "did you mean 'epochs'?" in done.stderr
    assert lines[-2].startswith("--set log.every=often: error: ")
    assert lines[-1] == "3 errors in wrong.yaml; nothing was run"
    assert "error: wrong" not in done.stderr
    assert not list(Path("runs").glob("wrong*"))


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        (None, "data.csv: no such file"),
        ("", "data.csv"),
        ("text,verdict\ngood,1\n", "data.csv"),
        ("text,label\ngood,1\ndull,\n", "data.csv:3"),
        ("text,label\ngood,1\nfine,1\n", "data.csv"),
    ],
    ids=["no file", "empty", "no column", "no label", "one class"],
)
@pytest.mark.parametrize("command", ["check", "train"])
def test_wrong_data_is_told_with_its_place_and_a_hint(call, command, rows, place):
    path = Path("data.csv")
    path.unlink(missing_ok=True)
    if rows is not None:
        path.write_text(rows)

    done = call(command, "tiny.yaml", "--set", "data={source: files, train: data.csv}")

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert place in done.stderr.partition("\nhint: ")[0]
    assert "\nhint: " in done.stderr
    assert [path.name for path in Path("runs").iterdir()] == ["tiny-1"]


@pytest.mark.parametrize(
    "arguments", [["eval", "--data", "no.csv"], ["predict", "--file", "no.txt"]]
)
def test_data_that_is_not_there_is_wrong_data(call, arguments):
    done = call(*arguments)
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: {arguments[-1]}: ")
    assert "\nhint: " in done.stderr


def test_check_reports_on_the_data(call):
    done = call("check", "tiny.yaml")
    assert done.returncode == 0
    assert re.search(r"^examples +180 +20 +50$", done.stdout, re.MULTILINE)
    assert "best possible accuracy 1.0000" in done.stdout
    assert done.stdout.endswith("tiny.yaml: nothing is wrong\n")
    assert done.stderr == ""


def test_check_without_data_looks_at_the_config_alone(call):
    missing = "data={source: files, train: no.csv}"
    done = call("check", "tiny.yaml", "--no-data", "--set", missing)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "tiny.yaml: nothing is wrong with the config\n"
    done = call("check", "tiny.yaml", "--no-data", "--set", "data.distance=12")
    assert done.returncode == 2
    assert "12 is not below length, here 12" in done.stderr


def test_check_without_data_answers_at_once(tmp_path):
    """In processor time of the child, which other work on the machine adds less to."""
    path = max(shipped_configs(), key=lambda path: path.stat().st_size)

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [*COMMAND, "check", str(path), "--no-data"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) <= 0.5


def test_check_takes_overrides(call):
    done = call("check", "tiny.yaml", "--set", "data.examples=300")
    assert re.search(r"^examples +270 +30 +50$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("arguments", [["check"], ["train", "--dry-run"]], ids=" ".join)
def test_class_weights_of_other_labels_are_found_before_training(call, arguments):
    done = call(*arguments, "tiny.yaml", "--set", "train.class_weights={pos: 2.0}")
    assert done.returncode == 2
    assert "train.class_weights" in done.stderr


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
    before = sorted(Path().rglob("*"))
    done = call("train", "tiny.yaml", "--dry-run", "--run", "dry")
    assert done.returncode == 0
    assert "plan: 2 epochs of 9 steps, batches of 20" in done.stderr
    assert sorted(Path().rglob("*")) == before


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


@pytest.mark.parametrize(
    ("number", "code", "step"),
    [
        (signal.SIGINT, 130, 3),
        pytest.param(signal.SIGTERM, 143, STEPS + 3, marks=pytest.mark.slow),
    ],
    ids=["Ctrl-C in the first epoch", "SIGTERM in the second"],
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


def test_the_gradients_flow_is_shown_for_a_run_and_for_a_config(call):
    done = call("gradflow", "runs/tiny-1", "--batches", "2")
    assert done.returncode == 0
    assert done.stdout.startswith("tiny-1: 40 examples, gradient norm ")
    assert "\ngru_1: " in done.stdout  # the verdict
    assert done.stderr.endswith("figure: runs/tiny-1/gradflow.png\n")
    assert Path("runs/tiny-1/gradflow.png").read_bytes().startswith(b"\x89PNG")
    done = call("gradflow", "tiny.yaml", "--set", LSTM, "--json")
    result = json.loads(done.stdout)
    assert result["verdict"].startswith("lstm_1: ")
    [layer] = result["layers"]
    keys = "name lags norms slope_decades_per_step half_life_steps reach_steps"
    assert {*keys.split(), "saturated_share"} <= layer.keys()
    assert Path("gradflow-tiny.png").exists()


def test_of_a_run_no_key_can_be_set_and_what_is_neither_is_refused(call):
    done = call("gradflow", "runs/tiny-1", "--set", LSTM)
    assert (done.returncode, done.stdout) == (2, "")
    assert "runs/tiny-1 is a run, --set needs a config" in done.stderr
    done = call("gradflow", "nowhere")
    assert done.returncode == 2
    assert "nowhere: there is no such config" in done.stderr


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


def test_a_step_that_diverged_is_shown_again(call):
    steep = ["--run", "replayed", "--set", "train.learning_rate=1e38"]
    said = call("train", "tiny.yaml", *steep).stderr
    assert "seqtrain train --replay replayed shows the step" in said
    done = call("train", "--replay", "replayed")
    assert done.returncode == 0
    assert done.stdout.startswith("step ")
    assert re.search(r"^logits/kernel +", done.stdout, re.MULTILINE)
    assert call("train", "--replay", "runs/tiny-1").returncode == 2


@pytest.mark.slow
def test_doctor_finds_nothing_wrong_here_or_says_what(call):
    done = call("doctor", "--json")
    findings = {each["name"]: each["verdict"] for each in json.loads(done.stdout)}
    assert findings["training"] == "ok"
    assert done.returncode == (1 if "failed" in findings.values() else 0)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
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


def test_eval_takes_the_newest_run_and_its_test_data(call):
    done = call("eval")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("tiny-1, test data\n")
    for row in ("this model", "TF-IDF, logistic regression", "majority class"):
        assert re.search(
            rf"^{row} +\d+\.\d\d +\d+\.\d\d to ", done.stdout, re.MULTILINE
        )
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert json.loads(Path("runs/tiny-1/eval/test.json").read_text())["examples"] == 50


def test_eval_prints_one_json_document(call):
    done = call("eval", "tiny-1", "--split", "validation", "--json")
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert result == json.loads(Path("runs/tiny-1/eval/validation.json").read_text())
    assert result["examples"] == 20
    assert result["accuracy_low"] <= result["accuracy"] <= result["accuracy_high"]


def test_eval_takes_a_file(call):
    done = call("eval", "runs/tiny-1", "--data", "reviews.csv", "--json")
    assert json.loads(done.stdout)["examples"] == 2


def test_the_newest_run_is_the_default(call, workplace, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name, started_at in [("b-1", "2031"), ("a-1", "2032"), ("c-1", "2030")]:
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        info = {"status": "failed", "started": f"{started_at}-01-01T00:00:00+00:00"}
        (run / "run.json").write_text(json.dumps(info))
    for command in (["eval"], ["predict", "a text"]):
        done = call(*command)
        assert done.returncode == 2
        assert done.stderr.startswith("error: runs/a-1: no model.keras in this run")


def test_predict_classifies_arguments(call):
    done = call("predict", "runs/tiny-1", "superb", "not superb, awful")
    assert done.returncode == 0
    assert done.stderr == ""
    for line, text in zip(
        done.stdout.splitlines(), ["superb", "not superb, awful"], strict=True
    ):
        assert re.fullmatch(rf"(nega|posi)tive\t[01]\.\d{{4}}\t{text}", line)


def test_predict_takes_the_newest_run_when_none_is_named(call):
    assert (
        call("predict", "superb").stdout == call("predict", "tiny-1", "superb").stdout
    )


def test_predict_gives_a_line_of_json_each(call):
    done = call("predict", "--json", "cinéma", "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["text"] for answer in answers] == ["cinéma", ""]
    for answer in answers:
        assert answer["probabilities"].keys() == {"negative", "positive"}
        assert answer["probability"] == answer["probabilities"][answer["label"]]
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert "cinéma" in done.stdout


def test_predict_reads_the_lines_of_a_file(call):
    Path("lines.txt").write_text("superb\n\nawful")
    done = call("predict", "--file", "lines.txt")
    texts = [line.split("\t")[2] for line in done.stdout.splitlines()]
    assert texts == ["superb", "", "awful"]


def test_predict_answers_a_pipe_before_it_closes(trained):
    pipe = {"stdin": subprocess.PIPE, "stderr": subprocess.DEVNULL, "bufsize": 1}
    with started("predict", "tiny-1", "-", **pipe) as process:
        for text in ("superb", "awful"):
            process.stdin.write(f"{text}\n")
            assert process.stdout.readline().endswith(f"\t{text}\n")
        process.stdin.close()
        assert process.wait() == 0


def test_predict_names_a_line_that_is_not_utf8(call):
    Path("latin.txt").write_bytes("superb\ncinéma\n".encode("latin-1"))
    done = call("predict", "--file", "latin.txt")
    assert done.returncode == 3
    assert done.stderr.startswith("error: latin.txt:2: ")


def test_runs_lists_each_run_with_its_results(call):
    call("eval")
    done = call("runs")
    assert done.returncode == 0
    assert done.stderr == ""
    header, row = done.stdout.splitlines()
    assert header.split()[:3] == ["run", "status", "started"]
    assert row.split()[:2] == ["tiny-1", "finished"]
    assert "-" not in row.split()[-4:]


@pytest.mark.parametrize("name", ["tiny-9", "runs/tiny"])
def test_a_misspelt_run_is_no_text_to_predict(call, name):
    done = call("predict", name, "-")
    assert done.returncode == 2
    assert f"{name} does not exist" in done.stderr
    assert not done.stdout


def test_a_reader_that_has_seen_enough_ends_predict_quietly(trained):
    pipe = {"stdin": subprocess.PIPE, "bufsize": 1}
    with started("predict", "tiny-1", "-", **pipe) as process:
        process.stdin.write("superb\n")
        assert "superb" in process.stdout.readline()
        process.stdout.close()
        process.stdin.write("awful\n")
        assert process.wait() == 141  # 128 + SIGPIPE, as a shell says of `yes | head`
        assert process.stderr.read() == ""


@pytest.mark.parametrize("arguments", [["predict", "superb"], ["runs"]])
def test_a_full_disk_behind_the_standard_output_is_told(trained, arguments):
    with open("/dev/full", "w") as full, started(*arguments, stdout=full) as process:
        _, said = process.communicate()
    assert process.returncode == 1
    assert said.startswith("error: standard output: No space left on device\nhint: ")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (["predict", "tiny-1", "-"], 0.5),
        (["eval"], 2),
        *[
            pytest.param(command, seconds, marks=pytest.mark.slow)
            for command in (
                ["predict", "tiny-1", "-"],
                ["eval"],
                ["check", "tiny.yaml"],
            )
            for seconds in (0.4, 0.7, 1, 1.5, 2.5, 3)
        ],
    ],
)
def test_ctrl_c_ends_a_command_quietly_at_any_time(trained, command, seconds):
    pipe = {"stdin": subprocess.PIPE, "preexec_fn": restore_ctrl_c}
    with started(*command, **pipe) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        code, said = process.wait(), process.stderr.read()
    assert "Traceback" not in said
    # A shell says 130 of -2 too: the signal came when Python was being taken down.
    assert code in (130, -signal.SIGINT) or code == 0 and command[0] != "predict"


def test_predict_shows_a_text_on_one_line_without_control_characters(call):
    done = call("predict", "tiny-1", "a\tb\nc\x1b[31m\x9b")
    (line,) = done.stdout.splitlines()
    assert line.split("\t")[2] == r"a\tb\nc\x1b[31m\x9b"
    done = call("predict", "tiny-1", "--json", "a\tb\nc\x1b[31m")
    assert json.loads(done.stdout)["text"] == "a\tb\nc\x1b[31m"


def test_predict_refuses_an_argument_that_is_not_utf8(call):
    done = call("predict", "tiny-1", os.fsdecode(b"caf\xe9"))
    assert done.returncode == 3
    assert done.stderr.startswith(r"error: text 1: 'caf\udce9' is not UTF-8")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (".", "Is a directory"),
        ("/dev/zero", "1: longer than 16,777,216 characters"),
        ("nothing", "No such file"),
    ],
)
def test_predict_refuses_a_file_without_lines(call, name, problem):
    done = call("predict", "tiny-1", "--file", name)
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: {name}:")
    assert problem in done.stderr


def test_predict_reads_a_named_pipe(call):
    os.mkfifo("pipe")
    with subprocess.Popen("echo superb > pipe", shell=True):
        done = call("predict", "tiny-1", "--file", "pipe")
    assert done.stdout.endswith("\tsuperb\n")


def test_predict_without_a_standard_input_says_so(trained):
    command = shlex.join([*COMMAND, "predict", "tiny-1", "-"])
    done = subprocess.run(f"{command} <&-", shell=True, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr.startswith("error: standard input is closed")


@pytest.mark.slow
def test_an_answer_is_printed_whatever_the_terminal_can_show(trained):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*COMMAND, "predict", "tiny-1", "cinéma"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0
    assert done.stdout.endswith("\tcin\\xe9ma\n")


@pytest.mark.parametrize("kind", ["a pipe", "/dev/zero", "a folder"])
@pytest.mark.parametrize("command", ["check", "eval"])
def test_data_that_is_no_file_is_refused_at_once(call, tmp_path, kind, command):
    path = tmp_path / "data.csv"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to(kind)
    arguments = ["eval", "tiny-1", "--data", str(path)]
    if command == "check":
        setting = f"data={{source: files, train: {path}}}"
        arguments = ["check", "tiny.yaml", "--set", setting]
    done = call(*arguments)
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: {path}: a ")
    assert "\nhint: " in done.stderr


def test_runs_lists_the_others_beside_a_damaged_one(call, tmp_path):
    runs = tmp_path / "runs"
    for name in ("broken-1", "tiny-1"):
        shutil.copytree("runs/tiny-1", runs / name)
    (runs / "broken-1/run.json").write_text('{"status": ')
    done = call("runs", str(runs))
    assert done.returncode == 0
    rows = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
    assert rows == {"run": "status", "broken-1": "damaged", "tiny-1": "finished"}
    assert done.stderr.startswith(f"warning: {runs}/broken-1/run.json is damaged")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["run.json", "labels.json", "model.keras"])
@pytest.mark.parametrize("command", ["eval", "predict"])
def test_a_damaged_run_cannot_be_used(call, tmp_path, name, command):
    run = shutil.copytree("runs/tiny-1", tmp_path / "half")
    (run / name).write_bytes((run / name).read_bytes()[:20])
    (run / "eval/test.json").unlink(missing_ok=True)
    done = call(command, str(run), *(["superb"] if command == "predict" else []))
    if name == "run.json":  # of which only the list of runs needs more than its place
        assert done.returncode == 0
    else:
        assert done.returncode == 2
        assert f"{run / name} is damaged" in done.stderr
        assert "\nhint: " in done.stderr
