import keras
import numpy as np
import pytest
from cases import IN_KERAS, TIMESTEPS

from seqtrain.layers import GRU, LSTM, RNN, Bidirectional, TemporalPooling

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.slow
def test_compiled_or_not_a_model_learns_the_same(rng):
    lengths = rng.integers(0, TIMESTEPS + 1, size=(32, 1))
    tokens = rng.integers(1, 10, size=(32, TIMESTEPS))
    tokens *= np.arange(TIMESTEPS) < lengths
    labels = (tokens == 3).any(axis=1)
    model = keras.Sequential(
        [
            keras.layers.Embedding(10, 6, mask_zero=True),
            LSTM(7, return_sequences=True),
            Bidirectional(GRU(5, return_sequences=True)),
            TemporalPooling("mean"),
            keras.layers.Dense(1),
        ]
    )
    model.build((None, TIMESTEPS))
    start = model.get_weights()

    losses = []
    for jit_compile in (False, True):
        model.set_weights(start)
        model.compile(
            optimizer=keras.optimizers.Adam(0.02),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            jit_compile=jit_compile,
        )
        # One batch an epoch, so that the history holds the loss of each step.
        history = model.fit(tokens, labels, batch_size=32, epochs=8, verbose=0)
        losses.append(history.history["loss"])

    np.testing.assert_allclose(*losses, rtol=0, atol=1e-5)
    assert losses[0][-1] < 0.9 * losses[0][0]


@pytest.mark.parametrize(
    "vocabulary, timesteps, units, batch",
    [
        pytest.param(50, 7, 20, 8, id="small"),
        pytest.param(10000, 50, 64, 64, id="document", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    "name", ["lstm", *(pytest.param(n, marks=pytest.mark.slow) for n in ("rnn", "gru"))]
)
def test_document_listing_learns_as_with_the_layers_of_keras(
    name, vocabulary, timesteps, units, batch, rng
):
    ours = document_listing(
        {"rnn": RNN, "lstm": LSTM, "gru": GRU}[name], vocabulary, units
    )
    theirs = document_listing(IN_KERAS[name], vocabulary, units)
    # Two batches in turn, which can be learned by heart: a loss that stays at ln 2
    # would hide a wrong gradient.
    tokens = np.tile(rng.integers(vocabulary, size=(2, batch, timesteps)), (25, 1, 1))
    labels = np.tile(rng.integers(2, size=(2, batch, 1)), (25, 1, 1))
    for model in (ours, theirs):
        model.build((None, timesteps))
    ours.set_weights(theirs.get_weights())

    losses = [
        [loss_of_step(model, *batch) for batch in zip(tokens, labels, strict=True)]
        for model in (ours, theirs)
    ]

    np.testing.assert_allclose(*losses, rtol=0, atol=1e-4)
    assert losses[0][-1] < 0.97 * losses[0][0]


def loss_of_step(model, tokens, labels):
    model.reset_metrics()  # or Keras returns the mean of all steps so far
    loss, _ = model.train_on_batch(tokens, labels)
    return float(loss)


def document_listing(layer, vocabulary, units):
    model = keras.Sequential(
        [
            keras.layers.Embedding(input_dim=vocabulary, output_dim=units),
            layer(units, return_sequences=True),
            layer(units),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model
