import keras
import numpy as np
import pytest
import tiny_training
from summing import Summing
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from seqtrain.board.writer import TensorBoardWriter
from seqtrain.models.compile import compile_model
from seqtrain.tasks import load_data
from seqtrain.training.gradflow_log import GradflowLog

OVERRIDES = ("log.gradflow=4", "model.layers=[{cell: lstm, units: 3}]")
STEPS = [4, 8, 12, 16, 20]
LAYER = "gradient_flow/lstm_1"


def shown(run):
    """What TensorBoard has of the gradient's flow: steps and tensors by tag."""
    events = EventAccumulator(
        str(run.path / "tensorboard" / "train"), size_guidance={"tensors": 0}
    )
    events.Reload()
    return {
        tag: [(e.step, make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
        if tag.startswith("gradient_flow")
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory, own_cache):
    run = tiny_training.start(tmp_path_factory.mktemp("whole"), *OVERRIDES)
    tiny_training.begin(run)
    return shown(run)


def test_each_layer_has_its_curves_every_so_many_steps(whole):
    for name in ("reach_steps", "slope_decades_per_step", "memory_steps"):
        steps, values = zip(*whole[f"{LAYER}/{name}"], strict=True)
        assert list(steps) == STEPS
        assert np.isfinite(values).all()
    for gate in "ifo":
        assert len(whole[f"{LAYER}/gate_{gate}"]) == len(STEPS)
    assert f"{LAYER}/units_saturated_share" in whole


@pytest.mark.parametrize("picture", ["curves", "history"])
def test_the_curve_and_its_history_are_pictures_that_change(whole, picture):
    steps, images = zip(*whole[f"gradient_flow/{picture}"], strict=True)
    assert list(steps) == STEPS
    assert all(png.startswith(b"\x89PNG") for _, _, png in images)
    assert len({png for _, _, png in images}) == len(STEPS)


def test_a_layer_without_kernel_gates_or_memory_has_its_curves(tmp_path, own_cache):
    run = tiny_training.start(tmp_path, *OVERRIDES)
    data = load_data(run.config.data, seed=run.config.seed)
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(data.vocab), 3, mask_zero=True)(tokens)
    logits = keras.layers.Dense(1)(Summing(name="summing")(x))
    model = keras.Model(tokens, logits)
    compile_model(model, run.config, steps_per_epoch=1)
    writer = TensorBoardWriter(run.path)
    log = GradflowLog(writer, data, run.config, total=20)
    log.set_model(model)
    model.optimizer.iterations.assign(4)
    log.on_train_batch_end(0)
    writer.close()
    assert shown(run).keys() == {
        "gradient_flow/summing/reach_steps",
        "gradient_flow/summing/slope_decades_per_step",
        "gradient_flow/summing/nonfinite",
        "gradient_flow/curves",
        "gradient_flow/history",
    }


@pytest.mark.slow
def test_after_a_kill_it_goes_on_as_if_nothing_had_been(whole, tmp_path):
    run = tiny_training.start(tmp_path, *OVERRIDES)

    def stop():
        raise KeyboardInterrupt

    kill = tiny_training.At("on_train_batch_end", 14, stop)
    with pytest.raises(KeyboardInterrupt):
        tiny_training.begin(run, kill)
    tiny_training.go_on(run)

    resumed = shown(run)
    assert resumed.keys() == whole.keys()
    for tag, values in whole.items():
        steps, tensors = zip(*values, strict=True)
        assert [step for step, _ in resumed[tag]] == list(steps)
        for (_, found), expected in zip(resumed[tag], tensors, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_it_can_be_turned_on_in_a_run_that_began_without(tmp_path, own_cache):
    run = tiny_training.start(tmp_path)

    def stop():
        raise KeyboardInterrupt

    kill = tiny_training.At("on_train_batch_end", 7, stop)
    with pytest.raises(KeyboardInterrupt):
        tiny_training.begin(run, kill)
    tiny_training.go_on(run, "log.gradflow=5")
    steps = [step for step, _ in shown(run)["gradient_flow/rnn_1/reach_steps"]]
    assert steps == [10, 15, 20]
