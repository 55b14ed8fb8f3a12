"""The panels of TensorBoard's custom scalars."""

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.summary import pb as layout_pb

from ..config import Config
from ..tasks import kind_of


def layout(config: Config) -> Summary:
    """The panels of the custom scalars for a training with `config`.

    TensorBoard merges the panels of all runs. Layers have no panels of their own, so
    that runs with different layers share theirs: a panel shows all layers of all runs.
    The first are over epochs, of which all runs have about as many; over steps a run
    of thousands leaves no room for those of hundreds.
    """
    flow = "gradient_flow/.*/"
    panels = {
        "Learning, over epochs": {
            "loss over epochs": "epoch/loss",
            "accuracy over epochs": "epoch/accuracy",
        },
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
    if "accuracy" not in kind_of(config.data).target.metrics:
        absent |= {"epoch/accuracy", "accuracy"}
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
