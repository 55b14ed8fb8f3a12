import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND, started


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


@pytest.mark.parametrize("name", ["tiny-9", "runs/tiny"])
def test_a_misspelt_run_is_no_text_to_predict(call, name):
    done = call("predict", name, "-")
    assert done.returncode == 2
    assert f"{name} does not exist" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("text", ["and/or", "runs/jumps wildly", "https://a.b/c"])
def test_a_text_with_a_slash_is_a_text(call, text):
    done = call("predict", text)
    assert done.returncode == 0
    assert done.stdout.endswith(f"\t{text}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs/tiny-9"],
        ["./tiny-9"],
        ["../tiny-9"],
        ["/nowhere/tiny-9"],
        ["~/tiny-9"],
        ["cache/tiny-9"],  # a folder that is there
        ["elsewhere/tiny-9", "a text"],
        ["elsewhere/tiny-9", "-"],
        ["elsewhere/tiny-9", "--file", "tiny.yaml"],
    ],
    ids=" ".join,
)
def test_what_is_clearly_a_path_is_a_misspelt_run(call, arguments):
    done = call("predict", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"error: {Path(arguments[0]).expanduser()} does not exist\n"
    )
    assert done.stdout == ""


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_predict_quietly(trained):
    pipe = {"stdin": subprocess.PIPE, "bufsize": 1}
    with started("predict", "tiny-1", "-", **pipe) as process:
        process.stdin.write("superb\n")
        assert "superb" in process.stdout.readline()
        process.stdout.close()
        process.stdin.write("awful\n")
        assert process.wait() == 141  # 128 + SIGPIPE, as a shell says of `yes | head`
        assert process.stderr.read() == ""


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
        ("empty", "a folder without classes"),
        ("/dev/zero", "1: longer than 16,777,216 characters"),
        ("nothing", "No such file"),
    ],
)
def test_predict_refuses_a_file_without_lines(call, name, problem):
    Path("empty").mkdir(exist_ok=True)
    done = call("predict", "tiny-1", "--file", name)
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: {name}:")
    assert problem in done.stderr


def test_predict_reads_a_named_pipe(call):
    os.mkfifo("pipe")
    with subprocess.Popen("echo superb > pipe", shell=True):
        done = call("predict", "tiny-1", "--file", "pipe")
    assert done.stdout.endswith("\tsuperb\n")


@pytest.mark.slow
def test_predict_without_a_standard_input_says_so(trained):
    command = shlex.join([*COMMAND, "predict", "tiny-1", "-"])
    done = subprocess.run(f"{command} <&-", shell=True, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr.startswith("error: standard input is closed")
