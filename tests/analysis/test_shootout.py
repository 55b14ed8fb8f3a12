import json
import signal
import sys

import pytest

from seqtrain.analysis.shootout import shootout
from seqtrain.cli import main
from seqtrain.config import load_config
from seqtrain.errors import ConfigError, SeqtrainError
from seqtrain.figures.canvas import png
from seqtrain.figures.shootout import draw_shootout
from seqtrain.runs.run import Run
from seqtrain.tables.shootout import format_shootout

CONFIG = """
data: {source: generated, task: temporal_order, length: 6, examples: 220, \
test_examples: 40}
model: {embedding: {dim: 4}, layers: [{cell: lstm, units: 8}]}
train: {epochs: 2, batch_size: 50, jit_compile: false}
log: {samples: 0}
shootout:
  contenders:
    lstm: []
    rnn: ["model.layers[0].cell=rnn"]
  seeds: 1
  solved: 100
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory, own_cache):
    path = tmp_path_factory.mktemp("shootout") / "tiny.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def folder(path):
    return path.parent / "runs"


@pytest.fixture(scope="module")
def result(path, folder):
    return shootout(path, [], folder, say=lambda _: None)


def test_each_training_is_a_run_of_equal_updates_and_about_equal_parameters(
    result, folder
):
    [condition] = result["conditions"]
    lstm, rnn = condition["contenders"]
    assert (lstm["name"], rnn["name"]) == ("lstm", "rnn")
    assert lstm["units"] == 8
    # 8 tokens of 4 numbers, 4 (4 + 8 + 1) 8 of the LSTM, 4 classes.
    assert lstm["parameters"] == 8 * 4 + 4 * 8 * (4 + 8 + 1) + 9 * 4
    counts = {u: 8 * 4 + u * (4 + u + 1) + (u + 1) * 4 for u in range(1, 50)}
    nearest = min(counts, key=lambda u: abs(counts[u] - lstm["parameters"]))
    assert (rnn["units"], rnn["parameters"]) == (nearest, counts[nearest])
    for contender in (lstm, rnn):
        assert [each["seed"] for each in contender["trainings"]] == [0]
        for training in contender["trainings"]:
            run = Run(folder / training["run"])
            assert run.config.model.layers[0].units == contender["units"]
            assert [step for step, _ in training["curve"]] == [4, 8]
            assert training["solved_at"] == 4
            assert training["memory_mb"] > 100
            assert training["seconds"] > 0
    digests = {
        Run(folder / each["trainings"][0]["run"]).info["data_digest"]
        for each in (lstm, rnn)
    }
    assert len(digests) == 1


def test_what_comes_out_is_kept_and_what_is_done_is_not_done_again(
    result, path, folder
):
    assert json.loads((folder / "shootout.json").read_text()) == result
    given = {"say": lambda _: None, "command": [sys.executable, "-c", "exit(1)"]}
    assert shootout(path, [], folder, **given) == result
    # Another section leaves the trainings what they were.
    again = shootout(path, ["shootout.solved=1e-9"], folder, **given)
    assert again["conditions"][0]["contenders"][0]["trainings"][0]["solved_at"] is None


def test_the_command_prints_the_table_and_says_where_the_figure_is(
    result, path, folder, monkeypatch, capfd
):
    arguments = ["seqtrain", "shootout", str(path), "--out", str(folder)]
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    signal.signal(signal.SIGTERM, handler)
    out, err = capfd.readouterr()
    assert not ended.value.code
    assert out == f"{format_shootout(result)}\n"
    assert err.endswith(f"figure: {folder / 'shootout.png'}\n")
    assert (folder / "shootout.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_another_shootout_is_refused(result, path, folder):
    with pytest.raises(SeqtrainError, match="another config was trained there"):
        shootout(path, ["train.epochs=3"], folder, say=lambda _: None)


def test_a_training_that_fails_ends_it_with_what_was_said(path, tmp_path):
    failing = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    with pytest.raises(SeqtrainError, match="no such thing"):
        shootout(path, [], tmp_path, say=lambda _: None, command=failing)


def test_too_few_parameters_are_refused(path, tmp_path):
    with pytest.raises(ConfigError, match="shootout.parameters is 30"):
        shootout(path, ["shootout.parameters=30"], tmp_path, say=print)


def test_a_config_without_the_section_is_refused(path, tmp_path):
    with pytest.raises(ConfigError, match="no section shootout"):
        shootout(path, ["shootout=null"], tmp_path, say=print)


def test_the_table_has_a_row_for_each_contender(result):
    lines = format_shootout(result).splitlines()
    assert lines[0] == "all (chance: loss 1.386, accuracy 0.25)"
    assert [line.split()[0] for line in lines[2:]] == ["lstm", "rnn"]
    assert all("1 of 1" in line for line in lines[2:])
    assert max(map(len, lines)) <= 88


@pytest.mark.slow
def test_a_training_that_diverged_has_no_loss(path, tmp_path):
    steep = ["train.learning_rate=1e38", "train.optimizer=sgd"]
    result = shootout(path, steep, tmp_path, say=lambda _: None)
    [condition] = result["conditions"]
    for contender in condition["contenders"]:
        assert contender["trainings"][0]["status"] == "diverged"
        assert "loss" not in contender
    assert format_shootout(result).count("diverged") == 2


def test_the_figure_has_a_line_for_each_training(result):
    figure = draw_shootout(result)
    [axes] = figure.axes
    assert len([line for line in axes.lines if len(line.get_xdata()) == 2]) == 2 + 1
    assert png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "section, problem",
    [
        ("{contenders: {lstm: []}}", "contenders"),
        ("{contenders: {a: [], b: []}, conditions: {}}", "conditions"),
        ("{contenders: {a: [], b: [1]}}", "contenders"),
    ],
)
def test_a_wrong_section_is_an_error_of_the_config(path, section, problem):
    with pytest.raises(ConfigError, match=problem):
        load_config(path, [f"shootout={section}"])
