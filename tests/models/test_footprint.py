import os
import subprocess
import sys

import pytest

from seqtrain.config import find_config, load_config
from seqtrain.models import footprint
from seqtrain.models.footprint import describe_memory, training_memory
from seqtrain.tasks import load_data

MIB = 2**20
SMALL = ("data.examples=200", "data.test_examples=50")
LAYERS = {
    "rnn": "[{cell: rnn, units: 5}]",
    "two": "[{cell: lstm, units: 7, bidirectional: true}, {cell: gru, units: 4}]",
    "document": "[{cell: lstm, units: 6, formulation: document}]",
}


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path))

    def load(*overrides, name="quickstart"):
        config = load_config(find_config(name), overrides)
        return config, load_data(config.data, seed=0)

    return load


@pytest.mark.parametrize("layers", LAYERS)
def test_the_weights_are_counted_but_for_some_biases(load, layers):
    from seqtrain.models.build import build_model

    config, data = load(*SMALL, f"model.layers={LAYERS[layers]}")
    sizes = len(data.vocab), len(data.labels)
    model = build_model(config, vocab_size=sizes[0], num_classes=sizes[1])
    counted = footprint._weights(config, *sizes)
    assert counted == pytest.approx(model.count_params(), rel=0.03)


def test_more_of_anything_takes_more(load):
    least = training_memory(*load(*SMALL))
    for more in (
        ["train.batch_size=100"],
        ["model.layers=[{cell: lstm, units: 64}]"],
        ["model.embedding.dim=64"],
        ["data.examples=300"],
        ["data.length=90", "data.max_length=90"],
    ):
        assert training_memory(*load(*SMALL, *more)) > least, more


def test_too_little_memory_is_a_warning(load, monkeypatch):
    monkeypatch.setattr(footprint, "available_memory", lambda: 2**28)
    said, warning = describe_memory(*load(*SMALL))
    assert said == "memory: about 0.8 GiB"
    assert warning.startswith("warning: only 0.2 GiB of memory are free, ")
    monkeypatch.setattr(footprint, "available_memory", lambda: None)
    assert describe_memory(*load(*SMALL)) == (said, "")


LARGE = (
    *("data.length=200", "data.max_length=200", "data.examples=2400"),
    "train.batch_size=1000",
    "model.layers=[{cell: lstm, units: 128}, {cell: gru, units: 128}]",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, overrides",
    [("quickstart", ()), ("adding", ("data.examples=2000",)), ("quickstart", LARGE)],
    ids=["quickstart", "adding", "large"],
)
def test_it_is_right_within_a_factor_of_two(load, tmp_path, name, overrides):
    overrides = (*overrides, "train.epochs=1")
    sets = [word for setting in overrides for word in ("--set", setting)]
    command = [
        sys.executable,
        "-m",
        "seqtrain",
        "train",
        name,
        *sets,
        "--run",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    peak = used.ru_maxrss * 1024
    assert peak / 2 < training_memory(*load(*overrides, name=name)) < 2 * peak
