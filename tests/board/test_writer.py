import html
import re

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugin_util import markdown_to_safe_html
from tensorboard.util import tensor_util

from seqtrain.board.writer import (
    Sample,
    TensorBoardWriter,
    samples_markdown,
    yaml_markdown,
)
from seqtrain.figures.canvas import blank, png
from seqtrain.layers import LSTM


@pytest.fixture
def writer(tmp_path):
    writer = TensorBoardWriter(tmp_path)
    yield writer
    writer.close()


@pytest.fixture
def model(seeded):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    embedded = keras.layers.Embedding(11, 3, mask_zero=True)(tokens)
    return keras.Model(tokens, keras.layers.Dense(1)(LSTM(4)(embedded)))


def read_events(run, split):
    """Every event of a split: tag → [(step, value)], and the accumulator."""
    events = EventAccumulator(str(run / "tensorboard" / split), {"tensors": 0})
    events.Reload()
    return {
        tag: [
            (event.step, tensor_util.make_ndarray(event.tensor_proto))
            for event in events.Tensors(tag)
        ]
        for tag in events.Tags()["tensors"]
    }, events


def test_training_and_validation_have_one_tag_each_with_its_own_values(
    writer, tmp_path
):
    writer.scalars("train", {"loss": 0.5, "learning_rate": 1e-3}, 10)
    writer.scalars("train", {"loss": 0.25, "learning_rate": 1e-4}, 20)
    writer.scalars("validation", {"loss": 0.75}, 20)

    train, _ = read_events(tmp_path, "train")
    validation, _ = read_events(tmp_path, "validation")

    assert train["loss"] == [(10, 0.5), (20, 0.25)]
    assert train["learning_rate"] == [(10, np.float32(1e-3)), (20, np.float32(1e-4))]
    assert validation == {"loss": [(20, 0.75)]}


def test_histograms_hold_every_value(writer, tmp_path, rng):
    shown = {"weights/kernel": rng.normal(size=(3, 4)), "gradients/b": rng.random(5)}
    writer.histograms(shown, 7)

    events, _ = read_events(tmp_path, "train")

    assert events.keys() == shown.keys()
    for tag, values in shown.items():
        [(step, buckets)] = events[tag]  # rows of left edge, right edge, count
        assert step == 7
        assert buckets[:, 2].sum() == values.size
        np.testing.assert_allclose(
            [buckets[0, 0], buckets[-1, 1]], [values.min(), values.max()], rtol=1e-6
        )


def test_graph_shows_the_operations_of_a_model_with_a_mask(writer, tmp_path, model):
    writer.graph(model)

    _, events = read_events(tmp_path, "train")

    graph = events.Graph()
    assert "tokens" in {node.name for node in graph.node}
    assert {"GatherV2", "NotEqual", "MatMul"} <= {node.op for node in graph.node}


def test_the_first_value_of_each_tag_says_what_it_means(writer, tmp_path):
    for step in (1, 2):
        writer.scalars("train", {"loss": 0.5, "of_somebody_else": 1.0}, step)
        writer.scalars("validation", {"loss": 0.5}, step)
    for split in ("train", "validation"):
        _, events = read_events(tmp_path, split)
        assert "mean" in events.SummaryMetadata("loss").summary_description
        assert events.SummaryMetadata("loss").display_name == "loss"
    _, events = read_events(tmp_path, "train")
    assert events.SummaryMetadata("of_somebody_else").summary_description == ""


def test_an_image_is_the_file_with_its_size(writer, tmp_path):
    drawn = png(blank(3, 2))
    writer.image("curve", drawn, 7)
    [(step, image)] = read_events(tmp_path, "train")[0]["curve"]
    assert (step, image.tolist()) == (7, [b"300", b"200", drawn])


def test_events_can_be_read_while_the_run_goes_on(writer, tmp_path):
    writer.scalars("train", {"loss": 0.5}, 1)
    assert read_events(tmp_path, "train")[0]["loss"] == [(1, 0.5)]


def test_text_shows_the_config_as_it_stands(writer, tmp_path):
    yaml = "train:\n  learning_rate: 1e-3  # <b>*\n"
    writer.text("config", yaml_markdown(yaml), 0)

    [(step, text)] = read_events(tmp_path, "train")[0]["config"]

    assert step == 0
    shown = re.sub("<[^<]+>", "", markdown_to_safe_html(text.item()))
    assert html.unescape(shown).strip() == yaml.strip()


def table_cells(markdown):
    """The rows that TensorBoard shows, markup taken off."""
    page = markdown_to_safe_html(markdown)
    return [
        [html.unescape(cell) for cell in re.findall("<td>(.*?)</td>", row, re.DOTALL)]
        for row in page.split("<tr>")[2:]
    ]


def test_wrong_predictions_stand_out():
    markdown = samples_markdown(
        [Sample("good", "pos", "pos", 0.91), Sample("bad", "neg", "pos", 0.6)]
    )
    assert table_cells(markdown) == [
        ["pos", "pos", "0.910", "good"],
        [
            "<strong>neg</strong>",
            "<strong>pos</strong>",
            "<strong>0.600</strong>",
            "bad",
        ],
    ]


@given(st.text(st.characters(exclude_categories=["C"])))
def test_no_text_acts_as_markdown_or_html(text):
    shown = table_cells(samples_markdown([Sample(text, "a|b", "a|b", 1.0)]))
    assert shown == [["a|b", "a|b", "1.000", " ".join(text.split())]]


@pytest.mark.parametrize(
    "text", ["*a* _b_ `c`", "<br />|<script>", "[a](b)", "&lt;", "1. # -", "a\n\nb"]
)
def test_no_markup_acts_in_a_table(text):
    [[*_, shown]] = table_cells(samples_markdown([Sample(text, "a", "a", 1.0)]))
    assert shown == " ".join(text.split())
