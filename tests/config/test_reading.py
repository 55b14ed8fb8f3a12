import itertools
import os
import re
import time
from pathlib import Path

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
      |           ^^^^ a number stands without quotes
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
    said = complaint("log: {zzz: 1}")
    assert "known are every, histograms, gradflow, samples" in said


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
        ("seed: 1".encode("utf-16"), "c.yaml: error: UTF-16 or binary, UTF-8"),
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
        "\ufeffseed: 7\ntrain: {learning_rate: 1E-3, class_weights: {no: .5, 1: 2}}\n"
        "data: {source: files, train: reviews.csv}\n"
    )
    assert (config.seed, config.train.learning_rate) == (7, 0.001)
    assert config.train.class_weights == {"no": 0.5, "1": 2}
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
    assert (
        "base.yaml:1:27: error: data.distance: has no effect with source: imdb" in said
    )
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
    assert said.startswith("--set train.momentum=0.2: error: train.momentum: has no")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_must_not_be_read_is_told(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("seed: 0")
    path.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read, Permission denied"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{text} {text}", "c.yaml:1:1: error: 'x"),
        ("seed: {text}", "c.yaml:1:7: error: seed: 'x"),
        ("{text}: 1", "c.yaml:1:100001: error: a ':' too many"),
        ("? {text}\n: 1", "c.yaml:1:3: error: unknown key 'x"),
        ("seed: &{text} 1\nlog: &{text} 1", "c.yaml:2:6: error: anchor 'x"),
        ("seed: *{text}", "c.yaml:1:7: error: alias 'x"),
        ("seed: !{text} 1", "c.yaml:1:7: error: the tag '!x"),
        ("extends: {text}", "c.yaml:1:10: error: extends: xx"),
        ("extends: a/{text}", "c.yaml:1:10: error: extends: a"),
        (
            "data: {{source: files, train: {text}}}",
            "c.yaml:1:30: error: data.train: 'x",
        ),
        ("data: {{source: {text}}}", "c.yaml:1:16: error: data.source: 'x"),
        (
            "train: {{class_weights: {{? {text} : 0, a: 1}}}}",
            "c.yaml:1:100030: error: ",
        ),
        ("seed: " + "9" * 100_000, "c.yaml:1:7: error: seed: 9999"),
        ("seed: 1." + "9" * 100_000, "c.yaml:1:7: error: seed: 1.99"),
    ],
)
def test_no_message_is_longer_than_what_a_person_reads(complaint, text, said):
    told = complaint(text.format(text="x" * 100_000))
    assert told.startswith(said)
    assert len(told) < 500


def test_of_a_long_line_the_part_around_the_problem_is_shown(complaint):
    said = complaint("log: {every: 1, samples: 'no', " + " " * 5000 + "evry: 1}")
    assert (
        said == """\
c.yaml:1:26: error: log.samples: 'no' is not an integer
    1 | log: {every: 1, samples: 'no',                                              """
        """                        …
      |                          ^^^^
c.yaml:1:5032: error: unknown key 'evry' in log
    1 | …                                                                           """
        """                 evry: 1}
      |                                                                             """
        """                 ^^^^ did you mean 'every'?
2 errors in c.yaml; nothing was run"""
    )


def test_of_many_problems_a_hundred_are_told(complaint):
    said = complaint("".join(f"key{i}: 1\n" for i in range(3000)))
    assert said.count("unknown key") == 100
    assert said.endswith("… and 2,900 more\n3,000 errors in c.yaml; nothing was run")


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("seed: 1 # \x1b[31m", []),
        ('seed: "\\e[31m\\a\\u202e"', []),
        ('"\\e]0;\\a": 1', []),
        ('train: {class_weights: {"\\e[1m": 0, a: 1}}', []),
        ('extends: "\\e[31m"', []),
        ("seed: &\u202e 1\nlog: *\u2066", []),
        ("seed: \u202e1", []),
        ("seed: 1", ["\x1b[31m=1"]),
        ("seed: 1", ["seed=\x1b[31m"]),
        ("seed: 1", ["seed=1\n\x1b[31m"]),
        ("seed: 1", ["seed=\udc80"]),
    ],
)
def test_no_message_holds_what_a_terminal_obeys(complaint, text, settings):
    for line in complaint(text, *settings).split("\n"):
        assert line.isprintable()


def test_an_underline_stands_under_wide_characters(complaint):
    said = complaint("log: {日本: 1}\n")
    assert "日本: 1}\n      |       ^^^^ known are" in said
    assert "{本: 1, evry: 2}\n      |              ^^^^ did" in complaint(
        "log: {本: 1, evry: 2}"
    )


def test_an_underline_does_not_count_accents_of_their_own(complaint):
    assert "{tre\u0300s: 1, evry: 2}\n      |                ^^^^ did" in complaint(
        "log: {tre\u0300s: 1, evry: 2}"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xef\xbb\xbf", "c.yaml: error: nothing in it, a config is needed"),
        (b"\xef\xbb\xbfsed: 1", "c.yaml:1:1: error: unknown key 'sed'"),
        (
            b"seed: 1\n\xef\xbb\xbflog: {}",
            "c.yaml:2:1: error: unknown key '\\ufefflog'",
        ),
        ("seed: 1".encode("utf-16-be"), "c.yaml: error: UTF-16 or binary, UTF-8"),
        ("seed: 1".encode("utf-32"), "c.yaml: error: UTF-16 or binary, UTF-8"),
        (b"# caf\xe9 \xe9\r\nseed: x", "c.yaml:1:6: error: byte 0xe9 is not UTF-8"),
        (b"log: {}\r\nseed: x\r\n", "c.yaml:2:7: error: seed: 'x' is not an integer"),
        (b"log: {}\rseed: x\r", "c.yaml:2:7: error: seed: 'x' is not an integer"),
        (b'seed: "\\UFFFFFFFF"', "c.yaml:1:10: error: an escape that stands for no"),
        (b'data: "\\ud83d"', "c.yaml:1:7: error: an escape that stands for no"),
        (b"seed: 1\n...\nfoo", "c.yaml:3:1: error: a second document"),
        (b"%YAML 9.9\n---\nseed: 1", "c.yaml:1:1: error: found incompatible YAML"),
        (b"log:\n", "c.yaml:1:5: error: log: null is not a mapping of keys"),
    ],
)
def test_every_encoding_has_one_meaning(complaint, text, said):
    assert complaint(text).startswith(said)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("010", "'010' is not an integer; write 8, if it is octal"),
        ("0o10", "'0o10' is not an integer; write 8, if it is octal"),
        ("089", "'089' is not an integer"),
        ("0x10", "'0x10' is not an integer; write 16"),
        ("0b11", "'0b11' is not an integer; write 3"),
        ("1_000", "'1_000' is not an integer; write 1000"),
        ("1,000", "'1,000' is not an integer; write 1000"),
        ("0,001", "'0,001' is not an integer"),
        ("1,5", "'1,5' is not an integer"),
        ("'12'", "'12' is not an integer; a number stands without quotes"),
        ("1:30", "'1:30' is not an integer"),
        ("1e3", "1e3 is not an integer"),
        ("1.0", "1.0 is not an integer"),
        (".inf", ".inf is not an integer"),
        ("9" * 500, f"{'9' * 59}… is not at most 1000000"),
        ("-" + "9" * 5000, f"-{'9' * 58}… is not at least 1"),
        ("100000000000000000", "100000000000000000 is not at most 1000000"),
    ],
)
def test_a_number_is_an_integer_in_one_way(complaint, word, said):
    assert f"error: train.epochs: {said}\n" in complaint("{}", f"train.epochs={word}")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (".inf", ".inf is not a finite number"),
        ("-.INF", "-.INF is not a finite number"),
        (".nan", ".nan is not a finite number"),
        ("1e999", "1e999 is not a finite number"),
        ("1e99", "1e99 is not at most 1e+38"),
        ("9" * 5000, f"{'9' * 59}… is not at most 1e+38"),
        ("1e-50", "1e-50 is 0 in 32 bits"),
        ("1e-99999", "1e-99999 is not above 0"),
        ("1_0.5", "'1_0.5' is not a number"),
        ("0x1p3", "'0x1p3' is not a number"),
        ("'1e-3'", "'1e-3' is not a number; a number stands without quotes"),
        ('"0,001"', "'0,001' is not a number; write 0.001"),
        ("1,5e-3", "'1,5e-3' is not a number; write 1.5e-3"),
        ("1,000", "'1,000' is not a number; write 1000 or 1.000"),
    ],
)
def test_a_rate_is_a_number_that_is_one_in_32_bits_too(complaint, word, said):
    assert f"error: train.learning_rate: {said}\n" in complaint(
        "{}", f"train.learning_rate={word}"
    )


@pytest.mark.parametrize("word", ["1e-3", "0.001", "1E-3", "1.e-3", ".1e-2", "+1e-3"])
def test_a_rate_may_be_written_in_every_usual_way(load, word):
    assert load("{}", f"train.learning_rate={word}").train.learning_rate == 1e-3


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("yes", "true"),
        ("On", "true"),
        ("no", "false"),
        ("OFF", "false"),
        ("0", "false"),
    ],
)
def test_truth_is_true_or_false(complaint, word, meant):
    said = complaint("{}", f"train.jit_compile={word}")
    assert f"is not true or false; write {meant}\n" in said


def test_a_character_may_be_written_as_json_does(load):
    config = load('data: {source: files, train: a.csv, text: "\\ud83d\\ude00"}')
    assert config.data.text == "😀"


def test_a_merge_key_takes_the_keys_of_a_mapping(load, complaint):
    config = load("""\
model:
  layers:
    - &first {cell: gru, units: 5, dropout: 0.1}
    - &second {<<: *first, units: 6}
    - {units: 7, <<: [{cell: rnn}, *second]}
""")
    layers = config.model.layers
    assert [layer.cell for layer in layers] == ["gru", "gru", "rnn"]
    assert [layer.units for layer in layers] == [5, 6, 7]
    assert [layer.dropout for layer in layers] == [0.1, 0.1, 0.1]
    said = complaint("log: {<<: 3}")
    assert said.startswith("c.yaml:1:11: error: '<<' takes the keys of a mapping, 3")
    said = complaint("log: {<<: {evry: 3}}")
    assert said.startswith("c.yaml:1:12: error: unknown key 'evry' in log")
    assert "unknown key '<<'" in complaint("log: {'<<': {every: 3}}")
    assert "'<<' is given twice" in complaint("log: {<<: {every: 3}, <<: {every: 4}}")


SECONDS = 6  # twice what the slowest takes here, with what pytest adds
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + below] * 9)}]\n"
    for below, name in itertools.pairwise("abcdefghij")
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "c.yaml:1:21: error: nested more than 20 deep"),
        ("[" * 900 + "]" * 900, "c.yaml:1:21: error: nested more than 20 deep"),
        ("{a: " * 900 + "}" * 900, "c.yaml:1:78: error: nested more than 20 deep"),
        ("- " * 900, "c.yaml:1:41: error: nested more than 20 deep"),
        (
            "".join(f"{' ' * depth}a:\n" for depth in range(900)),
            "c.yaml:20:20: error: nested more than 20 deep",
        ),
        (
            "a0: &a0 [x]\n"
            + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 900)),
            "c.yaml:18:12: error: nested more than 20 deep",
        ),
        (LAUGHS, "c.yaml:5:8: error: more than 10,000 values up to here, aliases"),
        (LAUGHS.replace("[", "{<<: [").replace("]", "]}"), "c.yaml:1:"),
        ("[1,\n" * 15 + "1,\n" * 200_000, "c.yaml:9986:1: error: more than 10,000"),
        ("#\n" * 600_000, "c.yaml: error: 1,200,000 bytes, a config has at most"),
    ],
    ids=["open", "lists", "mappings", "dashes", "block", "aliases", "laughs"]
    + ["merges", "values", "bytes"],
)
def test_what_would_take_all_time_or_memory_is_refused_at_once(complaint, text, said):
    began = time.process_time()
    told = complaint(text)
    assert time.process_time() - began < SECONDS
    assert told.startswith(said)


def test_the_largest_file_is_read_in_time(complaint):
    for text in (
        "#\n",
        "# comment\n",
        "\n",
        "- x\n",
        "x ",
        "x: 1\n",
        '"a" ',
        "[",
        "-\n",
    ):
        began = time.process_time()
        complaint((text * 1_000_000)[:1_000_000])
        assert time.process_time() - began < SECONDS


def test_a_chain_of_bases_ends(complaint, tmp_path):
    for i in range(30):
        (tmp_path / f"{i}.yaml").write_text(f"extends: {i + 1}.yaml")
    assert "extends: more than 20 bases of bases" in complaint("extends: 0.yaml")


def test_a_device_or_a_pipe_is_no_config(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in ("/dev/zero", tmp_path / "pipe.yaml"):
        with pytest.raises(ConfigError, match="a pipe or a device, a YAML file is"):
            load_config(path)


def test_a_name_of_odd_bytes_is_shown_without_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"caf\xe9\x1b[31m\n.yaml")
    Path(name).write_text("seed: x")
    with pytest.raises(ConfigError) as caught:
        load_config(name)
    assert str(caught.value).isascii()
    assert "\x1b" not in str(caught.value)
    for name in ("a\0b", "x" * 5000, "\ud800"):
        with pytest.raises(ConfigError, match=": error: (no such file|cannot be read)"):
            load_config(name)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("model..layers=1", "KEY=VALUE is needed, such as model.layers[0].units=32"),
        ("model.layers[0.units=1", "KEY=VALUE is needed"),
        ("model.layers[]=1", "KEY=VALUE is needed"),
        (".seed=1", "KEY=VALUE is needed"),
        ("seed.=1", "KEY=VALUE is needed"),
        (".".join("a" * 1000) + "=1", "nested more than 20 deep"),
        ("extends=base.yaml", "extends has its effect in a file only"),
        (
            "log.extends=base.yaml",
            "unknown key 'extends' in log; it belongs in the top",
        ),
        ("seed==1", "seed: '=1' is not an integer"),
        ("data.buckets[0]=3", "data.buckets: no list to set element 0 of"),
        (
            "train.class_weights[0]=3",
            "train.class_weights: a mapping is not long enough",
        ),
    ],
)
def test_an_override_of_odd_syntax_is_refused(complaint, setting, said):
    assert re.match(
        rf"--set [^ ]+: error: {re.escape(said)}",
        complaint("data: {source: imdb}", setting),
    )


def test_spaces_around_an_override_do_not_count(load):
    assert load("{}", " log.every = 7 ").log.every == 7


def test_what_stands_beside_a_misspelt_source_is_told_too(complaint):
    said = complaint("data: {source: imbd, vocabluary: 3, max_length: x}")
    assert "'imbd' is not one of imdb, files, generated\n" in said
    assert "unknown key 'vocabluary' in data\n" in said
    assert "data.max_length: 'x' is not an integer\n" in said
    said = complaint("data: {sorce: files, train: a.csv, tets: b.csv}")
    assert "unknown key 'sorce' in data\n" in said
    assert "^^^^^ did you mean 'source'?" in said
    assert "unknown key 'tets' in data\n" in said
    assert "2 errors" in said


def test_a_misspelt_key_is_not_missing_too(complaint):
    said = complaint("model: {layers: [{cel: gru, unts: 3}, {units: 3}]}")
    assert said.count("is missing") == 1
    assert "3 errors" in said


def test_a_misspelt_key_of_another_section_is_told_where_it_belongs(complaint):
    said = complaint("train: {droput: 0.5}\n")
    assert (
        "did you mean 'dropout', which belongs in model or model.embedding or" in said
    )
    said = complaint("data: {source: imdb, distnace: 3}\n")
    assert "did you mean 'distance', which belongs in data (source: generated)?" in said
