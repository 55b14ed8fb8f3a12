import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seqtrain import __version__
from seqtrain.config import load_config
from seqtrain.config.nodes import dump
from seqtrain.errors import DivergedError, RunError, WriteError
from seqtrain.runs.run import Run, began, is_run, list_runs
from seqtrain.system.sealed import unseal
from seqtrain.tables.runs import find_damage, runs_table
from seqtrain.tasks import load_data

CONFIG = "# as given\nseed: 7\ntrain: {monitor: accuracy}\n"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "runs"


def start(root, name="tiny", *, train=None, **fields):
    """A started run, with other fields in its `run.json` if given."""
    config_path = root.parent / "tiny.yaml"
    config_path.write_text(CONFIG)
    run = Run.create(name, root=root)
    config = load_config(config_path, [f"train={train}"] if train else [])
    run.start(config_path, config, "seqtrain train tiny.yaml")
    run.update(**fields)
    return run


def test_runs_are_numbered_in_turn(root):
    paths = [Run.create(name, root=root).path for name in ["a", "a", "b", "a"]]
    assert [path.name for path in paths] == ["a-1", "a-2", "b-1", "a-3"]
    assert all(path.parent == root for path in paths)


def test_runs_made_at_once_get_a_directory_each(root):
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: Run.create("a", root=root), range(40)))
    assert len({run.path for run in runs}) == 40


def test_a_directory_that_exists_is_never_taken(tmp_path):
    directory = tmp_path / "deep" / "mine"
    assert Run.create("a", directory).path == directory
    with pytest.raises(RunError, match="mine already exists") as caught:
        Run.create("a", directory)
    assert "--run" in caught.value.hint


def test_start_writes_down_what_runs_with_what_and_on_what(root):
    before = datetime.now(UTC)
    run = start(root)

    assert (run.path / "config.yaml").read_text() == CONFIG
    assert run.config == load_config(root.parent / "tiny.yaml")
    info = run.info
    assert info["status"] == "running"
    assert info["command"] == "seqtrain train tiny.yaml"
    assert info["seed"] == 7
    assert before <= datetime.fromisoformat(info["started"]) <= datetime.now(UTC)
    assert info["versions"].keys() >= {"python", "tensorflow", "keras", "numpy"}
    assert info["versions"]["seqtrain"] == __version__
    assert info["hardware"]["cores"] == os.cpu_count()
    assert info["hardware"].keys() == {"cpu", "cores", "memory_bytes", "platform"}


def test_git_commit_and_dirty_flag_are_those_of_the_current_folder(
    root, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert start(root).info["git"] is None

    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / ".gitignore").write_text("*\n")
    for arguments in (
        ["init", "-q"],
        ["add", "-f", ".gitignore"],
        [*identity, "commit", "-q", "-m", "first"],
    ):
        subprocess.run(["git", *arguments], check=True, cwd=tmp_path)
    clean = start(root).info["git"]
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False

    (tmp_path / ".gitignore").write_text("*.txt\n*\n")
    assert start(root).info["git"] == {"commit": clean["commit"], "dirty": True}


@pytest.mark.parametrize(
    "error, status",
    [
        (None, "finished"),
        (DivergedError("loss nan"), "diverged"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(143), "interrupted"),
        (OSError("disk full"), "failed"),
    ],
)
def test_how_and_when_a_run_ends_is_recorded(root, error, status):
    run = start(root)
    with contextlib.suppress(BaseException), run.recorded():
        if error:
            raise error

    info = run.info
    assert (info["status"], info["seed"]) == (status, 7)
    assert datetime.fromisoformat(info["ended"]) > began(run)
    assert 0 < info["seconds"] < 60


def test_a_clock_that_is_set_back_disorders_neither_runs_nor_seconds(root, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(time, "time", lambda: 4e9)
        old = start(root)
        Run.open(old.path).go_on(old.config, "", step=0, seconds=5.0, changed={})
        with old.recorded():
            before.setattr(time, "time", lambda: 1e9)
    new = start(root)
    assert list_runs(root)[0].path == new.path
    assert 5 < old.info["seconds"] < 60
    dates = [old.info["started"], old.info["resumed"][0]["started"], old.info["ended"]]
    assert dates == sorted(dates)
    old.update(started="9999-12-31T23:59:59+00:00")  # which no clock shows
    assert start(root).info["started"] < "2200"


def test_a_run_that_is_gone_is_not_made_again_and_hides_no_error(root):
    run = start(root)
    with pytest.raises(WriteError, match="No such file"), run.recorded():
        shutil.rmtree(run.path)
        run.write_json("labels.json", [])
    assert not run.path.exists()


def test_what_is_not_json_changes_nothing(root):
    run = start(root)
    before = run.info
    with pytest.raises(TypeError):
        run.update(status="finished", what=object())
    assert run.info == before
    assert {path.name for path in run.path.iterdir()} == {
        "config.yaml",
        "config.resolved.yaml",
        "run.json",
    }


def test_a_file_is_replaced_whole_rather_than_written_over(root):
    run = start(root)
    os.link(run.path / "run.json", root / "seen-by-a-reader")
    before = run.info

    run.update(status="finished")

    assert unseal((root / "seen-by-a-reader").read_bytes()) == before
    assert run.info == {**before, "status": "finished"}


def test_logged_lines_come_back_in_order(root):
    run = Run.create("a", root=root)
    assert run.metrics() == []
    records = [{"step": step, "split": "train", "loss": 1 / 3} for step in range(3)]
    for number, record in enumerate(records, start=1):
        run.log(record)
        assert run.metrics() == records[:number]


def test_a_line_that_a_kill_cut_short_is_left_out(root):
    run = Run.create("a", root=root)
    run.log({"step": 1})
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"step": 2, "lo')
    assert run.metrics() == [{"step": 1}]


def test_open_takes_a_directory_a_name_or_the_newest(root):
    old = start(root, "zebra", started="2020-01-01T00:00:00+00:00")
    new = start(root, "ant", started="2021-01-01T00:00:00+00:00")
    (root / "no-run").mkdir()

    assert Run.open(old.path).path == old.path
    assert Run.open(Path("zebra-1"), root=root).path == old.path
    assert Run.open(None, root=root).path == new.path
    assert [run.path for run in list_runs(root)] == [new.path, old.path]


def test_what_is_no_run_is_named(root):
    with pytest.raises(RunError, match="no run found") as caught:
        Run.open(None, root=root)
    assert "seqtrain train" in caught.value.hint
    with pytest.raises(RunError, match="there does not exist"):
        Run.open(root / "there", root=root)
    root.mkdir()
    with pytest.raises(RunError, match="runs is not a run: it has no run.json"):
        Run.open(root, root=root)


def test_a_text_is_told_from_a_run(root):
    run = start(root)
    assert is_run(str(run.path), root)
    assert is_run("tiny-1", root)
    for text in ["tiny", "a fine film", "fine / film", "good " * 1000, "\0", "~x"]:
        assert not is_run(text, root)


def test_a_missing_or_damaged_file_is_named(root):
    run = start(root)
    with pytest.raises(RunError, match="labels.json does not exist"):
        _ = run.labels
    (run.path / "labels.json").write_text('["neg", ')
    with pytest.raises(RunError, match="labels.json is damaged"):
        _ = run.labels


@pytest.mark.parametrize(
    "name, content",
    [
        ("run.json", b""),
        ("run.json", b'{"status": "fini'),
        ("run.json", b"[]"),
        ("run.json", b"null"),
        ("run.json", b"{}"),
        ("run.json", b'{"status": "finished", "started": "yesterday"}'),
        ("run.json", b'{"status": 5, "started": "2020-01-01T00:00:00+00:00"}'),
        (
            "run.json",
            b'{"status": "x", "started": "2020-01-01T00:00:00+00:00", "seconds": ""}',
        ),
        ("run.json", b"[" * 10**5),
        ("run.json", b"\xff"),
        ("run.json", None),
        ("config.resolved.yaml", b"seed: 7\ndata: {sour"),
        ("config.resolved.yaml", b"seed: 7\n"),
        ("config.resolved.yaml", None),
        ("metrics.jsonl", b'{"epoch": 1, "split"\n{"epoch": 2}\n'),
        ("metrics.jsonl", b'{"split": "validation"}\n'),
        ("metrics.jsonl", b'{"split": "validation", "epoch": 1, "loss": "low"}\n'),
        ("metrics.jsonl", b"\xff\n"),
        ("metrics.jsonl", b"5\n"),
        ("eval/test.json", b""),
        ("eval/test.json", b"[]"),
        ("eval/test.json", b'{"accuracy": null}'),
    ],
)
def test_a_damaged_run_is_listed_and_named_beside_the_others(root, name, content):
    whole, damaged = start(root, "whole"), start(root, "damaged")
    for run in (whole, damaged):
        run.log({"epoch": 1, "split": "validation", "loss": 0.5, "accuracy": 0.7})
    path = damaged.path / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True) if content is None else path.write_bytes(content)

    runs = list_runs(root)

    assert {run.path for run in runs} == {whole.path, damaged.path}
    rows = {line.split()[0]: line.split()[1:] for line in runs_table(runs).split("\n")}
    assert rows["whole-1"][0] == "killed"  # no process trains it
    assert rows["whole-1"][-3:-1] == ["0.5000", "70.00"]
    assert rows["damaged-1"][0] == "damaged"
    assert find_damage(whole) is None
    assert str(path if name != "run.json" else damaged.path) in find_damage(
        damaged
    ) or find_damage(damaged).startswith(f"{damaged.path} is damaged")


@pytest.mark.parametrize(
    "first", [b"\nlog:", pytest.param(b"seed:", marks=pytest.mark.slow)]
)
def test_a_resolved_config_that_was_cut_off_anywhere_is_damaged(root, first):
    path = start(root).path
    resolved = path / "config.resolved.yaml"
    whole = resolved.read_bytes()
    for length in range(whole.index(first), len(whole)):
        resolved.write_bytes(whole[:length])
        with pytest.raises(RunError, match="config.resolved.yaml"):
            _ = Run(path).config
    resolved.write_bytes(whole)
    assert Run(path).config == load_config(root.parent / "tiny.yaml")


def test_a_resolved_config_that_is_older_than_some_keys_loads_unless_cut_off(root):
    run = start(root)
    config = run.info["config"]
    del config["shootout"], config["log"]["samples"], config["data"]["keep"]
    run.update(config=config)
    text = dump(config)
    resolved = run.path / "config.resolved.yaml"
    resolved.write_text(text)
    assert Run(run.path).config == load_config(root.parent / "tiny.yaml")
    for length in range(text.index("\nlog:"), len(text)):
        resolved.write_text(text[:length])
        with pytest.raises(RunError, match="config.resolved.yaml"):
            _ = Run(run.path).config


@pytest.mark.parametrize("info", ["", "{}"])
def test_a_config_is_read_whatever_became_of_the_rest_of_its_run(root, info):
    path = start(root).path
    (path / "run.json").write_text(info)
    assert Run(path).config == load_config(root.parent / "tiny.yaml")


def test_a_folder_in_the_place_of_a_file_of_a_run_is_named(root):
    run = start(root)
    (run.path / "labels.json").mkdir()
    with pytest.raises(RunError, match="labels.json: is a folder, a file"):
        _ = run.labels


def test_the_newest_run_is_found_beside_a_damaged_one(root):
    damaged, new = start(root, "damaged"), start(root, "new")
    (damaged.path / "run.json").write_text("")
    os.utime(damaged.path, (0, 0))
    assert Run.open(None, root=root).path == new.path
    os.utime(damaged.path, (2**32, 2**32))
    with pytest.raises(RunError, match="damaged-1/run.json is damaged"):
        _ = Run.open(None, root=root).info


def test_the_table_shows_the_kept_epoch_and_the_test(root):
    run = start(root, status="finished", seconds=12.6)
    for epoch, loss, accuracy in [(1, 0.5, 0.7), (2, 0.6, 0.8), (3, 0.7, 0.75)]:
        run.log({"epoch": epoch, "split": "train", "loss": 0.0, "accuracy": 1.0})
        run.log(
            {"epoch": epoch, "split": "validation", "loss": loss, "accuracy": accuracy}
        )
    run.write_json("eval/test.json", {"accuracy": 0.98765})
    start(root)

    header, first, second = runs_table([run, *list_runs(root)[:1]]).splitlines()

    # The config monitors the accuracy, so it is the second epoch that was kept.
    assert header.split()[:4] == ["run", "status", "started", "seconds"]
    name, status, _, _, *numbers = first.split()
    assert (name, status) == ("tiny-1", "finished")
    assert numbers == ["13", "3", "0.6000", "80.00", "98.77"]
    assert second.split()[4:] == ["-"] * 5


def test_the_table_takes_the_lowest_loss_where_the_loss_decides(root):
    run = start(root, train="{monitor: loss}")
    for epoch, loss in [(1, 0.5), (2, 0.4), (3, 0.6)]:
        run.log(
            {"epoch": epoch, "split": "validation", "loss": loss, "accuracy": epoch / 9}
        )
    assert runs_table([run]).split()[-4:] == ["3", "0.4000", "22.22", "-"]


def test_the_table_fits_eighty_columns_whatever_the_names(root):
    runs = [start(root, name, status="interrupted") for name in ("a", "n" * 70)]
    table = runs_table(runs)
    assert max(map(len, table.splitlines())) <= 80
    assert "n" * 70 + "-1" in table


def test_runs_are_listed_without_tensorflow():
    code = "import sys, seqtrain.runs.run, seqtrain.tables.runs; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"tensorflow", "keras", "sklearn"} & set(done.stdout.split())


def test_json_files_are_readable_by_anything(root):
    run = start(root)
    run.write_json("labels.json", ["böse", "gut"])
    assert json.loads((run.path / "labels.json").read_bytes()) == run.labels


def test_a_run_says_what_its_batches_are_padded_to(root):
    assert start(root, buckets=[7, 30, 400]).buckets == [7, 30, 400]


@pytest.mark.parametrize(
    ("max_length", "expected"),
    [(400, [100, 142, 200, 283, 400]), (2, [1, 2]), (1, [1])],
)
def test_a_run_of_before_padded_by_max_length(root, max_length, expected):
    run = start(root)
    config = run.info["config"]
    config["data"] |= {"max_length": max_length, "length": 1, "distance": 0}
    (run.path / "config.resolved.yaml").write_text(dump(config))
    run.update(config=config)
    assert "buckets" not in run.info
    assert Run(run.path).buckets == expected


def test_what_the_config_says_of_padding_goes_first(root):
    run = start(root, buckets=[9, 400])
    config = run.info["config"]
    config["data"]["buckets"] = [50, 400]
    run.update(config=config)
    (run.path / "config.resolved.yaml").write_text(dump(config))
    assert Run(run.path).buckets == [50, 400]


def test_the_data_of_a_run_is_padded_as_in_its_training(root, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "cache"))
    run = start(root, buckets=[61, 400])
    data = run.load_data()
    assert data.buckets == [61, 400]
    assert load_data(run.config.data, seed=7).buckets == [60, 120, 240, 400]
    assert data.digest() == load_data(run.config.data, seed=7).digest()
