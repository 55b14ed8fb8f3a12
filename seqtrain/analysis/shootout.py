"""Cells and cures against each other: equal parameters, updates and data."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..config import Config, load_config
from ..errors import ConfigError, DivergedError, SeqtrainError
from ..metrics import mean_with_interval
from ..models.build import build_model
from ..runs.run import Run, is_run
from ..system.disk import replace
from ..tasks import kind_of, load_data
from ..tasks.class_weights import class_weights
from .evaluate import evaluate

COMMAND = (sys.executable, "-m", "seqtrain")


def shootout(
    path: Path,
    overrides: Sequence[str],
    folder: Path,
    *,
    say: Callable[[str], None],
    command: Sequence[str] = COMMAND,
) -> dict:
    """Train every contender under every condition, with several seeds.

    Each training is a run of its own in `folder`. What is there already is kept: a
    shootout that was interrupted goes on where it stopped.

    Args:
        path: A config with a `shootout` section.
        overrides: Settings for all, which take precedence over the file.
        folder: Where the runs and `shootout.json` go.
        say: Called with a line about each contender.
        command: What starts seqtrain.

    Returns:
        `conditions`, each with `name`, `chance` and `contenders`; each of these with
        `units`, `parameters`, `trainings` (one for each seed) and their means.

    Raises:
        ConfigError: If a config is wrong, or no width has so many parameters.
        SeqtrainError: If a training fails, or `folder` holds another shootout.
    """
    section = load_config(path, overrides).shootout
    if section is None:
        raise ConfigError(
            f"{path}: it has no section shootout, which says who is to be compared",
            hint="see configs/shootout_memory.yaml",
        )
    bouts = {
        condition: [
            _Bout(path, [*overrides, *settings, *own], f"{condition}-{name}", name)
            for name, own in section.contenders.items()
        ]
        for condition, settings in section.conditions.items()
    }
    everyone = [bout for contenders in bouts.values() for bout in contenders]
    parameters = section.parameters or everyone[0].parameters
    for bout in everyone:
        bout.fit_width(parameters)
    for number, bout in enumerate(everyone, 1):
        say(
            f"{number} of {len(everyone)}: {bout.name}, {bout.units} units, "
            f"{bout.parameters} parameters"
        )
        for seed in range(section.seeds):
            bout.train(seed, folder, command)
    result = {
        "name": path.stem,
        "solved": section.solved,
        "conditions": [
            {
                "name": condition,
                "chance": _chance(contenders[0].config),
                "contenders": [bout.result(section.solved) for bout in contenders],
            }
            for condition, contenders in bouts.items()
        ],
    }
    replace(folder / "shootout.json", json.dumps(result, indent=2).encode() + b"\n")
    return result


def nearest_width(counts: Sequence[int], parameters: int) -> int:
    """Return the width at which a model has about so many parameters.

    Their number is a quadratic polynomial of the width u, as each weight has a shape
    of constants and multiples of u, at most two. Three counts determine it.

    Args:
        counts: The parameters at the widths 1, 2 and 3.
        parameters: How many are wanted, at least those of width 1.

    Example:
        >>> nearest_width([11, 24, 39], 100)  # u² + 10 u
        6
    """
    square = (counts[0] - 2 * counts[1] + counts[2]) / 2
    linear = counts[1] - counts[0] - 3 * square
    constant = counts[0] - square - linear
    roots = np.roots([square, linear, constant - parameters])
    return max(1, round(max(roots.real)))


class _Bout:
    """A contender under a condition.

    Args:
        path: The config.
        overrides: The settings of the contender and the condition.
        name: How the names of its runs begin.
        contender: The name of the contender.
    """

    def __init__(self, path: Path, overrides: list[str], name: str, contender: str):
        self.path, self.overrides, self.name = path, overrides, name
        self.contender = contender
        self.config = load_config(path, overrides)
        self.data = load_data(self.config.data, seed=self.config.seed)
        class_weights(self.config.train.class_weights, self.data)  # before it trains
        self.units = self.config.model.layers[0].units
        self.parameters = self._count(self.config)
        self.trainings: list[dict] = []

    def fit_width(self, parameters: int) -> None:
        """Give all its layers the width with which it has about so many parameters.

        Raises:
            ConfigError: If it has more with a single unit.
        """
        counts = [self._count(self._as_wide_as(units)) for units in (1, 2, 3)]
        if counts[0] > parameters:
            raise ConfigError(
                f"{self.path}: {self.contender} has {counts[0]} parameters with one "
                f"unit, shootout.parameters is {parameters}",
                hint="allow more parameters, or make the embedding smaller",
            )
        self.units = nearest_width(counts, parameters)
        self.config = self._as_wide_as(self.units)
        self.parameters = self._count(self.config)

    def _settings(self, units: int) -> list[str]:
        layers = range(len(self.config.model.layers))
        return [f"model.layers[{index}].units={units}" for index in layers]

    def _as_wide_as(self, units: int) -> Config:
        return load_config(self.path, [*self.overrides, *self._settings(units)])

    def _count(self, config: Config) -> int:
        model = build_model(
            config,
            vocab_size=len(self.data.vocab),
            num_classes=len(self.data.labels),
        )
        return model.count_params()

    def train(self, seed: int, folder: Path, command: Sequence[str]) -> None:
        """Train it in a process of its own, unless that is done; keep the outcome.

        Raises:
            SeqtrainError: If the training fails, or its place holds another one.
        """
        place = folder / f"{self.name}-{seed}"
        settings = [*self.overrides, *self._settings(self.units), f"seed={seed}"]
        config = load_config(self.path, settings)
        if not is_run(str(place)):
            given = [word for setting in settings for word in ("--set", setting)]
            _run([*command, "train", str(self.path), *given, "--run", str(place)])
        elif _without_shootout(Run.open(place).config) != _without_shootout(config):
            raise SeqtrainError(
                f"{place}: another config was trained there",
                hint="give the shootout another --out",
            )
        elif Run(place).status not in ("finished", "diverged"):
            _run([*command, "train", "--resume", str(place)])
        self.trainings.append(_outcome(Run(place), seed))

    def result(self, solved: float | None) -> dict:
        """Summarize its trainings; those that diverged have no test loss."""
        if solved is not None:
            for training in self.trainings:
                training["solved_at"] = _first_update_at(solved, training["curve"])
        trainings = self.trainings
        entry = {
            "name": self.contender,
            "units": self.units,
            "parameters": self.parameters,
            "seconds": float(np.mean([each["seconds"] for each in trainings])),
            "memory_mb": max(each["memory_mb"] for each in trainings),
            "trainings": trainings,
        }
        for key in ("loss", "accuracy"):
            if values := [each[key] for each in trainings if key in each]:
                entry |= mean_with_interval(key, values)
        return entry


def _chance(config: Config) -> dict[str, float]:
    """What a model without memory reaches, by metric."""
    return dict(kind_of(config.data).chance(config.data))


def _without_shootout(config: Config) -> Config:
    """All that decides a training: seeds and contenders may be added later."""
    return config.model_copy(update={"shootout": None})


def _first_update_at(solved: float, curve: list[list]) -> int | None:
    """The first update whose validation loss counts as solved, if there is one."""
    return next((step for step, loss in curve if loss <= solved), None)


def _run(command: Sequence[str]) -> None:
    """Run a training to its end, which a divergence is, too."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()  # it saves a checkpoint first
            process.wait()
            raise
        code = process.returncode = os.waitstatus_to_exitcode(status)
        if code not in (0, DivergedError.exit_code):
            said.seek(0)
            raise SeqtrainError(
                f"{shlex.join(command)}: exit code {code}\n{said.read().strip()}"
            )
    place = Path(command[-1])
    Run(place).update(memory_mb=used.ru_maxrss / 1024)  # Linux counts it in KiB


def _outcome(run: Run, seed: int) -> dict:
    """Test loss of the best epoch, curve of the validation loss, time and memory."""
    evaluations = [line for line in run.metrics() if line["split"] == "validation"]
    outcome = {
        "seed": seed,
        "run": run.path.name,
        "status": run.status,
        "curve": [[line["step"], line["loss"]] for line in evaluations],
        "seconds": sum(line["epoch_seconds"] for line in evaluations),
        "memory_mb": run.info.get("memory_mb", 0.0),
    }
    if run.status == "finished":
        measured = evaluate(run)
        outcome |= {
            key: measured[key] for key in ("loss", "accuracy") if key in measured
        }
    return outcome
