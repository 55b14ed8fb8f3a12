import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import COMMAND, CONFIG, restore_ctrl_c, started

from seqtrain import __version__
from seqtrain.cli import COMMANDS


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
    assert re.findall(r"^  ([\w-]+)", listed, re.MULTILINE) == list(COMMANDS)
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
        assert done.stderr.startswith("error: runs/a-1/config.resolved.yaml ")


@pytest.mark.parametrize(
    "arguments", [pytest.param(["predict", "superb"], marks=pytest.mark.slow), ["runs"]]
)
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


def test_a_folder_that_is_gone_is_told(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    done = call("check", "quickstart")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the current folder was deleted, ")


def test_an_error_of_the_system_is_one_line(call):
    memory = Path("memory.yaml")
    memory.symlink_to("/proc/self/mem")  # nobody can read its first bytes
    done = call("check", str(memory), "--no-data")
    assert "Traceback" not in done.stderr
    assert done.returncode in (1, 2)
    assert done.stderr.count("\n") <= 2
