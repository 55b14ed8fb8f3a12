import re

import numpy as np
import pytest
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams import metadata
from tensorboard.util.tensor_util import make_ndarray

from seqtrain.board.layout import hyperparameters, layout, precision_recall
from seqtrain.board.projector import write_projector
from seqtrain.config import Config, load_config


@pytest.fixture
def config(tmp_path):
    def load(*overrides) -> Config:
        path = tmp_path / "seed.yaml"
        path.write_text("seed: 0")
        return load_config(path, overrides)

    return load


def panels(config):
    """Title → titles of the charts → regular expression of the tags."""
    [value] = layout(config).value
    return {
        category.title: {c.title: c.multiline.tag[0] for c in category.chart}
        for category in Layout.FromString(make_ndarray(value.tensor).item()).category
    }


def test_panels_show_learning_flow_and_speed(config):
    found = panels(config("train.clip_norm=1.0", "log.gradflow=10"))
    assert [*found] == ["Learning", "Gradient flow", "Speed"]
    assert len(found["Gradient flow"]) == 8
    [reach] = [tag for name, tag in found["Gradient flow"].items() if "reach" in name]
    assert re.match(reach, "gradient_flow/bidirectional_lstm_1/reach_steps")
    # A mean over a window, not the best of all.
    assert not re.match(found["Learning"]["loss"], "best/loss")


def test_what_is_not_logged_has_no_panel(config):
    flow = panels(config("train.clip_norm=null", "log.gradflow=null"))["Gradient flow"]
    assert [*flow.values()] == ["^gradient_norm$", "^update_ratio$"]


def test_each_value_of_a_config_is_a_hyperparameter_by_its_place(config):
    given = config(
        "model.layers=[{cell: lstm, units: 8}, {cell: gru, units: 4}]",
        "data.source=generated",
        "data.buckets=[64, 128]",
        "data.max_length=128",
    )
    [value] = hyperparameters(given).value
    content = value.metadata.plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    found = {
        name: getattr(v, v.WhichOneof("kind")) for name, v in start.hparams.items()
    }
    assert start.group_name == ""  # so that TensorBoard takes the name of the run
    assert found["model.layers.0.cell"] == "lstm"
    assert found["model.layers.0.units"] == 8
    assert found["model.layers.1.bidirectional"] is False
    assert found["data.buckets"] == "64 128"
    assert found["train.learning_rate"] == given.train.learning_rate
    assert "train.patience" not in found  # it has no value
    assert not any(name.startswith("log.") for name in found)


def test_precision_and_recall_are_those_at_each_threshold():
    labels = np.array([0, 0, 1, 1, 1])
    positive = np.array([0.1, 0.7, 0.3, 0.8, 0.95])
    rows = np.stack([1 - positive, positive], axis=1)
    [curve] = precision_recall(labels, rows, ["dull", "good"])
    [value] = curve.value
    assert value.tag == "precision_recall/good/pr_curves"
    *_, precision, recall = make_ndarray(value.tensor)  # by thresholds from 0 to 1
    for threshold in (0.0, 0.2, 0.5, 0.75, 0.9):
        named = positive >= threshold
        hits = (named & (labels == 1)).sum()
        index = round(threshold * (len(precision) - 1))
        np.testing.assert_allclose(precision[index], hits / named.sum(), rtol=1e-6)
        np.testing.assert_allclose(recall[index], hits / 3, rtol=1e-6)


def test_of_many_classes_each_has_a_curve_against_the_rest():
    rows = np.eye(30)[[0, 5, 29]]
    curves = [
        *precision_recall(np.array([0, 5, 2]), rows, [f"c{k}" for k in range(30)])
    ]
    tags = [value.tag for curve in curves for value in curve.value]
    assert len(tags) == 20
    assert tags[5] == "precision_recall/c5/pr_curves"
    *_, recall = make_ndarray(curves[5].value[0].tensor)
    assert recall[-1] == 1


def test_projector_has_a_line_for_each_token_and_none_for_padding(tmp_path, rng):
    tokens = ["", "[unk]", "the", "a\tb", "c\nd", "\udcff", "#"]
    embedding = rng.normal(size=(7, 3)).astype("float32")
    write_projector(tmp_path, embedding, tokens)
    found = np.loadtxt(tmp_path / "embedding.tsv", delimiter="\t")
    np.testing.assert_allclose(found, embedding[1:], atol=1e-5)
    labels = (tmp_path / "tokens.tsv").read_text("utf-8")
    assert labels.split("\n") == ["[unk]", "the", "a\\tb", "c\\nd", "?", "#", ""]


def test_projector_takes_the_most_frequent_tokens(tmp_path):
    number = 10_500
    write_projector(tmp_path, np.zeros((number, 1)), [str(k) for k in range(number)])
    for name in ("embedding.tsv", "tokens.tsv"):
        assert len((tmp_path / name).read_text().splitlines()) == 10_000 - 1
