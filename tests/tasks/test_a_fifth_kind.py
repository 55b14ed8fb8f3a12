"""A kind of data that the program does not know is one file and its choice.

The program is copied, `toy_kind.py` laid into its `tasks`, and chosen in the one place
where kinds are chosen. Everything else has to work without another change.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import seqtrain
from seqtrain.system.sealed import unseal

PACKAGE = Path(seqtrain.__file__).parent
CHOICE = [
    ("from . import adding, ", "from . import toy, adding, "),
    (", temporal_order.KIND)", ", temporal_order.KIND, toy.KIND)"),
]
CONFIG = """\
data: {source: generated, task: toy, max_length: 12, buckets: [6, 12]}
model: {embedding: {dim: 8}, layers: [{cell: gru, units: 8, bidirectional: true}]}
train: {epochs: 6, batch_size: 20, learning_rate: 0.04, jit_compile: false}
log: {every: 5, gradflow: 50}
"""
# Each step of the session in one process, which imports TensorFlow once.
SESSION = """
import contextlib, io, json, sys
from seqtrain.cli import main

said = {}
for name, arguments in json.loads(sys.argv[1]).items():
    sys.argv = ["seqtrain", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    said[name] = [code, out.getvalue()]
print(json.dumps(said))
"""
TEXTS = ["aabbc", "b"]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """What each command says of the toy kind, and the folder of its runs."""
    folder = tmp_path_factory.mktemp("toy")
    copy = folder / "program"
    shutil.copytree(PACKAGE, copy / "seqtrain", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(Path(__file__).with_name("toy_kind.py"), copy / "seqtrain/tasks/toy.py")
    chosen = copy / "seqtrain" / "tasks" / "__init__.py"
    text = chosen.read_text()
    for before, after in CHOICE:
        assert text.count(before) == 1
        text = text.replace(before, after)
    chosen.write_text(text)
    (folder / "toy.yaml").write_text(CONFIG)
    commands = {
        "check": ["check", "toy.yaml"],
        "schema": ["schema"],
        "train": ["train", "toy.yaml"],
        "resume": ["train", "--resume", "toy-1", "--set", "train.epochs=7"],
        "eval": ["eval", "toy-1", "--json"],
        "table": ["eval", "toy-1", "--split", "validation"],
        "predict": ["predict", "toy-1", *TEXTS],
        "json": ["predict", "--json", "toy-1", *TEXTS],
        "gradflow": ["gradflow", "toy-1", "--json"],
        "runs": ["runs"],
        "with a file": ["eval", "toy-1", "--data", "toy.yaml"],
        "pooled": ["check", "toy.yaml", "--set", "model.pooling=mean"],
    }
    done = subprocess.run(
        [sys.executable, "-c", SESSION, json.dumps(commands)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(copy), "SEQTRAIN_CACHE": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *_, line = done.stdout.splitlines()
    return json.loads(line), folder / "runs" / "toy-1", done.stderr


def test_every_command_knows_it(session):
    said, _, errors = session
    codes = {name: code for name, (code, _) in said.items()}
    assert {name for name, code in codes.items() if code} == {"with a file", "pooled"}
    assert codes["with a file"] == codes["pooled"] == 2, errors
    assert "model.pooling: has no effect with data.task: toy" in errors


def test_its_keys_are_part_of_the_schema(session):
    schema = json.loads(session[0]["schema"][1])
    toy = schema["$defs"]["ToyData"]
    assert toy["properties"]["task"]["const"] == "toy"
    assert {"source", "task"} <= {*toy["required"]}


def test_it_is_learned_evaluated_and_predicted(session):
    said, run, _ = session
    result = json.loads(said["eval"][1])
    assert result["accuracy"] > 0.95
    assert result["accuracy_low"] < result["accuracy"] <= result["accuracy_high"]
    assert unseal((run / "eval" / "test.json").read_bytes()) == result
    assert said["table"][1].splitlines()[2].split()[:2] == ["accuracy", "%"]
    answers = [json.loads(line) for line in said["json"][1].splitlines()]
    assert answers[0]["labels"] == ["new", "same", "new", "same", "new"]
    assert answers[1] == {"text": "b", "labels": ["new"]}
    assert said["predict"][1].splitlines()[1] == "new\tb"


def test_its_training_is_logged_kept_and_resumed(session):
    said, run, _ = session
    lines = [*map(json.loads, (run / "metrics.jsonl").read_text().splitlines())]
    judged = [line for line in lines if line["split"] == "validation"]
    assert [line["epoch"] for line in judged] == [1, 2, 3, 4, 5, 6, 7]
    # Ragged batches are padded, and what is padded counts for nothing.
    assert any(line.get("padding_share", 0) > 0 for line in lines)
    assert judged[-1]["accuracy"] > 0.95
    assert (run / "checkpoints" / "best").exists()
    assert "toy-1" in said["runs"][1]


def test_its_gradient_is_measured_and_its_dashboards_are_written(session):
    said, run, _ = session
    layers = json.loads(said["gradflow"][1])["layers"]
    assert [layer["name"] for layer in layers] == [
        "bidirectional_gru_1/forward",
        "bidirectional_gru_1/backward",
    ]
    assert all(np.isfinite(layer["norms"]).all() for layer in layers)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard" / "train"))
    events.Reload()
    assert {"loss", "accuracy", "gradient_flow/curves"} <= {*events.Tags()["tensors"]}
    assert (run / "tensorboard" / "train" / "tokens.tsv").read_text().split() == [
        "[unk]",
        *"abc",
    ]
