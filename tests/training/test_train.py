import csv
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from scipy.stats import binomtest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from seqtrain.board.curves import precision_recall
from seqtrain.board.writer import Sample, samples_markdown
from seqtrain.config import load_config
from seqtrain.data.batches import Batch, dataset
from seqtrain.errors import ConfigError, DivergedError
from seqtrain.figures.classes import LiveCalibration, LiveConfusion
from seqtrain.metrics import calibration, confidence_edges
from seqtrain.models.build import build_model
from seqtrain.runs.run import Run
from seqtrain.tasks import load_data
from seqtrain.training.train import train

pytestmark = pytest.mark.usefixtures("own_cache")

WORDS = "dull fine good bad slow warm odd long".split()
CONFIG = """
seed: 3
data:
  source: files
  train: {data}
  validation: 0.25
  max_length: 8
  buckets: [4, 8]
model:
  embedding: {{dim: 4, dropout: 0.2}}
  layers:
    - {{cell: rnn, units: 5, dropout: 0.2}}
  dropout: 0.3
train:
  epochs: 3
  batch_size: 8
  learning_rate: 0.01
  clip_norm: 1.0
  jit_compile: false
log:
  every: 2
  samples: 3
  histograms: 2
"""
TRAIN, VALIDATION, STEPS = 36, 12, 5  # examples, examples, steps of an epoch
NO_DROPOUT = [f"model.{place}dropout=0" for place in ("embedding.", "layers.0.", "")]
LABELS = {"rare": 1, "usual": 3}  # how often of four


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Make a started run; return what `train` takes."""
    folder = tmp_path_factory.mktemp("train")
    rng = np.random.default_rng(0)
    rows = [
        (" ".join(rng.choice(WORDS, size=rng.integers(9))), label)
        for label in [label for label, times in LABELS.items() for _ in range(times)]
        * ((TRAIN + VALIDATION) // 4)
    ]
    with open(folder / "reviews.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    path = folder / "tiny.yaml"
    path.write_text(CONFIG.format(data=folder / "reviews.csv"))

    def start(*overrides):
        config = load_config(path, overrides)
        run = Run.create("tiny", root=folder / "runs")
        run.start(path, config, "seqtrain train tiny.yaml")
        return config, load_data(config.data, seed=config.seed), run

    return start


class Record(keras.callbacks.Callback):
    """Keep what happens: the weights after each epoch, and what each batch was told."""

    def on_train_begin(self, logs=None):
        self.batches, self.epochs, self.weights, self.changes = [], [], [], []

    def on_train_batch_begin(self, batch, logs=None):
        self.before = np.concatenate([w.ravel() for w in self.model.get_weights()[:6]])

    def on_train_batch_end(self, batch, logs=None):
        after = np.concatenate([w.ravel() for w in self.model.get_weights()[:6]])
        norm = np.linalg.norm
        self.changes.append(norm(after - self.before) / norm(self.before))
        self.batches.append(logs)

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())
        self.epochs.append(logs)


class Judged(keras.callbacks.Callback):
    """Have each epoch judged as a model with one logit for all texts."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = iter(logits)

    def on_test_begin(self, logs=None):
        layer = self.model.get_layer("logits")
        kernel, bias = layer.get_weights()
        layer.set_weights([0 * kernel, 0 * bias + next(self.logits)])


def raise_at(hook, error):
    """A callback that raises an error when a hook is called for the second time."""
    calls = iter([None, error])

    def fail(*_, **__):
        if raised := next(calls):
            raise raised

    callback = keras.callbacks.Callback()
    setattr(callback, hook, fail)
    return callback


def reproducible(run):
    return [
        {k: v for k, v in line.items() if not k.endswith(("_seconds", "_per_second"))}
        for line in run.metrics()
    ]


def read_events(run, split):
    """Every point that TensorBoard shows of a split: tag → [(step, value)]."""
    path = run.path / "tensorboard" / split
    events = EventAccumulator(str(path), {"tensors": 0}).Reload()
    tags = events.Tags()
    shown = {
        tag: [(e.step, make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        for tag in tags["tensors"]
    }
    return shown | {"graph": tags["graph"]}


@pytest.fixture(scope="module")
def finished(start):
    """A run of three epochs with everything logged, its record and its history."""
    config, data, run = start()
    record = Record()
    history = train(config, data, run, callbacks=[record])
    return run, record, history


def test_run_says_how_it_ended(finished):
    run, record, history = finished
    info = run.info
    assert info["status"] == "finished"
    assert info["seed"] == 3
    assert len(info["data_files"]) == 1
    best = int(np.argmin(history["val_loss"]))
    assert info["best"] == {"epoch": best + 1, **record.epochs[best]}
    assert info["seconds"] > 0


def test_run_keeps_every_file_of_the_design(finished):
    run, *_ = finished
    names = {path.name for path in run.path.iterdir() if not path.name.startswith(".")}
    assert names >= {
        "config.yaml",
        "config.resolved.yaml",
        "run.json",
        "metrics.jsonl",
        "vocabulary.txt",
        "labels.json",
        "model.keras",
        "baselines.npz",
        "tensorboard",
        "train.log",
    }
    assert not list(run.path.glob(".*"))  # nothing temporary is left
    assert run.labels == ["rare", "usual"]
    vocabulary = run.vocabulary_path.read_text().split()
    assert {*WORDS} == {*vocabulary} - {"[unk]"}


def test_resolved_config_loads_equal(start):
    config, _, run = start("train.epochs=1", "seed=9")
    assert load_config(run.path / "config.resolved.yaml") == config


def test_metrics_hold_the_means_of_each_window_and_each_evaluation(finished):
    run, record, _ = finished
    lines = run.metrics()
    training = [line for line in lines if line["split"] == "train"]
    validation = [line for line in lines if line["split"] == "validation"]

    steps = [line["step"] for line in training]
    # The last step of an epoch, too.
    assert steps == [2, 4, 5, 6, 8, 10, 12, 14, 15]
    for line, before in zip(training, [0, *steps], strict=False):
        step = line["step"]
        window = record.batches[before:step]
        sizes = [batch["examples"] for batch in window]
        for name, key in [("loss", "batch_loss"), ("accuracy", "batch_accuracy")]:
            values = [batch[key] for batch in window]
            assert line[name] == pytest.approx(np.average(values, weights=sizes))
        for name in ("gradient_norm", "padding_share"):
            assert line[name] == pytest.approx(np.mean([b[name] for b in window]))
        assert line["update_ratio"] == pytest.approx(record.changes[step - 1], rel=1e-4)
        assert line["learning_rate"] == pytest.approx(0.01)
        assert line["epoch"] == (step - 1) // STEPS + 1
        assert line["examples_per_second"] > 0
    for epoch, (line, logs) in enumerate(zip(validation, record.epochs, strict=True)):
        assert (line["step"], line["epoch"]) == (STEPS * (epoch + 1), epoch + 1)
        assert line["loss"] == logs["val_loss"]
        assert line["accuracy"] == logs["val_accuracy"]
        assert line["examples"] == VALIDATION
        hits = round(line["accuracy"] * VALIDATION)
        expected = binomtest(hits, VALIDATION).proportion_ci(method="wilson")
        assert line["accuracy_low"] == pytest.approx(expected.low)
        assert line["accuracy_high"] == pytest.approx(expected.high)
        assert line["evaluation_seconds"] > 0
    assert [line["split"] for line in lines].count("validation") == 3


def test_tensorboard_shows_the_metrics_under_one_tag_in_both_splits(finished):
    run, *_ = finished
    for split, tags in {
        "train": {
            "loss",
            "accuracy",
            "learning_rate",
            "gradient_norm",
            "update_ratio",
            "examples_per_second",
            "padding_share",
        },
        "validation": {"loss", "accuracy"},
    }.items():
        events = read_events(run, split)
        lines = [line for line in run.metrics() if line["split"] == split]
        for tag in tags:
            expected = [(line["step"], np.float32(line[tag])) for line in lines]
            assert events[tag] == expected
    assert not events.keys() & {"learning_rate", "gradient_norm", "update_ratio"}


def test_tensorboard_shows_the_best_values_so_far_at_each_step(finished):
    run, record, _ = finished
    events = read_events(run, "validation")
    for name in ("loss", "accuracy"):
        expected = []
        for epoch in range(1, len(record.epochs) + 1):
            best = min(record.epochs[:epoch], key=lambda logs: logs["val_loss"])
            expected.append((STEPS * epoch, np.float32(best[f"val_{name}"])))
        assert events[f"best/{name}"] == expected


@pytest.fixture(scope="module")
def judged(start, finished):
    """Texts and labels of the validation part, and what the last model says of each."""
    _, record, _ = finished
    config, data, _ = start()
    model = build_model(config, vocab_size=len(data.vocab), num_classes=2)
    model.set_weights(record.weights[-1])
    together = Batch(np.arange(VALIDATION), 8)
    [(tokens, labels)] = dataset(data.validation, [together]).as_numpy_iterator()
    positive = 1 / (1 + np.exp(-np.float64(model(tokens).numpy()[:, 0])))
    texts = [" ".join(data.vocab.tokens[id] for id in row if id) for row in tokens]
    assert len({*map(len, texts)}) > 3  # so that they are not judged as they stand
    return texts, labels, np.stack([1 - positive, positive], axis=1), data.labels


def last_event(run, split, tag):
    step, value = read_events(run, split)[tag][-1]
    assert step == 3 * STEPS
    return value


def test_precision_and_recall_are_those_of_the_examples(finished, judged):
    run, (_, labels, rows, names) = finished[0], judged
    [curve] = precision_recall(labels, rows, names)
    [value] = curve.value
    found = last_event(run, "validation", value.tag)
    np.testing.assert_array_equal(found, make_ndarray(value.tensor))


def test_the_confusion_has_a_row_for_each_true_class(finished, judged):
    run, (_, labels, rows, names) = finished[0], judged
    counts = np.zeros((2, 2), int)
    for label, row in zip(labels, rows, strict=True):
        counts[label, row.argmax()] += 1
    assert counts[0, 1] != counts[1, 0]
    *_, png = last_event(run, "validation", "confusion")
    assert png == LiveConfusion(names).show(counts)


def test_the_calibration_is_that_of_the_examples(finished, judged):
    run, (_, labels, rows, _) = finished[0], judged
    edges = confidence_edges(2)
    *_, png = last_event(run, "validation", "calibration")
    assert png == LiveCalibration(edges).show(*calibration(labels, rows, edges))


def test_samples_show_what_is_said_of_each_text(finished, judged):
    run, (texts, labels, rows, names) = finished[0], judged
    samples = [
        Sample(text, names[label], names[row.argmax()], row.max())
        for text, label, row in zip(texts, labels, rows, strict=True)
    ]
    wrong = [sample for sample in samples if sample.label != sample.prediction]
    worst = sorted(wrong, key=lambda sample: -sample.probability)[:3]
    for tag, shown in {"samples": samples[:3], "worst_errors": worst}.items():
        found = last_event(run, "train", tag).item().decode()
        assert found == samples_markdown(shown)


def test_tensorboard_shows_histograms_samples_config_and_graph(finished):
    run, record, _ = finished
    events = read_events(run, "train")
    for kind in ("weights", "gradients"):
        histograms = [tag for tag in events if tag.startswith(f"{kind}/")]
        assert len(histograms) == 6  # embedding, rnn's three, logits' two
        for tag in histograms:  # every second epoch
            assert [step for step, _ in events[tag]] == [2 * STEPS]
    [tag] = [tag for tag in events if tag.startswith("weights/embedding")]
    [(_, buckets)] = events[tag]  # rows of left edge, right edge, count
    embeddings = record.weights[1][0]
    assert (buckets[0, 0], buckets[-1, 1]) == (embeddings.min(), embeddings.max())

    assert [step for step, _ in events["samples"]] == [STEPS, 2 * STEPS, 3 * STEPS]
    table = events["samples"][-1][1].item().decode()
    assert len(table.splitlines()) == 2 + 3
    assert any(word in table for word in WORDS)
    [(_, config)] = events["config"]
    assert "batch_size: 8" in config.item().decode()
    assert events["graph"]


def test_model_opens_in_plain_keras_in_another_process(finished, tmp_path):
    run, record, history = finished
    script = """if True:
        import sys, keras, numpy, seqtrain.layers
        model = keras.saving.load_model(sys.argv[1])
        logits = model.predict(numpy.array([[3, 4, 0], [0, 0, 0]]), verbose=0)
        numpy.savez(sys.argv[2], logits, *model.get_weights())
        assert "seqtrain.models.build" not in sys.modules
    """
    found = tmp_path / "found.npz"
    command = [sys.executable, "-c", script, run.model_path, found]
    subprocess.run(command, check=True, capture_output=True)
    with np.load(found) as file:
        logits, *weights = file.values()

    best = record.weights[int(np.argmin(history["val_loss"]))]
    for ours, kept in zip(weights, best, strict=False):  # Dropout keeps its seed, too
        np.testing.assert_array_equal(ours, kept)
    embeddings, kernel, recurrent, bias, dense, shift = best[:6]
    hidden = np.tanh(embeddings[3] @ kernel + bias)
    hidden = np.tanh(embeddings[4] @ kernel + bias + hidden @ recurrent)
    expected = [hidden @ dense + shift, shift]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)


def test_model_takes_tokens_as_the_trained_one_did(finished):
    run, *_ = finished
    model = keras.saving.load_model(run.model_path)
    assert model(np.array([[3, 4, 0]])).shape == (1, 1)  # without a warning


def test_same_seed_gives_the_same_run_bit_for_bit(start, finished):
    run, record, history = finished
    config, data, again = start()
    recorded = Record()
    assert train(config, data, again, callbacks=[recorded]) == history
    assert reproducible(again) == reproducible(run)
    for ours, theirs in zip(recorded.weights[-1], record.weights[-1], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_is_logged_changes_no_weight(start, finished):
    _, record, history = finished
    config, data, run = start("log.samples=0", "log.histograms=null", "log.every=100")
    recorded = Record()
    assert train(config, data, run, callbacks=[recorded]) == history
    for ours, theirs in zip(recorded.weights[-1], record.weights[-1], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    tags = {*read_events(run, "train")}
    assert "samples" not in tags
    assert all(tag.startswith("epoch/") for tag in tags if "/" in tag)  # no histograms
    lines = [line for line in run.metrics() if line["split"] == "train"]
    assert [line["step"] for line in lines] == [STEPS, 2 * STEPS, 3 * STEPS]


def test_another_seed_gives_another_run(start, finished):
    _, record, _ = finished
    config, _, run = start("train.epochs=1")
    # The data stays, so that the difference comes from the model and its batches.
    data = load_data(config.data, seed=config.seed)
    recorded = Record()
    train(config.model_copy(update={"seed": 4}), data, run, callbacks=[recorded])
    first, second = record.batches[0], recorded.batches[0]
    assert first["batch_loss"] != second["batch_loss"]
    assert (record.weights[0][0] != recorded.weights[0][0]).any()


def test_rows_go_to_stdout_and_lines_to_stderr_and_the_log_has_both(start, capsys):
    config, data, run = start("train.epochs=2", "log.every=4")
    history = train(config, data, run)

    said = capsys.readouterr()
    header, *rows = said.out.splitlines()
    assert header.split()[:4] == ["epoch", "step", "loss", "accuracy"]
    assert {len(header), *map(len, rows)} == {len(header)}
    assert len(header) <= 80
    for epoch, row in enumerate(rows):
        cells = row.split()
        assert cells[:2] == [str(epoch + 1), str(STEPS * (epoch + 1))]
        names = ["loss", "accuracy", "val_loss", "val_accuracy"]
        assert cells[2:6] == [f"{history[name][epoch]:.4f}" for name in names]
    lines = [line for line in said.err.splitlines() if line.startswith("step ")]
    assert [line.split()[1] for line in lines] == ["4/10", "5/10", "8/10", "10/10"]
    log = (run.path / "train.log").read_text().splitlines()
    assert {header, *rows, *said.err.splitlines()} == {*log}


@pytest.mark.parametrize(
    "monitor, best", [("loss", 1), pytest.param("accuracy", 2, marks=pytest.mark.slow)]
)
def test_model_kept_is_that_of_the_best_epoch(start, monitor, best):
    config, data, run = start(f"train.monitor={monitor}", "train.epochs=4")
    # The third is as accurate as the second, the loss of the last that of the first.
    logits = [-0.01, 20.0, 25.0, -0.01]
    history = train(config, data, run, callbacks=[Judged(*logits)])

    assert np.argmin(history["val_loss"]) == 0
    assert history["val_accuracy"][0] < history["val_accuracy"][1]
    assert history["val_accuracy"][1] == history["val_accuracy"][2]
    [bias] = keras.saving.load_model(run.model_path).get_layer("logits").bias.numpy()
    assert bias == np.float32(logits[best - 1])
    assert run.info["best"]["epoch"] == best


@pytest.mark.parametrize(
    "monitor, logits",
    [
        # Each gets worse or no better after its second epoch; the other measure of
        # the second case does get better.
        pytest.param("loss", [0.0, 0.5, 20.0, 25.0], marks=pytest.mark.slow),
        ("accuracy", [-1.0, 3.0, 2.0, 1.1]),
    ],
)
def test_patience_ends_a_training_that_gets_no_better(start, monitor, logits):
    config, data, run = start(
        "train.epochs=6", "train.patience=2", f"train.monitor={monitor}"
    )
    history = train(config, data, run, callbacks=[Judged(*logits)])
    assert len(history["val_loss"]) == 4
    assert run.info["status"] == "finished"
    assert run.info["best"]["epoch"] == 2


def test_divergence_is_kept_as_such(start):
    class Sabotage(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                layer = self.model.get_layer("logits")
                layer.set_weights([w * np.nan for w in layer.get_weights()])

    config, data, run = start()
    with pytest.raises(DivergedError, match="epoch 2, step 6: loss nan"):
        train(config, data, run, callbacks=[Sabotage()])
    assert run.info["status"] == "diverged"
    assert run.info["best"]["epoch"] == 1
    assert run.model_path.exists()


@pytest.mark.parametrize(
    "error, status",
    [(RuntimeError("broken"), "failed"), (KeyboardInterrupt(), "interrupted")],
    ids=["failed", "interrupted"],
)
def test_end_before_its_time_is_kept_as_such(start, error, status):
    config, data, run = start()
    record = Record()
    with pytest.raises(type(error)):
        train(config, data, run, callbacks=[record, raise_at("on_epoch_begin", error)])
    assert run.info["status"] == status
    assert run.info["seconds"] > 0
    assert run.info["best"]["epoch"] == 1
    model = keras.saving.load_model(run.model_path)
    np.testing.assert_array_equal(model.get_weights()[0], record.weights[0][0])


def test_interruption_in_the_first_epoch_keeps_the_model_so_far(start):
    config, data, run = start()
    end = raise_at("on_train_batch_end", SystemExit(143))  # as SIGTERM does
    with pytest.raises(SystemExit):
        train(config, data, run, callbacks=[end])
    assert run.info["status"] == "interrupted"
    assert run.info["best"] is None
    assert keras.saving.load_model(run.model_path).output_shape == (None, 1)


@pytest.mark.parametrize(
    "choice, weights",
    [
        ("none", {"rare": 1, "usual": 1}),
        ("balanced", None),
        ("{rare: 5.0, usual: 0.5}", {"rare": 5, "usual": 0.5}),
    ],
    ids=["none", "balanced", "named"],
)
def test_class_weights_weigh_the_loss_of_a_step(start, choice, weights):
    config, data, run = start(
        f"train.class_weights={choice}",
        "train.epochs=1",
        f"train.batch_size={TRAIN}",
        "log.every=1",
        *NO_DROPOUT,
    )
    labels = data.train.targets
    counts = np.bincount(labels)
    train(config, data, run)

    keras.utils.set_random_seed(config.seed)
    model = build_model(config, vocab_size=len(data.vocab), num_classes=2)
    texts = map(data.train.inputs_of, range(TRAIN))
    tokens = np.array([[*text] + [0] * (8 - len(text)) for text in texts])
    logits = model(tokens).numpy()[:, 0]
    signs = np.where(labels, logits, -logits)
    by_id = [weights[name] for name in data.labels] if weights else 1 / counts
    each = np.array(by_id)[labels]
    expected = np.average(np.logaddexp(0, -signs), weights=each)
    assert run.metrics()[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_class_weights_must_name_the_labels(start):
    config, data, run = start("train.class_weights={rare: 1.0, usaul: 2.0}")
    with pytest.raises(ConfigError, match="usaul.*needed: rare, usual"):
        train(config, data, run)


def test_a_run_that_could_not_begin_has_failed(start):
    config, data, run = start("train.class_weights={rare: 1.0, odd: 1.0}")
    with pytest.raises(ConfigError):
        train(config, data, run)
    assert run.info["status"] == "failed"


def test_rate_logged_with_a_step_is_that_of_the_step(start):
    config, data, run = start(
        "train.schedule=linear", "train.epochs=1", "log.every=1", *NO_DROPOUT
    )
    train(config, data, run)
    rates = [m["learning_rate"] for m in run.metrics() if m["split"] == "train"]
    np.testing.assert_allclose(rates, 0.01 * (1 - np.arange(STEPS) / STEPS), rtol=1e-5)


def test_divergence_in_the_last_step_is_seen(start):
    class Sabotage(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            layer = self.model.get_layer("logits")
            layer.set_weights([w * np.nan for w in layer.get_weights()])

    config, data, run = start("train.epochs=1")
    with pytest.raises(DivergedError):
        train(config, data, run, callbacks=[Sabotage()])


def test_every_line_says_where_the_time_went(start):
    config, data, run = start("train.epochs=2", "log.every=5")
    train(config, data, run)
    lines = run.metrics()
    trained = [line for line in lines if line["split"] == "train"]
    judged = [line for line in lines if line["split"] == "validation"]
    assert ["compile_seconds" in line for line in trained] == [True, False]
    for windows, epoch in zip(trained, judged, strict=True):  # five steps each
        for key in ("step_seconds", "data_seconds"):
            assert windows[key] > 0
            assert windows[key] == pytest.approx(epoch[key])
        spent = ("step_seconds", "data_seconds", "evaluation_seconds")
        assert sum(epoch[key] for key in spent) <= epoch["epoch_seconds"]


def test_no_epoch_is_charged_with_what_happens_between_two(start):
    class Dawdle(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            time.sleep(1)  # as saving a large model may take

    config, data, run = start("train.epochs=3", "train.checkpoint_every=1")
    began = time.monotonic()
    train(config, data, run, callbacks=[Dawdle()])
    total = time.monotonic() - began
    lines = [line for line in run.metrics() if line["split"] == "validation"]
    assert sum(line["epoch_seconds"] for line in lines) < total - 3
    assert max(line["epoch_seconds"] for line in lines[1:]) < 1
