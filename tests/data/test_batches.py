import itertools
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtrain.data.batches import (
    Batch,
    choose_buckets,
    dataset,
    epoch_batches,
    gather,
)
from seqtrain.data.encoded import Encoded

MAX_LENGTH = 20
lengths_of_examples = st.lists(st.integers(0, MAX_LENGTH), max_size=60).map(np.array)
buckets_of_epoch = st.sets(st.integers(1, MAX_LENGTH - 1), max_size=4).map(
    lambda shorter: [*sorted(shorter), MAX_LENGTH]
)


def same_batches(one, other):
    return len(one) == len(other) and all(
        a.width == b.width and np.array_equal(a.indices, b.indices)
        for a, b in zip(one, other, strict=True)
    )


def encoded(texts):
    """Examples of these ids, of the classes 0, 1, 2, 0, …"""
    return Encoded.joined(
        np.array([id for text in texts for id in text], np.int32),
        np.array([len(text) for text in texts], np.int64),
        np.arange(len(texts), dtype=np.int32) % 3,
    )


@given(
    lengths_of_examples,
    buckets_of_epoch,
    st.integers(1, 12),
    st.integers(0, 9),
    st.sampled_from(["random", "by_bucket"]),
)
def test_every_epoch_is_a_partition_into_buckets(
    lengths, buckets, batch_size, epoch, order
):
    batches = epoch_batches(
        lengths,
        batch_size=batch_size,
        buckets=buckets,
        seed=0,
        epoch=epoch,
        order=order,
    )
    everyone = [index for batch in batches for index in batch.indices]
    assert sorted(everyone) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)

    for batch in batches:
        longest = lengths[batch.indices].max()
        assert batch.width == min(width for width in buckets if width >= longest)

    partial = [batch for batch in batches if len(batch.indices) < batch_size]
    assert len(partial) <= 1
    for batch in partial:
        assert batch.width == max(batch.width for batch in batches)

    # Fewer than a batch move up from each bucket.
    for lower, width in zip([-1, *buckets], buckets, strict=False):
        ours = np.flatnonzero((lower < lengths) & (lengths <= width))
        moved = set(ours).difference(
            *(batch.indices for batch in batches if batch.width == width)
        )
        assert len(moved) < batch_size


@given(lengths_of_examples, buckets_of_epoch, st.integers(0, 99), st.integers(0, 99))
def test_the_batches_follow_from_seed_and_epoch(lengths, buckets, seed, epoch):
    def batches():
        return epoch_batches(
            lengths, batch_size=4, buckets=buckets, seed=seed, epoch=epoch
        )

    assert same_batches(batches(), batches())


@pytest.mark.parametrize("other", [{"epoch": 1}, {"seed": 1}, {"seed": 1, "epoch": 1}])
def test_another_seed_or_epoch_has_another_order(rng, other):
    lengths = rng.integers(0, MAX_LENGTH + 1, size=200)
    fixed = {"batch_size": 8, "buckets": [5, 10, MAX_LENGTH]}
    first = epoch_batches(lengths, **fixed, seed=0, epoch=0)
    second = epoch_batches(lengths, **fixed, **{"seed": 0, "epoch": 0} | other)
    assert not same_batches(first, second)
    # Not only the order of the batches: who stands together changes too.
    together = {frozenset(batch.indices) for batch in first}
    assert together.isdisjoint(frozenset(batch.indices) for batch in second)
    # The shapes do not, so nothing is compiled anew.
    assert sorted((len(b.indices), b.width) for b in first) == sorted(
        (len(b.indices), b.width) for b in second
    )


def test_no_epoch_of_a_seed_has_the_order_of_another_seed(rng):
    # As it would if the order were drawn by, say, their sum.
    lengths = rng.integers(0, MAX_LENGTH + 1, size=60)
    orders = {
        tuple(index for batch in batches for index in batch.indices.tolist())
        for seed, epoch in np.ndindex(4, 4)
        for batches in [
            epoch_batches(
                lengths, batch_size=8, buckets=[10, MAX_LENGTH], seed=seed, epoch=epoch
            )
        ]
    }
    assert len(orders) == 16


def test_the_order_is_shuffled_within_and_between_buckets(rng):
    lengths = rng.integers(0, MAX_LENGTH + 1, size=400)
    batches = epoch_batches(
        lengths, batch_size=8, buckets=[5, 10, MAX_LENGTH], seed=0, epoch=0
    )
    widths = [batch.width for batch in batches]
    assert widths != sorted(widths)
    assert all(np.any(np.diff(batch.indices) < 0) for batch in batches)


def test_by_bucket_examples_keep_their_order_in_a_bucket():
    lengths = np.array([9, 1, 10, 2, 8, 0, 3])
    batches = epoch_batches(lengths, batch_size=3, buckets=[4, 10], order="by_bucket")
    expected = [([1, 3, 5], 4), ([6, 0, 2], 10), ([4], 10)]
    assert [(batch.indices.tolist(), batch.width) for batch in batches] == expected


@given(lengths_of_examples, buckets_of_epoch, st.integers(1, 12), st.integers(0, 9))
def test_as_given_the_examples_stand_in_their_order(lengths, buckets, size, epoch):
    batches = epoch_batches(
        lengths, batch_size=size, buckets=buckets, epoch=epoch, order="as_given"
    )
    everyone = [index for batch in batches for index in batch.indices.tolist()]
    assert everyone == list(range(len(lengths)))
    assert all(len(batch.indices) == size for batch in batches[:-1])
    for batch in batches:
        longest = lengths[batch.indices].max()
        assert batch.width == min(width for width in buckets if width >= longest)


@given(st.lists(st.integers(0, MAX_LENGTH), min_size=1, max_size=300).map(np.array))
def test_buckets_are_few_and_end_with_max_length(lengths):
    buckets = choose_buckets(lengths, MAX_LENGTH)
    longest = max(1, max(lengths))
    assert sum(bucket <= longest for bucket in buckets) <= 5
    beyond = [bucket for bucket in buckets if bucket >= longest]
    assert beyond == [
        *itertools.takewhile(
            lambda n: n < MAX_LENGTH, (longest << i for i in range(9))
        ),
        MAX_LENGTH,
    ]
    assert buckets == sorted(set(buckets))
    assert all(type(bucket) is int for bucket in buckets)
    assert buckets[0] >= 1
    assert buckets[-1] == MAX_LENGTH


def padded_timesteps(lengths, buckets):
    return sum(min(width for width in buckets if width >= n) for n in lengths)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_no_other_buckets_leave_less_padding(lengths):
    shorter = sorted(set(lengths) - {max(lengths)})
    least = [
        min(
            padded_timesteps(lengths, [*chosen, max(lengths)])
            for more in range(count)
            for chosen in itertools.combinations(shorter, more)
        )
        for count in range(1, 6)
    ]
    # One more has to save a hundredth of the timesteps.
    count = next((i for i in range(4) if least[i + 1] > 0.99 * least[i]), 4)
    buckets = choose_buckets(np.array(lengths), 1000)
    assert padded_timesteps(lengths, buckets) == least[count]
    assert sum(bucket <= max(lengths) for bucket in buckets) <= count + 1


def test_a_short_text_is_padded_little_however_long_others_may_be(rng):
    lengths = rng.integers(150, 251, size=1000)
    buckets = choose_buckets(lengths, 10_000)
    assert min(width for width in buckets if width >= 200) <= 220
    longest = int(lengths.max())
    assert buckets[-7:] == [longest << i for i in range(6)] + [10_000]


def test_examples_longer_than_all_of_training_have_a_bucket():
    buckets = choose_buckets(np.array([2, 3, 3]), 9)
    [batch] = epoch_batches(np.array([3, 8]), batch_size=2, buckets=buckets)
    assert batch.width == 9


def test_one_longer_example_does_not_pad_its_batch_to_max_length():
    buckets = choose_buckets(np.full(100, 200), 10_000)
    [batch] = epoch_batches(np.array([200, 201]), batch_size=2, buckets=buckets)
    assert batch.width == 400


def test_examples_of_one_length_have_one_bucket():
    assert choose_buckets(np.full(50, 7), 7) == [7]
    assert choose_buckets(np.zeros(3, int), 7) == [1, 2, 4, 7]  # no text has a token


def test_lengths_that_spread_over_decades_leave_less_padding_than_one_bucket(rng):
    lengths = np.exp(rng.normal(6, 1, size=200_000)).astype(int).clip(1, 9999)
    buckets = choose_buckets(lengths, 10_000)
    steps = np.array(buckets)[np.searchsorted(buckets, lengths)].sum()
    assert len(buckets) <= 6
    assert lengths.sum() / steps > 0.6  # one bucket: 0.07


def test_default_buckets_leave_little_padding_in_texts_like_reviews(rng):
    # Quartiles about 125, 175, 285, as those of the reviews of IMDB.
    lengths = np.exp(rng.normal(np.log(185), 0.6, size=5000)).astype(int).clip(10, 400)
    batches = epoch_batches(
        lengths, batch_size=64, buckets=choose_buckets(lengths, 400), seed=0, epoch=0
    )
    computed = sum(len(batch.indices) * batch.width for batch in batches)
    assert 1 - lengths.sum() / computed < 0.15


@settings(deadline=None, max_examples=20)  # a traced graph each
@given(
    st.lists(st.lists(st.integers(1, 99), max_size=6), max_size=9),
    st.integers(1, 4),
    st.booleans(),
)
def test_dataset_holds_the_batches_padded_on_the_right(texts, batch_size, weighted):
    examples = encoded(texts)
    batches = epoch_batches(
        examples.lengths, batch_size=batch_size, buckets=[2, 6], seed=0, epoch=0
    )
    weights = np.array([0.5, 1.0, 2.5]) if weighted else None
    result = dataset(examples, batches, class_weights=weights)

    assert result.cardinality() == len(batches)
    for batch, (tokens, labels, *rest) in zip(
        batches, result.as_numpy_iterator(), strict=True
    ):
        padded = [texts[i] + [0] * (batch.width - len(texts[i])) for i in batch.indices]
        np.testing.assert_array_equal(tokens, padded)
        np.testing.assert_array_equal(labels, examples.targets[batch.indices])
        assert (tokens.dtype, labels.dtype) == ("int32", "int32")
        assert len(rest) == weighted
        for weight in rest:
            assert weight.dtype == "float32"
            np.testing.assert_array_equal(weight, weights[labels])


def test_dataset_can_be_read_twice_and_from_the_middle():
    examples = encoded([[i] * (i % 5) for i in range(1, 30)])
    batches = epoch_batches(
        examples.lengths, batch_size=4, buckets=[2, 4], seed=0, epoch=0
    )
    whole = dataset(examples, batches)
    first, again = list(whole.as_numpy_iterator()), list(whole.as_numpy_iterator())
    rest = list(dataset(examples, batches[3:]).as_numpy_iterator())
    for one, other in [
        *zip(first, again, strict=True),
        *zip(first[3:], rest, strict=True),
    ]:
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_dataset_of_texts_without_a_token_is_all_padding():
    examples = encoded([[], []])
    ((tokens, labels),) = dataset(examples, [Batch(np.array([1, 0]), 3)])
    assert tokens.numpy().tolist() == [[0, 0, 0], [0, 0, 0]]
    assert labels.numpy().tolist() == [1, 0]


def test_a_dataset_needs_no_thread_that_tunes_it():
    encoded = Encoded(np.arange(3), np.array([0]), np.array([3]), np.array([0]))
    options = dataset(encoded, [Batch(np.array([0]), 4)]).options()
    assert options.autotune.enabled is False


def windows(**changes):
    """Overlapping windows of a series, and a target of each of its timesteps."""
    fields = {
        "inputs": np.arange(10, 90, dtype=np.float32).reshape(-1, 2),  # (40, 2)
        "starts": np.array([0, 3, 6, 30]),
        "lengths": np.array([8, 8, 1, 10]),
        "targets": np.arange(100, 140, dtype=np.int32),
        "per_step": True,
    }
    return Encoded(**fields | changes)


BATCH = Batch(np.array([1, 3, 2]), 11)


def test_windows_that_overlap_are_gathered_each_by_itself():
    inputs, targets = gather(windows(), BATCH)
    assert inputs.shape == (3, 11, 2)
    assert inputs.dtype == np.float32
    for row, wanted, start, length in zip(
        inputs, targets, [3, 30, 6], [8, 10, 1], strict=True
    ):
        # The series counts up: timestep t reads 10 + 2t and 11 + 2t, wants 100 + t.
        steps = np.arange(start, start + length)
        np.testing.assert_array_equal(row[:length, 0], 10 + 2 * steps)
        np.testing.assert_array_equal(row[:length, 1], 11 + 2 * steps)
        np.testing.assert_array_equal(row[length:], 0)
        np.testing.assert_array_equal(wanted[:length], 100 + steps)
        np.testing.assert_array_equal(wanted[length:], -1)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (np.array([5, 6, 7, 8], np.int32), [6, 8, 7]),
        (np.array([0.5, 1.5, 2.5, 3.5], np.float32), [1.5, 3.5, 2.5]),
        (np.arange(8, dtype=np.float32).reshape(4, 2), [[2, 3], [6, 7], [4, 5]]),
    ],
)
def test_a_target_of_an_example_is_a_class_a_value_or_a_vector(targets, expected):
    examples = windows(targets=targets, per_step=False)
    _, gathered = gather(examples, BATCH)
    assert gathered.dtype == targets.dtype
    assert gathered.tolist() == expected
    [(_, tensor)] = dataset(examples, [BATCH])
    assert tensor.numpy().tolist() == expected


def test_without_targets_only_inputs_are_gathered():
    inputs, targets = gather(windows(targets=None, per_step=False), BATCH)
    assert targets is None
    np.testing.assert_array_equal(inputs, gather(windows(), BATCH)[0])


def test_the_dataset_of_windows_holds_what_is_gathered():
    batches = [BATCH, Batch(np.array([0]), 8)]
    weights = np.linspace(1, 2, 200)
    result = dataset(windows(), batches, class_weights=weights)
    assert [each.shape.as_list() for each in result.element_spec] == [
        [None, None, 2],
        [None, None],
        [None, None],
    ]
    for batch, (inputs, targets, weight) in zip(batches, result, strict=True):
        expected, wanted = gather(windows(), batch)
        np.testing.assert_array_equal(inputs, expected)
        np.testing.assert_array_equal(targets, wanted)
        real = wanted >= 0
        np.testing.assert_allclose(weight[real], weights[wanted[real]])
        np.testing.assert_array_equal(weight[~real], 0)  # padding has no class


def test_arrays_mapped_from_a_file_give_the_batches_of_those_in_memory(tmp_path):
    examples = windows()

    def mapped(name):
        np.save(tmp_path / name, getattr(examples, name))
        return np.load(tmp_path / f"{name}.npy", mmap_mode="r")

    names = ("inputs", "starts", "lengths", "targets")
    from_files = examples._replace(**{name: mapped(name) for name in names})
    for found, expected in zip(
        gather(from_files, BATCH), gather(examples, BATCH), strict=True
    ):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    one, other = (list(dataset(each, [BATCH])) for each in (from_files, examples))
    for found, expected in zip(*one, *other, strict=False):
        np.testing.assert_array_equal(found, expected)
    batches = [
        epoch_batches(each.lengths, batch_size=2, buckets=[8, 11], seed=3)
        for each in (from_files, examples)
    ]
    assert same_batches(*batches)


def test_no_more_than_the_batches_is_copied(tmp_path):
    size = 2**31  # bytes, of a file with nothing in it
    path = tmp_path / "series"
    with open(path, "wb") as file:
        os.truncate(file.fileno(), size)
    series = np.memmap(path, np.float32, "r").reshape(-1, 4)
    starts = np.arange(0, len(series) - 100, 10_000_000)
    lengths = np.full(len(starts), 100)
    examples = Encoded(series, starts, lengths, np.zeros(len(starts), np.float32))
    batches = epoch_batches(lengths, batch_size=4, buckets=[100])
    list(dataset(examples, batches[:1]))  # TensorFlow itself is there now
    tracemalloc.start()
    try:
        shapes = {tuple(inputs.shape) for inputs, _ in dataset(examples, batches)}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (4, 100, 4) in shapes
    assert peak < 20 * 2**20
