import gc

import pytest
import tiny_training
from tiny_training import CONSTANT, At, begin, go_on, start

from seqtrain.errors import DivergedError
from seqtrain.runs.checkpoints import Checkpoints
from seqtrain.training.stateful import Stateful, collect_states, restore_states

pytestmark = pytest.mark.usefixtures("own_cache")


class Count(Stateful):
    """Keep the numbers of the steps that it has seen."""

    def __init__(self, key="count"):
        super().__init__()
        self.key, self.steps = key, []

    def state(self):
        return {"steps": self.steps}

    def restore(self, state):
        self.steps = [*state["steps"]]

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(int(self.model.optimizer.iterations))


def interrupt():
    raise KeyboardInterrupt


def last_state(run):
    return Checkpoints(run.path).last(pytest.fail).state


@pytest.fixture(scope="module")
def killed(tmp_path_factory, own_cache):
    """A run that was killed after step 8; its last checkpoint is that of step 6."""
    overrides = ("train.epochs=2", "train.keep=9", "log.gradflow=2")
    run = start(tmp_path_factory.mktemp("killed"), *overrides)
    with pytest.raises(KeyboardInterrupt):
        begin(run, Count(), At("on_train_batch_end", 8, interrupt))
    return run


@pytest.fixture(scope="module")
def resumed(killed):
    """The same run, gone on with to its end, and what was counted in it."""
    before, count = last_state(killed), Count()
    go_on(killed, callbacks=[count])
    return killed, before, count


def test_a_checkpoint_has_the_state_of_each_callback_beside_the_position(resumed):
    _, before, _ = resumed
    assert before.keys() == {
        "position",
        "log",
        "best",
        "flow",
        "count",
        "rollbacks",
        "seconds",
        "time",
    }
    assert before["count"] == {"steps": [1, 2, 3, 4, 5, 6]}


def test_a_callback_of_the_caller_goes_on_where_the_checkpoint_has_it(resumed):
    run, _, count = resumed
    assert count.steps == [*range(1, 11)]
    assert last_state(run)["count"] == {"steps": count.steps}


def test_the_history_of_the_gradient_goes_on_over_a_resume(resumed):
    run, before, _ = resumed
    [(name, earlier)] = before["flow"].items()
    assert [*earlier] == ["2", "4", "6"]
    history = last_state(run)["flow"][name]
    assert sorted(map(int, history)) == [2, 4, 6, 8, 10]
    assert {step: history[step] for step in earlier} == earlier


def test_a_callback_that_a_checkpoint_does_not_know_begins_anew():
    known, new = Count("known"), Count("new")
    restore_states([known, new], {"known": {"steps": [1]}, "of another": {}})
    assert (known.steps, new.steps) == ([1], [])


@pytest.mark.parametrize("key", ["count", "position"])
def test_a_key_that_is_taken_is_refused(key):
    with pytest.raises(ValueError, match=f"Count.key: '{key}' is taken"):
        collect_states([Count(), Count(key)])


def test_the_key_of_our_own_is_refused_before_the_first_step(tmp_path):
    run, count = start(tmp_path), Count("best")
    with pytest.raises(ValueError, match="'best' is taken"):
        begin(run, count)
    gc.collect()  # warns of a file that is still open
    assert run.status == "failed"
    assert count.steps == []


@pytest.mark.parametrize("checkpoint_every", [3, 100])
def test_a_rollback_takes_a_callback_of_the_caller_back(tmp_path, checkpoint_every):
    rollback = "train.on_divergence=rollback"
    every = f"train.checkpoint_every={checkpoint_every}"
    run, count = start(tmp_path, *CONSTANT, rollback, every, "train.epochs=1"), Count()

    def diverge():
        raise DivergedError("made up", step=5)

    begin(run, count, At("on_train_batch_end", 4, diverge))
    [info] = run.info["rollbacks"]
    assert info["to"] == (3 if checkpoint_every == 3 else 0)
    assert count.steps == [*range(1, tiny_training.STEPS + 1)]
    assert last_state(run)["count"] == count.state()
