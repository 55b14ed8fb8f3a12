import functools
import itertools

import keras
import numpy as np
import pytest
from cases import CASES, FEATURES, TIMESTEPS, new_layer, randomize
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtrain.layers import TemporalPooling

texts_and_padding = given(
    texts=st.lists(
        st.lists(st.integers(1, 9), min_size=1, max_size=TIMESTEPS),
        min_size=1,
        max_size=3,
    ),
    padding=st.integers(0, 2),
)
few_examples = settings(max_examples=5, deadline=None, derandomize=True)


@functools.cache
def text_model(name, bidirectional):
    """Token ids → what a stack of two layers gives, and its pooled sequences.

    In float64, so that only padding can make a difference.
    """
    layer = functools.partial(new_layer, name, bidirectional=bidirectional)
    tokens = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(10, FEATURES, mask_zero=True, dtype="float64")
    first = layer(return_sequences=True)(embedding(tokens))
    second = layer(return_sequences=True)(first)
    pooled = [TemporalPooling(m, dtype="float64")(second) for m in ("mean", "max")]
    model = keras.Model(tokens, [layer()(first), *pooled])
    randomize(model, np.random.default_rng(0))
    return model


@pytest.mark.parametrize(
    "name, bidirectional",
    [
        # The quick ones: each case once, and of them an LSTM in both directions.
        pytest.param(
            name, both, marks=[] if both == (name == "lstm") else pytest.mark.slow
        )
        for name, both in itertools.product(CASES, [False, True])
    ],
)
@few_examples
@texts_and_padding
def test_text_in_a_padded_batch_gives_what_it_gives_alone(
    name, bidirectional, texts, padding
):
    model = text_model(name, bidirectional)
    width = max(map(len, texts)) + padding
    texts = [*texts, []]
    batch = np.array([text + [0] * (width - len(text)) for text in texts])

    padded = np.concatenate(model(batch), axis=-1)

    for text, outputs in zip(texts[:-1], padded[:-1], strict=True):
        alone = np.concatenate(model(np.array([text])), axis=-1)[0]
        # Not bit for bit: a matrix product sums in another order for one row.
        np.testing.assert_allclose(outputs, alone, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(padded[-1], 0)
