"""Group examples into batches, and feed them to a model with tf.data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from .encoded import Encoded
from .vocabulary import PADDING

if TYPE_CHECKING:
    import tensorflow as tf

MOST_BUCKETS = 5  # XLA compiles the train step for each, which takes seconds …
_WORTH = 0.01  # … so each has to save this share of all timesteps
_CANDIDATES = 100  # lengths considered for a bucket; more change little
NO_TARGET = -1  # the class of a timestep of padding


class Batch(NamedTuple):
    """Examples by index, and the length that all of them are padded to."""

    indices: np.ndarray
    width: int


def choose_buckets(lengths: np.ndarray, max_length: int) -> list[int]:
    """Return the padded lengths, ascending, that leave the least padding.

    There are at most five for the training examples. Other examples may be longer: for
    them follow doublings of the longest, up to `max_length`. On IMDB, cut to 400
    tokens, 12% of all timesteps are then padding; with a single length 48% would be.

    Args:
        lengths: Timesteps of each training example, `(examples,)`.
        max_length: The most timesteps that an example may have.

    Example:
        >>> choose_buckets(np.array([3, 3, 4, 9, 9, 9]), 20)
        [3, 4, 9, 18, 20]
    """
    lengths = np.maximum(lengths, 1)
    shares = np.linspace(0, 1, _CANDIDATES)
    ends = np.unique(np.quantile(lengths, shares, method="inverted_cdf")).tolist()
    up_to = [int(np.sum(lengths <= end)) for end in ends]
    # For each last bucket: the fewest padded timesteps so far, and their buckets.
    best = [(end * n, (end,)) for end, n in zip(ends, up_to, strict=True)]
    for _ in range(MOST_BUCKETS - 1):
        more = [
            min(
                best[j],
                *(
                    (best[i][0] + ends[j] * (up_to[j] - up_to[i]), (*best[i][1], end))
                    for i in range(j)
                ),
            )
            if j
            else best[j]
            for j, end in enumerate(ends)
        ]
        if more[-1][0] > (1 - _WORTH) * best[-1][0]:
            break
        best = more
    buckets = [*best[-1][1]]
    while buckets[-1] < max_length:
        buckets.append(min(2 * buckets[-1], max_length))
    return buckets


def epoch_batches(
    lengths: np.ndarray,
    *,
    batch_size: int,
    buckets: Sequence[int],
    seed: int = 0,
    epoch: int = 0,
    order: Literal["random", "by_bucket", "as_given"] = "random",
) -> list[Batch]:
    """Return the batches of an epoch: a pure function of its arguments.

    Every example is in exactly one batch. The examples of a bucket are batched together
    in random order; those that do not fill a batch move to the next larger bucket, so
    only one batch may be smaller. Then the batches are shuffled.

    Args:
        lengths: Timesteps of each example, `(examples,)`.
        batch_size: Examples of a full batch.
        buckets: The padded lengths, ascending; the last holds every example.
        seed: Draws the order, together with `epoch`.
        epoch: Number of the epoch; each has its own order.
        order: `"random"` as above; `"by_bucket"` does not shuffle and takes shorter
            buckets first; `"as_given"` keeps the order of the examples, whatever their
            lengths.

    Example:
        >>> lengths = np.array([9, 1, 3, 2, 8])
        >>> for indices, width in epoch_batches(
        ...     lengths, batch_size=2, buckets=[4, 10], order="by_bucket"
        ... ):
        ...     print(indices, width)
        [1 2] 4
        [3 0] 10
        [4] 10
    """
    rng = np.random.default_rng([seed, epoch])
    number = len(lengths)
    places = rng.permutation(number) if order == "random" else np.arange(number)
    bucket = np.searchsorted(buckets, lengths)  # the smallest that fits
    if order != "as_given":
        places = places[np.argsort(bucket[places], kind="stable")]
    # In sorted order, a batch that spans two buckets is padded to the larger one.
    batches = [
        Batch(chunk, buckets[bucket[chunk].max()])
        for chunk in np.split(places, range(batch_size, number, batch_size))
        if len(chunk)
    ]
    if order == "random":
        batches = [batches[i] for i in rng.permutation(len(batches))]
    return batches


def gather(encoded: Encoded, batch: Batch) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the inputs and the targets of a batch, padded on the right.

    Inputs are padded with 0, the targets of timesteps with -1.

    Returns:
        Inputs `(batch, width)` or `(batch, width, features)`; and targets `(batch, …)`,
        or `(batch, width)` for a target at each timestep, or None if there are none.
    """
    starts, lengths = (each[batch.indices] for each in encoded[1:3])
    steps = np.arange(batch.width)
    inside = steps < lengths[:, None]  # (batch, width)
    places = (starts[:, None] + steps)[inside]

    def padded(flat: np.ndarray, padding: int) -> np.ndarray:
        rows = np.full((*inside.shape, *flat.shape[1:]), padding, flat.dtype)
        rows[inside] = flat[places]
        return rows

    inputs = padded(encoded.inputs, PADDING)
    if encoded.targets is None:
        return inputs, None
    if encoded.per_step:
        return inputs, padded(encoded.targets, NO_TARGET)
    return inputs, np.asarray(encoded.targets[batch.indices])


def dataset(
    encoded: Encoded,
    batches: Sequence[Batch],
    *,
    class_weights: np.ndarray | None = None,
) -> "tf.data.Dataset":
    """Return batches as tensors; each is gathered while the previous one is used.

    Only the examples of a batch are copied, when it is gathered.

    Args:
        encoded: The examples that the batches refer to, with targets.
        batches: The result of `epoch_batches`, or a part of it.
        class_weights: The weight of each class, `(classes,)`; None for no weights.

    Returns:
        A dataset of known cardinality, of inputs and targets as `gather` returns them,
        and with `class_weights` the weight of each target, float32.
    """
    import tensorflow as tf  # takes two seconds, which reading data does without

    def arrays_of(batch: Batch) -> list[np.ndarray]:
        inputs, targets = gather(encoded, batch)
        if class_weights is None:
            return [inputs, targets]
        weights = np.where(targets == NO_TARGET, 0, class_weights[targets])
        return [inputs, targets, weights.astype(np.float32)]

    # An empty batch has the dtypes, ranks and features of every batch.
    empty = arrays_of(Batch(np.zeros(0, int), 0))
    shapes = [[None, None, *each.shape[2:]][: each.ndim] for each in empty]

    @tf.autograph.experimental.do_not_convert
    def tensors(number):
        arrays = tf.numpy_function(
            lambda number: arrays_of(batches[number]),
            [number],
            [each.dtype for each in empty],
        )
        return tuple(map(tf.ensure_shape, arrays, shapes))

    # There is nothing to tune, and an iterator that is dropped before its end waits up
    # to six seconds for the autotune thread (TensorFlow 2.21).
    options = tf.data.Options()
    options.autotune.enabled = False
    return (
        tf.data.Dataset.range(len(batches))
        .map(tensors)
        .prefetch(2)
        .with_options(options)
    )
