"""What TensorBoard's plugins show: panels, hyperparameters, precision and recall."""

from collections.abc import Iterator, Sequence

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.summary import pb as layout_pb
from tensorboard.plugins.hparams.api import hparams_pb
from tensorboard.plugins.pr_curve.summary import pb as pr_curve_pb

from ..config import Config

CLASSES = 20  # that get a precision-recall curve; nobody looks at more
THRESHOLDS = 101


def layout(config: Config) -> Summary:
    """The panels of the custom scalars for a training with `config`.

    TensorBoard merges the panels of all runs. Layers have no panels of their own, so
    that runs with different layers share theirs: a panel shows all layers of all runs.
    """
    flow = "gradient_flow/.*/"
    panels = {
        "Learning": {
            "loss": "loss",
            "accuracy": "accuracy",
            "learning rate": "learning_rate",
        },
        "Gradient flow": {
            "reach: lag at which 1% of the gradient is left": f"{flow}reach_steps",
            "slope: decades per step": f"{flow}slope_decades_per_step",
            "memory of the gates: steps": f"{flow}memory_steps",
            "gradient norm, before clipping": "gradient_norm",
            "share of steps clipped": "clipped_share",
            "update ratio: updates to weights": "update_ratio",
            "share of saturated units": f"{flow}saturated_share",
            "largest singular value": f"{flow}.*singular_value",
        },
        "Speed": {
            "examples per second": "examples_per_second",
            "share of padding": "padding_share",
        },
    }
    absent = set()
    if config.train.clip_norm is None:
        absent.add("clipped_share")
    categories = []
    for title, charts in panels.items():
        shown = [
            layout_pb2.Chart(
                title=name,
                multiline=layout_pb2.MultilineChartContent(tag=[f"^{tag}$"]),
            )
            for name, tag in charts.items()
            if tag not in absent and (config.log.gradflow or not tag.startswith(flow))
        ]
        categories.append(layout_pb2.Category(title=title, chart=shown))
    return layout_pb(layout_pb2.Layout(category=categories))


def hyperparameters(config: Config) -> Summary:
    """The values of a config, for the dashboard that compares hyperparameters."""
    sections = config.model_dump(mode="json", exclude={"log"})
    # With an empty id the dashboard shows the name of the run.
    return hparams_pb(dict(_flatten(sections)), trial_id="")


def _flatten(value, place: str = "") -> Iterator[tuple[str, str | float | bool]]:
    """Yield each value with its dotted key, as `--set` takes it."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        yield place, " ".join(map(str, value))
    elif value is not None:
        yield place, value


def precision_recall(
    labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]
) -> Iterator[Summary]:
    """Yield a curve for each class against the rest; for two only that of the second.

    Args:
        labels: Class ids, `(examples,)`.
        probabilities: `(examples, classes)`.
        names: The names of the classes; the first twenty get a curve.
    """
    for k in [1] if len(names) == 2 else range(min(len(names), CLASSES)):
        yield pr_curve_pb(
            f"precision_recall/{names[k]}",
            labels == k,
            probabilities[:, k],
            num_thresholds=THRESHOLDS,
        )
