import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_training
from summing import Summing

from seqtrain.analysis.gradflow import (
    gradflow,
    gradflow_of_config,
    gradflow_of_run,
    result,
)
from seqtrain.analysis.gradflow.measure import longest_batches
from seqtrain.analysis.predict import load_best
from seqtrain.config import Config
from seqtrain.data.batches import dataset
from seqtrain.errors import RunError
from seqtrain.models.build import build_model
from seqtrain.models.compile import compile_model
from seqtrain.system.sealed import unseal
from seqtrain.tables.gradflow import format_gradflow
from seqtrain.tasks import load_data


@pytest.fixture(scope="module")
def trained(tmp_path_factory, own_cache):
    run = tiny_training.start(
        tmp_path_factory.mktemp("gradflow"), "train.epochs=1", "log.gradflow=2"
    )
    tiny_training.begin(run)
    return run


def test_a_run_is_measured_and_keeps_what_comes_out(trained):
    measured = gradflow_of_run(trained, batches=2)

    assert unseal((trained.path / "gradflow.json").read_bytes()) == measured
    [layer] = measured["layers"]
    assert layer["name"] == "rnn_1"
    assert layer["lags"] == list(range(len(layer["norms"])))
    assert len(layer["lags"]) == 8
    assert 0 <= layer["saturated_share"] <= 1
    assert {"slope_decades_per_step", "half_life_steps", "reach_steps"} <= layer.keys()
    assert measured["verdict"].startswith("rnn_1: 8 tokens are too few")
    assert measured["examples"] == 40
    assert measured["gradient_norm"] > 0
    assert 0 <= measured["clipped_share"] <= 1
    assert measured["update_ratio"] > 0


def test_the_gradient_norm_is_that_of_all_weights_before_clipping(trained):
    config = trained.config
    data = load_data(config.data, seed=config.seed)
    [inputs, labels] = next(
        iter(dataset(data.train, longest_batches(data, config)[:1]))
    )
    model = load_best(trained)
    compile_model(model, config, steps_per_epoch=1)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, labels, model(inputs))
    gradients = tape.gradient(loss, model.trainable_variables)
    norm = tf.linalg.global_norm([tf.convert_to_tensor(each) for each in gradients])

    measured = gradflow(load_best(trained), config, data, batches=1)

    assert measured["gradient_norm"] == pytest.approx(float(norm), rel=1e-5)


def test_a_config_is_measured_as_its_training_begins(trained):
    data = load_data(trained.config.data, seed=trained.config.seed)
    arguments = ("tiny", trained.config, data)
    first, again = (gradflow_of_config(*arguments, batches=1) for _ in range(2))
    assert first == again
    assert first["name"] == "tiny"


def test_a_run_without_a_model_cannot_be_measured(tmp_path, own_cache):
    run = tiny_training.start(tmp_path)
    with pytest.raises(RunError, match="no model.keras"):
        gradflow_of_run(run, batches=1)


def test_batches_may_come_with_weights(trained, monkeypatch):
    config = trained.config
    data = load_data(config.data, seed=config.seed)
    model = load_best(trained)
    plain = gradflow(model, config, data, batches=1)
    weights = np.ones(len(data.labels))
    monkeypatch.setattr(
        result, "dataset", functools.partial(dataset, class_weights=weights)
    )
    weighted = gradflow(model, config, data, batches=1)
    [plain_layer], [weighted_layer] = plain["layers"], weighted["layers"]
    np.testing.assert_allclose(weighted_layer["norms"], plain_layer["norms"], rtol=1e-5)
    assert weighted["gradient_norm"] == pytest.approx(plain["gradient_norm"], rel=1e-5)


def test_a_layer_without_kernel_gates_or_memory_is_measured_and_shown(trained):
    config = trained.config
    data = load_data(config.data, seed=config.seed)
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(data.vocab), 3, mask_zero=True)(tokens)
    logits = keras.layers.Dense(1)(Summing(name="summing")(x))

    measured = gradflow(keras.Model(tokens, logits), config, data, batches=1)

    assert [layer["name"] for layer in measured["layers"]] == ["summing"]
    assert json.loads(json.dumps(measured)) == measured
    shown = format_gradflow({"name": "tiny", **measured})
    assert ["summing", "-", "-", "-"] in [line.split() for line in shown.splitlines()]


def test_each_loop_has_the_section_that_it_was_made_from():
    rnn, lstm = {"cell": "rnn", "units": 2}, {"cell": "lstm", "units": 2}
    layers = [rnn, lstm | {"bidirectional": True}, lstm]
    config = Config.model_validate({"model": {"layers": layers}})
    model = build_model(config, vocab_size=9, num_classes=2)
    sections = config.model.layers
    assert result.layer_sections(model, config) == {
        "rnn_1": sections[0],
        "bidirectional_lstm_2/forward": sections[1],
        "bidirectional_lstm_2/backward": sections[1],
        "lstm_3": sections[2],
    }
    fewer = Config.model_validate({"model": {"layers": layers[:2]}})
    model = build_model(fewer, vocab_size=9, num_classes=2)
    assert result.layer_sections(model, config) == {}
