"""The result of a shootout as text."""

import numpy as np

from ..terminal.columns import align


def format_shootout(result: dict) -> str:
    """Lay out a result of `shootout`, a table for each condition."""
    return "\n\n".join(_table(each, result) for each in result["conditions"])


def _table(condition: dict, result: dict) -> str:
    chance = ", ".join(
        f"{key} {value:.4g}" for key, value in condition["chance"].items()
    )
    contenders = condition["contenders"]
    key = "accuracy" if "accuracy" in condition["chance"] else "loss"
    rows = [["", "units", "parameters", f"test {key}", "95% interval", "s", "MB"]]
    if result["solved"] is not None:
        rows[0] += ["solved", "updates"]
    for each in contenders:
        measured = ["diverged", "-"]
        if key in each:
            low, high = max(each[f"{key}_low"], 0), each[f"{key}_high"]
            high = min(high, 1) if key == "accuracy" else high
            measured = [f"{each[key]:.4f}", f"{low:.4f} to {high:.4f}"]
        row = [
            each["name"],
            str(each["units"]),
            str(each["parameters"]),
            *measured,
            f"{each['seconds']:.0f}",
            f"{each['memory_mb']:.0f}",
        ]
        if result["solved"] is not None:
            steps = [one["solved_at"] for one in each["trainings"]]
            done = [step for step in steps if step is not None]
            median = f"{np.median(done):.0f}" if done else "-"
            row += [f"{len(done)} of {len(steps)}", median]
        rows.append(row)
    title = condition["name"] + (f" (chance: {chance})" if chance else "")
    return f"{title}\n{align(rows)}"
