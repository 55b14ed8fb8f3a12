"""No key of a config is without effect: change it, and something else comes out."""

import contextlib
import csv
import typing
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seqtrain.config import Config, load_config
from seqtrain.config.whole import SOURCES
from seqtrain.errors import DataError, DivergedError
from seqtrain.models.build import build_model
from seqtrain.runs.run import Run
from seqtrain.sections.base import Section
from seqtrain.sections.data import DataSection
from seqtrain.tasks import load_data
from seqtrain.training.train import train

FILES = """
data:
  source: files
  train: reviews.csv
  text: text
  label: label
  validation: 0.25
  max_length: 6
  vocabulary: 60
model:
  embedding: {dim: 3}
  layers:
    - {cell: gru, units: 2}
train:
  epochs: 4
  batch_size: 8
  learning_rate: 0.05
  jit_compile: false
log: {every: 3, samples: 0}
"""
GENERATED = [
    "data={source: generated, examples: 20, test_examples: 9, length: 9, distance: 2}"
]
OTHER_TASK = GENERATED[0].replace("distance: 2", "task: temporal_order")
IMDB = ["data={source: imdb, path: aclImdb}"]
LSTM, RNN = "model.layers[0].cell=lstm", "model.layers[0].cell=rnn"
DOCUMENT = [RNN, "model.layers[0].formulation=document"]
# The validation loss is worse after the second or third epoch than before.
UNSTEADY = ["seed=1", "train.learning_rate=1"]
STEEP, ROLLBACK = ["train.learning_rate=1e38"], "train.on_divergence=rollback"
STAIRS = ["train.schedule=step", "train.step_epochs=1"]

# By key: the settings of a config, and the one that changes it.
DATA = {
    "data.source": ([], GENERATED[0]),
    "data.validation": ([], "data.validation=0.5"),
    "data.vocabulary": ([], "data.vocabulary=5"),
    "data.max_length": ([], "data.max_length=3"),
    "data.keep": ([], "data.keep=start"),
    "data.standardize.lowercase": ([], "data.standardize.lowercase=false"),
    "data.standardize.html": ([], "data.standardize.html=keep"),
    "data.standardize.punctuation": ([], "data.standardize.punctuation=split"),
    "data.standardize.unicode": ([], "data.standardize.unicode=none"),
    "data.tokens": ([], "data.tokens=characters"),
    "data.buckets": ([], "data.buckets=[5, 6]"),
    "data(imdb).path": (IMDB, "data.path=other"),
    "data(files).train": ([], "data.train=more.csv"),
    "data(files).test": ([], "data.test=more.csv"),
    "data(files).validation": ([], "data.validation=more.csv"),
    "data(files).text": ([], "data.text=title"),
    "data(files).label": ([], "data.label=language"),
    "data(files).format": (["data.train=reviews.txt"], "data.format=csv"),
    "data(files).delimiter": ([], "data.delimiter=tab"),
    "data(files).quote": (["data.train=quotes.csv"], "data.quote=none"),
    "data(files).header": (["data.text=1", "data.label=2"], "data.header=false"),
    "data(files).encoding": (["data.train=latin.csv"], "data.encoding=cp1252"),
    "data(files).classes": (["data.train=folders"], "data.classes=[a, unsup]"),
    "data(files).bad_rows": (["data.train=broken.csv"], "data.bad_rows=skip"),
    "data(generated).task": (GENERATED, OTHER_TASK),
    "data(generated).examples": (GENERATED, "data.examples=30"),
    "data(generated).test_examples": (GENERATED, "data.test_examples=10"),
    "data(generated).length": (GENERATED, "data.length=10"),
    "data(generated).distance": (GENERATED, "data.distance=3"),
    "data(generated).noise": (GENERATED, "data.noise=0.4"),
}
MODEL = {
    "model.embedding.dim": ([], "model.embedding.dim=4"),
    "model.embedding.dropout": ([], "model.embedding.dropout=0.5"),
    "model.layers": ([], "model.layers=[{cell: gru, units: 2}, {cell: gru, units: 2}]"),
    "model.layers[].cell": ([], LSTM),
    "model.layers[].units": ([], "model.layers[0].units=3"),
    "model.layers[].bidirectional": ([], "model.layers[0].bidirectional=true"),
    "model.layers[].formulation": ([], "model.layers[0].formulation=document"),
    "model.layers[].activation": ([], "model.layers[0].activation=relu"),
    "model.layers[].dropout": ([], "model.layers[0].dropout=0.5"),
    "model.layers[].weight_dropout": ([], "model.layers[0].weight_dropout=0.5"),
    "model.layers[].zoneout": ([], "model.layers[0].zoneout=0.5"),
    "model.layers[].layer_norm": ([], "model.layers[0].layer_norm=true"),
    "model.layers[].residual": (
        [],
        "model.layers[0]={cell: gru, units: 3, residual: true}",
    ),
    "model.layers[].output_units": (
        [RNN],
        "model.layers[0]={cell: rnn, units: 2, formulation: document, output_units: 2}",
    ),
    "model.layers[].kernel_initializer": (
        [],
        "model.layers[0].kernel_initializer=he_uniform",
    ),
    "model.layers[].recurrent_initializer": (
        [],
        "model.layers[0].recurrent_initializer=identity",
    ),
    "model.layers[].bias_initializer": ([], "model.layers[0].bias_initializer=chrono"),
    "model.pooling": ([], "model.pooling=mean"),
    "model.dropout": ([], "model.dropout=0.5"),
}
TRAINING = {
    "seed": ([], "seed=1"),
    # A term of the gradient, which shows when a step is taken.
    "model.layers[].omega": ([], "model.layers[0].omega=10"),
    "train.epochs": ([], "train.epochs=2"),
    "train.batch_size": ([], "train.batch_size=9"),
    "train.optimizer": ([], "train.optimizer=rmsprop"),
    "train.learning_rate": ([], "train.learning_rate=0.06"),
    "train.weight_decay": (["train.optimizer=adamw"], "train.weight_decay=0.5"),
    "train.momentum": (["train.optimizer=sgd"], "train.momentum=0.9"),
    "train.schedule": ([], "train.schedule=cosine"),
    "train.warmup_steps": ([], "train.warmup_steps=3"),
    "train.step_epochs": (STAIRS, "train.step_epochs=2"),
    "train.step_factor": (STAIRS, "train.step_factor=0.5"),
    "train.clip_norm": ([], "train.clip_norm=0.01"),
    "train.monitor": (UNSTEADY, "train.monitor=accuracy"),
    "train.patience": (UNSTEADY, "train.patience=1"),
    "train.class_weights": ([], "train.class_weights=balanced"),
    "train.jit_compile": ([], "train.jit_compile=true"),
    "train.checkpoint_every": ([], "train.checkpoint_every=7"),
    "train.keep": (["train.checkpoint_every=7"], "train.keep=1"),
    "train.on_divergence": (STEEP, "train.on_divergence=rollback"),
    "train.rollbacks": ([*STEEP, ROLLBACK], "train.rollbacks=1"),
    "train.rollback_factor": ([*STEEP, ROLLBACK], "train.rollback_factor=0.1"),
    "log.every": ([], "log.every=2"),
    "log.histograms": ([], "log.histograms=1"),
    "log.gradflow": ([], "log.gradflow=1"),
    "log.samples": ([], "log.samples=2"),
}


def keys_of(section, above=""):
    """Every key of a section and of the sections in it; of the data, by source."""
    for name, field in section.model_fields.items():
        if name == "shootout":  # no training looks at it; see test_shootout.py
            continue
        inside = [
            part
            for part in (field.annotation, *typing.get_args(field.annotation))
            if isinstance(part, type) and issubclass(part, Section)
        ]
        key = f"{above}{name}"
        if name == "data":
            yield from keys_of(DataSection, "data.")
            for source, sections in SOURCES.items():
                for each in set().union(*map(own_keys, sections)):
                    yield f"data({source}).{each}"
        elif inside == [field.annotation]:
            yield from keys_of(*inside, f"{key}.")
        else:
            yield key
            for each in inside:
                yield from keys_of(each, f"{key}[].")


def own_keys(section):
    """The keys of a section of the data that others lack, or have in another way."""
    shared = DataSection.model_fields.keys() - section.__annotations__.keys()
    return section.model_fields.keys() - shared - {"source"}


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory):
    """A folder with `tiny.yaml` and all the data that the settings name."""
    folder = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SEQTRAIN_CACHE", str(folder / "cache"))
        Path("tiny.yaml").write_text(FILES)
        rows = [reviews(i) for i in range(48)]
        write_csv("reviews.csv", rows)
        write_csv("more.csv", rows[4:30])
        write_csv("quotes.csv", [['"so" ' + row[0], *row[1:]] for row in rows])
        write_csv("reviews.txt", rows)
        latin = Path("reviews.csv").read_text().replace("good", "très bon")
        latin = latin.replace("ﬁ", "fi")  # which cp1252 lacks
        Path("latin.csv").write_text(latin, encoding="cp1252")
        for name in ("a", "b", "unsup"):
            Path("folders", name).mkdir(parents=True)
            for i in range(9):
                Path("folders", name, f"{i}.txt").write_text(f"text {i} of {name}")
        write_csv("broken.csv", [*rows, ["a row without a label"]])
        for root, texts in (("aclImdb", "good bad fine"), ("other", "odd warm dull")):
            for part in ("train/pos", "train/neg", "test/pos", "test/neg"):
                Path(root, part).mkdir(parents=True)
                for i, text in enumerate(texts.split()):
                    Path(root, part, f"{i}_{i}.txt").write_text(f"{text} {part}")
        yield folder


def reviews(i):
    words = "Dull fine. good <br /> bad slow, ﬁne warm odd Good long".split()
    chosen = np.random.default_rng(i).choice(words, size=3 + i % 7)
    label = "rare" if i % 4 == 0 else "usual"
    if i % 3:  # so that there is something to learn
        chosen[0] = "warm" if label == "rare" else "odd"
    return [" ".join(chosen), label, f"no. {i % 5}", "en" if i % 2 else "de"]


def write_csv(name, rows):
    with open(name, "w", encoding="utf-8", newline="") as file:
        header = ["text", "label", "title", "language"]
        csv.writer(file).writerows([header, *rows])


def flat(*parts):
    """Arrays and texts as something that can be compared."""
    return [part.tolist() if isinstance(part, np.ndarray) else part for part in parts]


@cache
def loaded(*settings):
    """What a config makes of its data: the examples, or what is wrong with them."""
    config = load_config("tiny.yaml", settings)
    try:
        data = load_data(config.data, seed=config.seed)
    except DataError as error:
        return [repr(error)]
    parts = [data.train, data.validation, data.test or ()]
    facts = [data.vocab.tokens, data.labels, data.buckets]
    return [*(flat(*part) for part in parts), *facts]


@cache
def built(*settings):
    """What a model makes of tokens as it starts, with its dropout, and its weights."""
    config = load_config("tiny.yaml", settings)
    keras.utils.set_random_seed(0)
    model = build_model(config, vocab_size=9, num_classes=2)
    tokens = np.array([[3, 8, 2, 5], [7, 1, 0, 0]])
    outputs = [model(tokens, training=training).numpy() for training in (False, True)]
    return flat(*outputs, *model.get_weights())


@cache
def trained(*settings):
    """What a training leaves behind, without its timings and its config."""
    config = load_config("tiny.yaml", [RNN, *settings])  # the fastest to trace
    run = Run.create("tiny")
    run.start(Path("tiny.yaml"), config, "")
    with contextlib.suppress(DivergedError):
        train(config, load_data(config.data, seed=config.seed), run)
    names = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*.*")}
    log = (run.path / "train.log").read_text()
    return [
        [untimed(line) for line in run.metrics()],
        [run.info["status"], run.info["best"], run.info.get("rollbacks")],
        sorted(name for name in names if "tfevents" not in name),
        flat(*_weights(run)),
        [*shown(run, "train"), *shown(run, "validation")],
        "compiling" in log,
    ]


def _weights(run):
    if not run.model_path.exists():  # it diverged in its first epoch
        return []
    return keras.models.load_model(run.model_path).get_weights()


def untimed(line):
    timings = ("_seconds", "_per_second")
    return {key: value for key, value in line.items() if not key.endswith(timings)}


def shown(run, split):
    """The tags of TensorBoard, but for that of the config."""
    events = EventAccumulator(str(run.path / "tensorboard" / split)).Reload()
    return sorted(events.Tags()["tensors"])


def equal(one, other):
    """Whether two pieces of evidence are the same, not a number being itself."""
    return repr(one) == repr(other)


def test_each_key_has_its_settings():
    known = [*DATA, *MODEL, *TRAINING]
    assert sorted(known) == sorted(keys_of(Config))


@pytest.mark.parametrize("key", DATA)
def test_a_key_of_the_data_changes_the_examples(key):
    settings, change = DATA[key]
    assert not equal(loaded(*settings), loaded(*settings, change))


@pytest.mark.parametrize("key", MODEL)
@pytest.mark.usefixtures("seeded")
def test_a_key_of_the_model_changes_what_is_built(key):
    settings, change = MODEL[key]
    assert not equal(built(*settings), built(*settings, change))


@pytest.mark.slow
@pytest.mark.parametrize("key", TRAINING)
def test_a_key_of_the_training_changes_what_it_leaves(key):
    settings, change = TRAINING[key]
    assert not equal(trained(*settings), trained(*settings, change))


def test_the_same_settings_leave_the_same():
    assert equal(loaded(), loaded.__wrapped__())
    assert equal(built(), built.__wrapped__())
    assert equal(trained(), trained.__wrapped__())
