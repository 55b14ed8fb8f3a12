import numpy as np
import pytest

from seqtrain.tables.gradflow import format_gradflow


def fall(decades_per_step, lags=200):
    return 10.0 ** (-decades_per_step * np.arange(lags))


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


@pytest.mark.parametrize("missing", ["singular_values", "gates"])
def test_a_layer_without_kernels_or_gates_has_a_dash(missing):
    result = result_of(fall(0.1))
    result["layers"][0][missing] = {}
    lines = format_gradflow(result).splitlines()
    [gates] = [line for line in lines if line.startswith("lstm_1") and "25.0" in line]
    assert "-" in gates.split()


def test_what_a_layer_does_not_declare_is_a_dash():
    result = result_of(fall(0.1))
    absent = {"saturated_share": None, "memory_steps": None}
    absent |= {"longest_memory_steps": None, "gates": {}, "singular_values": {}}
    result["layers"][0] |= absent
    rows = [line.split() for line in format_gradflow(result).splitlines()]
    assert ["lstm_1", "-0.1000", "3.0", ">199", "-", "-"] in rows
    assert ["lstm_1", "-", "-", "-"] in rows
