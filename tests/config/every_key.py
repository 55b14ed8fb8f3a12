"""Configs in which every key of every section stands, one for each choice."""

DATA = """
  validation: 0.2
  vocabulary: 100
  max_length: 20
  keep: start
  standardize: {lowercase: false, html: keep, punctuation: split, unicode: none}
  tokens: characters
  buckets: [10, 20]
"""
READING = """
  format: csv
  delimiter: semicolon
  quote: none
  header: false
  encoding: cp1252
  classes: [neg, pos]"""
REST = """\
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
  optimizer: OPTIMIZER
  learning_rate: 1e-5
  schedule: step
  warmup_steps: 5
  step_epochs: 1
  step_factor: 0.5
  clip_norm: 2
  monitor: accuracy
  patience: 3
  class_weights: {negative: 1, positive: 2.5}
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
SGD = REST.replace("OPTIMIZER", "sgd\n  momentum: 0.9")
ADAMW = REST.replace("OPTIMIZER", "adamw\n  weight_decay: 0.1")
# Sequences have one length; the keys of reviews stand at their defaults, one at that of
# older versions.
MEMORY = """
  validation: 0.2
  vocabulary: 20000
  max_length: TIMESTEPS
  keep: end
  standardize: {lowercase: true, html: strip, punctuation: drop, unicode: nfkc}
  tokens: words
  buckets: [TIMESTEPS]
  examples: 30
  test_examples: 9
  length: 15
  distance: 10
  noise: 0.0
"""


def memory(task, timesteps=15, changes=()):
    """A config of a test of memory; `changes` are pairs of lines of the rest."""
    rest = ADAMW.replace("{negative: 1, positive: 2.5}", "none")
    for line, other in changes:
        assert line in rest
        rest = rest.replace(line, other)
    data = MEMORY.replace("TIMESTEPS", str(timesteps))
    return f"seed: 3\ndata:\n  source: generated\n  task: {task}{data}{rest}"


CONFIGS = {
    "imdb": f"seed: 3\ndata:\n  source: imdb\n  path: aclImdb{DATA}{SGD}",
    "files": "seed: 3\ndata:\n  source: files\n  train: a.csv\n  test: b.csv\n"
    f"  text: '1e-3'\n  label: 'on'\n  bad_rows: skip{READING}{DATA}{ADAMW}",
    "generated": "seed: 3\ndata:\n  source: generated\n  task: reviews\n"
    "  examples: 30\n  test_examples: 9\n"
    f"  length: 15\n  distance: 3\n  noise: 0.1{DATA}{SGD}",
    "adding": memory(
        "adding",
        changes=[
            ("{dim: 5, dropout: 0.1}", "{dim: 64, dropout: 0.0}"),
            ("monitor: accuracy", "monitor: loss"),
        ],
    ),
    "copy": memory(
        "copy",
        timesteps=35,
        changes=[
            ("bidirectional: true", "bidirectional: false"),
            ("units: 8", "units: 4"),
            ("pooling: concat", "pooling: last"),
        ],
    ),
    "temporal_order": memory("temporal_order"),
}
