import numpy as np
import pytest

from seqtrain.analysis.gradflow.verdict import verdict
from seqtrain.config import Config

LSTM = {"cell": "lstm", "units": 4}
RNN = {"cell": "rnn", "units": 4}


def layer_of(carried, *, name="lstm_1", nonfinite=0):
    """What is measured of a layer, as far as the verdict looks at it."""
    return {"name": name, "carried": list(carried), "nonfinite": nonfinite}


def verdict_of(carried, settings=LSTM, nonfinite=0, **sections):
    config = Config.model_validate(
        {"model": {"layers": [settings], **sections.pop("model", {})}, **sections}
    )
    name = f"{settings['cell']}_1"
    layer = layer_of(carried, name=name, nonfinite=nonfinite)
    return verdict([layer], config, {name: config.model.layers[0]})


def fall(decades_per_step, lags=200):
    return 10.0 ** (-decades_per_step * np.arange(lags))


def test_a_fall_is_told_with_its_pace_its_reach_and_the_keys_to_change():
    said = verdict_of(fall(1 / 14.1), RNN)
    assert said == (
        "rnn_1: the gradient falls tenfold every 14 steps; what stands more than 29 "
        "tokens back gets less than 1% of it; try `cell: lstm` or `omega: 0.01` or "
        "`pooling: mean`"
    )


@pytest.mark.parametrize(
    "settings, key",
    [
        (RNN, "`omega: 0.01`"),
        (RNN | {"recurrent_initializer": "glorot"}, "`recurrent_initializer: orthog"),
        (LSTM, "`bias_initializer: chrono`"),
        ({"cell": "gru", "units": 4}, "`bias_initializer: chrono`"),
        ({"cell": "gru", "units": 4, "formulation": "document"}, "`formulation: stan"),
    ],
)
def test_a_fall_names_the_cure_of_the_cell(settings, key):
    assert key in verdict_of(fall(0.1), settings)


def test_no_key_is_named_that_is_set():
    cured = LSTM | {"bias_initializer": "chrono", "layer_norm": True}
    assert "try" not in verdict_of(fall(0.1), cured, model={"pooling": "mean"})


def test_a_fall_that_levels_out_is_no_fall_of_one_pace():
    curve = np.full(200, 0.004)
    curve[:10] = np.geomspace(1, 0.004, 10)
    said = verdict_of(curve)
    assert "falls to 1% within 8 tokens and then stays: 0.004 of it is left 199" in said
    assert "try" not in said


def test_a_gradient_that_reaches_all_tokens_says_how_much_is_left():
    said = verdict_of(np.full(50, 1.0))
    assert said == "lstm_1: the gradient reaches all 50 tokens, where 1 of it is left"


@pytest.mark.parametrize("left", [0.015, 60])
def test_near_the_threshold_the_verdict_says_so(left):
    said = verdict_of(np.geomspace(1, left, 50))
    assert "reaches all 50 tokens" in said
    assert "with a few more tokens it may not" in said


def test_a_reach_near_the_end_of_what_was_seen_is_told_with_it():
    said = verdict_of(fall(2 / 90.5, lags=100))
    assert "more than 91 tokens back" in said
    assert said.endswith("but few of the 100 stand there")


def test_of_few_tokens_nothing_is_told():
    said = verdict_of(fall(1, lags=9))
    assert said == (
        "lstm_1: 9 tokens are too few to tell how far the gradient reaches, "
        "10 are needed"
    )


def test_growth_is_told_with_the_keys_that_hold_it_down():
    said = verdict_of(fall(-0.1, lags=40), RNN)
    assert "20 tokens back the gradient is a hundred times its start" in said
    assert "tenfold every 10 steps" in said
    assert said.endswith("try `clip_norm: 1.0` or `cell: lstm` or `omega: 0.01`")
    assert "clip_norm" not in verdict_of(fall(-0.1, 40), RNN, train={"clip_norm": 1.0})


def test_what_is_not_finite_comes_first():
    said = verdict_of(fall(0.1), nonfinite=7)
    assert said.startswith("lstm_1: 7 values of the gradient are not finite")


@pytest.mark.parametrize(
    "decades_per_step, key", [(0.1, "`pooling: mean`"), (-0.1, "`clip_norm: 1.0`")]
)
def test_of_a_layer_without_a_section_no_key_of_a_layer_is_named(decades_per_step, key):
    layer = layer_of(fall(decades_per_step, lags=40), name="of somebody else")
    config = Config.model_validate({"model": {"layers": [LSTM]}})
    assert verdict([layer], config, {}).endswith(f"; try {key}")
