"""What the README shows runs: with tiny models, on tiny data."""

import csv
import gzip
import re
import shlex
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from seqtrain.cli import main
from seqtrain.config import load_config
from seqtrain.runs.run import Run

README = (Path(__file__).parents[1] / "README.md").read_text()
# In code blocks after an optional `$` or folder, and between backticks.
COMMANDS = re.findall(
    r"(?:^ *(?:\$ )?(?:\.venv/bin/)?|`)(seqtrain [a-z-][^`\n]*)",
    README.replace("\\\n", ""),
    re.MULTILINE,
)
LISTINGS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
# Run by tests of their own: one ends by Ctrl-C, the others train several times.
LONG = {"board", "verify-resume", "doctor", "shootout"}
UNTRAINED = ["gradflow", "quickstart"]
# Added to every command that takes a config.
TINY = [
    "model.embedding.dim=2",
    "model.layers=[{cell: gru, units: 2}]",
    "train.epochs=1",
    "train.batch_size=500",
    "train.jit_compile=false",
]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with the README's own config, and reviews under every name it uses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "cache"))
    [config] = re.findall(r"```yaml\n(# reviews.yaml\n.*?)```", README, re.DOTALL)
    Path("reviews.yaml").write_text(config)
    words = ["superb", "awful", "film", "plot"]
    rows = [[f"{words[i % 4]} {i} {words[i % 3]}", "np"[i % 2]] for i in range(40)]
    for name in set(re.findall(r"[\w.]+\.csv\.gz", README)):
        with gzip.open(name, "wt", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    handler = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, handler)  # `train` sets its own


def test_every_command_runs(workplace, monkeypatch, capfd):
    commands = [shlex.split(command, comments=True) for command in COMMANDS]
    shown = {arguments[1] for arguments in commands}
    assert shown >= {"train", "eval", "predict", "check", "runs", "board"}
    for arguments in commands:
        if arguments[1] in LONG:
            continue
        if "--resume" in arguments:
            Run(Path(arguments[-1])).update(status="interrupted")
        elif arguments[1] in ("train", "check") or arguments[1:] == UNTRAINED:
            arguments += [word for setting in TINY for word in ("--set", setting)]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        assert not ended.value.code, f"{shlex.join(arguments)}\n{said.err}"
        assert said.out or arguments[-1] == "--dry-run" or "--dry-run" in arguments


def test_the_config_says_what_its_comments_say(workplace):
    config = load_config("reviews.yaml")
    assert [layer.cell for layer in config.model.layers] == ["lstm", "gru"]
    assert config.data.source == "files"


@pytest.mark.parametrize(
    "listing",
    [
        LISTINGS[0],
        *(pytest.param(each, marks=pytest.mark.slow) for each in LISTINGS[1:]),
    ],
    ids=lambda text: text.split()[1],
)
def test_a_listing_trains_as_it_does_in_plain_keras(listing, rng):
    """Only the import of the layers differs; both begin with the same weights."""
    plain, changed = re.subn(
        r"from seqtrain.layers import (?:\w+ as )?(\w+)",
        r"from keras.layers import \1",
        listing,
    )
    assert changed == 1
    data = {
        "x_train": rng.integers(1, 10000, (128, 50)),
        "y_train": rng.integers(0, 2, (128, 1)),
    }

    def losses(text, weights=None):
        define, fit = text.split("model.fit", 1)
        names = dict(data)
        exec(define, names)
        model = names["model"]
        model.build(data["x_train"].shape)
        if weights:
            model.set_weights(weights)
        weights = model.get_weights()
        keras.utils.set_random_seed(0)  # the order of the examples
        exec(f"model.fit{fit}", names)
        return weights, model.history.history["loss"]

    weights, ours = losses(listing)
    _, theirs = losses(plain, weights)

    assert len(ours) == 10
    assert ours[-1] < ours[0] - 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
