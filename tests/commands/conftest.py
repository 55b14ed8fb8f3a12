"""A folder with a trained run, and the command line called in it."""

import contextlib
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from command_line import COMMAND, CONFIG

from seqtrain.cli import main
from seqtrain.system.interruption import ENDING


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """What all tests of commands share, as its run takes seconds to train."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "tiny.yaml").write_text(CONFIG)
    reviews = "text,label\nsuperb,positive\nawful,negative\n"
    (folder / "reviews.csv").write_text(reviews)
    return folder


@contextlib.contextmanager
def inside(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SEQTRAIN_CACHE", str(folder / "cache"))
        patch.delenv("PYTHONUNBUFFERED", raising=False)  # it hides a missing flush
        yield


@pytest.fixture(scope="module", autouse=True)
def workplace(folder):
    """The current folder of every test here, with `tiny.yaml` and `reviews.csv`."""
    with inside(folder):
        yield folder


@pytest.fixture(scope="session")
def trained(folder):
    """What the training of `runs/tiny-1` said, run in a process without a terminal."""
    command = [*COMMAND, "train", "tiny.yaml", "--set", "seed=5"]
    with inside(folder):
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

    handlers = {number: signal.getsignal(number) for number in ENDING}
    yield call
    for number, handler in handlers.items():  # `train` sets its own
        signal.signal(number, handler)
