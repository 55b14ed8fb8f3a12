import os

import pytest

from seqtrain.board.projector import PROJECTOR
from seqtrain.board.trust import refuse_foreign
from seqtrain.errors import RunError


@pytest.fixture
def run(tmp_path):
    run = tmp_path / "runs" / "some" / "rt-1"
    (run / "tensorboard/train").mkdir(parents=True)
    (run / "tensorboard/train/events.out.tfevents.1").write_bytes(b"")
    (run / "tensorboard/train/projector_config.pbtxt").write_text(PROJECTOR)
    return run


def test_runs_may_be_reached_by_links(run, tmp_path):
    (tmp_path / "runs/linked").symlink_to(run)
    (tmp_path / "runs/round").symlink_to(tmp_path / "runs")
    refuse_foreign(tmp_path / "runs")
    refuse_foreign(run)


def test_a_link_or_a_pipe_in_a_run_is_refused(run, tmp_path):
    path = run / "tensorboard/train/events.out.tfevents.2"
    path.symlink_to("/etc/hostname")
    with pytest.raises(RunError, match="tfevents.2: is a link"):
        refuse_foreign(tmp_path / "runs")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RunError, match="tfevents.2: is a pipe"):
        refuse_foreign(run)


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../secret", "a/b"])
def test_a_projector_that_shows_other_files_is_refused(run, tmp_path, path):
    config = run / "tensorboard/train/projector_config.pbtxt"
    config.write_text(PROJECTOR.replace("tokens.tsv", path))
    with pytest.raises(RunError, match="shows a file of another place"):
        refuse_foreign(tmp_path / "runs")
