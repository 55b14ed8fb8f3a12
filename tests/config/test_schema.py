import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqtrain.config import Config, dump_config, load_config, shipped_configs
from seqtrain.config.whole import SECTIONS, SOURCES
from seqtrain.data.sources.generated import generate
from seqtrain.data.sources.imdb import LABELS
from seqtrain.errors import ConfigError
from seqtrain.tasks.texts import FilesData, ImdbData

EVERY_KEY = """\
seed: 3
data:
  source: files
  train: a.csv
  test: b.csv
  validation: c.csv
  vocabulary: 100
  max_length: 20
  keep: start
  standardize: {lowercase: false, html: keep, punctuation: split, unicode: none}
  buckets: [10, 20]
  text: "1e-3"
  label: 'on'
  bad_rows: skip
model:
  embedding: {dim: 5, dropout: 0.1}
  layers:
    - cell: rnn
      units: 3
      bidirectional: true
      formulation: document
      activation: relu
      dropout: 0.2
      weight_dropout: 0.3
      omega: 0.5
      output_units: 4
      kernel_initializer: he_uniform
      recurrent_initializer: identity
      bias_initializer: zeros
    - {cell: gru, units: 8, residual: true, zoneout: 0.1, bias_initializer: chrono}
    - {cell: lstm, units: 3, layer_norm: true}
  pooling: concat
  dropout: 0.3
train:
  epochs: 2
  batch_size: 7
  optimizer: sgd
  learning_rate: 1e-5
  momentum: 0.9
  schedule: step
  warmup_steps: 5
  step_epochs: 1
  step_factor: 0.5
  clip_norm: 2
  monitor: accuracy
  patience: 3
  class_weights: {0: 1, "null": 2.5, 1e3: 3}
  jit_compile: false
  checkpoint_every: 9
  keep: 4
  on_divergence: rollback
  rollbacks: 2
  rollback_factor: 0.25
log: {every: 1, histograms: 2, gradflow: 4, samples: 0}
shootout:
  contenders: {a: [], b: ["train.epochs=3"]}
  conditions: {all: ["data.max_length=30"]}
  parameters: 900
  seeds: 2
  solved: 0.1
"""


def keys_of(values, above=()):
    """The paths of all values in a tree of dicts and lists."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in items:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from keys_of(value, (*above, key))


def with_value(values, path, value):
    """A copy of a tree of dicts and lists with another value at `path`."""
    if not path:
        return value
    copy = values.copy()
    copy[path[0]] = with_value(values[path[0]], path[1:], value)
    return copy


ADDING = "data: {source: generated, task: adding"
ALL_KEYS = Config().model_dump(mode="json")
PATHS = list(keys_of(ALL_KEYS))
VALUES = [None, True, -1, 0, 3, 10**30, 0.5, -2.5, 1e300, "", "x", "1", [], [1], ["x"]]
VALUES += [[None], {}, {"x": 1}, {"cell": "gru"}, [{"units": []}], {"source": []}]


@pytest.mark.parametrize("text", ["seed: 1\n", EVERY_KEY])
def test_resolved_config_loads_to_an_equal_one(load, text):
    config = load(text)
    assert load(dump_config(config)) == config


def test_every_given_value_is_in_force(load):
    config = load(EVERY_KEY)
    assert config.data.text == "1e-3"
    assert config.train.learning_rate == 1e-5
    assert config.train.class_weights == {"0": 1, "null": 2.5, "1e3": 3}
    default = Config().model_dump()
    for section in ("train", "log"):
        for key, value in config.model_dump()[section].items():
            if key != "weight_decay":  # of adamw, and this is sgd
                assert value != default[section][key], key


def test_a_value_is_in_force_only_where_its_choice_is(load):
    train = load("train: {optimizer: adamw}").train
    assert (train.weight_decay, train.momentum, train.step_epochs) == (
        0.004,
        None,
        None,
    )
    train = load("train: {optimizer: sgd, schedule: step}").train
    assert (train.weight_decay, train.momentum, train.step_factor) == (None, 0.0, 0.1)


@pytest.mark.parametrize(
    ("cell", "bias"), [("lstm", "forget_one"), ("gru", "zeros"), ("rnn", "zeros")]
)
def test_bias_starts_as_its_cell_needs(load, cell, bias):
    config = load(f"model: {{layers: [{{cell: {cell}, units: 2}}]}}")
    assert config.model.layers[0].bias_initializer == bias


def test_sections_can_be_made_in_python():
    data = FilesData(train="a.csv", validation="b.csv")
    assert Config(data=data).data is data
    assert ImdbData(path=None).validation == 0.1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "train: {weight_decay: 0.1}",
            "has no effect with optimizer: adam, needs optimizer: adamw",
        ),
        (
            "train: {momentum: 0.9}",
            "has no effect with optimizer: adam, needs optimizer: sgd",
        ),
        (
            "train: {step_epochs: 3}",
            "has no effect with schedule: constant, needs schedule: step",
        ),
        (
            "train: {step_factor: 0.3}",
            "has no effect with schedule: constant, needs schedule: step",
        ),
        ("data: {source: files, train: x, distance: 3}", "needs source: generated"),
        ("data: {source: generated, path: x}", "needs source: imdb"),
        ("data: {source: imdb, train: x}", "needs source: files"),
        (
            "model: {layers: [{cell: gru, units: 1, output_units: 2}]}",
            "needs cell: rnn",
        ),
        (
            "model: {layers: [{cell: rnn, units: 1, output_units: 2}]}",
            "has no effect with formulation: standard, needs formulation: document",
        ),
        (
            f"{ADDING}, vocabulary: 9}}",
            "data.vocabulary: has no effect with task: adding, needs",
        ),
        (
            f"{ADDING}, distance: 3}}",
            "data.distance: has no effect with task: adding, needs",
        ),
        (
            f"{ADDING}, max_length: 61}}",
            "data.max_length: has no effect with task: adding",
        ),
        (
            f"{ADDING}, buckets: [30, 60]}}",
            "data.buckets: has no effect with task: adding",
        ),
        (
            f"{ADDING}}}\nmodel: {{embedding: {{dropout: 0.1}}}}",
            "model.embedding.dropout: has no effect with data.task: adding",
        ),
        (
            f"{ADDING}}}\ntrain: {{class_weights: balanced}}",
            "train.class_weights: has no effect with data.task: adding, needs",
        ),
        (
            "data: {source: generated, task: copy}\nmodel: {pooling: mean}",
            "model.pooling: has no effect with data.task: copy",
        ),
        (
            "model: {layers: [{cell: lstm, units: 1, omega: 1.0}]}",
            "model.layers[0].omega: has no effect with cell: lstm, needs cell: rnn",
        ),
        (
            "model: {layers: [{cell: gru, units: 1, formulation: document, "
            "layer_norm: true}]}",
            "layer_norm: has no effect with formulation: document, needs "
            "formulation: standard",
        ),
    ],
)
def test_a_key_that_has_no_effect_beside_a_choice_is_refused(complaint, given, said):
    assert said in complaint(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "model: {layers: [{cell: rnn, units: 1, bias_initializer: chrono}]}",
            "'chrono' is for cell lstm or gru, not rnn",
        ),
        (
            "model: {layers: [{cell: gru, units: 1, bias_initializer: forget_one}]}",
            "'forget_one' is for cell lstm, not gru",
        ),
        (
            "model: {layers: [{cell: rnn, units: 1, layer_norm: true}]}",
            "model.layers[0].layer_norm: true is for cell lstm or gru, not rnn",
        ),
        (
            "model: {layers: [{cell: rnn, units: 1, omega: 1.0, zoneout: 0.1}]}",
            "model.layers[0].omega: 1.0 is not for a layer with zoneout",
        ),
        (
            "model: {layers: [{cell: gru, units: 65, residual: true}]}",
            "layers[0].residual: true adds 64 features to 65, needs as many",
        ),
        (
            "{data: {source: generated, task: adding}, "
            "model: {layers: [{cell: gru, units: 64, residual: true}]}}",
            "layers[0].residual: true adds 2 features to 64, needs as many",
        ),
        (
            "model: {layers: [{cell: gru, units: 3, bidirectional: true}, "
            "{cell: gru, units: 3, residual: true}]}",
            "layers[1].residual: true adds 6 features to 3, needs as many",
        ),
        (
            "model: {layers: [{cell: gru, units: 32, bidirectional: true, "
            "residual: true}]}",
            "layers[0].residual: true needs outputs that belong to one timestep, "
            "pooling: last takes others; needs pooling: mean or max",
        ),
        (
            "model: {layers: [{cell: gru, units: 64, residual: true}], "
            "pooling: concat}",
            "pooling: concat takes others; needs pooling: mean or max",
        ),
        ("data: {source: generated, distance: 60}", "60 is not below length, here 60"),
        (
            "data: {source: generated, length: 500}",
            "500 is not at most max_length, here 400",
        ),
        (
            "data: {source: generated, max_length: 9}",
            "60 is not at most max_length, here 9",
        ),
        (
            "data: {source: imdb, buckets: [200, 100, 400]}",
            "they must ascend, 100 stands after 200",
        ),
        (
            "data: {source: imdb, buckets: [100, 100, 400]}",
            "they must ascend, 100 stands after 100",
        ),
        (
            "data: {source: imdb, buckets: [100, 200]}",
            "the last is 200, it must be max_length, 400",
        ),
        (
            "data: {source: imdb, validation: v.csv}",
            "data.validation: 'v.csv' is not a number",
        ),
        (f"{ADDING}, length: 1}}", "data.length: 1 is not in 2 to 1,000,000, as task"),
        (
            "data: {source: generated, task: copy, length: 999981}",
            "data.length: 999981 is not in 1 to 999,980, as task copy needs",
        ),
        (
            f"{ADDING}}}\ntrain: {{monitor: accuracy}}",
            "train.monitor: 'accuracy' is not known of a sum, data.task: adding needs",
        ),
        (
            "data: {source: generated, task: copy}\n"
            "model: {layers: [{cell: gru, units: 2, bidirectional: true}]}",
            "model.layers[0].bidirectional: true would show data.task: copy what is",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(complaint, given, said):
    assert said in complaint(given)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("seed=true", "seed: true is not an integer"),
        ("seed=1.0", "seed: 1.0 is not an integer"),
        ("seed='1'", "seed: '1' is not an integer"),
        ("seed=null", "seed: null is not an integer"),
        ("seed=010", "seed: '010' is not an integer"),
        ("seed=-1", "seed: -1 is not at least 0"),
        ("seed=4294967296", "seed: 4294967296 is not below 4294967296"),
        ("train.learning_rate=0", "train.learning_rate: 0 is not above 0"),
        (
            "train.learning_rate=1e999",
            "train.learning_rate: 1e999 is not a finite number",
        ),
        ("train.learning_rate=fast", "train.learning_rate: 'fast' is not a number"),
        ("train.jit_compile=on", "train.jit_compile: 'on' is not true or false"),
        (
            "train.monitor=los",
            "'los' is not one of loss, accuracy; did you mean 'loss'?",
        ),
        ("train.class_weights=balancd", "'balancd' is not one of none, balanced; did"),
        ("train.class_weights={a: 0}", "train.class_weights.a: 0 is not above 0"),
        ("model.layers=[]", "model.layers: an empty list is not long enough"),
        ("model.layers={}", "model.layers: a mapping is not a list"),
        ("model.layers=[3]", "model.layers[0]: 3 is not a mapping of keys"),
        ("model.layers=[{cell: rnn}]", "model.layers[0]: 'units' is missing; size of"),
        ("model=3", "model: 3 is not a mapping of keys"),
        (
            "data={source: imbd}",
            "data.source: 'imbd' is not one of imdb, files, generated",
        ),
        ("data={}", "data: 'source' is missing; imdb, files or generated"),
        ("data=[]", "data: an empty list is not a mapping of keys"),
        ("data=3", "data: 3 is not a mapping of keys"),
        ("data=null", "data: null is not a mapping of keys; delete the line, or give"),
        (
            "data={source: generated, task: coppy}",
            "data.task: 'coppy' is not one of reviews, adding, copy, temporal_order; "
            "did you mean 'copy'?",
        ),
        (
            "data={source: generated, task: 3}",
            "data.task: 3 is not one of reviews, adding, copy, temporal_order",
        ),
        (
            "data={source: generated, task: null}",
            "data.task: null is not one of reviews, adding, copy, temporal_order",
        ),
        (
            "data={source: genrated, task: coppy}",
            "data.task: 'coppy' is not one of reviews, adding, copy, temporal_order",
        ),
        (
            "data={source: generated, task: copy, lenght: 3}",
            "unknown key 'lenght' in data; did you mean 'length'?",
        ),
        ("data={source: files}", "data: 'train' is missing; training data"),
        ("data={source: files, train: 3}", "data.train: 3 is not a path"),
        (
            "data={source: files, train: x, text: 3.5}",
            "data.text: 3.5 is not an integer",
        ),
        (
            "data={source: files, train: x, text: []}",
            "data.text: an empty list is not long",
        ),
        ("data={source: files, train: x, label: 0}", "data.label: 0 is not at least 1"),
        ("data={source: files, train: [x, 3]}", "data.train[1]: 3 is not a path"),
        ("data={source: files, train: {a: x}}", "data.train: a mapping is not long en"),
        (
            "data={source: files, train: x, encoding: utf9}",
            "data.encoding: 'utf9' is no encoding, such as utf-8 or cp1252",
        ),
        (
            "data={source: files, train: x, encoding: zip}",
            "data.encoding: 'zip' is no encoding, such as utf-8 or cp1252",
        ),
        (
            "data={source: files, train: x, delimiter: ';'}",
            "data.delimiter: ';' is not one of comma, semicolon, tab, pipe",
        ),
        (
            "data={source: files, train: x, validation: 1}",
            "validation: 1 is not below 1",
        ),
        (
            "data={source: files, train: x, validation: []}",
            "validation: an empty list is not long enough",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_in_plain_words(complaint, setting, said):
    assert f"--set {setting}: error: " in complaint("seed: 0", setting)
    assert said in complaint("seed: 0", setting)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    path=st.sampled_from(PATHS),
    value=st.sampled_from(VALUES),
)
def test_any_value_anywhere_is_loaded_or_refused_at_its_place(tmp_path, path, value):
    file = tmp_path / "c.yaml"
    file.write_text(repr(with_value(ALL_KEYS, path, value)).replace("None", "null"))
    try:
        config = load_config(file)
    except ConfigError as error:
        *problems, summary = re.split(r"\n(?=\S)", str(error))
        assert summary.endswith(f"in {file}; nothing was run")
        for problem in problems:
            assert re.match(re.escape(str(file)) + r":1:\d+: error: [a-z]", problem)
            assert "nput should" not in problem  # pydantic's own words
    else:
        file.write_text(dump_config(config))
        assert load_config(file) == config


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "data: {source: files, train: a, text: x, label: x}",
            "1:49: error: data.label: 'x' is the column of the texts already",
        ),
        (
            "train: {class_weights: {pos: 1, neg: 2}}",
            "1:24: error: train.class_weights: source generated needs a weight for "
            "each of negative, positive",
        ),
        (
            "data: {source: imdb}\ntrain: {class_weights: {'0': 1, '1': 2}}",
            "2:24: error: train.class_weights: source imdb needs a weight for each of",
        ),
        (
            "train: {class_weights: {}}",
            "1:24: error: train.class_weights: a mapping is",
        ),
        (
            "model: {layers: [{cell: rnn, units: 2, formulation: document}]}",
            "1:53: error: model.layers[0].formulation: has no effect with "
            "cell: rnn, needs output_units",
        ),
        (
            "data: {source: imdb, max_length: 2}\n"
            "model: {layers: [{cell: gru, units: 2, bias_initializer: chrono}]}",
            "2:58: error: model.layers[0].bias_initializer: 'chrono' needs a "
            "data.max_length of at least 3",
        ),
    ],
)
def test_a_rule_across_keys_is_told_at_the_key_that_breaks_it(complaint, given, said):
    assert complaint(given).startswith(f"c.yaml:{said}")


@pytest.mark.parametrize(
    ("task", "timesteps"), [("adding", 30), ("copy", 50), ("temporal_order", 30)]
)
def test_the_length_of_a_test_of_memory_decides_what_batches_are_padded_to(
    load, task, timesteps
):
    config = load(f"data: {{source: generated, task: {task}, length: 30}}")
    assert config.data.max_length == timesteps
    assert config.data.buckets == [timesteps]
    assert load(dump_config(config)) == config


def test_null_undoes_what_a_base_says_of_reviews(load):
    others = (
        "max_length: null, buckets: null, keep: null, noise: null, standardize: null"
    )
    config = load(f"{ADDING}, vocabulary: null, distance: null, {others}}}")
    assert config == load(f"{ADDING}}}")


OF_REVIEWS = {
    "vocabulary": 9,
    "max_length": 999,
    "keep": "start",
    "standardize": {"html": "keep"},
    "buckets": [9, 999],
    "distance": 1,
    "noise": 0.1,
}
TASKS = ["adding", "copy", "temporal_order"]


@pytest.mark.parametrize("key", OF_REVIEWS)
@pytest.mark.parametrize("task", TASKS)
def test_a_key_of_reviews_is_refused_by_a_test_of_memory_and_undone_by_null(
    load, complaint, task, key
):
    data = f"data: {{source: generated, task: {task}"
    value = json.dumps(OF_REVIEWS[key])
    if key == "buckets":
        value = f"{value}, max_length: 999"
    said = complaint(f"{data}, {key}: {value}}}")
    wrong = "max_length" if key == "buckets" else key
    assert f"data.{wrong}: has no effect with task: {task}, needs task: reviews" in said
    assert load(f"{data}, {key}: null}}") == load(f"{data}}}")


KEYS = {section.__name__: section.model_fields.keys() for section in SECTIONS}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_keys_of_other_sources_are_refused_and_undone_by_null(load, complaint, section):
    fields = section.model_fields
    needed = {"source": fields["source"].default}
    if "task" in fields:
        needed["task"] = fields["task"].default
    if "train" in fields:
        needed["train"] = "a.csv"
    others = [key for keys in KEYS.values() for key in keys if key not in fields]
    assert others
    for key in others:
        said = complaint(json.dumps({"data": {**needed, key: "x"}}))
        assert f"data.{key}: has no effect with source: {needed['source']}, " in said
        assert "delete it, or set it to null over a base" in said
    undone = load(json.dumps({"data": {**needed, **dict.fromkeys(others)}}))
    assert undone == load(json.dumps({"data": needed}))
    assert type(undone.data) is section


def test_a_base_may_choose_another_task_than_the_config_over_it(load, tmp_path):
    (tmp_path / "base.yaml").write_text(
        "data: {source: generated, task: reviews, length: 20, distance: 3, noise: 0.1}"
    )
    config = load("extends: base.yaml\ndata: {task: copy, distance: null, noise: null}")
    assert config == load("data: {source: generated, task: copy, length: 20}")


def test_class_weights_may_name_the_labels_of_the_source(load):
    config = load("train: {class_weights: {negative: 1, positive: 2}}")
    assert config.train.class_weights == {"negative": 1, "positive": 2}


@pytest.mark.parametrize("source", ["imdb", "generated"])
def test_the_labels_of_a_source_are_those_of_its_examples(source):
    reviews = {
        "imdb": LABELS.values(),
        "generated": generate(9, length=5, distance=1, noise=0.0, seed="0").labels,
    }
    assert set(SOURCES[source][0].labels) == set(reviews[source])


@pytest.mark.parametrize(
    ("key", "largest", "beyond"),
    [
        ("seed", 2**32 - 1, 2**32),
        ("data.vocabulary", 2**31 - 1, 2**31),
        ("data.max_length", 10**6, 10**6 + 1),
        ("data.examples", 10**7, 10**7 + 1),
        ("data.test_examples", 10**7, 10**7 + 1),
        ("model.embedding.dim", 2**14, 2**14 + 1),
        ("model.layers[0].units", 2**14, 2**14 + 1),
        ("train.epochs", 10**6, 10**6 + 1),
        ("train.batch_size", 2**31 - 1, 2**31),
        ("train.warmup_steps", 2**31 - 1, 2**31),
        ("log.samples", 1000, 1001),
        ("model.dropout", 0.9999, 0.99999999),
        ("train.learning_rate", 1e38, 1e39),
        ("train.clip_norm", 1e38, 1e39),
        ("data.buckets", [*range(1, 64), 400], [*range(1, 65), 400]),
    ],
)
def test_numbers_end_where_the_training_would_break(
    load, complaint, key, largest, beyond
):
    text = "data: {source: generated}\nmodel: {layers: [{cell: gru, units: 1}]}"
    load(text, f"{key}={largest}")
    assert f": error: {key}: " in complaint(text, f"{key}={beyond}")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data.examples", 2, "2 is not at least 3"),
        ("model.dropout", 1e-6, "1e-06 drops nothing or all, 0 or 1e-5 to 0.9999 is"),
        ("model.dropout", 0.999999, "0.999999 drops nothing or all"),
        ("data.validation", 0.99999999999, "0.99999999999 is 1 in 32 bits"),
        ("train.clip_norm", 1e-40, "1e-40 is 0 in 32 bits"),
        (
            "model.layers",
            [{"cell": "gru", "units": 1}] * 101,
            "a list is not short enou",
        ),
    ],
)
def test_a_number_that_means_another_is_refused(complaint, key, value, said):
    text = "data: {source: generated}"
    assert f"error: {key}: {said}" in complaint(text, f"{key}={json.dumps(value)}")


@pytest.mark.parametrize("path", ["''", '"a\\0b"', "x" * 300, "x/" * 2500])
def test_what_cannot_be_the_name_of_a_file_is_refused(complaint, path):
    said = complaint(f"data: {{source: files, train: {path}, test: {path}}}")
    assert said.count("can't be the name of a file\n") == 2


@pytest.mark.parametrize("setting", ["train.epochs=1", "train.epochs=2"])
def test_a_short_trial_of_any_shipped_config_is_possible(setting):
    for path in shipped_configs():
        load_config(path, [setting, "train.patience=5", "log.histograms=9"])
        load_config(path, [setting, "train.schedule=step", "train.warmup_steps=999"])
