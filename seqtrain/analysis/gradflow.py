"""Measure how far back the gradient of a model reaches, and say what to change."""

import keras
import numpy as np
import tensorflow as tf

from ..config import Config
from ..data.batches import dataset
from ..models.build import build_model
from ..models.compile import compile_model
from ..models.gradients import gradients_of
from ..runs.run import Run
from ..sections.model import LayerConfig
from ..tasks import Data, kind_of
from .flow import REACH, Curve, GradientFlow, longest_batches, summarize
from .predict import load_best

# From so many steps a slope can be told from the jump between the first two.
FEWEST_LAGS = 10


# A reach in the last fifth of what was seen, or an end within twice the threshold, is
# too near to it to be called one or the other.
NEAR = 0.8


def gradflow_of_run(run: Run, *, batches: int) -> dict:
    """Measure the best model of a run; keep what comes out as its `gradflow.json`.

    Args:
        run: A run with a trained model.
        batches: How many batches of its training data.

    Returns:
        What `gradflow` returns; `name`; and of the end of the training `clipped_share`,
        the share of its steps whose gradient was clipped, and `update_ratio`, that of
        an update to the weights; None if it has none.

    Raises:
        DataError: If the data is not there any more.
        RunError: If the run has no model.
    """
    model = load_best(run)
    data = run.load_data(vocab=run.vocab)
    result = gradflow(model, run.config, data, batches=batches)
    steps = [line for line in run.metrics() if line["split"] == "train"]
    last = steps[-1] if steps else {}
    told = {key: last.get(key) for key in ("clipped_share", "update_ratio")}
    result = {"name": run.path.name, **told, **result}
    run.write_json("gradflow.json", result)
    return result


def gradflow_of_config(name: str, config: Config, data: Data, *, batches: int) -> dict:
    """Measure the model of a config as a training of it would begin."""
    keras.utils.set_random_seed(config.seed)
    model = build_model(
        config, vocab_size=len(data.vocab), num_classes=len(data.labels)
    )
    return {"name": name, **gradflow(model, config, data, batches=batches)}


def gradflow(model: keras.Model, config: Config, data: Data, *, batches: int) -> dict:
    """Measure a model on the batches of the longest sequences in its training data.

    Args:
        model: What `build_model` made of the config, trained or not.
        config: Its config.
        data: The data of the config.
        batches: How many batches; fewer if the data has no more.

    Returns:
        `layers`, a list with `name` and what `summarize` returns of each; the mean
        `gradient_norm` of all weights before clipping; and the `verdict`.
    """
    compile_model(model, config)
    flow = GradientFlow(model)
    chosen = longest_batches(data, config)[:batches]
    tensors = list(dataset(data.train, chosen))
    looks = [flow(*batch) for batch in tensors]
    gradients = [gradients_of(model, *batch, training=False)[2] for batch in tensors]
    norms = [float(tf.linalg.global_norm(each)) for each in gradients]
    layers = [
        {"name": name, **summarize(layer, [seen[name] for seen in looks])}
        for name, layer in flow.layers.items()
    ]
    return {
        "examples": sum(len(batch.indices) for batch in chosen),
        "gradient_norm": float(np.mean(norms)),
        "layers": layers,
        "verdict": verdict(layers, config),
    }


def verdict(layers: list[dict], config: Config) -> str:
    """Say in plain words what the numbers of each layer mean, a line for each.

    Args:
        layers: Those of `gradflow`.
        config: The config whose keys are named.
    """
    return "\n".join(_sentence(layer, config) for layer in layers)


def _sentence(layer: dict, config: Config) -> str:
    curve = Curve.of(np.array(layer["carried"]))
    number = len(curve.norms)
    cures = []
    if layer["nonfinite"]:
        found = f"{layer['nonfinite']} values of the gradient are not finite"
        cures = _against_growth(layer, config)
    elif number < FEWEST_LAGS:
        found = (
            f"{number} tokens are too few to tell how far the gradient reaches, "
            f"{FEWEST_LAGS} are needed"
        )
    elif curve.reach is None:
        found = _reaches(curve)
    elif curve.grows:
        found = f"{curve.reach} tokens back the gradient is a hundred times its start"
        if curve.slope and curve.slope > 0:
            found += f", it grows {_tenfold(curve)}"
        cures = _against_growth(layer, config)
    else:
        found, stays = _falls(curve)
        if curve.reach > NEAR * number:
            found += f", but few of the {number} stand there"
        elif not stays:
            cures = _against_fall(layer, config)
    hint = f"; try {' or '.join(cures)}" if cures else ""
    return f"{layer['name']}: {found}{hint}"


def _falls(curve: Curve) -> tuple[str, bool]:
    """How the gradient falls, and whether it stays on a level below the reach."""
    end, share = curve.norms[-1] / curve.norms[0], f"{REACH:.0%}"
    gets = (
        f"what stands more than {curve.reach} tokens back gets less than {share} of it"
    )
    if curve.slope is None:
        return f"the gradient is gone after a step or two; {gets}", False
    # Two decades at one slope end near the reach; a jump at the start ends before.
    if curve.slope < 0 and -1 / curve.slope < curve.reach:
        return f"the gradient falls {_tenfold(curve)}; {gets}", False
    found = f"the gradient falls to {share} within {curve.reach} tokens"
    if end > 0.1 * curve.norms[curve.reach]:
        number = len(curve.norms) - 1
        return f"{found} and then stays: {end:.2g} of it is left {number} back", True
    return f"{found}, then {_tenfold(curve)}; {gets}", False


def _tenfold(curve: Curve) -> str:
    steps = round(1 / abs(curve.slope))
    return f"tenfold every {steps} steps" if steps > 1 else "tenfold every step"


def _reaches(curve: Curve) -> str:
    number = len(curve.norms)
    left = curve.norms[-1] / curve.norms[0]
    found = f"the gradient reaches all {number} tokens, where {left:.2g} of it is left"
    near = not 2 * REACH < left < 0.5 / REACH
    return f"{found}; with a few more tokens it may not" if near else found


def _against_fall(layer: dict, config: Config) -> list[str]:
    """The keys that let a gradient live longer and are not set yet."""
    settings, cures = _settings(layer, config), []
    if settings.cell == "rnn":
        cures += _of_an_rnn(settings)
    elif settings.cell == "gru" and settings.formulation == "document":
        cures.append("`formulation: standard`")
    else:
        if settings.bias_initializer != "chrono":
            cures.append("`bias_initializer: chrono`")
        if not settings.layer_norm:
            cures.append("`layer_norm: true`")
    if config.model.pooling == "last" and kind_of(config.data).target.pooling_cures:
        cures.append("`pooling: mean`")
    return cures


def _against_growth(layer: dict, config: Config) -> list[str]:
    """The keys that hold a gradient down and are not set yet."""
    settings, cures = _settings(layer, config), []
    if config.train.clip_norm is None:
        cures.append("`clip_norm: 1.0`")
    if settings.cell == "rnn":
        cures += _of_an_rnn(settings)
    elif settings.formulation == "standard" and not settings.layer_norm:
        cures.append("`layer_norm: true`")
    return cures


def _of_an_rnn(settings: LayerConfig) -> list[str]:
    """The keys that bring the slope of an RNN nearer to zero from either side."""
    cures = ["`cell: lstm`"]
    if settings.recurrent_initializer == "glorot":
        cures.append("`recurrent_initializer: orthogonal`")
    if settings.omega is None and not settings.zoneout:
        cures.append("`omega: 0.01`")
    return cures


def _settings(layer: dict, config: Config) -> LayerConfig:
    """The settings of a layer, whose name ends in its place."""
    place = layer["name"].partition("/")[0].rpartition("_")[2]
    return config.model.layers[int(place) - 1]
