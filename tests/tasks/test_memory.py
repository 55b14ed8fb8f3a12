"""The classic tests of memory, from the training to the evaluation."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_training import At, begin, go_on, start

from seqtrain.analysis.evaluate import evaluate
from seqtrain.analysis.predict import predict
from seqtrain.analysis.verify import fingerprint
from seqtrain.errors import ConfigError, DivergedError, ResumeError, RunError
from seqtrain.metrics import mean_with_interval, sequence_metrics, wilson_interval
from seqtrain.models.compile import compile_model
from seqtrain.models.saved import load_model
from seqtrain.runs.resume import load_data_of
from seqtrain.runs.run import Run
from seqtrain.system.sealed import unseal
from seqtrain.tables.evaluation import format_evaluation
from seqtrain.tables.runs import runs_table
from seqtrain.tasks import KINDS, kind_of, load_data
from seqtrain.tasks.targets import Label, Value
from seqtrain.tasks.texts import KIND as TEXTS
from seqtrain.tasks.texts import GeneratedData
from seqtrain.training.divergence import replay
from seqtrain.training.run_log import COLUMNS

pytestmark = pytest.mark.usefixtures("own_cache")
TASKS = {"adding": 4, "copy": 1, "temporal_order": 5}  # and a length
QUICK = ("train.class_weights=none", "model.dropout=0")
LEARN = (
    "train.epochs=3",
    "train.batch_size=32",
    "train.schedule=constant",
    "train.learning_rate=0.03",
    "train.patience=null",
    "train.checkpoint_every=1000",
    "log.every=50",
)


SECTIONS = {each.name: each.sections[0] for each in KINDS if each.name in TASKS}


def section(task, **fields):
    return SECTIONS[task](**{"length": 20, **fields})


@pytest.mark.parametrize("name", TASKS)
def test_the_same_seed_makes_the_same_data_and_no_part_repeats_another(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path))
    config = section(name, examples=50, test_examples=9, validation=0.2)
    data = load_data(config, seed=3)
    assert load_data(config, seed=3).digest() == data.digest()
    assert load_data(config, seed=4).digest() != data.digest()
    parts = data.train, data.validation, data.test
    assert [part.examples for part in parts] == [40, 10, 9]
    texts = [
        part.inputs_of(i).tobytes() for part in parts for i in range(part.examples)
    ]
    assert len(set(texts)) == 59
    assert set(data.train.lengths) == {config.max_length}
    assert not [*tmp_path.iterdir()]  # it is made faster than read


@pytest.mark.parametrize(("share", "judged"), [(0.01, 1), (0.99, 2)])
def test_something_is_left_to_learn_from_and_to_judge_by(share, judged):
    data = load_data(section("adding", examples=3, validation=share), seed=0)
    assert (data.train.examples, data.validation.examples) == (3 - judged, judged)


def test_the_report_says_what_is_reached_without_memory():
    config = section("copy", examples=5000, test_examples=10)
    assert load_data(config, seed=0).report.text().splitlines() == [
        "copy                             training       validation             test",
        "examples                            4,500              500               10",
        "40 timesteps each",
        f"without memory: loss {10 * math.log(8) / 40:.4f}, accuracy 0.1250",
    ]


def test_reviews_are_texts_as_those_of_any_source():
    assert kind_of(GeneratedData()) is TEXTS
    assert TEXTS.chance(GeneratedData()) == {}


def start_task(folder, name, *overrides, examples=100):
    data = f"{{source: generated, task: {name}, length: {TASKS[name]}, examples: "
    data += f"{examples}, test_examples: 300}}"
    embedding = "{}" if name == "adding" else "{dim: 16}"
    given = f"data={data}", f"model.embedding={embedding}", *QUICK, *overrides
    return start(folder, *given, name=name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each task that has learned something."""
    folder = tmp_path_factory.mktemp("tasks")
    made = {}
    for name in TASKS:
        cell = {"adding": "rnn, units: 8", "copy": "gru, units: 48"}
        layers = f"model.layers=[{{cell: {cell.get(name, 'gru, units: 8')}}}]"
        # The step for numbers is compiled ahead.
        compiled = f"train.jit_compile={str(name == 'adding').lower()}"
        examples = 2000 if name == "copy" else 1000
        run = start_task(folder, name, layers, compiled, *LEARN, examples=examples)
        begin(run)
        made[name] = run
    return made


@pytest.fixture(scope="module")
def results(runs):
    return {name: evaluate(run) for name, run in runs.items()}


@pytest.fixture(params=TASKS)
def run(request, runs):
    return runs[request.param]


@pytest.mark.parametrize("name", TASKS)
def test_each_task_is_learned_beyond_chance(runs, results, name):
    result, chance = results[name], runs[name].info["chance"]
    assert result["baselines"] == {"chance": chance}
    assert result["loss"] < 0.97 * chance["loss"]
    if "accuracy" in chance:
        assert result["accuracy_low"] > chance["accuracy"]


def test_eval_measures_as_the_training_did(run):
    best = run.info["best"]
    result = evaluate(run, split="validation")
    assert result["loss"] == pytest.approx(best["val_loss"], rel=1e-4)
    assert result.get("accuracy") == pytest.approx(best.get("val_accuracy"), abs=1e-6)
    assert unseal((run.path / "eval" / "validation.json").read_bytes()) == result


def test_the_table_of_eval_puts_the_model_beside_chance(results):
    tables = {
        name: format_evaluation(each).splitlines() for name, each in results.items()
    }
    for lines in tables.values():
        assert lines[2].split() == "this model 95% interval without memory".split()
        assert all(len(line) <= 80 for line in lines)
    assert tables["adding"][3].endswith("0.1667")
    assert tables["adding"][4] == ""  # a value has no accuracy
    assert tables["copy"][3].endswith(f"{10 * np.log(8) / 21:.4f}")
    assert tables["copy"][4].endswith("12.50")
    assert tables["temporal_order"][3].endswith("25.00")
    assert any(line.startswith("XY ") for line in tables["temporal_order"])


def test_a_value_has_a_loss_in_every_log_and_no_accuracy(runs):
    run = runs["adding"]
    assert all("loss" in line for line in run.metrics())
    assert not any("accuracy" in key for line in run.metrics() for key in line)
    assert not any("accuracy" in key for key in run.info["best"])
    log = (run.path / "train.log").read_text()
    row = log.splitlines()[log.splitlines().index(COLUMNS) + 1 :]
    row = next(line for line in row if line.startswith("    1 "))
    assert [row.split()[i] for i in (3, 5)] == ["-", "-"]
    assert runs_table([run]).splitlines()[-1].split()[-2:] == ["-", "-"]


def test_the_accuracy_of_copy_counts_the_recalled_symbols_alone(rng):
    logits = rng.normal(size=(4, 15, 9)).astype(np.float32)
    labels = rng.integers(0, 9, (4, 15), np.int32)
    labels[:, 7:] = logits[:, 7:].argmax(axis=-1)
    labels[0, -1] = (labels[0, -1] + 1) % 9
    expected = (logits.argmax(axis=-1) == labels)[:, 5:]
    target = kind_of(section("copy")).target
    hits, counted = target.hits(tf.constant(labels), tf.constant(logits))
    np.testing.assert_array_equal(counted, np.arange(15) * np.ones((4, 1)) >= 5)
    np.testing.assert_array_equal(hits[:, 5:], expected)
    assert expected.mean() != (logits.argmax(axis=-1) == labels).mean()


@pytest.mark.parametrize("name", ["adding", "copy"])
def test_the_loss_is_the_mean_over_all_that_is_wanted(runs, name, rng):
    run = runs[name]
    columns = 1 if name == "adding" else 9
    outputs = rng.normal(size=(6, columns) if columns == 1 else (6, 21, 9))
    inputs = keras.Input(outputs.shape[1:])
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    compile_model(model, run.config)
    if name == "adding":
        labels = rng.random(6).astype(np.float32)
        expected = np.mean((outputs[:, 0] - labels) ** 2)
    else:
        labels = rng.integers(0, 9, (6, 21), np.int32)
        exponentials = np.exp(outputs)
        shares = exponentials / exponentials.sum(axis=-1, keepdims=True)
        found = np.take_along_axis(shares, labels[..., None], axis=-1)
        expected = -np.log(found).mean()
    loss = model.compute_loss(None, labels, tf.constant(outputs, tf.float32))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_sequences_and_not_their_timesteps_are_the_trials_of_an_interval(rng):
    losses, accuracies = rng.random(50), rng.integers(0, 11, 50) / 10
    result = sequence_metrics(losses, accuracies)
    half = 2.0096 * losses.std(ddof=1) / np.sqrt(50)  # Student's t, 49 degrees
    assert result["loss"] == pytest.approx(losses.mean())
    assert result["loss_low"] == pytest.approx(losses.mean() - half, rel=1e-4)
    assert result["loss_high"] == pytest.approx(losses.mean() + half, rel=1e-4)
    both = wilson_interval(accuracies.sum(), 50)
    assert (result["accuracy_low"], result["accuracy_high"]) == both
    assert mean_with_interval("loss", np.ones(1))["loss_high"] == 1.0


@pytest.mark.slow
def test_a_run_that_breaks_off_ends_as_if_it_had_not(tmp_path):
    def fail():
        raise InterruptedError

    layers = "model.layers=[{cell: rnn, units: 3, dropout: 0.1}]"
    whole, broken = (start_task(tmp_path, "adding", layers) for _ in range(2))
    begin(whole)
    with pytest.raises(InterruptedError):
        begin(broken, At("on_train_batch_end", 8, fail))
    go_on(broken)
    assert broken.info["resumed"][0]["step"] == 6
    assert fingerprint(broken) == fingerprint(whole)


def test_another_seed_is_other_data_and_is_refused(tmp_path, runs):
    with pytest.raises(ResumeError, match="seed"):
        go_on(runs["adding"], "seed=1", "train.epochs=9")


def test_weights_of_another_task_are_refused(runs):
    with pytest.raises(ConfigError, match=r"data\.task +copy +temporal_order"):
        load_data_of(
            runs["temporal_order"].config.model_copy(
                update={"model": runs["copy"].config.model}
            ),
            runs["copy"],
        )


def test_there_are_no_texts_to_predict_or_to_read(runs):
    run = runs["temporal_order"]  # which has tokens
    with pytest.raises(RunError, match="has no texts to predict"):
        next(predict(run, [["a text"]]))
    with pytest.raises(ConfigError, match="examples are made; none can be read"):
        evaluate(run, data=run.path / "some.csv")


def test_the_model_of_another_task_is_refused(runs):
    vocab = len(runs["copy"].vocab)
    kind = kind_of(runs["copy"].config.data)
    for target in (Label(), Value()):
        with pytest.raises(RunError, match="made for another task"):
            load_model(
                runs["copy"].model_path,
                vocab_size=vocab,
                num_classes=9,
                kind=dataclasses.replace(kind, target=target),
            )
    with pytest.raises(RunError, match="made for another task"):
        load_model(runs["adding"].model_path, vocab_size=2, num_classes=2, kind=TEXTS)


@pytest.mark.parametrize("name", ["adding", "copy"])
def test_a_step_that_diverged_can_be_looked_at(tmp_path, name):
    def spoil():
        [kernel, *_] = run.model.trainable_weights
        kernel.assign(kernel * np.nan)

    run = start_task(tmp_path, name, "model.layers=[{cell: rnn, units: 3}]")
    callback = At("on_train_batch_begin", 2, spoil)
    run.model = None
    callback.set_model = lambda model: setattr(run, "model", model)
    with pytest.raises(DivergedError):
        begin(run, callback)
    shown = replay(Run(run.path))
    timesteps = run.config.data.max_length
    assert f"the batch has 20 sequences of up to {timesteps} timesteps" in shown
    example = shown.splitlines()[-1].split()
    if name == "adding":
        assert len(example) == 5 + 4  # logit, value and length, then the numbers
        assert 0 <= float(example[2]) <= 2
    else:
        assert example[2].startswith("___________")
        assert example[5] == example[2][11]


def test_only_classes_are_shown_as_samples(runs):
    shown = {
        name: b"prediction | probability"
        in b"".join(path.read_bytes() for path in run.path.rglob("*tfevents*"))
        for name, run in runs.items()
    }
    assert shown == {"adding": False, "copy": False, "temporal_order": True}


def test_the_labels_of_a_run_are_those_of_its_task(runs):
    assert runs["adding"].labels == []
    assert runs["copy"].labels == [*"_12345678"]
    assert runs["temporal_order"].labels == ["XX", "XY", "YX", "YY"]
    data = load_data(runs["copy"].config.data, seed=0)
    assert runs["copy"].vocab.tokens == data.vocab.tokens
