"""Which examples make a batch, and how tf.data brings it to the model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from .encoded import Encoded
from .vocabulary import PADDING

if TYPE_CHECKING:
    import tensorflow as tf

MOST_BUCKETS = 5  # XLA compiles the train step for each, which takes seconds …
_WORTH = 0.01  # … so each has to save this share of all timesteps
_CANDIDATES = 100  # lengths that a bucket may have; more change little
NO_TARGET = -1  # stands for the class of a timestep that is padding


class Batch(NamedTuple):
    """Examples by index, and the length that all of them are padded to."""

    indices: np.ndarray
    width: int


def choose_buckets(lengths: np.ndarray, max_length: int) -> list[int]:
    """Return the padded lengths, ascending, that leave the least padding.

    They are five at most for the examples given, and `max_length` after them, as others
    may be longer. Of the reviews of IMDB, cut to 400 tokens, they leave 12% of padding;
    a single length would leave 48%.

    Args:
        lengths: How many timesteps each training example has.
        max_length: The most that an example may have.

    Example:
        >>> choose_buckets(np.array([3, 3, 4, 9, 9, 9]), 20)
        [3, 4, 9, 20]
    """
    lengths = np.maximum(lengths, 1)
    shares = np.linspace(0, 1, _CANDIDATES)
    ends = np.unique(np.quantile(lengths, shares, method="inverted_cdf")).tolist()
    up_to = [int(np.sum(lengths <= end)) for end in ends]
    # By the last bucket: the padded timesteps up to there, and the buckets.
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
    return sorted({*best[-1][1], max_length})


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

    Every example stands in exactly one batch. The examples of a bucket are batched
    together, in random order; those that fill no batch move up into the next larger
    bucket, so one batch at most is not full. Then the batches are shuffled.

    Args:
        lengths: How many timesteps each example has.
        batch_size: Examples of a full batch.
        buckets: The padded lengths, ascending; the last holds every example.
        seed: Draws the order, together with `epoch`.
        epoch: Which one; each has its own order.
        order: `by_bucket` shuffles nothing and takes shorter buckets first; `as_given`
            takes the examples as they stand, whatever their length, as a state that is
            carried from one batch to the next needs it.

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
    bucket = np.searchsorted(buckets, lengths)  # the smallest that holds it
    if order != "as_given":
        places = places[np.argsort(bucket[places], kind="stable")]
    # Cut anywhere, the sorted order moves the rest of a bucket up by itself.
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

    Inputs are padded with 0, the classes of timesteps with -1.

    Returns:
        Inputs `(batch, width)` or `(batch, width, features)`, and targets `(batch, …)`,
        or `(batch, width)` where each timestep has one; None if there are none.
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
    """Return batches as tensors, each gathered while the one before it is used.

    Nothing but the batches is copied: the examples stay where they are.

    Args:
        encoded: The examples that the batches point into; they have targets.
        batches: What `epoch_batches` returned, or a part of it.
        class_weights: The weight of each class.

    Returns:
        A dataset of known cardinality of inputs and targets as `gather` returns them,
        and if asked for the weight of each target, float32.
    """
    import tensorflow as tf  # two seconds that reading data need not wait for

    def arrays_of(batch: Batch) -> list[np.ndarray]:
        inputs, targets = gather(encoded, batch)
        if class_weights is None:
            return [inputs, targets]
        weights = np.where(targets == NO_TARGET, 0, class_weights[targets])
        return [inputs, targets, weights.astype(np.float32)]

    # An empty batch tells types and ranks; its features are those of every batch.
    like = arrays_of(Batch(np.zeros(0, int), 0))
    shapes = [[None, None, *each.shape[2:]][: each.ndim] for each in like]

    def tensors(number):
        found = tf.numpy_function(
            lambda number: arrays_of(batches[number]),
            [number],
            [each.dtype for each in like],
        )
        return tuple(map(tf.ensure_shape, found, shapes))

    # There is nothing to tune, and an iterator that is given up before its end waits
    # up to six seconds for the thread that would (TensorFlow 2.21).
    options = tf.data.Options()
    options.autotune.enabled = False
    return (
        tf.data.Dataset.range(len(batches))
        .map(tensors)
        .prefetch(2)
        .with_options(options)
    )
