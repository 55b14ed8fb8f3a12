"""A disk that is full, or read-only, at each kind of write of a run."""

import errno
import os
import subprocess

import pytest
from tiny_training import At, begin, go_on, start

from seqtrain.analysis.evaluate import evaluate
from seqtrain.analysis.verify import fingerprint
from seqtrain.errors import WriteError
from seqtrain.runs.checkpoints import Checkpoints

pytestmark = pytest.mark.usefixtures("own_cache")

# By what cannot be written: the hook of a callback at which the disk is filled.
MOMENTS = {
    "the first lines of the log": ("on_train_begin", 1),
    "the first checkpoint": ("on_train_batch_end", 3),
    "a later checkpoint": ("on_train_batch_end", 7),
    "the best model": ("on_test_begin", 1),
    "what is known of the best model": ("on_epoch_end", 1),
    "the baselines": ("on_train_end", 1),
}


class Mounted:
    """A small file system in memory."""

    message = "No space left on device|Read-only file system"

    def __init__(self, path):
        path.mkdir()
        self.path, self.filler, self.frozen = path, path / "filler", []
        self._mount("-t", "tmpfs", "-o", "size=8m", "none", path)

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def freeze(self):
        runs = self.path / "runs"
        self._mount("--bind", runs, runs)
        self._mount("-o", "remount,bind,ro", runs)
        self.frozen.append(runs)

    def mend(self):
        self.filler.unlink(missing_ok=True)
        while self.frozen:
            subprocess.run(["umount", self.frozen.pop()], check=True)

    def close(self):
        self.mend()
        subprocess.run(["umount", "-l", self.path], check=True)

    @staticmethod
    def _mount(*arguments):
        subprocess.run(["mount", *arguments], check=True, capture_output=True)


class Faked:
    """Where none can be mounted: nothing reaches the disk, says the system."""

    message = "No space left on device|Read-only file system"

    def __init__(self, path):
        path.mkdir()
        self.path, self.fsync = path, os.fsync

    def fill(self):
        os.fsync = self._refuse(errno.ENOSPC)

    def freeze(self):
        os.fsync = self._refuse(errno.EROFS)

    def mend(self):
        os.fsync = self.fsync

    close = mend

    @staticmethod
    def _refuse(code):
        def refuse(_):
            raise OSError(code, os.strerror(code))

        return refuse


@pytest.fixture
def disk(tmp_path):
    try:
        disk = Mounted(tmp_path / "disk")
    except (OSError, subprocess.CalledProcessError):  # not root, or no mount at all
        disk = Faked(tmp_path / "faked")
    yield disk
    disk.close()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    run = start(tmp_path_factory.mktemp("finished"))
    begin(run)
    return fingerprint(run)


def fails(disk):
    return pytest.raises(WriteError, match=disk.message)


QUICK = ["a later checkpoint", "the best model"]


@pytest.mark.parametrize(
    "moment",
    [pytest.param(m, marks=[] if m in QUICK else pytest.mark.slow) for m in MOMENTS],
)
def test_a_full_disk_stops_a_run_that_then_goes_on_exactly(disk, expected, moment):
    run = start(disk.path)
    with fails(disk) as caught:
        begin(run, At(*MOMENTS[moment], disk.fill))
    assert caught.value.exit_code == 1
    assert str(disk.path) in str(caught.value)
    Checkpoints(run.path).last(pytest.fail)  # those that there are, are whole
    disk.mend()
    assert run.status in ("failed", "killed")  # the last word may not have fitted
    go_on(run)
    assert fingerprint(run) == expected


@pytest.mark.parametrize(
    "moment",
    ["the first checkpoint", pytest.param("the best model", marks=pytest.mark.slow)],
)
def test_a_disk_that_turns_read_only_does_the_same(disk, expected, moment):
    run = start(disk.path)
    with fails(disk):
        begin(run, At(*MOMENTS[moment], disk.freeze))
    disk.mend()
    go_on(run)
    assert fingerprint(run) == expected


@pytest.mark.parametrize("spoil", ["fill", "freeze"])
def test_no_run_begins_on_such_a_disk(disk, spoil):
    start(disk.path)
    getattr(disk, spoil)()
    with fails(disk):
        start(disk.path)


@pytest.mark.parametrize("spoil", ["fill", "freeze"])
def test_an_evaluation_that_cannot_be_kept_says_so_and_changes_nothing(disk, spoil):
    run = start(disk.path, "train.epochs=1")
    begin(run)
    before = evaluate(run)
    getattr(disk, spoil)()
    with fails(disk):
        evaluate(run)
    assert run.read_json("eval/test.json") == before
