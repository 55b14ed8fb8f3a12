import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtrain.data.batches import Batch, bucket_lengths, dataset, epoch_batches
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
    return Encoded(
        np.array([id for text in texts for id in text], np.int32),
        np.cumsum([0, *map(len, texts)]),
        np.arange(len(texts), dtype=np.int32) % 3,
    )


@given(
    lengths_of_examples,
    buckets_of_epoch,
    st.integers(1, 12),
    st.integers(0, 9),
    st.booleans(),
)
def test_every_epoch_is_a_partition_into_buckets(
    lengths, buckets, batch_size, epoch, shuffle
):
    batches = epoch_batches(
        lengths,
        batch_size=batch_size,
        buckets=buckets,
        seed=0,
        epoch=epoch,
        shuffle=shuffle,
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


def test_without_shuffle_examples_keep_their_order_in_a_bucket():
    lengths = np.array([9, 1, 10, 2, 8, 0, 3])
    batches = epoch_batches(
        lengths, batch_size=3, buckets=[4, 10], seed=0, epoch=0, shuffle=False
    )
    expected = [([1, 3, 5], 4), ([6, 0, 2], 10), ([4], 10)]
    assert [(batch.indices.tolist(), batch.width) for batch in batches] == expected


@given(st.integers(1, 3000))
def test_bucket_lengths_are_few_and_end_with_max_length(max_length):
    buckets = bucket_lengths(max_length)
    assert len(buckets) <= 5
    assert buckets == sorted(set(buckets))
    assert buckets[0] >= 1
    assert buckets[-1] == max_length


def test_bucket_lengths_given_are_taken():
    assert bucket_lengths(50, [7, 50]) == [7, 50]
    assert bucket_lengths(50) == [13, 18, 25, 36, 50]


def test_default_buckets_leave_little_padding_in_texts_like_reviews(rng):
    # Quartiles about 125, 175, 285, as those of the reviews of IMDB.
    lengths = np.exp(rng.normal(np.log(185), 0.6, size=5000)).astype(int).clip(10, 400)
    batches = epoch_batches(
        lengths, batch_size=64, buckets=bucket_lengths(400), seed=0, epoch=0
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
        np.testing.assert_array_equal(labels, examples.labels[batch.indices])
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
    encoded = Encoded(np.arange(3), np.array([0, 3]), np.array([0]))
    options = dataset(encoded, [Batch(np.array([0]), 4)]).options()
    assert options.autotune.enabled is False
