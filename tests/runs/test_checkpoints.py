import json
import os
import shutil

import numpy as np
import pytest

from seqtrain.errors import ResumeError, WriteError
from seqtrain.runs import checkpoints as module
from seqtrain.runs import logs
from seqtrain.runs.checkpoints import Checkpoint, Checkpoints
from seqtrain.system.sealed import seal, unseal

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.array(7, np.int64),
    np.array([1, 2], np.uint32),
    np.array([np.pi, -0.0, 5e-324]),
]


@pytest.fixture
def run(tmp_path):
    (tmp_path / "tensorboard" / "train").mkdir(parents=True)
    (tmp_path / "tensorboard" / "train" / "events.1").write_bytes(b"event")
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    return tmp_path


def checkpoint(step, best=None, planned=True, **state):
    return Checkpoint(step, best, planned, ARRAYS, {"step": step, **state})


def save(run, *steps, keep=2, **options):
    for step in steps:
        Checkpoints(run).save(checkpoint(step, **options), keep=keep)


def steps(run):
    return sorted(int(path.name[5:]) for path in (run / "checkpoints").glob("step-*"))


def last(run, **options):
    said = []
    found = Checkpoints(run).last(said.append, **options)
    return found and found.step, said


def test_a_checkpoint_comes_back_bit_for_bit(run):
    save(run, 1200, best=600, planned=False, loss=0.1 + 0.2)
    found = Checkpoints(run).last(pytest.fail)
    assert found[:3] == (1200, 600, False)
    assert found.state == {"step": 1200, "loss": 0.1 + 0.2}
    for array, expected in zip(found.arrays, ARRAYS, strict=True):
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        assert array.tobytes() == expected.tobytes()


def test_its_files_are_those_of_the_design(run):
    save(run, 1200, best=1200)
    folder = run / "checkpoints"
    assert sorted(os.listdir(folder)) == ["best", "last", "step-00001200"]
    assert sorted(os.listdir(folder / "step-00001200")) == [
        "manifest.json",
        "state.json",
        "variables.npz",
    ]
    for pointer in ("last", "best"):
        assert (folder / pointer).read_text() == "step-00001200\n"
    manifest = json.loads((folder / "step-00001200" / "manifest.json").read_text())
    for name, facts in manifest["files"].items():
        assert (folder / "step-00001200" / name).stat().st_size == facts["bytes"]
        assert len(facts["sha256"]) == 64
    assert manifest["format"] == 2


def test_without_any_there_is_none(run):
    assert last(run) == (None, [])


def test_the_last_are_kept_and_the_best_of_each(run):
    save(run, 10, best=10)
    save(run, 20, 30, 40, best=10)
    assert steps(run) == [10, 30, 40]
    save(run, 50, best=50)
    assert steps(run) == [10, 40, 50]  # should 50 be damaged, 40 needs its best
    save(run, 60, best=50)
    assert steps(run) == [50, 60]
    save(run, 70, 80, 90, best=50, keep=1)
    assert steps(run) == [50, 90]


def test_of_those_that_are_not_planned_only_the_ones_at_the_end_stay(run):
    save(run, 10, 20)
    save(run, 23, 25, planned=False)
    assert steps(run) == [10, 20, 23, 25]
    assert last(run)[0] == 25
    assert last(run, planned=True)[0] == 20
    save(run, 30)
    assert steps(run) == [20, 30]


def test_those_of_later_steps_go_when_a_run_went_back(run):
    save(run, 10, 20, 30)
    Checkpoints(run).save(checkpoint(25), keep=2)
    assert steps(run) == [20, 25]


def test_one_of_the_same_step_is_replaced(run):
    save(run, 10, loss=1)
    save(run, 10, loss=2)
    assert Checkpoints(run).last(pytest.fail).state["loss"] == 2


def damage_by_truncation(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def damage_by_emptying(path):
    path.write_bytes(b"")


def damage_by_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["manifest.json", "state.json", "variables.npz"])
@pytest.mark.parametrize(
    "damage", [damage_by_truncation, damage_by_a_bit, damage_by_emptying, os.unlink]
)
def test_a_damaged_one_is_named_and_the_one_before_it_is_used(run, file, damage):
    save(run, 10, 20)
    damage(run / "checkpoints" / "step-00000020" / file)
    step, [said] = last(run)
    assert step == 10
    assert said.startswith(f"{run}/checkpoints/step-00000020 is damaged (")
    assert "the one before it is used" in said


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"format": 2}', "null", '{"files": 1}']
)
def test_a_manifest_of_another_shape_is_damaged(run, content):
    save(run, 10, 20)
    (run / "checkpoints" / "step-00000020" / "manifest.json").write_text(content)
    assert last(run)[0] == 10


def test_a_later_format_is_told(run):
    save(run, 10, 20)
    path = run / "checkpoints" / "step-00000020" / "manifest.json"
    later = seal({**unseal(path.read_bytes()), "format": 3})
    path.write_bytes(later)
    assert "its format is 3, 2 is needed" in last(run)[1][0]


def test_one_whose_logs_are_shorter_than_they_were_is_damaged(run):
    save(run, 10)
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"step": 2}\n')
    save(run, 20)
    os.truncate(run / "metrics.jsonl", 15)
    step, [said] = last(run)
    assert step == 10
    assert "metrics.jsonl has 15 bytes, it had 24" in said


def append(path, content):
    with open(path, "a") as file:
        file.write(content)


def replace_in(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def test_a_change_in_a_log_is_named_and_made_good_by_the_one_before_it(run):
    save(run, 10)
    append(run / "metrics.jsonl", '{"step": 2}\n')
    save(run, 20)
    replace_in(run / "metrics.jsonl", b"2}", b"3}")
    step, [said] = last(run)
    assert step == 10
    assert "metrics.jsonl was changed in its first 24 bytes" in said
    assert "step-00000020 is damaged" in said and "the one before it is used" in said


@pytest.mark.parametrize("log", ["metrics.jsonl", "tensorboard/train/events.1"])
def test_a_change_that_is_older_than_all_is_named_and_the_last_is_used(run, log):
    save(run, 10, 20)
    damage_by_a_bit(run / log)
    step, [said] = last(run)
    assert step == 20
    assert said.startswith(f"warning: {run / log} was changed in its first ")
    assert "goes on from step 20" in said
    os.truncate(run / log, 3)
    step, [said] = last(run)
    assert step == 20
    assert f"{log} has 3 bytes, it had " in said
    Checkpoints(run).rewind(Checkpoints(run).last(lambda _: None))
    assert (run / log).stat().st_size == 3  # nothing is made up


def test_a_change_in_what_was_said_is_named(run):
    append(run / "train.log", "epoch 1\n")
    save(run, 10)
    append(run / "train.log", "epoch 2\n")
    save(run, 20)
    replace_in(run / "train.log", b"epoch 2", b"epoch 3")
    step, [said] = last(run)
    assert step == 20
    assert said == f"warning: {run / 'train.log'} was changed in its first 16 bytes"


def test_logs_that_grow_are_hashed_as_they_are(run):
    """What was hashed before is not read again, and the sum is that of all of it."""
    checkpoints = Checkpoints(run)
    for step in (10, 20, 30):
        append(run / "metrics.jsonl", f'{{"step": {step}}}\n')
        checkpoints.save(checkpoint(step), keep=3)
    checkpoints.rewind(checkpoint(20))
    append(run / "metrics.jsonl", '{"step": 25}\n')
    checkpoints.save(checkpoint(25), keep=3)
    assert last(run) == (25, [])


def test_a_log_too_long_to_hash_has_its_size_alone(run, monkeypatch):
    monkeypatch.setattr(logs, "MOST_HASHED", 3)
    save(run, 10)
    assert last(run) == (10, [])
    os.truncate(run / "metrics.jsonl", 2)
    assert "has 2 bytes, it had 12" in last(run)[1][0]


def test_a_change_since_the_last_checkpoint_is_seen_without_resuming(run):
    assert Checkpoints(run).change_in_metrics() is None
    save(run, 10)
    append(run / "metrics.jsonl", '{"step": 2}\n')
    assert Checkpoints(run).change_in_metrics() is None
    replace_in(run / "metrics.jsonl", b"1}", b"7}")
    assert "was changed in its first 12 bytes" in Checkpoints(run).change_in_metrics()
    Checkpoints(run).rewind(None)
    assert Checkpoints(run).change_in_metrics() is None


def test_a_checkpoint_of_before_seals_opens(run):
    save(run, 10)
    path = run / "checkpoints/step-00000010/manifest.json"
    content = unseal(path.read_bytes())
    sizes = {name: log["bytes"] for name, log in content.pop("logs").items()}
    path.write_text(json.dumps({"format": 1, **content, "grown": sizes}))
    assert last(run) == (10, [])
    os.truncate(run / "metrics.jsonl", 5)
    assert "has 5 bytes, it had 12" in last(run)[1][0]


def test_when_all_are_damaged_nothing_is_guessed(run):
    save(run, 10, 20)
    for step in (10, 20):
        damage_by_a_bit(run / "checkpoints" / f"step-{step:08}" / "variables.npz")
    with pytest.raises(ResumeError, match="no checkpoint is whole") as caught:
        last(run)
    assert caught.value.exit_code == 5
    assert "step 0" in caught.value.hint


def test_the_best_is_read_by_its_step_or_missed(run):
    save(run, 10)
    assert Checkpoints(run).read(10).state == {"step": 10}
    with pytest.raises(ResumeError, match="step-00000020 is damaged"):
        Checkpoints(run).read(20)


def test_rewinding_cuts_what_came_later(run):
    save(run, 10)
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"step": 11}\n{"st')
    (run / "tensorboard" / "train" / "events.2").write_bytes(b"later")
    with open(run / "tensorboard" / "train" / "events.1", "ab") as file:
        file.write(b"later")

    Checkpoints(run).rewind(Checkpoints(run).last(pytest.fail))

    assert (run / "metrics.jsonl").read_text() == '{"step": 1}\n'
    assert os.listdir(run / "tensorboard" / "train") == ["events.1"]
    assert (run / "tensorboard" / "train" / "events.1").read_bytes() == b"event"


def test_rewinding_to_step_0_leaves_no_log(run):
    save(run, 10)
    Checkpoints(run).rewind(None)
    assert not (run / "metrics.jsonl").exists()
    assert not list((run / "tensorboard").rglob("events*"))


def test_a_write_that_fails_leaves_the_older_ones(run, monkeypatch):
    save(run, 10)
    calls = []

    def full(path, content):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(module, "write", full)
    with pytest.raises(WriteError, match="step-00000020: can't be written, No space"):
        save(run, 20)
    assert sorted(os.listdir(run / "checkpoints")) == ["last", "step-00000010"]
    assert last(run)[0] == 10


def test_what_a_killed_write_left_is_no_checkpoint_and_goes(run):
    save(run, 10)
    half = run / "checkpoints" / ".step-00000020"
    shutil.copytree(run / "checkpoints" / "step-00000010", half)
    assert last(run) == (10, [])
    save(run, 20)
    assert not half.exists()


def test_a_state_that_json_cannot_hold_is_refused(run):
    with pytest.raises(ValueError, match="JSON"):
        save(run, 10, loss=float("nan"))
    assert steps(run) == []


def test_arrays_of_objects_are_never_read(run):
    """They would be pickled, and a pickle can run code."""
    save(run, 10)
    path = run / "checkpoints" / "step-00000010"
    np.savez(path / "variables.npz", np.array([print], object))
    content = (path / "variables.npz").read_bytes()
    manifest = unseal((path / "manifest.json").read_bytes())
    digest = module.hashlib.sha256(content).hexdigest()
    manifest["files"]["variables.npz"] = {"bytes": len(content), "sha256": digest}
    (path / "manifest.json").write_bytes(seal(manifest))
    said = []
    with pytest.raises(ResumeError, match="no checkpoint is whole"):
        Checkpoints(run).last(said.append)
    assert "an array of objects" in said[0]
