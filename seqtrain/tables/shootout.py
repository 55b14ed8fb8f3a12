"""The result of a shootout as text."""

import numpy as np

from ..terminal.columns import align, number


def format_shootout(result: dict) -> str:
    """Lay out a result of `shootout`, a table for each condition."""
    with_solved = result["solved"] is not None
    return "\n\n".join(_table(each, with_solved) for each in result["conditions"])


def _table(condition: dict, with_solved: bool) -> str:
    chance = condition["chance"]
    key = "accuracy" if "accuracy" in chance else "loss"
    rows = [["", "units", "parameters", f"test {key}", "95% interval", "s", "MB"]]
    if with_solved:
        rows[0] += ["solved", "updates"]
    for contender in condition["contenders"]:
        rows.append(
            [
                contender["name"],
                str(contender["units"]),
                str(contender["parameters"]),
                *_measured(contender, key),
                f"{contender['seconds']:.0f}",
                f"{contender['memory_mb']:.0f}",
                *(_solved(contender["trainings"]) if with_solved else []),
            ]
        )
    title = condition["name"]
    if chance:
        values = ", ".join(f"{name} {value:.4g}" for name, value in chance.items())
        title += f" (chance: {values})"
    return f"{title}\n{align(rows)}"


def _measured(contender: dict, key: str) -> list[str]:
    """The mean and its interval, clipped to the possible values."""
    if key not in contender:
        return ["diverged", "-"]
    low, high = max(contender[f"{key}_low"], 0), contender[f"{key}_high"]
    high = min(high, 1) if key == "accuracy" else high
    return [
        number(contender[key], ".4f"),
        f"{number(low, '.4f')} to {number(high, '.4f')}",
    ]


def _solved(trainings: list[dict]) -> list[str]:
    """How many trainings solved the task, and the median of their updates."""
    steps = [training["solved_at"] for training in trainings]
    done = [step for step in steps if step is not None]
    median = f"{np.median(done):.0f}" if done else "-"
    return [f"{len(done)} of {len(steps)}", median]
