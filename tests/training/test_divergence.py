import keras
import numpy as np
import pytest
from tiny_training import CONSTANT, begin, start

from seqtrain.errors import DivergedError, RunError
from seqtrain.training.divergence import replay

pytestmark = pytest.mark.usefixtures("own_cache")


class Spoil(keras.callbacks.Callback):
    """Make the embedding of one token of a step's batch nan, before the step."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_begin(self, batch, logs=None):
        if int(self.model.optimizer.iterations) + 1 == self.step:
            embeddings = self.model.get_layer("embedding").embeddings
            values = embeddings.numpy()
            values[5] = np.nan
            embeddings.assign(values)
            self.weights = self.model.get_weights()
            self.drawn = [v.numpy() for v in self.model.non_trainable_variables]


@pytest.fixture(scope="module")
def diverged(tmp_path_factory):
    run = start(tmp_path_factory.mktemp("diverged"), *CONSTANT)
    spoil = Spoil(step=8)
    with pytest.raises(DivergedError) as caught:
        begin(run, spoil)
    return run, caught.value, spoil


def rows(text):
    """Weight → its cells in the table."""
    cells = [line.split() for line in text.splitlines()]
    return {row[0]: row[1:] for row in cells if len(row) > 1 and "/" in row[0]}


def test_it_names_step_and_batch(diverged):
    _, error, _ = diverged
    assert str(error).startswith(
        "epoch 2, step 8: loss nan, gradient norm nan in batch 3"
    )
    assert error.exit_code == 4


def test_it_names_the_largest_weights_and_gradients_by_layer(diverged):
    _, error, spoil = diverged
    table = rows(str(error))
    assert list(table) == [
        "embedding/embeddings",
        "rnn_1/kernel",
        "rnn_1/recurrent_kernel",
        "rnn_1/bias",
        "logits/kernel",
        "logits/bias",
    ]
    kernel = spoil.weights[1]
    assert table["rnn_1/kernel"][0] == f"{np.abs(kernel).max():.3g}"
    assert table["rnn_1/kernel"][1] == "nan"
    assert table["rnn_1/kernel"][2:] == ["12", "of", "12"]
    assert table["embedding/embeddings"][0] == "nan"


def test_the_model_is_kept_as_it_was_before_the_step(diverged):
    run, _, spoil = diverged
    with np.load(run.path / "divergence.npz") as kept:
        assert kept["step"] == 8
        arrays = [kept[f"variable_{index}"] for index in range(9)]
        weights = [array for array in arrays if array.dtype == np.float32]
        for found, weight in zip(weights, spoil.weights, strict=False):
            np.testing.assert_array_equal(found, weight)
        drawn = [array for array in arrays if array.dtype != np.float32]
        assert len(drawn) == 3
        for found, state in zip(drawn, spoil.drawn, strict=True):
            np.testing.assert_array_equal(found, state)  # of the dropout
        assert kept["batch_0"].shape[0] == kept["batch_1"].shape[0] == 20
        assert kept["batch_2"].dtype == np.float32  # the class weights


def test_the_replay_makes_the_same_step_again(diverged):
    run, error, _ = diverged
    said = replay(run)
    assert said.startswith("step 8: loss nan, gradient norm nan\n")
    assert rows(said.partition("\n\n")[0]) == rows(str(error))
    *_, first, _, _ = said.splitlines()
    assert first.startswith("  logit nan  ")
    assert "timesteps: " in first


def test_the_replay_draws_the_dropout_of_the_step(tmp_path):
    """A finite loss, of a gradient that overflows, tells one draw from another."""
    run = start(
        tmp_path, *CONSTANT, "train.class_weights={negative: 1e38, positive: 1}"
    )
    with pytest.raises(DivergedError) as caught:
        begin(run)
    said = replay(run)
    assert rows(said.partition("\n\n")[0]) == rows(str(caught.value))


def test_without_a_divergence_there_is_nothing_to_replay(tmp_path):
    run = start(tmp_path)
    with pytest.raises(RunError, match="no step diverged in this run"):
        replay(run)


def test_a_damaged_step_is_told(diverged, tmp_path):
    run, *_ = diverged
    path = run.path / "divergence.npz"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    try:
        with pytest.raises(RunError, match="divergence.npz is damaged"):
            replay(run)
    finally:
        path.write_bytes(content)
