import json
from pathlib import Path

LSTM = "model.layers[0].cell=lstm"


def test_the_gradients_flow_is_shown_for_a_run_and_for_a_config(call):
    done = call("gradflow", "runs/tiny-1", "--batches", "2")
    assert done.returncode == 0
    assert done.stdout.startswith("tiny-1: 40 examples, gradient norm ")
    assert "\ngru_1: " in done.stdout  # the verdict
    assert done.stderr.endswith("figure: runs/tiny-1/gradflow.png\n")
    assert Path("runs/tiny-1/gradflow.png").read_bytes().startswith(b"\x89PNG")
    done = call("gradflow", "tiny.yaml", "--set", LSTM, "--json")
    result = json.loads(done.stdout)
    assert result["verdict"].startswith("lstm_1: ")
    [layer] = result["layers"]
    keys = "name lags norms slope_decades_per_step half_life_steps reach_steps"
    assert {*keys.split(), "saturated_share"} <= layer.keys()
    assert Path("gradflow-tiny.png").exists()


def test_of_a_run_no_key_of_the_model_can_be_set_and_what_is_neither_is_refused(call):
    done = call("gradflow", "runs/tiny-1", "--set", LSTM)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--set model.layers[0].cell: the model was trained with" in done.stderr
    done = call("gradflow", "nowhere")
    assert done.returncode == 2
    assert "nowhere: there is no such config" in done.stderr
