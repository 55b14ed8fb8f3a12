import io
import json

import numpy as np
import pytest
import tensorflow as tf
import tiny_training
from PIL import Image

from seqtrain.analysis.flow import longest_batches
from seqtrain.analysis.gradflow import (
    gradflow,
    gradflow_of_config,
    gradflow_of_run,
    verdict,
)
from seqtrain.analysis.predict import load_best
from seqtrain.config import Config
from seqtrain.data.batches import dataset
from seqtrain.errors import RunError
from seqtrain.figures.canvas import keep
from seqtrain.figures.gradflow import draw_curves
from seqtrain.models.compile import compile_model
from seqtrain.tables.gradflow import format_gradflow
from seqtrain.tasks import load_data

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
    return verdict([layer_of(carried, name=name, nonfinite=nonfinite)], config)


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


@pytest.fixture(scope="module")
def trained(tmp_path_factory, own_cache):
    run = tiny_training.start(
        tmp_path_factory.mktemp("gradflow"), "train.epochs=1", "log.gradflow=2"
    )
    tiny_training.begin(run)
    return run


def test_a_run_is_measured_and_keeps_what_comes_out(trained):
    result = gradflow_of_run(trained, batches=2)

    assert json.loads((trained.path / "gradflow.json").read_text()) == result
    [layer] = result["layers"]
    assert layer["name"] == "rnn_1"
    assert layer["lags"] == list(range(len(layer["norms"])))
    assert len(layer["lags"]) == 8
    assert 0 <= layer["saturated_share"] <= 1
    assert {"slope_decades_per_step", "half_life_steps", "reach_steps"} <= layer.keys()
    assert result["verdict"].startswith("rnn_1: 8 tokens are too few")
    assert result["examples"] == 40
    assert result["gradient_norm"] > 0
    assert 0 <= result["clipped_share"] <= 1
    assert result["update_ratio"] > 0


def test_the_gradient_norm_is_that_of_all_weights_before_clipping(trained):
    config = trained.config
    data = load_data(config.data, seed=config.seed)
    [inputs, labels] = next(
        iter(dataset(data.train, longest_batches(data.train, config)[:1]))
    )
    model = load_best(trained)
    compile_model(model, config.train, steps_per_epoch=1)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, labels, model(inputs))
    gradients = tape.gradient(loss, model.trainable_variables)
    norm = tf.linalg.global_norm([tf.convert_to_tensor(each) for each in gradients])

    result = gradflow(load_best(trained), config, data, batches=1)

    assert result["gradient_norm"] == pytest.approx(float(norm), rel=1e-5)


def test_a_config_is_measured_as_its_training_begins(trained):
    data = load_data(trained.config.data, seed=trained.config.seed)
    given = ("tiny", trained.config, data)
    first, again = (gradflow_of_config(*given, batches=1) for _ in range(2))
    assert first == again
    assert first["name"] == "tiny"


def test_a_run_without_a_model_cannot_be_measured(tmp_path, own_cache):
    run = tiny_training.start(tmp_path)
    with pytest.raises(RunError, match="no model.keras"):
        gradflow_of_run(run, batches=1)


def result_of(*curves):
    layers = [
        {
            "name": f"lstm_{number}",
            "lags": list(range(len(curve))),
            "norms": list(curve),
            "carried": list(curve),
            "slope_decades_per_step": -0.1,
            "half_life_steps": 3.01,
            "reach_steps": None,
            "saturated_share": 0.25,
            "gates": {"f": {"mean": 0.9, "saturated_share": 0.0}},
            "memory_steps": 10.0,
            "longest_memory_steps": 40.0,
            "singular_values": {"recurrent_kernel": 1.5},
        }
        for number, curve in enumerate(curves, 1)
    ]
    return {
        "name": "run",
        "examples": 64,
        "gradient_norm": 0.5,
        "layers": layers,
        "verdict": "lstm_1: " + "fine " * 30,
    }


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_plot_and_the_verdict_fit_the_terminal(width):
    lines = format_gradflow(result_of(fall(0.1), fall(0.01)), width).splitlines()
    plot = lines.index("  2 lstm_2") + 1
    assert max(map(len, lines[plot:])) <= width
    assert max(map(len, lines)) <= 80 or width > 80


def test_the_plot_falls_as_the_curve_does():
    lines = format_gradflow(result_of(fall(0.1, lags=60))).splitlines()
    rows = [line.partition("|")[2] for line in lines if "|" in line]
    columns = [row.index("1") for row in rows if "1" in row]
    assert columns == sorted(columns)
    assert columns[0] == 0
    assert rows[-1].rstrip().endswith("1")


def test_a_plot_of_zeros_and_infinities_has_none_of_them():
    said = format_gradflow(result_of([1.0, 0.0, np.inf, np.nan, 0.5]))
    assert "nan" not in said


def test_the_figure_is_a_png_with_a_line_for_each_layer(tmp_path):
    path = tmp_path / "flow.png"
    keep(draw_curves(result_of(fall(0.1), fall(0.01))["layers"], "run"), path)
    image = Image.open(io.BytesIO(path.read_bytes()))
    assert image.format == "PNG"
    colors = {color for _, color in image.convert("RGB").getcolors(2**24)}
    assert {(31, 119, 180), (255, 127, 14)} <= colors  # of the first two lines
