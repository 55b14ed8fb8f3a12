import itertools
import math
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqtrain.config import Config
from seqtrain.data.batches import Batch, dataset, epoch_batches
from seqtrain.data.encoded import Data, Encoded
from seqtrain.data.sources.generated import generate
from seqtrain.data.tokenize import tokenize
from seqtrain.data.vocabulary import Vocabulary
from seqtrain.errors import DivergedError
from seqtrain.layers import TemporalPooling
from seqtrain.models.build import build_model
from seqtrain.models.compile import compile_model
from seqtrain.models.gradients import gradients_of
from seqtrain.tasks.texts import encode_texts
from seqtrain.tasks.tfidf import fit_classifiers
from seqtrain.training.loop import fit
from seqtrain.training.step import TrainStep

pytestmark = pytest.mark.usefixtures("seeded")

VOCABULARY, DIM = 12, 3
BUCKETS = [4, 6]
BATCH = 4
SEED = 1
# One without a token, some with a token twice; three batches, the last not full.
TEXTS = [
    [3, 3, 5],
    [],
    [2, 7, 7, 7, 9, 2],
    [4],
    [11, 3, 10, 3, 3],
    [6, 8],
    [2, 2],
    [9, 9, 8, 6],
    [5, 5, 5, 5, 4, 1],
    [10],
    [7, 1],
]
STEPS = 3


def encode(texts, labels):
    tokens = np.concatenate([np.array(text, np.int32) for text in texts])
    lengths = np.array([len(text) for text in texts])
    return Encoded.joined(tokens, lengths, np.array(labels, np.int32))


def examples(num_classes=2):
    return encode(TEXTS, [(3 * i // 2) % num_classes for i in range(len(TEXTS))])


VALIDATION = encode([[3, 5], [], [7, 7, 2, 9, 1], [4]], [0, 1, 1, 0])


def setup(training=None, model=None, **options):
    """What `fit` takes beside the model, of which a test says what differs."""
    train = {
        "epochs": 1,
        "batch_size": BATCH,
        "optimizer": "sgd",
        "learning_rate": 0.5,
        "jit_compile": False,
    }
    sections = {"seed": SEED, "model": model or {}, "train": train | options}
    names = [str(label) for label in range(VOCABULARY)]
    data = Data(
        train=training or examples(),
        validation=VALIDATION,
        test=None,
        vocab=Vocabulary(names),
        labels=names[:2],
        buckets=BUCKETS,
        report=None,
        files={},
    )
    return data, Config.model_validate(sections)


def linear_model(num_classes=2):
    """The mean of the embedded tokens, and a product: small enough for a hand."""
    tokens = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(VOCABULARY, DIM, mask_zero=True)(tokens)
    columns = 1 if num_classes == 2 else num_classes
    logits = keras.layers.Dense(columns)(TemporalPooling("mean")(embedded))
    return keras.Model(tokens, logits)


def by_hand(weights, indices, encoded, class_weights=None):
    """Losses and hits of some examples, and the gradients of their mean loss."""
    embeddings, kernel, bias = (np.float64(weight) for weight in weights)
    counts = np.array(
        [np.bincount(np.array(TEXTS[i], int), minlength=VOCABULARY) for i in indices]
    )
    labels = encoded.targets[indices]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    features = shares @ embeddings  # (batch, dim)
    logits = features @ kernel + bias
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    likelihoods = probabilities[np.arange(len(labels)), labels]
    weights = np.ones(len(labels)) if class_weights is None else class_weights[labels]
    errors = probabilities - np.eye(logits.shape[1])[labels]
    errors *= (weights / weights.sum())[:, None]
    errors = errors[:, -len(bias) :]
    loss = np.sum(weights * -np.log(likelihoods)) / weights.sum()
    hits = logits.argmax(axis=1) == labels
    gradients = [shares.T @ errors @ kernel.T, features.T @ errors, errors.sum(axis=0)]
    return loss, hits, gradients


def global_norm(gradients):
    return math.sqrt(sum(np.sum(gradient**2) for gradient in gradients))


class Record(keras.callbacks.Callback):
    """Keep the weights before each step and after it, and what was told of it."""

    def on_train_begin(self, logs=None):
        self.steps = []

    def on_train_batch_begin(self, batch, logs=None):
        self.before = self.model.get_weights()

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append((self.before, self.model.get_weights(), logs))

    def rates(self):
        """How far each step of plain SGD went, by its gradient."""
        return [
            global_norm(np.subtract(new, old) for new, old in zip(a, b, strict=True))
            / logs["gradient_norm"]
            for b, a, logs in self.steps
        ]


def fit_linear(*callbacks, num_classes=2, class_weights=None, **options):
    """Train the linear model on TEXTS; return it, its record and its history."""
    data, config = setup(examples(num_classes), **options)
    model = linear_model(num_classes)
    compile_model(model, config, steps_per_epoch=STEPS)
    record = Record()
    history = fit(
        model,
        data,
        config,
        class_weights=class_weights,
        callbacks=[record, *callbacks],
    )
    return model, record, history


def batches_of(epoch):
    return epoch_batches(
        examples().lengths,
        batch_size=BATCH,
        buckets=BUCKETS,
        seed=SEED,
        epoch=epoch,
    )


@pytest.mark.parametrize(
    "optimizer, options, arrived",
    [
        ("adam", {}, {}),
        ("adamw", {"weight_decay": 0.02}, {"weight_decay": 0.02}),
        ("adamw", {}, {"weight_decay": 0.004}),
        ("sgd", {"momentum": 0.7}, {"momentum": 0.7}),
        ("sgd", {}, {"momentum": 0.0}),
        ("rmsprop", {}, {}),
    ],
)
def test_every_option_reaches_its_optimizer(optimizer, options, arrived):
    model = linear_model()
    _, config = setup(optimizer=optimizer, learning_rate=0.03, **options)
    compile_model(model, config, steps_per_epoch=1)
    assert type(model.optimizer).__name__.lower() == optimizer
    assert float(model.optimizer.learning_rate) == np.float32(0.03)
    assert {name: getattr(model.optimizer, name) for name in arrived} == arrived


@pytest.mark.parametrize(
    "clip_norm, jit_compile", [(None, False), (0.05, False), (0.05, True)]
)
def test_a_step_of_sgd_is_the_one_worked_out_by_hand(clip_norm, jit_compile):
    _, record, _ = fit_linear(epochs=2, clip_norm=clip_norm, jit_compile=jit_compile)

    batches = [*batches_of(0), *batches_of(1)]
    for batch, (before, after, logs) in zip(batches, record.steps, strict=True):
        loss, _, gradients = by_hand(before, batch.indices, examples())
        norm = global_norm(gradients)
        assert logs["batch_loss"] == pytest.approx(loss, rel=1e-5)
        # Before clipping; and of dense gradients, in which a token that stands twice
        # in a batch counts once.
        assert logs["gradient_norm"] == pytest.approx(norm, rel=1e-5)
        assert norm > 0.05
        scale = 1 if clip_norm is None else clip_norm / norm
        for old, new, gradient in zip(before, after, gradients, strict=True):
            expected = old - 0.5 * scale * gradient
            np.testing.assert_allclose(new, expected, rtol=1e-5, atol=1e-7)


def test_a_gradient_within_the_bound_is_not_clipped():
    _, record, _ = fit_linear(clip_norm=100.0)
    np.testing.assert_allclose(record.rates(), 0.5, rtol=1e-4)


@pytest.mark.parametrize(
    "num_classes, class_weights", [(2, [0.5, 3.0]), (3, None), (3, [0.5, 3.0, 1.0])]
)
def test_loss_is_the_mean_by_the_weights_of_the_examples(num_classes, class_weights):
    weights = None if class_weights is None else np.array(class_weights)
    _, record, _ = fit_linear(num_classes=num_classes, class_weights=weights)

    encoded = examples(num_classes)
    for batch, (before, after, logs) in zip(batches_of(0), record.steps, strict=True):
        loss, hits, gradients = by_hand(before, batch.indices, encoded, weights)
        assert logs["batch_loss"] == pytest.approx(loss, rel=1e-5)
        assert logs["batch_accuracy"] == pytest.approx(hits.mean())
        for old, new, gradient in zip(before, after, gradients, strict=True):
            np.testing.assert_allclose(new, old - 0.5 * gradient, rtol=1e-5, atol=1e-7)


def test_gradients_are_dense_and_those_of_the_weighted_loss():
    model, (data, config) = linear_model(), setup()
    compile_model(model, config, steps_per_epoch=1)
    encoded, weights = data.train, np.array([0.5, 3.0])
    [batch] = epoch_batches(
        encoded.lengths, batch_size=64, buckets=[6], order="by_bucket"
    )
    tensors = next(iter(dataset(encoded, [batch], class_weights=weights)))

    loss, logits, gradients = gradients_of(model, *tensors)

    expected = by_hand(model.get_weights(), batch.indices, encoded, weights)
    assert float(loss) == pytest.approx(expected[0], rel=1e-5)
    assert logits.shape == (len(TEXTS), 1)
    assert not any(isinstance(gradient, tf.IndexedSlices) for gradient in gradients)
    for gradient, value in zip(gradients, expected[2], strict=True):
        np.testing.assert_allclose(gradient, value, rtol=1e-5, atol=1e-7)


def test_an_epoch_visits_every_example_once_and_each_epoch_in_its_own_order():
    # Each text is one token of its own, so a step shows in the embedding whom it saw.
    number = VOCABULARY - 1
    encoded = encode([[i + 1] for i in range(number)], np.arange(number) % 2)
    model, (data, config) = linear_model(), setup(encoded, epochs=2)
    compile_model(model, config, steps_per_epoch=STEPS)
    record = Record()
    fit(model, data, config, callbacks=[record])

    seen = [
        frozenset(np.flatnonzero((before[0] != after[0]).any(axis=1)))
        for before, after, _ in record.steps
    ]

    assert [len(batch) for batch in seen].count(BATCH) == 4
    for epoch in (seen[:STEPS], seen[STEPS:]):
        assert sorted(token for batch in epoch for token in batch) == [
            *range(1, VOCABULARY)
        ]
    assert set(seen[:STEPS]) != set(seen[STEPS:])


def test_epoch_is_told_the_means_over_its_examples():
    model, record, history = fit_linear(epochs=2)

    hands = []
    for epoch in range(2):
        losses, hits = [], []
        for number, batch in enumerate(batches_of(epoch)):
            before, _, logs = record.steps[STEPS * epoch + number]
            loss, hit, _ = by_hand(before, batch.indices, examples())
            losses += [loss] * len(hit)
            hits += [*hit]
            # The means of the epoch so far, as Keras has them.
            assert logs["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
            assert logs["accuracy"] == pytest.approx(np.mean(hits))
            assert logs["examples"] == len(batch.indices)
            real = sum(len(TEXTS[i]) for i in batch.indices)
            size = len(batch.indices) * batch.width
            assert logs["padding_share"] == pytest.approx(1 - real / size)
        hands.append([np.mean(losses), np.mean(hits)])
    np.testing.assert_allclose(
        list(zip(history["loss"], history["accuracy"], strict=True)), hands, rtol=1e-5
    )

    tokens = [[3, 5, 0, 0, 0], [0] * 5, [7, 7, 2, 9, 1], [4, 0, 0, 0, 0]]
    logits = model(np.array(tokens)).numpy()[:, 0]
    signs = np.where(VALIDATION.targets, logits, -logits)
    assert history["val_loss"][-1] == pytest.approx(
        np.logaddexp(0, -signs).mean(), rel=1e-5
    )
    assert history["val_accuracy"][-1] == np.mean((logits > 0) == VALIDATION.targets)


class Hooks(keras.callbacks.Callback):
    """Keep every hook that is called, with its number and the keys of its logs."""

    def __init__(self):
        super().__init__()
        self.calls = []
        for name in dir(keras.callbacks.Callback):
            if name.startswith("on_") and "predict" not in name:
                setattr(self, name, self._keep(name))

    def _keep(self, name):
        def hook(*arguments, **keywords):
            said = (*arguments, *keywords.values())
            names = [frozenset(a) if isinstance(a, dict) else a for a in said]
            self.calls.append((name, *names))

        return hook


def test_callbacks_hear_what_they_hear_from_keras():
    ours, theirs = Hooks(), Hooks()
    model, *_ = fit_linear(ours, epochs=2)
    assert model.stop_training is False

    reference, (_, config) = linear_model(), setup()
    compile_model(reference, config, steps_per_epoch=STEPS)
    judged = epoch_batches(
        VALIDATION.lengths, batch_size=256, buckets=BUCKETS, order="by_bucket"
    )
    reference.fit(
        dataset(examples(), batches_of(0)),
        validation_data=dataset(VALIDATION, judged),
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[theirs],
    )

    of_the_batch = {
        "batch_loss",
        "batch_accuracy",
        "gradient_norm",
        "examples",
        "padding_share",
        "data_seconds",
        "step_seconds",
    }
    assert [
        tuple(a - of_the_batch if isinstance(a, frozenset) else a for a in call)
        for call in ours.calls
    ] == theirs.calls
    assert ours.params == theirs.params
    assert ("on_train_batch_end", 2, {"loss", "accuracy"} | of_the_batch) in ours.calls


def test_stop_training_ends_after_the_epoch():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    _, record, history = fit_linear(Stop(), epochs=5)
    assert len(history["loss"]) == 2
    assert len(record.steps) == 2 * STEPS


def test_stop_training_ends_at_once_inside_an_epoch():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    _, record, history = fit_linear(Stop(), epochs=5)
    assert len(history["val_loss"]) == 1  # as in Keras, what was trained is judged
    assert len(record.steps) == 1


def test_early_stopping_of_keras_stops_and_restores():
    stopping = keras.callbacks.EarlyStopping(
        "val_loss", min_delta=100, patience=2, restore_best_weights=True
    )
    model, record, history = fit_linear(stopping, epochs=9)

    assert len(history["val_loss"]) == 3
    after_first_epoch = record.steps[STEPS - 1][1]
    for now, then in zip(model.get_weights(), after_first_epoch, strict=True):
        np.testing.assert_array_equal(now, then)


def test_reduce_on_plateau_of_keras_changes_the_rate_of_the_steps():
    plateau = keras.callbacks.ReduceLROnPlateau(
        "val_loss", min_delta=100, patience=1, factor=0.5
    )
    _, record, history = fit_linear(plateau, epochs=4)

    rates = np.repeat([0.5, 0.5, 0.25, 0.125], STEPS)
    np.testing.assert_allclose(record.rates(), rates, rtol=1e-3)
    np.testing.assert_allclose(history["learning_rate"], rates[::STEPS])


def test_rate_scheduler_of_keras_sets_the_rate_of_the_steps():
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 * (epoch + 1))
    _, record, _ = fit_linear(scheduler, epochs=2)
    np.testing.assert_allclose(record.rates(), np.repeat([0.1, 0.2], STEPS), rtol=1e-3)


def test_files_of_keras_callbacks_are_written(tmp_path):
    fit_linear(
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.2f}.keras"),
        epochs=2,
    )
    header, *rows = (tmp_path / "log.csv").read_text().splitlines()
    assert header == "epoch,accuracy,loss,val_accuracy,val_loss"
    assert len(rows) == 2
    assert len(list(tmp_path.glob("[12]-*.keras"))) == 2


@pytest.mark.parametrize(
    "options, shares",
    [
        ({"schedule": "linear"}, [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
        (
            {"schedule": "cosine", "warmup_steps": 2},
            [1 / 2, 1, *((1 + np.cos(np.pi * np.arange(4) / 4)) / 2)],
        ),
        (
            {"schedule": "step", "step_epochs": 1, "step_factor": 0.2},
            [1, 1, 1, 0.2, 0.2, 0.2],
        ),
        ({"warmup_steps": 4}, [1 / 4, 2 / 4, 3 / 4, 1, 1, 1]),
    ],
)
def test_schedule_moves_the_rate_at_every_step(options, shares):
    _, record, _ = fit_linear(epochs=2, **options)
    np.testing.assert_allclose(record.rates(), 0.5 * np.array(shares), rtol=1e-3)


def test_divergence_names_the_epoch_and_the_step():
    class Sabotage(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if self.model.optimizer.iterations == STEPS + 1:
                embeddings, kernel, bias = self.model.get_weights()
                self.model.set_weights([embeddings, kernel, bias * np.nan])

    with pytest.raises(DivergedError, match=r"epoch 2, step 5: loss nan") as caught:
        fit_linear(Sabotage(), epochs=3)
    assert "train.learning_rate" in caught.value.hint


def test_a_gradient_that_is_not_finite_stops_training_though_the_loss_is():
    @tf.custom_gradient
    def poison(inputs):
        return inputs, lambda gradient: gradient * float("inf")

    tokens = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(VOCABULARY, DIM)(tokens)
    pooled = keras.layers.Lambda(poison)(TemporalPooling("mean")(embedded))
    model = keras.Model(tokens, keras.layers.Dense(1)(pooled))
    data, config = setup()
    compile_model(model, config, steps_per_epoch=STEPS)

    with pytest.raises(DivergedError, match=r"epoch 1, step 1: loss 0\.\d+, gradient"):
        fit(model, data, config)


@pytest.mark.slow
def test_it_learns_what_a_bag_of_words_cannot():
    training, test = (
        generate(number, length=30, distance=3, noise=0.0, seed=seed)
        for number, seed in [(512, "training"), (256, "test")]
    )
    data, config = setup(
        model={"embedding": {"dim": 16}, "layers": [{"cell": "gru", "units": 24}]},
        epochs=10,
        batch_size=32,
        optimizer="adam",
        learning_rate=1e-2,
        clip_norm=1.0,
    )
    section, names = config.data, ["negative", "positive"]
    tokens = (tokenize(text, section.standardize) for text in training.texts)
    vocab = Vocabulary.build(Counter(itertools.chain(*tokens)), size=1000)
    encoded = [
        encode_texts(part.texts, part.labels, vocab, section, names)
        for part in (training, test)
    ]
    model = build_model(config, vocab_size=len(vocab), num_classes=2)
    compile_model(model, config, steps_per_epoch=16)
    data = data._replace(train=encoded[0], validation=encoded[1], buckets=[30])

    history = fit(model, data, config)

    assert history["val_accuracy"][-1] > 0.95
    bag = fit_classifiers(training, names).predict_probabilities(test.texts)
    answers = bag["tfidf_logistic_regression"].argmax(axis=1)
    assert np.mean(answers == encoded[1].targets) < 0.7


def recurrent(**options):
    """A model with dropout, and what `fit` takes beside it."""
    layers = [{"cell": "lstm", "units": 4}, {"cell": "gru", "units": 3}]
    model = {"embedding": {"dim": DIM, "dropout": 0.5}, "layers": layers}
    data, config = setup(model=model, **options)
    return build_model(config, vocab_size=VOCABULARY, num_classes=2), data, config


@pytest.mark.slow
def test_compiled_ahead_or_not_a_model_learns_the_same():
    model, data, _ = recurrent()
    start = [variable.numpy() for variable in model.variables]
    histories = []
    for jit_compile in (False, True):
        for variable, value in zip(model.variables, start, strict=True):
            variable.assign(value)  # the state of the dropout, too
        _, config = setup(epochs=3, jit_compile=jit_compile, optimizer="adam")
        compile_model(model, config, steps_per_epoch=STEPS)
        histories.append(fit(model, data, config))
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5, atol=1e-6)
    assert histories[0]["loss"][0] != histories[0]["loss"][-1]


def test_to_compile_changes_nothing():
    model, data, config = recurrent(jit_compile=True)
    compile_model(model, config, steps_per_epoch=STEPS)
    step = TrainStep(model, config)
    variables = [*model.variables, *model.optimizer.variables]
    before = [variable.numpy() for variable in variables]
    batches = [
        Batch(np.array(indices), width)
        for indices, width in [([0, 1, 3, 5], 4), ([0, 1, 2, 3], 6), ([0, 1, 2], 6)]
    ]
    weights = np.array([0.5, 3.0])
    step.compile(list(dataset(data.train, batches, class_weights=weights)))
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_every_shape_of_a_training_is_compiled_before_it_begins(monkeypatch):
    shapes = set()
    model, data, config = recurrent(epochs=3, jit_compile=True)
    compile_model(model, config, steps_per_epoch=STEPS)
    call = type(model).call

    def traced(self, tokens, *rest, **options):
        if not tf.executing_eagerly():
            shapes.add(tuple(tokens.shape))
        return call(self, tokens, *rest, **options)

    class Ready(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.compiled = set(shapes)

    ready = Ready()
    monkeypatch.setattr(type(model), "call", traced)
    fit(model, data, config, callbacks=[ready])
    batches = [batch for epoch in range(3) for batch in batches_of(epoch)]
    assert ready.compiled == {(len(batch.indices), batch.width) for batch in batches}
    # Only an evaluation has a trace of its own, for any shape.
    assert shapes == ready.compiled | {(None, None)}
