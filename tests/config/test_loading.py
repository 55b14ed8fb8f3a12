import os
import subprocess
import sys

import pytest

from seqtrain.config import dump_config, find_config, load_config, shipped_configs
from seqtrain.errors import ConfigError


def test_shipped_configs_load_and_say_how_they_are_run():
    paths = shipped_configs()
    assert "quickstart" in [path.stem for path in paths]
    for path in paths:
        config = load_config(path)
        head = path.read_text()
        command = "shootout" if config.shootout else "train"
        assert f"\n#   seqtrain {command} configs/{path.name}\n" in head
        assert "\n# Measured: " in head


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_document_configs_are_the_documents_programs(cell):
    config = load_config(find_config(f"document_{cell}"))
    assert (config.data.vocabulary, config.data.max_length) == (10000, 50)
    assert (config.data.keep, config.model.embedding.dim) == ("end", 64)
    assert [layer.cell for layer in config.model.layers] == [cell, cell]
    assert [layer.units for layer in config.model.layers] == [64, 64]
    assert {layer.formulation for layer in config.model.layers} == {"standard"}
    train = config.train
    assert (train.optimizer, train.learning_rate) == ("adam", 1e-3)
    assert (train.epochs, train.batch_size, train.clip_norm) == (10, 64, None)


@pytest.mark.parametrize(
    "name", ["quickstart", "quickstart.yaml", "configs/quickstart.yaml"]
)
def test_a_shipped_config_is_found_by_name_from_anywhere(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").mkdir()
    assert find_config(name).samefile(shipped_configs()[-1].parent / "quickstart.yaml")


def test_a_file_goes_before_a_shipped_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart.yaml").write_text("seed: 8")
    assert load_config(find_config("quickstart.yaml")).seed == 8


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("quickstrat", "did you mean 'quickstart'?"),
        ("mine/revews.yaml", "did you mean 'mine/reviews.yaml'?"),
        ("zzz", "give a path, or one of adding, "),
    ],
)
def test_a_config_that_is_not_there_gets_a_hint(tmp_path, monkeypatch, name, hint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "reviews.yaml").write_text("seed: 8")
    with pytest.raises(ConfigError, match="there is no such config") as caught:
        find_config(name)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("name", ["x" * 5000, "a/" * 3000, os.fsdecode(b"\xe9\x1b[m")])
def test_a_name_that_no_file_can_have_is_told_in_short(name):
    with pytest.raises(ConfigError) as caught:
        find_config(name)
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()


def test_a_resolved_config_holds_every_value(tmp_path):
    text = dump_config(load_config(find_config("quickstart")))
    for line in ("seed: 0", "  jit_compile: true", "  clip_norm: 1.0", "  keep: end"):
        assert f"\n{line}\n" in f"\n{text}"


def test_the_config_is_read_without_tensorflow():
    # The kinds of data bring their part of the schema along, and NumPy with it.
    code = (
        "import sys, seqtrain.config; slow = {'tensorflow', 'keras', 'sklearn'}; "
        "sys.exit(bool(slow & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
