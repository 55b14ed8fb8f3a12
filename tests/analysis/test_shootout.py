import json
import shutil
import signal
import sys
from itertools import product

import pytest

from seqtrain.analysis.shootout import nearest_width, shootout
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
model: {embedding: {dim: 4}, layers: [{cell: lstm, units: 4}]}
train: {epochs: 2, batch_size: 50, jit_compile: false}
log: {samples: 0}
shootout:
  contenders:
    lstm: []
    rnn: ["model.layers[0].cell=rnn"]
  seeds: 1
  solved: 100
"""


# What a process is started with in place of seqtrain: a run of two epochs in no time,
# which diverges, so that there is no model to evaluate.
STAND_IN = """
import sys
from pathlib import Path
from seqtrain.config import load_config
from seqtrain.errors import DivergedError
from seqtrain.runs.run import Run

_, path, *settings, _, place = sys.argv[1:]
config = load_config(Path(path), settings[1::2])
run = Run.create("", Path(place))
run.start(Path(path), config, "")
for step, loss in [(4, 1.5), (8, 0.5 + config.seed)]:
    seconds = 2.0 + config.seed
    run.log({"split": "train", "step": step, "loss": 0.0})
    run.log(
        {"split": "validation", "step": step, "loss": loss, "epoch_seconds": seconds}
    )
run.update(status="diverged")
sys.exit(DivergedError.exit_code)
"""
STOOD_IN = {"say": lambda _: None, "command": [sys.executable, "-c", STAND_IN]}
FAILING = {"say": lambda _: None, "command": [sys.executable, "-c", "exit(1)"]}
TWO_CONDITIONS = (
    "shootout.seeds=2",
    "shootout.solved=1",
    "shootout.conditions={short: [data.length=5], long: [data.length=7]}",
)


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


@pytest.fixture(scope="module")
def made_up_folder(path):
    return path.parent / "made-up"


@pytest.fixture(scope="module")
def made_up(path, made_up_folder):
    """The result of two conditions with two seeds each, without a training."""
    return shootout(path, TWO_CONDITIONS, made_up_folder, **STOOD_IN)


def trainings(result):
    for condition in result["conditions"]:
        for contender in condition["contenders"]:
            for training in contender["trainings"]:
                yield condition["name"], contender, training


def test_each_training_is_a_run_of_equal_updates_and_about_equal_parameters(
    result, folder
):
    [condition] = result["conditions"]
    lstm, rnn = condition["contenders"]
    assert (lstm["name"], rnn["name"]) == ("lstm", "rnn")
    assert lstm["units"] == 4
    # 8 tokens of 4 numbers, 4 (4 + 4 + 1) 4 of the LSTM, 4 classes.
    assert lstm["parameters"] == 8 * 4 + 4 * 4 * (4 + 4 + 1) + 5 * 4
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
    assert shootout(path, [], folder, **FAILING) == result


def test_another_section_leaves_the_trainings_what_they_were(
    made_up, path, made_up_folder
):
    strict = [*TWO_CONDITIONS, "shootout.solved=1e-9"]
    for _, _, training in trainings(shootout(path, strict, made_up_folder, **FAILING)):
        assert training["solved_at"] is None


def test_each_contender_is_trained_with_each_seed_under_each_condition(
    made_up, made_up_folder
):
    trained = [
        (condition, contender["name"], training["seed"])
        for condition, contender, training in trainings(made_up)
    ]
    assert trained == list(product(["short", "long"], ["lstm", "rnn"], [0, 1]))
    for condition, contender, training in trainings(made_up):
        run = Run(made_up_folder / training["run"])
        assert run.path.name == f"{condition}-{contender['name']}-{training['seed']}"
        assert run.config.seed == training["seed"]
        assert run.config.data.length == {"short": 5, "long": 7}[condition]
        assert run.config.model.layers[0].cell == contender["name"]
        assert run.config.model.layers[0].units == contender["units"]


def test_a_training_is_told_by_its_validation(made_up, made_up_folder):
    for _, contender, training in trainings(made_up):
        seed = training["seed"]
        assert training["status"] == "diverged"
        assert training["curve"] == [[4, 1.5], [8, 0.5 + seed]]
        assert training["solved_at"] == (None if seed else 8)
        assert training["seconds"] == 2 * (2.0 + seed)
        assert contender["seconds"] == 5.0
        assert training["memory_mb"] > 1
        both = [each["memory_mb"] for each in contender["trainings"]]
        assert contender["memory_mb"] == max(both)


def test_a_training_that_was_interrupted_is_resumed(
    made_up, path, made_up_folder, tmp_path
):
    folder = shutil.copytree(made_up_folder, tmp_path / "runs")
    run = Run(folder / "long-rnn-0")
    run.update(status="interrupted")
    resume = """
import sys
from pathlib import Path
from seqtrain.runs.run import Run
assert sys.argv[1:3] == ["train", "--resume"]
Run(Path(sys.argv[3])).update(status="diverged", command="resumed")
"""
    command = [sys.executable, "-c", resume]
    shootout(path, TWO_CONDITIONS, folder, say=lambda _: None, command=command)
    assert run.info["command"] == "resumed"
    assert Run(folder / "long-rnn-1").info["command"] == ""  # it had ended


def test_the_width_is_the_nearest():
    def parameters(units):
        return 3 * units**2 + 7 * units + 20

    counts = [parameters(units) for units in (1, 2, 3)]
    for units in range(1, 200):
        # Wherever the next wider or the next narrower model is further off.
        for offset in (-2, 0, 2):
            wanted = max(parameters(units) + offset, counts[0])
            assert nearest_width(counts, wanted) == units


def test_the_command_prints_the_table_and_says_where_the_figure_is(
    made_up, path, made_up_folder, monkeypatch, capfd
):
    settings = [word for each in TWO_CONDITIONS for word in ("--set", each)]
    command = ["seqtrain", "shootout", str(path), *settings]
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", [*command, "--out", str(made_up_folder)])
    with pytest.raises(SystemExit) as ended:
        main()
    signal.signal(signal.SIGTERM, handler)
    out, err = capfd.readouterr()
    assert not ended.value.code
    assert out == f"{format_shootout(made_up)}\n"
    assert err.endswith(f"figure: {made_up_folder / 'shootout.png'}\n")
    assert (made_up_folder / "shootout.png").read_bytes().startswith(b"\x89PNG")


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


def test_the_table_shows_means_intervals_and_the_median_of_the_solved():
    solved_at = [100, None, 300, 320]
    result = {
        "solved": 0.1,
        "conditions": [
            {
                "name": "long",
                "chance": {"loss": 1.386, "accuracy": 0.25},
                "contenders": [
                    {
                        "name": "lstm",
                        "units": 8,
                        "parameters": 484,
                        "seconds": 12.6,
                        "memory_mb": 345.4,
                        "accuracy": 0.97,
                        "accuracy_low": 0.9,
                        "accuracy_high": 1.04,
                        "trainings": [{"solved_at": step} for step in solved_at],
                    },
                    {
                        "name": "rnn",
                        "units": 17,
                        "parameters": 478,
                        "seconds": 2.0,
                        "memory_mb": 300.0,
                        "trainings": [{"solved_at": None}],
                    },
                ],
            },
        ],
    }
    assert format_shootout(result).splitlines() == [
        "long (chance: loss 1.386, accuracy 0.25)",
        "      units  parameters  test accuracy      95% interval   s   MB  solved  "
        "updates",
        "lstm      8         484         0.9700  0.9000 to 1.0000  13  345  3 of 4  "
        "    300",
        "rnn      17         478       diverged                 -   2  300  0 of 1  "
        "      -",
    ]
    [condition] = result["conditions"]
    condition |= {"name": "adding", "chance": {"loss": 0.1667}}
    loss = {"loss": 0.1, "loss_low": -0.2, "loss_high": 1.5}
    condition["contenders"] = [condition["contenders"][0] | loss]
    shown = format_shootout(result | {"solved": None}).splitlines()
    assert shown[0] == "adding (chance: loss 0.1667)"
    assert shown[2].endswith("0.1000  0.0000 to 1.5000  13  345")


@pytest.mark.slow
def test_a_training_that_diverged_has_no_loss(path, tmp_path):
    steep = ["train.learning_rate=1e38", "train.optimizer=sgd"]
    result = shootout(path, steep, tmp_path, say=lambda _: None)
    [condition] = result["conditions"]
    for contender in condition["contenders"]:
        assert contender["trainings"][0]["status"] == "diverged"
        assert "loss" not in contender
    assert format_shootout(result).count("diverged") == 2


def test_the_figure_has_a_panel_a_condition_and_a_line_a_training(made_up):
    figure = draw_shootout(made_up)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["short", "long"]
    for axes, condition in zip(figure.axes, made_up["conditions"], strict=True):
        *lines, chance = axes.lines
        assert set(chance.get_ydata()) == {condition["chance"]["loss"]}
        drawn = [list(map(list, line.get_xydata())) for line in lines]
        assert drawn == [
            training["curve"]
            for contender in condition["contenders"]
            for training in contender["trainings"]
        ]
        colors = [line.get_color() for line in lines]
        assert colors == ["C0", "C0", "C1", "C1"]
    [legend] = figure.legends
    assert [text.get_text() for text in legend.texts] == ["lstm", "rnn"]
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
