"""The measurements of a loop over several batches, as JSON holds them."""

from collections.abc import Sequence

import numpy as np

from ...layers.watch import WatchableLoop
from .curve import Curve, mean_by_lag
from .measure import Measurement


def summarize(loop: WatchableLoop, measurements: Sequence[Measurement]) -> dict:
    """Sum up a loop.

    Slope, half-life and reach are those of `carried`, what time carries back; only
    `norms` has what pooling adds at each step.

    Args:
        loop: One of `GradflowMeter.loops`.
        measurements: Those of the loop, one for each batch.

    Returns:
        `lags`, `norms` and `carried` by the lag; `slope_decades_per_step`,
        `half_life_steps`, `reach_steps`; `saturated_share`; `gates`, each with `mean`
        and `saturated_share`; `memory_steps` and `longest_memory_steps`;
        `singular_values` by kernel, the largest of each; `nonfinite`. A number is None
        if the curve does not have it, or the layer does not declare what it is of.
    """
    masks = [each.mask for each in measurements]
    norms = mean_by_lag([each.norms for each in measurements], masks)
    carried = [each.carried for each in measurements]
    parts = [mask[: c.shape[1]] for mask, c in zip(masks, carried, strict=True)]
    curve = Curve.of(mean_by_lag(carried, parts))
    tokens = [mask.sum() for mask in masks]

    def mean(values):
        if any(each is None for each in values):
            return None
        return float(np.average([each.mean() for each in values], weights=tokens))

    gates = {
        letter: {
            "mean": mean([each.gates[letter][0] for each in measurements]),
            "saturated_share": mean([each.gates[letter][1] for each in measurements]),
        }
        for letter in measurements[0].gates
    }
    memory = {"memory_steps": None, "longest_memory_steps": None}
    if loop.memory:
        gate = [each.gates[loop.memory][0] for each in measurements]
        units = np.average(gate, 0, tokens)
        memory = {
            "memory_steps": _memory(units.mean()),
            "longest_memory_steps": _memory(units.max()),
        }
    return {
        "lags": list(range(len(norms))),
        "norms": norms.tolist(),
        "carried": curve.norms.tolist(),
        "slope_decades_per_step": curve.slope,
        "half_life_steps": curve.half_life,
        "reach_steps": curve.reach,
        "saturated_share": mean([each.saturated for each in measurements]),
        "gates": gates,
        **memory,
        "singular_values": {
            kernel.name: float(np.linalg.norm(kernel.numpy(), 2))
            for kernel in loop.kernels
        },
        "nonfinite": sum(int(each.nonfinite) for each in measurements),
    }


def _memory(gate: float) -> float:
    """The steps in which a state falls to 1/e that a gate multiplies at each step."""
    return float(1 / max(1 - gate, 1e-9))
