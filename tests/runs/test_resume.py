import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from tiny_training import CONSTANT, STEPS, At, begin, go_on, start

from seqtrain.analysis.verify import fingerprint
from seqtrain.errors import ConfigError, DivergedError, ResumeError, RunError
from seqtrain.runs.checkpoints import Checkpoints
from seqtrain.runs.resume import find_way, load_data_of
from seqtrain.runs.run import Run
from seqtrain.tasks import load_data
from seqtrain.training.train import train

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that was never stopped."""
    run = start(tmp_path_factory.mktemp("finished"))
    begin(run)
    return run


class Broken(Exception):
    """Ends a training as a bug would: nothing is saved."""


def fail():
    raise Broken


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_run_can_be_compared_with_itself_and_differs_from_others(finished, tmp_path):
    again = start(tmp_path)
    begin(again)
    expected = fingerprint(finished)
    assert fingerprint(again) == expected
    other = start(tmp_path, "seed=1")
    begin(other)
    found = fingerprint(other)
    assert {key for key in expected if found[key] == expected[key]} <= {
        "vocabulary.txt"
    }


@pytest.mark.parametrize(
    ("hook", "number", "step"),
    [
        pytest.param("on_train_begin", 1, 0, marks=pytest.mark.slow),
        # Just before the first checkpoint is saved.
        pytest.param("on_train_batch_end", 3, 0, marks=pytest.mark.slow),
        pytest.param("on_train_batch_end", 4, 3, marks=pytest.mark.slow),
        ("on_test_begin", 1, 3),  # the epoch is not judged yet
        ("on_epoch_end", 1, 3),  # the best model is saved, its checkpoint is not
        pytest.param("on_epoch_begin", 2, STEPS, marks=pytest.mark.slow),
        pytest.param("on_test_begin", 3, 2 * STEPS + 2, marks=pytest.mark.slow),
        pytest.param("on_train_end", 1, 4 * STEPS, marks=pytest.mark.slow),
    ],
)
def test_wherever_a_run_breaks_off_it_ends_as_if_it_had_not(
    finished, tmp_path, hook, number, step
):
    run = start(tmp_path)
    with pytest.raises(Broken):
        begin(run, At(hook, number, fail))
    assert run.info["status"] == "failed"
    last = Checkpoints(run.path).last(pytest.fail)
    assert (last.step if last else 0) == step
    go_on(run)
    assert fingerprint(run) == fingerprint(finished)
    assert [session["step"] for session in run.info["resumed"]] == [step]


@pytest.mark.parametrize(
    ("hook", "number", "step", "send", "error"),
    [
        ("on_train_batch_begin", 2, 2, interrupt, KeyboardInterrupt()),
        *(
            pytest.param(*arguments, marks=pytest.mark.slow)
            for arguments in [
                ("on_test_begin", 2, 2 * STEPS, terminate, SystemExit(143)),
                ("on_epoch_end", 1, STEPS, interrupt, KeyboardInterrupt()),
            ]
        ),
    ],
)
def test_a_signal_lets_the_step_end_and_saves_it(
    finished, tmp_path, hook, number, step, send, error
):
    run = start(tmp_path)
    with pytest.raises(type(error)) as caught:
        begin(run, At(hook, number, send))
    assert caught.value.args == error.args
    assert run.info["status"] == "interrupted"
    assert Checkpoints(run.path).last(pytest.fail).step == step
    go_on(run)
    assert fingerprint(run) == fingerprint(finished)


def test_a_second_signal_acts_at_once(tmp_path):
    run = start(tmp_path)

    def twice():
        interrupt()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        begin(run, At("on_train_batch_begin", 2, twice))
    assert run.info["status"] == "interrupted"
    assert Checkpoints(run.path).last(pytest.fail) is None  # the step was not made


def test_signals_are_given_back(tmp_path):
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    begin(start(tmp_path, "train.epochs=1"))
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.slow
def test_a_run_that_is_interrupted_again_and_again_comes_to_its_end(finished, tmp_path):
    run = start(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        begin(run, At("on_train_batch_begin", 1, interrupt))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            go_on(run, callbacks=[At("on_train_batch_begin", 1, interrupt)])
    go_on(run)
    assert fingerprint(run) == fingerprint(finished)
    assert [session["step"] for session in run.info["resumed"]] == [1, 2, 3]


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(finished, tmp_path):
    run = start(tmp_path)
    with pytest.raises(Broken):
        begin(run, At("on_epoch_begin", 3, fail))
    *_, last = sorted((run.path / "checkpoints").glob("step-*"))
    (last / "variables.npz").write_bytes(b"")
    said = []
    go_on(run, say=said.append)
    assert str(last) in said[0]
    assert fingerprint(run) == fingerprint(finished)


@pytest.mark.slow
def test_a_best_model_that_is_lost_is_made_again_from_its_checkpoint(
    finished, tmp_path
):
    run = start(tmp_path)
    with pytest.raises(Broken):
        begin(run, At("on_epoch_begin", 3, fail))
    run.model_path.write_bytes(b"")
    go_on(run)
    assert fingerprint(run) == fingerprint(finished)


def results(run):
    """The fingerprint without the config, which TensorBoard shows as it began."""
    found = fingerprint(run)
    del found["TensorBoard"]
    return found


def test_a_finished_run_goes_on_with_more_epochs_as_if_it_had_had_them(tmp_path):
    long = start(tmp_path, *CONSTANT)
    begin(long)
    run = start(tmp_path, *CONSTANT, "train.epochs=2")
    begin(run)
    history = go_on(run, "train.epochs=4")
    assert len(history["val_loss"]) == 4
    assert results(run) == results(long)
    assert run.config == long.config
    assert run.info["resumed"][0]["changed"] == {"train.epochs": [2, 4]}


@pytest.mark.slow
def test_a_patience_that_is_raised_goes_on_as_if_it_had_been_so(tmp_path):
    flat = ("train.learning_rate=1e-30", "train.epochs=6")
    long = start(tmp_path, *flat, "train.patience=3")
    begin(long)
    run = start(tmp_path, *flat, "train.patience=1")
    begin(run)
    assert Checkpoints(run.path).last(pytest.fail).state["position"]["epoch"] == 2
    go_on(run, "train.patience=3")
    assert results(run) == results(long)
    assert Checkpoints(run.path).last(pytest.fail).state["position"]["epoch"] == 4


def refusal(run, *overrides):
    with pytest.raises(ResumeError) as caught:
        find_way(run, overrides, say=lambda _: None)
    assert caught.value.exit_code == 5
    return f"{caught.value}\n{caught.value.hint}"


def test_a_finished_run_says_what_to_raise(finished, tmp_path):
    said = refusal(finished)
    assert "is finished: all of its 4 epochs are done" in said
    assert "cosine schedule ends with the last epoch; begin a new run with its" in said
    assert f"--from {finished.path}" in said

    run = start(tmp_path, *CONSTANT, "train.epochs=1")
    begin(run)
    assert "raise train.epochs" in refusal(run)

    flat = start(tmp_path, "train.learning_rate=1e-30", "train.patience=1")
    begin(flat)
    said = refusal(flat)
    assert "1 epochs brought nothing better" in said
    assert "raise train.patience above 1" in said


def test_every_key_that_differs_is_shown_with_both_values(finished):
    said = refusal(
        finished,
        "train.learning_rate=0.5",
        "model.layers.0.units=7",
        "train.epochs=9",
        "log.every=1",
        "train.keep=5",
    )
    rows = [line.split() for line in said.splitlines()]
    assert ["train.learning_rate", "0.001", "0.5"] in rows
    assert ["model.layers[0].units", "3", "7"] in rows
    assert ["train.epochs", "4", "9"] in rows  # the schedule depends on them
    assert not any(row[0] in ("log.every", "train.keep") for row in rows)  # these may
    assert "these may change: train.patience, " in said
    assert "train.epochs not under schedule: cosine" in said


def test_what_may_change_is_taken_over(tmp_path):
    run = start(tmp_path)
    with pytest.raises(Broken):
        begin(run, At("on_epoch_begin", 2, fail))
    changes = {
        "train.patience": 3,
        "train.checkpoint_every": 4,
        "train.keep": 1,
        "train.on_divergence": "rollback",
        "log.every": 5,
        "log.samples": 0,
        "log.histograms": 3,
    }
    overrides = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    way = find_way(run, overrides, say=pytest.fail)
    assert {key: now for key, (_, now) in way.changed.items()} == changes | {
        "train.rollbacks": 3,
        "train.rollback_factor": 0.5,
    }
    go_on(run, *overrides)
    assert run.config == way.config


@pytest.mark.slow
def test_a_run_that_is_older_than_a_key_goes_on(tmp_path):
    run = start(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        begin(run, At("on_train_batch_begin", 4, interrupt))
    config = run.info["config"]
    del config["log"]["gradflow"], config["model"]["layers"][0]["residual"]
    del config["data"]["task"]
    run.update(config=config)
    go_on(run)
    assert run.status == "finished"


def test_an_edited_config_is_seen(finished, tmp_path):
    run = start(tmp_path)
    path = run.path / "config.resolved.yaml"
    path.write_text(path.read_text().replace("batch_size: 20", "batch_size: 10"))
    with pytest.raises(RunError, match="train.batch_size is 10, it was 20"):
        find_way(Run(run.path), say=pytest.fail)
    run = start(tmp_path)
    with open(run.path / "config.yaml", "a") as file:
        file.write("seed: 1\n")
    assert "config.yaml was changed after the run began" in refusal(run)


def test_kills_while_files_are_written_lose_nothing_and_leave_nothing(
    tmp_path, monkeypatch
):
    run = start(tmp_path, *CONSTANT, "train.epochs=1")
    begin(run)

    def killed(*_):
        raise Broken

    way = find_way(run, ["train.epochs=2"], say=pytest.fail)
    with monkeypatch.context() as patch, pytest.raises(Broken):
        patch.setattr(Run, "_write_resolved", killed)
        run.go_on(way.config, "", step=way.step, seconds=1.0, changed=way.changed)
    assert run.info["config"]["train"]["epochs"] == 2
    assert Run(run.path).config.train.epochs == 1  # as if it had not been resumed
    left = [
        ".0123abcd-run.json",
        "eval/.0123abcd-test.json",
        "checkpoints/.0123abcd-last",
        "checkpoints/.step-00000009/variables.npz",
        "tensorboard/train/.0123abcd-tokens.tsv",
    ]
    kept = [".hidden", "eval/.0123abc-no.json"]
    for name in (*left, *kept):
        (run.path / name).parent.mkdir(exist_ok=True)
        (run.path / name).write_text("half")

    go_on(run, "train.epochs=2")

    assert Run(run.path).config.train.epochs == 2
    found = {str(each.relative_to(run.path)) for each in run.path.rglob(".*")}
    assert found == set(kept)


def test_a_config_that_was_cut_off_is_refused(tmp_path):
    run = start(tmp_path)
    path = run.path / "config.resolved.yaml"
    path.write_text(path.read_text().partition("  histograms:")[0])
    with pytest.raises(RunError, match="config.resolved.yaml is damaged"):
        find_way(Run(run.path), say=print)


def test_class_weights_of_other_labels_are_found_before_a_run_goes_on(tmp_path):
    (tmp_path / "data.csv").write_text("text,label\n" + "good,a\nbad,b\n" * 20)
    source = f"data={{source: files, train: {tmp_path}/data.csv, max_length: 8}}"
    weights = "train.class_weights={pos: 2.0, neg: 1.0}"
    run = start(tmp_path, source, weights)  # and killed at once
    with pytest.raises(ConfigError, match="train.class_weights: found neg, pos"):
        find_way(run, say=print)


def files_run(tmp_path):
    rows = "".join(f"word{i % 3} {i},{'ab'[i % 2]}\n" for i in range(40))
    (tmp_path / "data.csv").write_text(f"text,label\n{rows}")
    source = f"{{source: files, train: {tmp_path}/data.csv, max_length: 8}}"
    run = start(tmp_path, f"data={source}")
    with pytest.raises(Broken):
        begin(run, At("on_epoch_begin", 2, fail))
    return run


def test_changed_data_is_refused(tmp_path):
    run = files_run(tmp_path)
    with open(tmp_path / "data.csv", "a") as file:
        file.write("more,a\n")
    said = refusal(run)
    assert f"{tmp_path}/data.csv: its sha256 is " in said
    assert "the run began with" in said


def test_data_that_only_moved_is_accepted(tmp_path):
    run = files_run(tmp_path)
    os.rename(tmp_path / "data.csv", tmp_path / "moved.csv")
    way = find_way(run, [f"data.train={tmp_path}/moved.csv"], say=pytest.fail)
    assert way.step > 0


def test_examples_that_differ_though_the_files_do_not_are_refused(tmp_path):
    run = start(tmp_path)
    with pytest.raises(Broken):
        begin(run, At("on_epoch_begin", 2, fail))
    run.update(data_digest="0" * 64)
    assert "the same files give other examples" in refusal(run)


def variable_run(tmp_path):
    """A run on texts of two or six words, which leaves the buckets to the data."""
    rows = "".join(
        f"{'word ' * (2 + i // 2 % 2 * 4)},{'ab'[i % 2]}\n" for i in range(40)
    )
    (tmp_path / "data.csv").write_text(f"text,label\n{rows}")
    source = f"{{source: files, train: {tmp_path}/data.csv, max_length: 20}}"
    return start(tmp_path, f"data={source}", "data.buckets=null")


OF_THE_DATA = [2, 6, 12, 20]


def stopped(run):
    with pytest.raises(Broken):
        begin(run, At("on_epoch_begin", 2, fail))
    return run


@pytest.mark.slow
def test_a_run_keeps_the_lengths_that_it_padded_to(tmp_path):
    run = stopped(variable_run(tmp_path))
    assert run.info["buckets"] == OF_THE_DATA
    run.update(buckets=[3, 20])  # as another version would have chosen
    way = find_way(run, say=pytest.fail)
    assert way.step > 0
    assert way.data.buckets == [3, 20]
    go_on(run)
    assert run.info["buckets"] == [3, 20]


def test_a_run_of_before_goes_on_with_the_lengths_that_it_padded_to(tmp_path):
    run = stopped(variable_run(tmp_path))
    info = run.info
    del info["buckets"]
    run.write_json("run.json", info)
    # 20 / 2^(i/2), rounded up
    assert find_way(run, say=pytest.fail).data.buckets == [5, 8, 10, 15, 20]


def test_a_run_that_was_killed_before_it_knew_its_data_pads_as_a_new_one(tmp_path):
    run = variable_run(tmp_path)
    assert "data_digest" not in run.info
    way = find_way(run, say=pytest.fail)
    assert way.step == 0
    assert way.data.buckets == OF_THE_DATA
    go_on(run)
    assert run.info["buckets"] == OF_THE_DATA


def test_other_versions_are_told(tmp_path):
    run = start(tmp_path)
    run.update(versions=run.info["versions"] | {"numpy": "1.0"})
    said = []
    find_way(run, say=said.append)
    [line] = said
    assert line.startswith("warning: numpy was 1.0 and is ")


def test_another_machine_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_use_thunk_runtime=false")
    monkeypatch.setenv("TF_TOKEN_example", "secret")
    run = start(tmp_path)
    assert "secret" not in json.dumps(run.info)
    made = run.info["arithmetic"]
    run.update(arithmetic=made | {"usable_cpus": 999, "instructions": "\x1b[31m"})
    monkeypatch.delenv("XLA_FLAGS")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    said = []
    find_way(run, say=said.append)
    starts = [
        line.partition(": the result may differ in its last digits")[0] for line in said
    ]
    cpus = made["usable_cpus"]
    assert sorted(starts) == [
        "warning: OMP_NUM_THREADS was - and is 1",
        "warning: XLA_FLAGS was --xla_cpu_use_thunk_runtime=false and is -",
        rf"warning: instructions was \x1b[31m and is {made['instructions']}",
        f"warning: usable_cpus was 999 and is {cpus}",
    ]
    info = run.info
    del info["arithmetic"]  # as in a run of before
    run.write_json("run.json", info)
    said.clear()
    find_way(run, say=said.append)
    assert said == []


def test_a_run_without_what_it_takes_is_refused(tmp_path):
    run = start(tmp_path)
    info = run.info
    del info["config"]
    run.write_json("run.json", info)
    assert "saved no checkpoints" in refusal(run)
    run = start(tmp_path)
    run.update(**{"from": "runs/a-1"})
    run.vocabulary_path.write_text("\n[unk]\n")
    assert "step 0 is not where it began" in refusal(run)
    run = start(tmp_path)
    run.update(status="finished")
    assert "its checkpoints are gone" in refusal(run)


def test_only_one_process_trains_a_run_and_a_dead_one_holds_no_lock(tmp_path):
    run = start(tmp_path)
    script = """if True:
        import pathlib, sys, time
        from seqtrain.runs.run import Run
        with Run(pathlib.Path(sys.argv[1])).locked():
            print("locked", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", script, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "locked\n"
        assert run.status == "running"
        with pytest.raises(ResumeError, match=f"trained by process {other.pid}"):
            with run.locked():
                pass
        with pytest.raises(ResumeError, match="is being trained by process"):
            begin(run)
        assert run.info["status"] == "running"  # that of the other is left alone
        other.kill()
    assert run.status == "killed"
    with run.locked():
        assert run.status == "running"
        with run.locked():  # by ourselves
            pass
        assert run.status == "running"


class Poison(keras.callbacks.Callback):
    """The loss of a step is not finite as long as the learning rate is too high."""

    def __init__(self, step, rate):
        super().__init__()
        self.step, self.rate = step, rate

    def on_train_batch_begin(self, batch, logs=None):
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if int(optimizer.iterations) + 1 == self.step and rate > self.rate:
            bias = self.model.get_layer("logits").bias
            bias.assign(bias * np.nan)


ROLLBACK = ("train.on_divergence=rollback", "train.learning_rate=0.01")


@pytest.mark.parametrize(
    "schedule", [pytest.param("constant", marks=pytest.mark.slow), "cosine"]
)
def test_a_rollback_goes_back_with_a_smaller_rate_and_is_recorded(tmp_path, schedule):
    overrides = (*ROLLBACK, *CONSTANT, f"train.schedule={schedule}")
    run = start(tmp_path, *overrides, "train.rollback_factor=0.25")
    rate = 0.01 * (1 if schedule == "constant" else 0.5)
    poison = Poison(step=12, rate=rate * 0.1)
    begin(run, poison)
    assert run.info["status"] == "finished"
    rollbacks = run.info["rollbacks"]
    assert [(r["from"], r["factor"]) for r in rollbacks] == [(12, 0.25)] * 2
    to = rollbacks[0]["to"]
    assert 9 <= to < 12
    lines = [line for line in run.metrics() if line["split"] == "train"]
    steps = [line["step"] for line in lines]
    assert steps == sorted(set(steps))  # what was undone is not logged
    for line in lines:
        expected = 0.01 if line["step"] <= to else 0.01 * 0.25**2
        if schedule == "cosine":
            expected *= (1 + np.cos(np.pi * (line["step"] - 1) / 20)) / 2
        assert line["learning_rate"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_rollbacks_end_in_divergence_when_there_are_too_many(tmp_path):
    run = start(tmp_path, *ROLLBACK, *CONSTANT, "train.rollbacks=2")
    with pytest.raises(DivergedError, match="epoch 2, step 7: loss nan"):
        begin(run, Poison(step=7, rate=0))
    assert run.info["status"] == "diverged"
    assert len(run.info["rollbacks"]) == 2
    assert Checkpoints(run.path).last(pytest.fail).step == 6


@pytest.mark.slow
def test_a_rollback_and_an_interruption_do_not_get_in_each_others_way(tmp_path):
    runs = [start(tmp_path, *ROLLBACK, *CONSTANT) for _ in range(2)]
    poison = Poison(step=12, rate=0.005)
    begin(runs[0], poison)
    with pytest.raises(KeyboardInterrupt):  # at a step that has no planned checkpoint
        begin(runs[1], At("on_train_batch_begin", 11, interrupt), poison)
    assert Checkpoints(runs[1].path).last(pytest.fail).step == 11
    go_on(runs[1], callbacks=[poison])
    assert fingerprint(runs[1]) == fingerprint(runs[0])


@pytest.mark.slow
def test_a_run_that_diverged_goes_on_only_with_a_way_out(tmp_path):
    run = start(tmp_path, *CONSTANT, "train.learning_rate=0.01")
    poison = Poison(step=12, rate=0.005)
    with pytest.raises(DivergedError):
        begin(run, poison)
    said = refusal(run)
    assert "diverged, and would again" in said
    assert "train.on_divergence=rollback" in said
    go_on(run, "train.on_divergence=rollback", callbacks=[poison])
    assert run.info["status"] == "finished"
    other = start(tmp_path, *ROLLBACK, *CONSTANT)
    begin(other, poison)
    assert results(run) == results(other)


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    class Explode(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 6:
                bias = self.model.get_layer("logits").bias
                bias.assign(bias + np.inf)

    run = start(tmp_path)
    with pytest.raises(DivergedError, match="epoch 2, step 6: logits/bias"):
        begin(run, Explode())
    last = Checkpoints(run.path).last(pytest.fail)
    assert last.step == STEPS
    assert all(np.isfinite(array).all() for array in last.arrays)


def test_a_new_run_begins_with_the_weights_of_another(finished, tmp_path):
    run = start(tmp_path, "seed=7", "data.examples=60", "train.learning_rate=1e-30")
    data = load_data_of(run.config, finished)
    assert data.vocab.tokens == load_data(finished.config.data, seed=0).vocab.tokens
    train(run.config, data, run, weights_from=finished)

    theirs = keras.saving.load_model(finished.model_path).get_weights()
    ours = keras.saving.load_model(run.model_path).get_weights()
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert run.metrics()[0]["step"] == 2  # its own steps


@pytest.mark.slow
def test_such_a_run_resumes_with_that_vocabulary(finished, tmp_path):
    runs = [start(tmp_path, "seed=7") for _ in range(2)]
    for run in runs:
        run.update(**{"from": str(finished.path)})
    data = load_data_of(runs[0].config, finished)
    train(runs[0].config, data, runs[0], weights_from=finished)
    with pytest.raises(Broken):
        train(
            runs[1].config,
            data,
            runs[1],
            weights_from=finished,
            callbacks=[At("on_train_batch_end", 2, fail)],
        )
    go_on(runs[1])
    assert fingerprint(runs[1]) == fingerprint(runs[0])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.layers.0.units=9", r"model.layers\[0\].units +3 +9"),
        ("model.pooling=mean", "model.pooling +last +mean"),
        ("data.standardize.lowercase=false", "data.standardize.lowercase +True +False"),
    ],
)
def test_weights_of_another_model_are_refused(finished, tmp_path, override, said):
    run = start(tmp_path, override)
    with pytest.raises(ConfigError, match=said):
        load_data_of(run.config, finished)


def test_what_shapes_no_weight_may_differ_from_the_run_it_begins_with(
    finished, tmp_path
):
    run = start(
        tmp_path, "model.dropout=0.5", "model.layers.0.kernel_initializer=glorot"
    )
    assert load_data_of(run.config, finished).labels == finished.labels


def test_other_labels_are_refused(finished, tmp_path):
    (tmp_path / "data.csv").write_text("text,label\na,x\nb,y\nc,x\nd,y\n")
    source = f"{{source: files, train: {tmp_path}/data.csv, max_length: 8}}"
    run = start(tmp_path, f"data={source}")
    with pytest.raises(ConfigError, match="knows the labels negative, positive"):
        load_data_of(run.config, finished)
