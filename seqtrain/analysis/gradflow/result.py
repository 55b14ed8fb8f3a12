"""The gradient's flow in the model of a run or of a config, all of it together."""

import keras
import numpy as np
import tensorflow as tf

from ...config import Config
from ...data.batches import dataset
from ...models.build import build_model
from ...models.compile import compile_model
from ...models.gradients import gradients_of
from ...runs.run import Run
from ...sections.model import LayerConfig
from ...tasks import Data
from ..predict import load_best
from .measure import GradflowMeter, longest_batches, loops_of, watchable_layers
from .summary import summarize
from .verdict import verdict


def gradflow_of_run(run: Run, *, batches: int) -> dict:
    """Measure the best model of a run; write the result to its `gradflow.json`.

    Args:
        run: A run with a trained model.
        batches: How many batches of its training data.

    Returns:
        What `gradflow` returns; `name`; and from the end of the training
        `clipped_share`, the share of its steps whose gradient was clipped, and
        `update_ratio`, that of an update to the weights; None if it has none.

    Raises:
        ConfigError: If the model has no layer to measure.
        DataError: If the data is not there any more.
        RunError: If the run has no model.
    """
    model = load_best(run)
    data = run.load_data(vocab=run.vocab)
    result = gradflow(model, run.config, data, batches=batches)
    last = {}
    for line in run.read_metrics():
        last = line if line.get("split") == "train" else last
    training = {key: last.get(key) for key in ("clipped_share", "update_ratio")}
    result = {"name": run.path.name, **training, **result}
    run.write_json("gradflow.json", result)
    return result


def gradflow_of_config(name: str, config: Config, data: Data, *, batches: int) -> dict:
    """Measure the model of a config as it is before training."""
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
        `examples`, their number; `layers`, a list with `name` and what `summarize`
        returns for each; the mean `gradient_norm` of all weights before clipping; and
        the `verdict`.
    """
    compile_model(model, config)
    meter = GradflowMeter(model)
    chosen = longest_batches(data, config)[:batches]
    tensors = list(dataset(data.train, chosen))
    measurements = [meter(*batch) for batch in tensors]
    gradients = [gradients_of(model, *batch, training=False)[2] for batch in tensors]
    norms = [float(tf.linalg.global_norm(each)) for each in gradients]
    layers = [
        {"name": name, **summarize(loop, [each[name] for each in measurements])}
        for name, loop in meter.loops.items()
    ]
    return {
        "examples": sum(len(batch.indices) for batch in chosen),
        "gradient_norm": float(np.mean(norms)),
        "layers": layers,
        "verdict": verdict(layers, config, layer_sections(model, config)),
    }


def layer_sections(model: keras.Model, config: Config) -> dict[str, LayerConfig]:
    """The section of the config that each loop was made from, by the loop's name.

    `build_model` makes the layers in the order of `model.layers`. If the model has
    others, too, it is not known which are which, and there is no section for any.
    """
    layers = watchable_layers(model)
    if len(layers) != len(config.model.layers):
        return {}
    return {
        name: section
        for layer, section in zip(layers, config.model.layers, strict=True)
        for name in loops_of(layer)
    }
