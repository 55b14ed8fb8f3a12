"""How far back the gradient reaches, as text for a terminal."""

import math
import textwrap

import numpy as np

from ..terminal.columns import align

WIDTH, HEIGHT = 80, 12


def format_gradflow(result: dict, width: int = WIDTH) -> str:
    """Lay out a result of `gradflow` for a terminal of `width` columns."""
    title = (
        f"{result['name']}: {result['examples']} examples, gradient norm "
        f"{result['gradient_norm']:.3g}"
    )
    for key, form in (("clipped_share", ".0%"), ("update_ratio", ".2g")):
        if result.get(key) is not None:
            title += f", {key.replace('_', ' ')} {result[key]:{form}}"
    layers = result["layers"]
    parts = [title, _reach_table(layers), _gate_table(layers), _plot(layers, width)]
    lines = result["verdict"].splitlines()
    verdict = [textwrap.fill(line, width, subsequent_indent="  ") for line in lines]
    return "\n\n".join([*parts, "\n".join(verdict)])


def _reach_table(layers: list[dict]) -> str:
    # 80 columns wide with the longest name, bidirectional_lstm_1/backward.
    rows = [["layer", "decades/step", "half-life", "reach", "memory", "longest"]]
    for layer in layers:
        rows.append(
            [
                layer["name"],
                _number(layer["slope_decades_per_step"], ".4f"),
                _number(layer["half_life_steps"], ".1f"),
                _number(layer["reach_steps"], "d", f">{len(layer['carried']) - 1}"),
                _number(layer["memory_steps"], ".1f"),
                _number(layer["longest_memory_steps"], ".1f"),
            ]
        )
    return align(rows)


def _gate_table(layers: list[dict]) -> str:
    rows = [["layer", "saturated %", "singular value", "mean of gates"]]
    for layer in layers:
        share = layer["saturated_share"]
        rows.append(
            [
                layer["name"],
                "-" if share is None else f"{100 * share:.1f}",
                _number(max(layer["singular_values"].values(), default=None), ".2f"),
                " ".join(
                    f"{letter} {gate['mean']:.2f}"
                    for letter, gate in layer["gates"].items()
                )
                or "-",
            ]
        )
    return align(rows)


def _number(value: float | None, form: str, otherwise: str = "-") -> str:
    return otherwise if value is None else format(value, form)


def _plot(layers: list[dict], width: int) -> str:
    """Plot the gradient against the lag, on a logarithmic scale; a digit per layer."""
    curves = [np.array(layer["carried"]) for layer in layers]
    longest = max(map(len, curves))
    columns = max(1, min(width - 8, longest))
    lags = np.linspace(0, longest - 1, columns).round().astype(int)
    with np.errstate(divide="ignore"):
        decades = [np.log10(curve[lags[lags < len(curve)]]) for curve in curves]
    finite = np.concatenate(decades)
    finite = finite[np.isfinite(finite)]
    top = math.ceil(finite.max(initial=0))
    bottom = max(math.floor(finite.min(initial=-1)), top - HEIGHT)
    rows = np.full((HEIGHT, columns), " ")
    for digit, curve in enumerate(decades, 1):
        heights = (HEIGHT - 1) * (top - curve) / max(1, top - bottom)
        inside = np.isfinite(heights) & (heights <= HEIGHT - 1)
        places = heights[inside].round().astype(int)
        rows[places, np.flatnonzero(inside)] = str(digit % 10)
    labels = [f"1e{top:+03d}", *[""] * (HEIGHT - 2), f"1e{bottom:+03d}"]
    lines = [
        f"{label:>6} |{''.join(row).rstrip()}"
        for label, row in zip(labels, rows, strict=True)
    ]
    last = str(longest - 1)
    return "\n".join(
        [
            "what is left of the last state's gradient, by tokens back:",
            *(f"  {n} {layer['name']}" for n, layer in enumerate(layers, 1)),
            *lines,
            " " * 7 + "+" + "-" * columns,
            " " * 8 + "0" + last.rjust(columns - 1),
        ]
    )
