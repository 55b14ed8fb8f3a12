"""The result of a shootout as a picture."""

from matplotlib.figure import Figure

from .canvas import blank


def draw_shootout(result: dict) -> Figure:
    """Draw validation loss over updates: one panel a condition, one line a training."""
    conditions = result["conditions"]
    figure = blank(4 * len(conditions) + 2, 3.6)
    panels = figure.subplots(1, len(conditions), sharey=True, squeeze=False)[0]
    for axes, condition in zip(panels, conditions, strict=True):
        for number, contender in enumerate(condition["contenders"]):
            label = contender["name"]
            for training in contender["trainings"]:
                steps, losses = zip(*training["curve"], strict=True)
                axes.plot(steps, losses, color=f"C{number}", label=label, alpha=0.8)
                label = None  # once in the legend
        if "loss" in condition["chance"]:
            axes.axhline(condition["chance"]["loss"], color="gray", linestyle=":")
        axes.set(title=condition["name"], xlabel="update", yscale="log")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("validation loss")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
    return figure
