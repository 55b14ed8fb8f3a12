"""A training that takes a second, with dropout, schedule, patience and weights."""

from pathlib import Path

import keras

from seqtrain.config import load_config
from seqtrain.runs.resume import find_way
from seqtrain.runs.run import Run
from seqtrain.tasks import load_data
from seqtrain.training.train import train

CONFIG = """\
data:
  source: generated
  examples: 100
  test_examples: 20
  length: 8
  distance: 2
  max_length: 8
  buckets: [4, 8]
  vocabulary: 60
model:
  embedding: {dim: 4, dropout: 0.2}
  layers:
    - {cell: rnn, units: 3, dropout: 0.1}
  dropout: 0.2
train:
  epochs: 4
  batch_size: 20
  schedule: cosine
  warmup_steps: 3
  clip_norm: 1.0
  patience: 2
  class_weights: balanced
  jit_compile: false
  checkpoint_every: 3
log: {every: 2, samples: 2}
"""
STEPS = 5  # of an epoch: a tenth of the examples is for validation
CONSTANT = ("train.schedule=constant", "train.warmup_steps=0", "train.patience=null")


def start(folder: Path, *overrides: str, name: str = "tiny") -> Run:
    """A started run."""
    path = folder / "tiny.yaml"
    path.write_text(CONFIG)
    run = Run.create(name, root=folder / "runs")
    run.start(path, load_config(path, overrides), "seqtrain train tiny.yaml")
    return run


def begin(run: Run, *callbacks: keras.callbacks.Callback) -> dict:
    """Train a started run from step 0."""
    data = load_data(run.config.data, seed=run.config.seed)
    return train(run.config, data, run, callbacks=callbacks)


def go_on(run: Run, *overrides: str, say=lambda _: None, callbacks=()) -> dict:
    """What `seqtrain train --resume` does."""
    with run.locked():
        way = find_way(run, overrides, say=say)
        run.go_on(
            way.config, "", step=way.step, seconds=way.seconds, changed=way.changed
        )
        return train(
            way.config, way.data, run, checkpoint=way.checkpoint, callbacks=callbacks
        )


class At(keras.callbacks.Callback):
    """Do something at the n-th call of a hook, counted from 1."""

    def __init__(self, hook: str, number: int, action):
        super().__init__()
        calls = iter(range(1, number + 1))

        def count(*_, **__):
            if next(calls, None) == number:
                action()

        setattr(self, hook, count)
