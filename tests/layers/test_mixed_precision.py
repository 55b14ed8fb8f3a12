"""Training in half precision, beside the layers of Keras."""

import itertools

import keras
import numpy as np
import pytest
from cases import CASES, IN_KERAS, TIMESTEPS

pytestmark = pytest.mark.usefixtures("seeded")

BATCH = 8


@pytest.fixture(
    params=["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
)
def policy(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


def losses(layers, jit_compile, timesteps, weights=None):
    """The losses of a few steps, and the weights before them."""
    model = keras.Sequential(
        [
            keras.Input((timesteps,), dtype="int32"),
            keras.layers.Embedding(20, 4, mask_zero=True),
            *layers,
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    start = weights or model.get_weights()
    model.set_weights(start)
    model.compile("adam", "mse", jit_compile=jit_compile)
    rng = np.random.default_rng(0)
    tokens = rng.integers(20, size=(4 * BATCH, TIMESTEPS))
    targets = rng.normal(size=(4 * BATCH, 1))
    history = model.fit(
        *(tokens, targets), batch_size=BATCH, epochs=3, shuffle=False, verbose=0
    )
    return history.history["loss"], start


def assert_trains_as_with_keras(
    names, jit_compile, timesteps, *, dtype=None, **options
):
    def stack(layers):
        last = len(names) - 1
        return [
            layers[name](5, return_sequences=i < last, dtype=dtype, **options)
            for i, name in enumerate(names)
        ]

    expected, weights = losses(stack(IN_KERAS), jit_compile, timesteps)
    ours = stack({name: CASES[name].layer for name in names})
    found, _ = losses(ours, jit_compile, timesteps, weights)
    # bfloat16 keeps 8 bits, and each layer rounds in its own order.
    np.testing.assert_allclose(found, expected, rtol=0.02)
    assert found[-1] < found[0]


@pytest.mark.parametrize(
    "names",
    [["lstm"], pytest.param(["rnn", "lstm", "gru"], marks=pytest.mark.slow)],
    ids="-".join,
)
def test_stack_trains_in_half_precision(names, policy):
    assert_trains_as_with_keras(names, False, None)


@pytest.mark.slow
def test_layer_may_have_a_policy_of_its_own():
    assert_trains_as_with_keras(["gru"], False, None, dtype="mixed_bfloat16")


OPTIONS = {
    "rnn": [{}, {"use_bias": False}],
    "lstm": [{}, {"recurrent_activation": "hard_sigmoid", "go_backwards": True}],
    "gru": [{}, {"reset_after": False}],
}


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(
    "name, options", [(name, o) for name in OPTIONS for o in OPTIONS[name]]
)
def test_cell_trains_in_half_precision(name, options, jit_compile, policy):
    assert_trains_as_with_keras([name], jit_compile, TIMESTEPS, **options)


# What only ours have: in half precision the losses are finite and fall.
OUR_OWN = {
    "rnn": [{"omega": 0.1}, {"formulation": "document", "output_units": 4}],
    "lstm": [
        {"layer_norm": True, "zoneout": 0.1},
        {"formulation": "document", "weight_dropout": 0.1, "recurrent_dropout": 0.1},
    ],
    "gru": [
        {"layer_norm": True, "dropout": 0.1, "recurrent_dropout": 0.1},
        {"formulation": "document", "zoneout": 0.1},
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, options, jit_compile",
    [
        (name, options, jit_compile)
        for name, jit_compile in itertools.product(OUR_OWN, [False, True])
        for options in OUR_OWN[name]
    ],
)
def test_our_own_arguments_train_in_half_precision(name, options, jit_compile, policy):
    layer = CASES[name].layer(5, seed=1, **options)
    found, _ = losses([layer], jit_compile, TIMESTEPS)
    assert np.isfinite(found).all()
    assert found[-1] < found[0]
