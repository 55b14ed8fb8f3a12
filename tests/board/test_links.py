import os
from pathlib import Path

import pytest

from seqtrain.board.links import Links, short_names


@pytest.fixture
def runs(tmp_path):
    """Makes a run with event files, and a file of the projector, in a folder."""

    def make(*names, folder="runs"):
        for name in names:
            for split in ("train", "validation"):
                events = tmp_path / folder / name / "tensorboard" / split
                events.mkdir(parents=True)
                (events / "events.out.tfevents.1.host.2").write_text(f"{name} {split}")
                (events / "tokens.tsv").touch()
        return tmp_path / folder

    return make


@pytest.fixture
def tree(tmp_path):
    path = tmp_path / "tree"
    path.mkdir()
    return path


def shown(tree):
    """Name of a run → what its event files hold."""
    return {
        os.path.relpath(folder, tree): Path(folder, name).read_text()
        for folder, _, names in os.walk(tree, followlinks=True)
        for name in names
        if "tfevents" in name
    }


def test_names_leave_out_the_folder_that_all_runs_have(runs, tree):
    Links(tree, [runs("rt-1", "group/a-1")]).update()
    assert shown(tree) == {
        "rt-1/train": "rt-1 train",
        "rt-1/validation": "rt-1 validation",
        "group/a-1/train": "group/a-1 train",
        "group/a-1/validation": "group/a-1 validation",
    }
    assert (tree / "rt-1" / "train" / "tokens.tsv").is_file()
    # The projector takes no file that a link leads to from elsewhere.
    assert (tree / "rt-1" / "train").is_symlink()


def test_a_run_alone_has_its_name_and_so_have_several(runs, tree):
    folder = runs("rt-1", "rt-2")
    links = Links(tree, [folder / "rt-1"])
    links.update()
    assert shown(tree).keys() == {"rt-1/train", "rt-1/validation"}
    Links(tree, [folder / "rt-2" / "tensorboard"]).update()
    assert {"rt-1/train", "rt-2/train"} < shown(tree).keys()


def test_of_several_folders_names_tell_which(runs, tree):
    Links(
        tree, [runs("rt-1", folder="old/runs"), runs("rt-1", folder="new/runs")]
    ).update()
    assert {"old/runs/rt-1/train", "new/runs/rt-1/train"} < shown(tree).keys()


def test_runs_come_and_go_while_it_is_open(runs, tree):
    folder = runs("rt-1")
    links = Links(tree, [folder])
    links.update()
    runs("rt-2")
    links.update()
    assert {"rt-1/train", "rt-2/train"} < shown(tree).keys()
    (folder / "rt-1").rename(folder / "rt-9")
    links.update()
    assert {name.split("/")[0] for name in shown(tree)} == {"rt-2", "rt-9"}
    # A resumed run has another file of events.
    late = folder / "rt-2" / "tensorboard" / "train" / "events.out.tfevents.3"
    late.write_text("late")
    links.update()
    assert (tree / "rt-2" / "train" / late.name).read_text() == "late"


def test_nothing_is_ever_written_where_the_runs_are(runs, tree):
    folder = runs("rt-1")
    (folder / "rt-1" / "events.out.tfevents.other").write_text("of another program")
    below = folder / "rt-1" / "train" / "below"  # not in the one called rt-1/train
    below.mkdir(parents=True)
    (below / "events.out.tfevents.4").write_text("below")
    before = sorted(folder.rglob("*"))
    links = Links(tree, [folder])
    links.update()
    assert shown(tree).keys() == {
        "rt-1",
        "rt-1/train",
        "rt-1/train/below",
        "rt-1/validation",
    }
    (folder / "rt-1" / "tensorboard" / "events.out.tfevents.9").write_text("new")
    links.update()
    (folder / "rt-1" / "tensorboard" / "events.out.tfevents.9").unlink()
    links.update()
    assert sorted(folder.rglob("*")) == before


def test_two_folders_that_would_have_one_name_keep_theirs(runs, tree):
    folder = runs("rt-1")
    (folder / "rt-1" / "train").mkdir()
    (folder / "rt-1" / "train" / "events.out.tfevents.7").write_text("other")
    Links(tree, [folder]).update()
    assert sorted(shown(tree).values()) == ["other", "rt-1 train", "rt-1 validation"]


def test_pipes_and_circles_are_left_out(runs, tree):
    folder = runs("rt-1", "rt-2")
    os.mkfifo(folder / "rt-1" / "tensorboard" / "train" / "events.out.tfevents.8")
    (folder / "rt-2" / "again").symlink_to(folder)
    Links(tree, [folder]).update()
    assert shown(tree)["rt-1/train"] == "rt-1 train"  # it would wait forever
    assert len(shown(tree)) == 4


def test_links_change_with_what_is_there(runs, tree):
    folder = runs("rt-1") / "rt-1" / "tensorboard" / "train"
    links = Links(tree, [folder.parent.parent.parent])
    for _ in range(2):
        os.mkfifo(folder / "events.out.tfevents.8")
        links.update()
        assert not (tree / "rt-1" / "train").is_symlink()
        (folder / "events.out.tfevents.8").unlink()
        links.update()
        assert (tree / "rt-1" / "train").is_symlink()
    (folder.parent.parent).rename(folder.parent.parent.with_name("rt-2"))
    links.update()
    assert [path.name for path in tree.iterdir()] == ["rt-2"]


def test_folders_with_nothing_in_them_are_no_error(tmp_path, tree):
    (tmp_path / "runs").mkdir()
    Links(tree, [tmp_path / "runs"]).update()
    assert [*tree.iterdir()] == []
    assert short_names([tmp_path], []) == {}
