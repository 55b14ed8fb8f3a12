import re

import pytest
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.util.tensor_util import make_ndarray

from seqtrain.board.layout import layout
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
    assert [*found] == ["Learning, over epochs", "Learning", "Gradient flow", "Speed"]
    assert len(found["Gradient flow"]) == 8
    [reach] = [tag for name, tag in found["Gradient flow"].items() if "reach" in name]
    assert re.match(reach, "gradient_flow/bidirectional_lstm_1/reach_steps")
    # A mean over a window, not the best of all.
    assert not re.match(found["Learning"]["loss"], "best/loss")


def test_what_is_not_logged_has_no_panel(config):
    flow = panels(config("train.clip_norm=null", "log.gradflow=null"))["Gradient flow"]
    assert [*flow.values()] == ["^gradient_norm$", "^update_ratio$"]


def test_a_panel_that_a_target_has_nothing_for_is_left_out(config):
    found = panels(config("data.source=generated", "data.task=adding"))
    assert [*found["Learning, over epochs"]] == ["loss over epochs"]
    assert [*found["Learning"]] == ["loss", "learning rate"]
