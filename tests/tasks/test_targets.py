"""What is wanted of a model, against plain loops over examples and timesteps."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqtrain.data.batches import epoch_batches, gather
from seqtrain.data.encoded import Encoded
from seqtrain.models.compile import Accuracy
from seqtrain.sections.model import ModelConfig
from seqtrain.tasks.targets import Label, StepLabels, Value

LENGTHS = np.array([4, 1, 6, 0, 2, 6])
CLASSES = 3
T_5 = 2.5705818  # Student's t, 5 degrees of freedom
NAMES = ["x", "y", "z"]


@pytest.fixture
def ragged(rng):
    """Sequences with a class at every timestep, but for one within a sequence."""
    total = LENGTHS.sum()
    targets = rng.integers(0, CLASSES, total, np.int32)
    targets[2] = -1  # the third of the first sequence
    inputs = rng.integers(1, 9, total, np.int32)
    return Encoded.joined(inputs, LENGTHS, targets, per_step=True)


@pytest.fixture
def outputs(ragged, rng):
    """The logits of each timestep, and how a model puts them out, padded."""
    logits = rng.normal(size=(len(LENGTHS), 8, CLASSES)).astype(np.float32)
    batches = epoch_batches(LENGTHS, batch_size=4, buckets=[2, 6], order="by_bucket")
    return logits, [
        (batch.indices, logits[batch.indices, : batch.width]) for batch in batches
    ]


def padded(ragged):
    [batch] = epoch_batches(
        ragged.lengths, batch_size=len(LENGTHS), buckets=[8], order="as_given"
    )
    return gather(ragged, batch)


def cross_entropy(logits, target):
    logits = [float(each) for each in logits]
    return math.log(sum(map(math.exp, logits))) - logits[target]


def real_timesteps(ragged, last=None):
    """For each example its timesteps that have a class; the last of them, if asked."""
    for index in range(len(LENGTHS)):
        wanted = ragged.targets_of(index).tolist()
        steps = [step for step, target in enumerate(wanted) if target >= 0]
        yield index, wanted, steps[-last:] if last else steps


def losses_and_hits(ragged, logits, last):
    """For each example the losses of its timesteps, and the hits that count."""
    losses = [
        [cross_entropy(logits[i, t], wanted[t]) for t in steps]
        for i, wanted, steps in real_timesteps(ragged)
    ]
    hits = [
        [float(np.argmax(logits[i, t]) == wanted[t]) for t in steps]
        for i, wanted, steps in real_timesteps(ragged, last)
    ]
    return losses, hits


def flat(lists):
    return [each for inner in lists for each in inner]


def test_the_loss_of_step_labels_ignores_padding(ragged, outputs):
    logits, _ = outputs
    _, targets = padded(ragged)
    losses, _ = losses_and_hits(ragged, logits, None)
    assert len(flat(losses)) == LENGTHS.sum() - 1
    found = StepLabels().loss(CLASSES)(targets, tf.constant(logits))
    assert float(found) == pytest.approx(np.mean(flat(losses)), rel=1e-5)
    # What the model says of padding is of no account.
    changed = np.where(targets[..., None] < 0, 100 * logits[::-1], logits)
    again = StepLabels().loss(CLASSES)(targets, tf.constant(changed))
    assert float(again) == pytest.approx(float(found), rel=1e-6)


@pytest.mark.usefixtures("seeded")
def test_the_loss_of_a_model_with_a_mask_is_that_of_its_real_timesteps(ragged):
    tokens = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(9, CLASSES, mask_zero=True)(tokens)
    model = keras.Model(tokens, keras.layers.Dense(CLASSES)(embedded))
    model.compile(loss=StepLabels().loss(CLASSES))
    inputs, targets = padded(ragged)
    logits = model(inputs)
    losses, _ = losses_and_hits(ragged, logits.numpy(), None)
    found = model.compute_loss(None, targets, logits)
    assert float(found) == pytest.approx(np.mean(flat(losses)), rel=1e-5)


@pytest.mark.parametrize("last", [None, 1, 3, 10])
def test_hits_of_step_labels_count_real_timesteps_from_the_end(ragged, outputs, last):
    logits, _ = outputs
    _, targets = padded(ragged)
    hits, counted = StepLabels(last).hits(tf.constant(targets), tf.constant(logits))
    expected = np.zeros(targets.shape)
    for index, _, steps in real_timesteps(ragged, last):
        expected[index, steps] = 1
    np.testing.assert_array_equal(counted, expected)
    right = logits.argmax(axis=-1) == targets
    np.testing.assert_array_equal(hits.numpy()[expected > 0], right[expected > 0])
    assert hits.dtype == counted.dtype == "float32"


@pytest.mark.parametrize("last", [None, 2])
def test_the_accuracy_of_several_batches_is_that_of_all_their_timesteps(
    ragged, outputs, last
):
    logits, batches = outputs
    accuracy = Accuracy(StepLabels(last).hits)
    for indices, rows in batches:
        wanted = padded(ragged)[1][indices, : rows.shape[1]]
        accuracy.update_state(tf.constant(wanted), tf.constant(rows))
    _, hits = losses_and_hits(ragged, logits, last)
    assert float(accuracy.result()) == pytest.approx(np.mean(flat(hits)))


def test_scores_of_step_labels_are_ragged_and_in_the_order_of_the_examples(
    ragged, outputs
):
    logits, batches = outputs
    scores = StepLabels().score(ragged, batches, CLASSES)
    assert [each.shape for each in scores] == [(n, CLASSES) for n in LENGTHS]
    for index, rows in enumerate(scores):
        assert rows.dtype == np.float64
        exponentials = np.exp(logits[index, : len(rows)].astype(np.float64))
        shares = exponentials / exponentials.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(rows, shares, rtol=1e-12)


@pytest.mark.parametrize("last", [None, 2])
def test_measures_of_ragged_step_labels_weigh_each_timestep_the_same(
    ragged, outputs, last
):
    logits, batches = outputs
    target = StepLabels(last)
    scores = target.score(ragged, batches, CLASSES)
    found = target.measure(ragged, scores, NAMES, [2, 6])
    losses, hits = losses_and_hits(ragged, logits, last)

    loss, accuracy = np.mean(flat(losses)), np.mean(flat(hits))
    assert found["examples"] == len(LENGTHS)
    assert found["loss"] == pytest.approx(loss)
    assert found["accuracy"] == pytest.approx(accuracy)

    # The mean is a ratio of sums: the spread is that of each sequence's share in it.
    mean_length = len(flat(losses)) / len(LENGTHS)
    spread = [sum(each - loss for each in inner) / mean_length for inner in losses]
    deviation = math.sqrt(sum(each**2 for each in spread) / (len(LENGTHS) - 1))
    half = T_5 * deviation / math.sqrt(len(LENGTHS))
    assert found["loss_low"] == pytest.approx(loss - half, rel=1e-5)
    assert found["loss_high"] == pytest.approx(loss + half, rel=1e-5)

    # Wilson's interval, of as many trials as sequences of unequal lengths are worth.
    counts = [len(inner) for inner in hits]
    trials, z = sum(counts) ** 2 / sum(n * n for n in counts), 1.959964
    assert trials < len(LENGTHS)
    middle = (accuracy + z * z / (2 * trials)) / (1 + z * z / trials)
    half = math.sqrt(accuracy * (1 - accuracy) / trials + z * z / (4 * trials**2))
    half *= z / (1 + z * z / trials)
    assert found["accuracy_low"] == pytest.approx(middle - half, rel=1e-5)
    assert found["accuracy_high"] == pytest.approx(middle + half, rel=1e-5)


def test_measures_of_step_labels_of_one_length_are_means_over_the_sequences(rng):
    targets = rng.integers(0, CLASSES, 24, np.int32)
    encoded = Encoded.joined(targets, np.full(6, 4), targets, per_step=True)
    logits = rng.normal(size=(6, 4, CLASSES))
    target = StepLabels()
    scores = target.score(encoded, [(np.arange(6), logits)], CLASSES)
    found = target.measure(encoded, scores, NAMES, [4])
    losses, hits = np.zeros((2, 6, 4))
    for (i, t), wanted in np.ndenumerate(targets.reshape(6, 4)):
        losses[i, t] = cross_entropy(logits[i, t], wanted)
        hits[i, t] = logits[i, t].argmax() == wanted
    means = losses.mean(axis=1)
    half = T_5 * means.std(ddof=1) / math.sqrt(6)
    assert found["loss"] == pytest.approx(means.mean())
    assert found["loss_low"] == pytest.approx(means.mean() - half, rel=1e-5)
    assert found["loss_high"] == pytest.approx(means.mean() + half, rel=1e-5)
    assert found["accuracy"] == pytest.approx(hits.mean())


def test_step_labels_are_shown_without_those_of_padding():
    assert StepLabels().shown(np.array([2, 0, -1, 1, -1]), NAMES) == "zxy"


def labelled(count, targets):
    lengths = np.arange(count) % 3
    return Encoded.joined(np.ones(lengths.sum(), np.int32), lengths, targets)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_label_has_the_cross_entropy_of_its_class(rng, classes):
    target = Label()
    columns = target.columns(classes)
    assert columns == {2: 1, 3: 3}[classes]
    logits = rng.normal(size=(7, columns)).astype(np.float32)
    targets = rng.integers(0, classes, 7, np.int32)
    # A single logit is that of the second class; the first has 0.
    both = logits if columns > 1 else np.hstack([0 * logits, logits])
    losses = [
        cross_entropy(row, wanted) for row, wanted in zip(both, targets, strict=True)
    ]
    loss = target.loss(columns)
    assert float(loss(targets[:, None], logits)) == pytest.approx(
        np.mean(losses), rel=1e-5
    )
    weights = rng.random(7).astype(np.float32)
    weighted = loss(targets[:, None], logits, sample_weight=weights)
    assert float(weighted) == pytest.approx(np.average(losses, weights=weights), 1e-5)

    hits, counted = target.hits(tf.constant(targets), tf.constant(logits))
    assert counted is None
    assert hits.dtype == "float32"
    np.testing.assert_array_equal(hits, both.argmax(axis=1) == targets)


@pytest.mark.parametrize("classes", [2, 3])
def test_labels_are_scored_in_the_order_of_the_examples_and_measured(rng, classes):
    target, count = Label(), 9
    targets = rng.integers(0, classes, count, np.int32)
    encoded = labelled(count, targets)
    logits = rng.normal(size=(count, target.columns(classes))).astype(np.float32)
    order = rng.permutation(count)
    outputs = [(order[:4], logits[order[:4]]), (order[4:], logits[order[4:]])]
    scores = target.score(encoded, outputs, classes)
    both = logits if classes > 2 else np.hstack([0 * logits, logits])
    exponentials = np.exp(both.astype(np.float64))
    np.testing.assert_allclose(
        scores, exponentials / exponentials.sum(axis=1, keepdims=True), rtol=1e-12
    )

    found = target.measure(encoded, scores, NAMES[:classes], [1, 2])
    right = both.argmax(axis=1) == targets
    losses = [cross_entropy(row, each) for row, each in zip(both, targets, strict=True)]
    assert found["accuracy"] == pytest.approx(right.mean())
    assert found["loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    lengths = np.arange(count) % 3
    short, longest = found["by_length"]
    assert (short["from"], short["to"], longest["from"], longest["to"]) == (0, 1, 2, 2)
    assert short["accuracy"] == pytest.approx(right[lengths < 2].mean())
    assert longest["accuracy"] == pytest.approx(right[lengths == 2].mean())


def test_a_label_is_shown_by_its_name():
    assert Label().shown(np.int32(1), NAMES) == "y"


def test_a_value_has_the_squared_error(rng):
    target, count = Value(), 6
    assert target.columns(0) == 1
    targets = rng.normal(size=count).astype(np.float32)
    outputs = rng.normal(size=(count, 1)).astype(np.float32)
    errors = [
        (float(y[0]) - float(t)) ** 2 for y, t in zip(outputs, targets, strict=True)
    ]
    loss = target.loss(1)(targets[:, None], outputs)
    assert float(loss) == pytest.approx(np.mean(errors), rel=1e-5)
    assert target.hits(tf.constant(targets), tf.constant(outputs)) is None

    encoded = labelled(count, targets)
    order = rng.permutation(count)
    scores = target.score(encoded, [(order, outputs[order])], 0)
    np.testing.assert_allclose(scores, errors, rtol=1e-6)
    found = target.measure(encoded, scores, [], [2])
    half = T_5 * np.std(errors, ddof=1) / math.sqrt(count)
    assert found == {
        "examples": count,
        "loss": pytest.approx(np.mean(errors)),
        "loss_low": pytest.approx(np.mean(errors) - half, rel=1e-5),
        "loss_high": pytest.approx(np.mean(errors) + half, rel=1e-5),
    }
    assert target.shown(np.float32(0.12345), []) == "0.123"


def test_only_step_labels_refuse_a_pooling():
    layers = [{"cell": "gru", "units": 2}]
    plain = ModelConfig.model_validate({"layers": layers})
    mean = ModelConfig.model_validate({"layers": layers, "pooling": "mean"})
    for target in (Label(), Value(), StepLabels()):
        assert list(target.broken(plain, "a")) == []
    assert [*Label().broken(mean, "a"), *Value().broken(mean, "a")] == []
    [(said, keys)] = StepLabels().broken(mean, "tagging")
    assert (said, keys) == ("has no effect with data.task: tagging", ("pooling",))
