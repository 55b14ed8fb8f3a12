"""Standard streams that are closed, and paths as people write them."""

import shlex
import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND

from seqtrain.errors import command


def shell(arguments, redirection):
    line = f"{shlex.join([*COMMAND, *arguments])} {redirection}"
    return subprocess.run(line, shell=True, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("redirection", "code"), [("2>&-", 0), (">&- 2>&-", 0), (">&- 2>&- <&-", 0)]
)
def test_closed_streams_are_no_error(workplace, redirection, code):
    done = shell(["check", "tiny.yaml"], redirection)
    assert done.returncode == code
    assert done.stderr == ""
    assert ("nothing is wrong" in done.stdout) == (redirection == "2>&-")


def test_a_closed_stderr_takes_no_talk_to_the_results(trained):
    done = shell(["eval", "tiny-1", "--json"], "2>&-")
    assert (done.returncode, done.stdout[:1]) == (0, "{")
    done = shell(["check", "none.yaml"], "2>&-")
    assert (done.returncode, done.stdout) == (2, "")


def test_what_a_run_suggests_next_runs(call, monkeypatch):
    Path("my data.csv").write_text(
        "text,label\n" + "superb film,p\nawful film,n\n" * 10
    )
    tiny = (
        "model: {embedding: {dim: 2}, layers: [{cell: rnn, units: 2}]}\n"
        "train: {epochs: 1, jit_compile: false}\n"
    )
    Path("my config.yaml").write_text(
        f"data: {{source: files, train: my data.csv}}\n{tiny}"
    )
    done = call("train", "my config.yaml", "--run", "elsewhere/my run")
    assert done.returncode == 0
    last = done.stderr.splitlines()[-1]
    assert last == "next: seqtrain eval 'elsewhere/my run' --split validation"
    assert call(*shlex.split(last)[2:]).returncode == 0
    Path("my data.csv").rename("moved.csv")
    done = call("gradflow", "elsewhere/my run")
    assert "--set data.train=PATH" in done.stderr
    done = call("gradflow", "elsewhere/my run", "--set", "data.train=moved.csv")
    assert done.returncode == 0


def test_home_is_a_path_everywhere(call, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert call("check", "~/tiny.yaml").returncode == 0
    assert call("eval", "~/runs/tiny-1", "--data", "~/reviews.csv").returncode == 0
    assert call("runs", "~/runs").returncode == 0
    Path("home.yaml").write_text("data: {source: files, train: ~/more.csv}\n")
    Path("more.csv").write_text("text,label\n" + "a b,p\nc d,n\n" * 9)
    assert call("check", "home.yaml").returncode == 0
    done = call("init", "~/more.csv", "--out", "~/new.yaml")
    assert done.stdout == f"{folder}/new.yaml\n"
    assert call("predict", "~/runs/tiny-1", "--file", "~/reviews.csv").returncode == 0


def test_a_command_in_a_message_is_quoted_for_a_shell():
    assert command("check", Path("-a b.yaml")) == "seqtrain check './-a b.yaml'"
