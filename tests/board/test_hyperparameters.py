import pytest
from tensorboard.plugins.hparams import metadata

from seqtrain.board.hyperparameters import hyperparameters, named_values
from seqtrain.config import load_config


@pytest.fixture
def config(tmp_path):
    def load(*overrides):
        path = tmp_path / "seed.yaml"
        path.write_text("seed: 0")
        return load_config(path, overrides)

    return load


def test_each_value_is_there_by_its_key_without_the_section(config):
    given = config(
        "model.layers=[{cell: lstm, units: 8}, {cell: gru, units: 4, dropout: 0.5}]",
        "data.source=generated",
        "data.buckets=[64, 128]",
        "data.max_length=128",
    )
    found = named_values(given)
    assert found["layers[0].cell"] == "lstm"
    assert found["layers[0].units"] == 8
    assert found["layers[1].dropout"] == 0.5
    assert found["dropout"] == found["embedding.dropout"] == 0.0
    assert found["layers[1].bidirectional"] is False
    assert found["buckets"] == "64, 128"
    assert found["learning_rate"] == given.train.learning_rate
    assert found["seed"] == 0
    assert "patience" not in found  # it has no value
    assert not {"every", "samples"} & found.keys()  # nothing learns from a log


def test_a_key_of_two_sections_keeps_its_section(config):
    found = named_values(config())
    assert found["data.keep"] == "end"
    assert found["train.keep"] > 0
    assert "keep" not in found


def test_names_do_not_depend_on_how_many_layers_there_are(config):
    one = named_values(config("model.layers=[{cell: lstm, units: 8}]"))
    two = named_values(
        config("model.layers=[{cell: gru, units: 4}, {cell: rnn, units: 4}]")
    )
    assert one.keys() < two.keys()


def test_paths_end_with_what_differs(config, tmp_path):
    file = tmp_path / "reviews" / "train.csv"
    given = config(
        "data.source=files",
        f"data.train={file}",
        "train.class_weights={a: 2.0, b: 1.0}",
    )
    found = named_values(given)
    assert found["train"] == "reviews/train.csv"
    assert found["class_weights.a"] == 2.0


def test_shown_by_the_name_of_the_run(config):
    [value] = hyperparameters(config()).value
    content = value.metadata.plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    assert start.group_name == ""  # so that TensorBoard takes the name of the run
    assert start.hparams["batch_size"].number_value > 0
