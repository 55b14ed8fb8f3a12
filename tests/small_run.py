"""A run with a model whose every probability can be worked out by hand."""

import csv

import keras
import numpy as np

from seqtrain.config import load_config
from seqtrain.data.vocabulary import Vocabulary
from seqtrain.layers import TemporalPooling
from seqtrain.runs.run import Run

SCORES = {"good": 2.0, "fine": 0.5, "dull": -1.0, "bad": -3.0}
CONFIG = """
data:
  source: files
  train: {folder}/train.csv
  test: {folder}/test.csv
  text: review
  label: verdict
  validation: 0.25
  max_length: 8
  buckets: [2, 4, 8]
"""
# (text, label): one empty, one unknown word, one longer than 8 tokens.
TEST = [
    ("bad bad bad bad bad bad good good good good good good good good", "pos"),
    ("good", "pos"),
    ("dull dull dull fine bad", "neg"),
    ("", "neg"),
    ("fine", "neg"),
    ("dull whatever good", "pos"),
    ("bad good good", "neg"),
]
TRAIN = [(word, "pos" if score > 0 else "neg") for word, score in SCORES.items()] * 4


def logit(text: str) -> float:
    """The mean score of the last eight words; unknown ones have none."""
    scores = [SCORES.get(word, 0.0) for word in text.split()[-8:]]
    return sum(scores) / len(scores) if scores else 0.0


def write_csv(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("review", "verdict"), *rows])


def make_run(folder) -> Run:
    """Make `folder/runs/small-1`, as training would have left it."""
    folder.mkdir(exist_ok=True)
    write_csv(folder / "train.csv", TRAIN)
    write_csv(folder / "test.csv", TEST)
    config_path = folder / "small.yaml"
    config_path.write_text(CONFIG.format(folder=folder))
    run = Run.create("small", root=folder / "runs")
    run.start(config_path, load_config(config_path), "seqtrain train small.yaml")
    run.write_json("labels.json", ["neg", "pos"])
    vocab = Vocabulary(["", "[unk]", *SCORES])
    vocab.save(run.vocabulary_path)

    tokens = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(len(vocab), 1, mask_zero=True)
    outputs = TemporalPooling("mean")(embedding(tokens))  # (batch, 1)
    embedding.set_weights([np.array([[0.0], [0.0], *([s] for s in SCORES.values())])])
    keras.Model(tokens, outputs).save(run.model_path)
    with run.recorded():
        pass
    return run
