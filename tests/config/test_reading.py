import os

import pytest

from seqtrain.config import load_config
from seqtrain.errors import ConfigError


def test_all_problems_are_told_at_once_with_place_line_and_remedy(complaint):
    text = """\
seed: 0
trian: {epochs: 3}
train:
  learnig_rate: 1e-3
  epochs: '10'
  dropout: 0.1
log:
  every: 3
model:
  layers:
    - {cell: lsmt, units: 64}
    - cell: gru
"""
    said = complaint(text, "log.evry=1")
    assert (
        said
        == """\
c.yaml:2:1: error: unknown key 'trian' at the top level
    2 | trian: {epochs: 3}
      | ^^^^^ did you mean 'train'?
c.yaml:4:3: error: unknown key 'learnig_rate' in train
    4 |   learnig_rate: 1e-3
      |   ^^^^^^^^^^^^ did you mean 'learning_rate'?
c.yaml:5:11: error: train.epochs: '10' is not an integer
    5 |   epochs: '10'
      |           ^^^^
c.yaml:6:3: error: unknown key 'dropout' in train
    6 |   dropout: 0.1
      |   ^^^^^^^ it belongs in model or model.embedding or model.layers[]
c.yaml:11:14: error: model.layers[0].cell: 'lsmt' is not one of rnn, lstm, gru
   11 |     - {cell: lsmt, units: 64}
      |              ^^^^ did you mean 'lstm'?
c.yaml:12:7: error: model.layers[1]: 'units' is missing
   12 |     - cell: gru
      |       ^^^^^^^^^ size of the state
--set log.evry=1: error: unknown key 'evry' in log; did you mean 'every'?
7 errors in c.yaml; nothing was run"""
    )


def test_an_unknown_key_like_no_other_gets_the_known_ones(complaint):
    assert "known are every, histograms, samples" in complaint("log: {zzz: 1}")


def test_an_underline_stands_under_its_word_after_a_tab(complaint):
    said = complaint("train: {class_weights: {'a\tb': x}}\n")
    assert "{'a\tb': x}}\n      | " + 26 * " " + "\t    ^\n" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: [1\nlog: 2\n", "c.yaml:2:4: error: ',' or ']' is needed before this"),
        ("model: {dropout: 1\n", "c.yaml:1:8: error: the bracket is not closed"),
        ("model: 'x\n", "c.yaml:1:8: error: the quote is not closed"),
        ('data: "C:\\x"\n', "c.yaml:1:12: error: a backslash in double quotes, use"),
        ('data: "C:\\data"\n', "c.yaml:1:11: error: a backslash in double quotes"),
        ("seed: 1\n  log: 2\n", "c.yaml:2:6: error: a ':' too many"),
        ("log:\n  every: 1\n samples: 1\n", "c.yaml:3:2: error: this does not fit"),
        ("seed: 1\nlog\n", "c.yaml:2:1: error: no ':' after the key"),
        ("log:\n\tevery: 1\n", "c.yaml:2:1: error: a tab, spaces are needed"),
        ("seed: @x\n", "c.yaml:1:7: error: text cannot begin with '@', quote it"),
        ("seed: *x\n", "c.yaml:1:7: error: alias 'x' stands for nothing above it"),
        ("log: &x {every: *x}\n", "c.yaml:1:17: error: an alias inside of what it"),
        ("seed: !!python/none 1\n", "c.yaml:1:7: error: the tag 'tag:yaml.org"),
        ("? [1]\n: 2\n", "c.yaml:1:3: error: a key is not a word"),
        ("seed: 1\n---\nseed: 2\n", "c.yaml:2:1: error: a second document"),
        ("seed: 1\n#\0\n", "c.yaml:2:2: error: the character '\\x00'"),
        ("- seed: 1\n", "c.yaml:1:1: error: a list is not a config"),
        ("seed\n", "c.yaml:1:1: error: 'seed' is not a config"),
        ("", "c.yaml: error: nothing in it, a config is needed"),
        ("# seed: 1\n", "c.yaml: error: nothing in it, a config is needed"),
        (b"seed: 1\n# caf\xe9\n", "c.yaml:2:6: error: byte 0xe9 is not UTF-8"),
        ("seed: 1".encode("utf-16"), "c.yaml:1:1: error: byte 0xff is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(complaint, text, said):
    assert complaint(text).startswith(said)


def test_a_key_given_twice_is_refused(complaint):
    said = complaint("log: {every: 1, every: 1}\nseed: x\n")
    assert "c.yaml:1:17: error: key 'every' is given twice, before in line 1" in said
    assert "2 errors" in said


def test_what_is_no_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="^none.yaml: error: no such file"):
        load_config("none.yaml")
    with pytest.raises(ConfigError, match="a directory, a YAML file is needed"):
        load_config(tmp_path)


def test_values_have_one_meaning(load, complaint):
    config = load(
        "\ufeffseed: 7\ntrain: {learning_rate: 1E-3, class_weights: {no: .5}}\n"
    )
    assert (config.seed, config.train.learning_rate) == (7, 0.001)
    assert config.train.class_weights == {"no": 0.5}
    config = load("data: {source: files, train: 2020-01-01, text: on, label: 1:30}")
    assert (str(config.data.train), config.data.text) == ("2020-01-01", "on")
    assert config.data.label == "1:30"


def test_an_alias_stands_for_its_value(load):
    layers = load(
        "model:\n  layers: [&x {cell: gru, units: 5}, *x]\n", "model.layers.1.units=6"
    )
    assert [layer.units for layer in layers.model.layers] == [5, 6]


def test_an_override_goes_before_the_file_and_the_file_before_its_base(load, tmp_path):
    folder = tmp_path / "bases"
    folder.mkdir()
    (folder / "top.yaml").write_text(
        "seed: 1\nlog: {every: 1, samples: 1, histograms: 1}\n"
    )
    (folder / "base.yaml").write_text(
        "extends: top.yaml\nlog: {samples: 2, histograms: 2}\n"
    )
    config = load(
        "extends: bases/base.yaml\nlog: {histograms: 3}\n", "seed=4", "seed=5"
    )
    assert (config.log.every, config.log.samples, config.log.histograms) == (1, 2, 3)
    assert config.seed == 5


def test_a_problem_of_a_base_stands_in_the_base(complaint, tmp_path):
    (tmp_path / "base.yaml").write_text("seed: 0\nlog: {evry: 1}\n")
    said = complaint("extends: base.yaml\nseed: x\n")
    assert "base.yaml:2:7: error: unknown key 'evry' in log" in said
    assert "c.yaml:2:7: error: seed: 'x' is not an integer" in said
    assert said.endswith("2 errors in c.yaml; nothing was run")


def test_null_undoes_what_a_base_gave_for_another_choice(load, complaint, tmp_path):
    (tmp_path / "base.yaml").write_text(
        "data: {source: generated, distance: 3, vocabulary: 50}\n"
        "train: {optimizer: sgd, momentum: 0.5}\n"
    )
    text = "extends: base.yaml\ndata: {source: imdb}\ntrain: {optimizer: adam}\n"
    said = complaint(text)
    assert "base.yaml:1:27: error: data.distance: idle with source: imdb" in said
    assert "delete it, or set it to null over a base" in said
    config = load(text, "data.distance=null", "train.momentum=null")
    assert (config.data.source, config.data.vocabulary) == ("imdb", 50)
    assert "unknown key 'zzz'" in complaint(text, "data.zzz=null")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extends: c.yaml", "c.yaml:1:10: error: extends goes round in a circle: "),
        (
            "extends: ./d.yaml",
            "d.yaml:1:10: error: extends goes round in a circle: "
            "c.yaml → d.yaml → c.yaml",
        ),
        (
            "extends: none.yaml",
            "c.yaml:1:10: error: extends: there is no file none.yaml",
        ),
        ("extends: [c.yaml]", "c.yaml:1:10: error: extends: a list is not the path"),
        ("extends:", "c.yaml:1:9: error: extends: null is not the path of a config"),
    ],
)
def test_a_base_that_cannot_be_is_refused(complaint, tmp_path, text, said):
    (tmp_path / "d.yaml").write_text("extends: c.yaml")
    assert complaint(text).startswith(said)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("train.epochs", "KEY=VALUE is needed"),
        ("=3", "KEY=VALUE is needed"),
        ("seed=", "nothing after '=', a value or null is needed"),
        ("seed=[1", "the bracket is not closed"),
        ("log={every: 1, every: 2}", "key 'every' is given twice"),
        ("seed.x=1", "seed is 0, it has no key 'x'"),
        ("model.layers.2.units=1", "model.layers has no element '2', the last is 1"),
        ("model.layers.-1.units=1", "model.layers has no element '-1', the last is 1"),
        ("model.layers.x=1", "model.layers has no element 'x', the last is 1"),
        ("model.layers[1].units=x", "model.layers[1].units: 'x' is not an integer"),
        (
            "trian.epochs=3",
            "unknown key 'trian' at the top level; did you mean 'train'?",
        ),
    ],
)
def test_an_override_that_leads_nowhere_is_refused(complaint, setting, said):
    text = "seed: 0\nmodel: {layers: [{cell: gru, units: 1}, {cell: gru, units: 2}]}\n"
    assert complaint(text, setting).startswith(f"--set {setting}: error: {said}")


def test_an_override_reaches_into_a_list_and_replaces_a_section(load):
    text = """\
data: {source: generated, distance: 3}
model: {layers: [{cell: gru, units: 1}]}
"""
    config = load(text, "model.layers.0.units=5", "data={source: imdb}")
    assert (config.model.layers[0].cell, config.model.layers[0].units) == ("gru", 5)
    assert config.data.source == "imdb"
    assert load(text, "model.layers[0].units=6").model.layers[0].units == 6


def test_a_key_that_an_override_gave_again_stands_in_the_override(complaint):
    said = complaint("train: {momentum: 0.1}", "train.momentum=0.2")
    assert said.startswith("--set train.momentum=0.2: error: train.momentum: idle")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_must_not_be_read_is_told(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("seed: 0")
    path.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read, Permission denied"):
        load_config(path)
