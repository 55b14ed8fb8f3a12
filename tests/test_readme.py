"""What the README and the pages of docs/ show runs: with tiny models, on tiny data."""

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
from seqtrain.system.interruption import ENDING

ROOT = Path(__file__).parents[1]
# The README first: the commands of the pages go on from the runs that it makes.
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)
# In code blocks after an optional `$` or folder, and between backticks; each once.
COMMANDS = dict.fromkeys(
    re.findall(
        r"(?:^ *(?:\$ )?(?:\.venv/bin/)?|`)(seqtrain [a-z-][^`\n]*)",
        re.sub(r"\\\n *", "", TEXT),
        re.MULTILINE,
    )
)
LISTINGS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
PROGRAMS = [listing for listing in LISTINGS if "model.fit" in listing]
# By their names, which stand in their first line.
CONFIGS = {
    name: text
    for text, name in re.findall(r"```yaml\n(# (\S+\.yaml)\n.*?)```", TEXT, re.DOTALL)
}
# Run by tests of their own: one ends by Ctrl-C, the others train several times.
LONG = {"board", "verify-resume", "doctor", "shootout"}
# Added to every command that takes a config.
TINY = [
    "model.embedding.dim=2",
    "model.layers=[{cell: gru, units: 2}]",
    "train.epochs=1",
    "train.batch_size=500",
    "train.jit_compile=false",
]
# Added where the config makes its examples; a test of memory takes no embedding.
FEW = ["data.examples=100", "data.test_examples=10"]
SMALLER = {"quickstart": TINY + FEW, "adding": [*TINY[1:], *FEW, "data.length=5"]}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with the configs that are shown, and reviews under every name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "cache"))
    for name, text in CONFIGS.items():
        Path(name).write_text(text)
    words = ["superb", "awful", "film", "plot"]
    rows = [[f"{words[i % 4]} {i} {words[i % 3]}", "np"[i % 2]] for i in range(40)]
    for name in set(re.findall(r"[\w.]+\.csv\.gz", TEXT)):
        with gzip.open(name, "wt", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    for folder in ("train/neg", "train/pos", "test/neg", "test/pos"):
        reviews = Path("aclImdb") / folder
        reviews.mkdir(parents=True)
        for i in range(10):
            (reviews / f"{i}_{i}.txt").write_text(f"{words[i % 4]} {folder}")
    Path("corpus").mkdir()
    for part, count in (("train", 50), ("test", 10)):
        rows = [f"mail {i} has {words[i % 4]},{'hs'[i % 5 > 2]}" for i in range(count)]
        rows = [row.replace(",h", ",ham").replace(",s", ",spam") for row in rows]
        Path(f"corpus/{part}.txt").write_text("\n".join(["body,label", *rows]))
    handlers = {number: signal.getsignal(number) for number in ENDING}
    yield tmp_path
    for number, handler in handlers.items():  # `train` sets its own
        signal.signal(number, handler)


@pytest.fixture
def run(monkeypatch, capfd):
    """Run a command line; return what it said and printed."""

    def run(arguments):
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        assert not ended.value.code, f"{shlex.join(arguments)}\n{said.err}"
        return said

    return run


def test_every_command_runs(workplace, run):
    commands = [shlex.split(command, comments=True) for command in COMMANDS]
    shown = {arguments[1] for arguments in commands}
    assert shown >= {"train", "eval", "predict", "check", "runs", "board"}
    for arguments in commands:
        name = arguments[1]
        if name in LONG:
            # Its options are known, and its config can be loaded.
            run([*arguments, "--help"])
            for config in arguments[2:3] if name != "board" else ():
                run(["seqtrain", "check", config, "--no-data"])
            continue
        if "--resume" in arguments:
            Run(Path(arguments[-1])).update(status="interrupted")
        elif name in ("train", "check") or arguments[1:] == ["gradflow", "quickstart"]:
            for setting in SMALLER.get(arguments[2], TINY):
                arguments += ["--set", setting]
        said = run(arguments)
        assert said.out or "--dry-run" in arguments


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_shown_loads(workplace, name):
    assert load_config(name)


def test_the_readmes_config_says_what_its_comments_say(workplace):
    config = load_config("reviews.yaml")
    assert [layer.cell for layer in config.model.layers] == ["lstm", "gru"]
    assert config.data.source == "files"


def test_every_yaml_that_is_shown_has_a_name():
    assert TEXT.count("```yaml") == len(CONFIGS)


def test_listings_that_train_nothing_run():
    others = [listing for listing in LISTINGS if listing not in PROGRAMS]
    assert others
    for listing in others:
        exec(listing, {})


@pytest.mark.parametrize(
    "listing",
    [
        PROGRAMS[0],
        *(pytest.param(each, marks=pytest.mark.slow) for each in PROGRAMS[1:]),
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
