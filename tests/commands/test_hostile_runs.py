"""Runs that others have tampered with: refused at once, and nothing else is touched."""

import json
import os
import re
import resource
import shutil
import subprocess
import time

import hostile
import pytest
from command_line import COMMAND

SECONDS, MEGABYTES = 5, 400  # beside what TensorFlow takes
MODEL_READERS = {
    "eval": ("eval", "{run}"),
    "predict": ("predict", "{run}", "fine"),
    "gradflow": ("gradflow", "{run}"),
    "from": ("train", "tiny.yaml", "--from", "{run}", "--dry-run"),
}
RUNS = {"runs": ("runs", "{runs}")}
RESUME = {"resume": ("train", "--resume", "{run}", "--set", "train.epochs=3")}
REPLAY = {"replay": ("train", "--replay", "{run}")}
BOARD = {"board": ("board", "{runs}", "--port", "0")}


@pytest.fixture
def evaluated(call, workplace):
    """A finished run that was evaluated."""
    if not (workplace / "runs/tiny-1/eval/test.json").exists():
        assert call("eval").returncode == 0
    return workplace / "runs/tiny-1"


def everything_in(folder):
    """What is in a folder, by the name."""
    return {
        str(path.relative_to(folder)): path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def try_cases(call, evaluated, folder, cases, commands):
    """Plant each case in a copy of a run, and let each command open it."""
    problems = []
    for name, plant in cases.items():
        place = folder / re.sub(r"\W+", "-", name)
        run, outside = place / "runs/hostile-1", place / "outside"
        outside.mkdir(parents=True)
        (outside / "sentinel").write_text("untouched")
        shutil.copytree(evaluated, run)
        plant(run, outside)
        before = everything_in(outside)
        for command, words in commands.items():
            places = {"run": run, "runs": run.parent}
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = time.monotonic()
            done = call(*(word.format(**places) for word in words))
            seconds = time.monotonic() - began
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
            said = done.stderr
            if command == "runs":
                refused = done.returncode == 0 and "damaged" in done.stdout
            else:
                refused = done.returncode in (1, 2, 3, 5) and "error: " in said
            if (
                not refused
                or "hostile-1" not in said
                or "Traceback" in said
                or "\x1b" in said + done.stdout
                or seconds > SECONDS
                or memory > MEGABYTES * 1024
                or everything_in(outside) != before
            ):
                problems.append((name, command, done, seconds, memory))
        shutil.rmtree(place)
    assert problems == []


def test_a_run_itself_may_be_reached_by_a_link(call, evaluated, tmp_path):
    (tmp_path / "runs").mkdir()
    os.symlink(evaluated, tmp_path / "runs/linked-1")
    for command in (MODEL_READERS["predict"], RUNS["runs"]):
        places = {"run": tmp_path / "runs/linked-1", "runs": tmp_path / "runs"}
        done = call(*(word.format(**places) for word in command))
        assert done.returncode == 0
        assert "damaged" not in done.stdout + done.stderr


def test_what_leads_elsewhere_is_refused(call, evaluated, tmp_path):
    commands = {**MODEL_READERS, **RUNS, **RESUME, **REPLAY, **BOARD}
    try_cases(call, evaluated, tmp_path, hostile.ELSEWHERE, commands)


def test_a_model_that_must_not_be_loaded_is_refused(call, evaluated, tmp_path):
    try_cases(call, evaluated, tmp_path, hostile.MODELS, MODEL_READERS)


def test_wrong_papers_are_refused(call, evaluated, tmp_path):
    commands = {**RUNS, **RESUME}
    try_cases(call, evaluated, tmp_path, hostile.PAPERS, commands)


def test_wrong_results_are_listed_as_damaged(call, evaluated, tmp_path):
    try_cases(call, evaluated, tmp_path, hostile.RESULTS, RUNS)


def test_wrong_names_are_refused(call, evaluated, tmp_path):
    commands = {"predict": MODEL_READERS["predict"]}
    try_cases(call, evaluated, tmp_path, hostile.NAMES, commands)


def test_a_checkpoint_that_nothing_can_go_on_from_is_refused(call, evaluated, tmp_path):
    try_cases(call, evaluated, tmp_path, hostile.CHECKPOINTS, RESUME)


ESCAPES = "\x1b]0;title\x07\x1b[31m\u202e\x9b2J"


def test_escapes_in_the_files_of_a_run_are_shown_not_obeyed(call, evaluated, tmp_path):
    run = tmp_path / f"runs/{ESCAPES}-1"
    shutil.copytree(evaluated, run)
    hostile.edited("run.json", lambda info: info.update(status=ESCAPES))(run, None)
    labels = json.dumps(["negative", ESCAPES])
    (run / "labels.json").write_text(labels)
    hostile.edited("run.json", lambda info: info.pop("digests"))(run, None)
    answer = json.loads(call("predict", "--json", str(run), "fine").stdout)
    assert set(answer["probabilities"]) == {"negative", ESCAPES}
    for command in (
        ("runs", str(tmp_path / "runs")),
        ("eval", str(run)),
        ("predict", str(run), "fine"),
        ("predict", "--json", str(run), "fine"),
        ("gradflow", str(run)),
        ("train", "--resume", str(run)),
        ("train", "--replay", str(run)),
    ):
        done = call(*command)
        said = done.stdout + done.stderr
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(said), command
        assert "x1b" in said or command[0] == "predict", command


@pytest.mark.slow
@pytest.mark.parametrize("case", hostile.MODELS)
def test_a_hostile_model_takes_less_than_a_gigabyte(evaluated, tmp_path, case):
    run = tmp_path / "runs/hostile-1"
    shutil.copytree(evaluated, run)
    hostile.MODELS[case](run, tmp_path)
    command = [*COMMAND, "predict", str(run), "fine"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, "hostile-1" in said) == (2, True)
    assert used.ru_maxrss < 2**20  # KiB
