import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
KEY = {"what": "layers", "mode": "train", "cell": "gru", "timesteps": 5}
KEY |= {"units": 4, "batch": 3}


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import benchmark

    return benchmark


def measured(*turns):
    return {"times": {"step": [list(turn) for turn in turns]}, "peak_mb": 12.3}


def test_a_program_takes_turns_until_it_has_the_steps_and_the_seconds(benchmark):
    wants = benchmark.wants_turn
    assert wants({"times": {}}, 0.1)
    assert wants(measured([30] * 4, [30] * 2), 0.1)
    assert not wants(measured([30] * 4, [30] * 3), 0.1)
    assert wants(measured([30] * 4, [30] * 3), 0.5)


def test_a_ratio_compares_round_by_round(benchmark):
    slower = [[20, 22, 24], [220], [66, 66]]
    found = benchmark.ratio(slower, [[11], [110], [30, 22, 1]])
    assert found == {"median": 2, "low": 2, "high": 2.5}


def test_the_floor_is_the_faster_loop_and_the_large_products(benchmark):
    result = {
        "times": {"loop": [[5, 6]], "loop in parts": [[3, 4]], "large": [[10, 20]]}
    }
    benchmark.summarize(result)
    assert result["way"] == "loop in parts"
    assert result["times"]["step"] == [[13, 24]]
    assert result["ms"]["median"] == 18.5


def test_a_table_says_who_failed_and_compares_with_the_fastest_left(benchmark):
    results = {
        "seqtrain": measured([10, 10], [10]),
        "keras": measured([40, 40], [40]),
        "keras jit": measured([20, 20], [20]),
        "torch": {"error": "ended by signal 9"},
    }
    for result in results.values():
        if "error" not in result:
            benchmark.summarize(result)
    key = {**KEY, "what": "bidirectional"}
    case = {"key": key, "programs": results, **benchmark.compare(results)}
    *_, row = benchmark.steps_table([case]).splitlines()
    assert row == "| gru | 5 | 4, 3 | 10.0 | 40.0 | 20.0 | failed | 2.00 keras jit |"
    assert benchmark.has_failed(case)


@pytest.mark.parametrize("failing", ["seqtrain", "floor", "everybody"])
def test_all_tables_stand_whoever_failed(benchmark, failing):
    programs = [*benchmark.PROGRAMS, "floor"]
    results = {}
    for program in programs:
        parts = ("loop", "loop in parts", "large") if program == "floor" else ("step",)
        results[program] = {"times": {part: [[3.0]] for part in parts}, "peak_mb": None}
        benchmark.summarize(results[program])
        if failing in (program, "everybody"):
            results[program] = {"error": "ended by signal 9"}
    cases = [
        {
            "key": {**KEY, "mode": mode},
            "programs": results,
            **benchmark.compare(results),
        }
        for mode in benchmark.MODES
    ]
    printed = "\n".join(benchmark.tables(cases))
    assert printed.count("failed") >= 4


def test_a_worker_that_ends_early_is_an_error(benchmark):
    worker = benchmark.Worker(print)
    with pytest.raises(benchmark.ProgramError, match="ended by exit code 0"):
        worker.ask(0.3)
    worker.stop()


def test_cases_are_narrowed_by_options(benchmark):
    arguments = argparse.Namespace(
        what=["layers", "length"],
        cells=["gru"],
        timesteps=[5],
        sizes=[(4, 3)],
        only="train",
    )
    layers, length = benchmark.find_cases(arguments)
    assert layers == KEY
    assert length["timesteps"] == [5]


def test_numbers_of_another_machine_are_refused(benchmark, tmp_path):
    path = tmp_path / "numbers.json"
    document = benchmark.open_document(path)
    benchmark.save(document, path)
    assert len(benchmark.open_document(path)["runs"]) == 2
    document["environment"]["cores"] = 0
    benchmark.save(document, path)
    with pytest.raises(SystemExit, match="cores 0, now .*\nhint: name another file"):
        benchmark.open_document(path)


def test_pytorch_is_left_out_where_it_is_absent(benchmark, monkeypatch):
    versions = {"tensorflow": "2.21.0"}
    monkeypatch.setattr(benchmark, "version", versions.get)
    assert "torch" not in benchmark.installed_programs()
    said = benchmark.describe_environment(benchmark.environment())
    assert said.endswith("PyTorch is not installed: it is left out.")


@pytest.mark.slow
def test_a_case_is_measured_once(tmp_path):
    path = tmp_path / "numbers.json"
    command = [sys.executable, SCRIPTS / "benchmark.py", "layers", "--cells", "gru"]
    command += ["--timesteps", "5", "--sizes", "4x3", "--seconds", "0.01"]
    command += ["--only", "train", "--json", path]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    (case,) = json.loads(path.read_text())["cases"]
    assert case["key"] == KEY
    assert {"seqtrain", "keras", "floor"} <= set(case["programs"])
    assert not any("error" in result for result in case["programs"].values())
    assert "take turns" in first.stderr
    assert second.stderr == ""
    assert second.stdout == first.stdout
