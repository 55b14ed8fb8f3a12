"""Whether and where a run can be resumed; or begin with the weights of another."""

import hashlib
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..config import Config, load_config
from ..errors import ConfigError, ResumeError, command, shorten
from ..system.folder import MIB
from ..system.machine import arithmetic, versions
from ..tasks import Data, kind_of, load_data
from ..tasks.class_weights import class_weights
from ..terminal.columns import align
from .checkpoints import Checkpoint, Checkpoints
from .differences import differences, filled
from .run import Run
from .shape import misfit

# The keys that may change when a run is resumed; a section stands for all its keys.
MAY_CHANGE = (
    "train.patience",
    "train.checkpoint_every",
    "train.keep",
    "train.on_divergence",
    "train.rollbacks",
    "train.rollback_factor",
    "log",
    # Files may move; their content may not change.
    "data.path",
    "data.train",
    "data.test",
)
_OF_DIVERGENCE = {"train.on_divergence", "train.rollbacks", "train.rollback_factor"}
# Schedules that do not depend on the number of epochs.
_ENDLESS = ("constant", "step")


_LOGS = {str: float}  # results by name
_STATE = {
    "position": {
        "epoch": int,
        "batch": int,
        "examples": int,
        "loss": float,
        "accuracy": (None, float),
        "epochs": [_LOGS],
    },
    "best": {
        "logs": (None, _LOGS),
        "step": (None, int),
        "waited": int,
        "sha256": (None, str),
    },
    "log": {
        "step": int,
        "window": [_LOGS],
        "window_seconds": float,
        "examples": float,
        "spent": {"step_seconds": float, "data_seconds": float, "epoch_seconds": float},
    },
    "rollbacks": [{"from": int, "to": int, "factor": float}],
    "seconds": float,
    "time?": float,
}


class Way(NamedTuple):
    """How a run is resumed.

    Args:
        config: The config from here on, with every value.
        data: The data of the run, unchanged.
        checkpoint: The checkpoint to go on from; None for step 0.
        changed: The old and the new value of each key that changed.
    """

    config: Config
    data: Data
    checkpoint: Checkpoint | None
    changed: dict[str, list]

    @property
    def step(self) -> int:
        """The number of optimizer steps done."""
        return self.checkpoint.step if self.checkpoint else 0

    @property
    def seconds(self) -> float:
        """The seconds spent on these steps."""
        return self.checkpoint.state["seconds"] if self.checkpoint else 0.0


def find_way(
    run: Run,
    overrides: Sequence[str] = (),
    *,
    config_path: Path | None = None,
    say: Callable[[str], None],
) -> Way:
    """Find out how to resume a run; change nothing.

    Args:
        run: A run, locked.
        overrides: Settings of keys that may change.
        config_path: A config to use instead of the run's own.
        say: Called with warnings.

    Raises:
        ResumeError: If the run is finished or would diverge again, if the config or the
            data changed, or if every checkpoint is damaged.
    """
    info = run.info
    if "config" not in info:
        raise ResumeError(
            f"{run.path} is of a version of seqtrain that saved no checkpoints",
            hint=f"begin a new run with its weights by --from {_quoted(run)}",
        )
    if _given_sha256(run) not in (None, info.get("config_sha256")):
        raise ResumeError(
            f"{run.path / 'config.yaml'} was changed after the run began; it only "
            "records what was given",
            hint="undo that, and pass other values by --set",
        )
    resolved = run.path / "config.resolved.yaml"
    config = load_config(config_path or resolved, overrides)
    # A key added after the run was made had its default value.
    began = filled(info["config"], run.config.model_dump(mode="json"))
    changed = differences(began, config.model_dump(mode="json"))
    refused = {
        key: both for key, both in changed.items() if not _may_change(key, both, config)
    }
    if refused:
        raise ResumeError(
            f"{run.path}: the config is not the one that the run began with\n"
            + _differences_table(refused),
            hint=f"these may change: {', '.join(MAY_CHANGE)}, {_epochs_rule(config)}; "
            f"to train another config, begin with these weights by --from "
            f"{_quoted(run)}",
        )
    checkpoint = Checkpoints(run.path).last(say)
    if problem := checkpoint and misfit(checkpoint.state, _STATE):
        raise ResumeError(
            f"{run.path}: state.json of step {checkpoint.step} is damaged: {problem}",
            hint="copy the run again",
        )
    _refuse_finished(run, config, checkpoint, changed)
    data = _load_same_data(run, config)
    then = info.get("resumed", [info])[-1]
    made = differences(then.get("versions", {}), versions())
    if "arithmetic" in then:  # older runs did not record it
        made |= differences(then["arithmetic"], arithmetic())
    for name, both in made.items():
        before, now = (shorten(_shown(value)) for value in both)
        name = shorten(name.removeprefix("environment."))
        say(
            f"warning: {name} was {before} and is {now}: the result may differ in its "
            "last digits from that of an unbroken training"
        )
    return Way(config, data, checkpoint, changed)


def _given_sha256(run: Run) -> str | None:
    """The sha256 of `config.yaml` as it is now; None if it is missing."""
    try:
        return hashlib.sha256(run.folder.read("config.yaml", MIB)).hexdigest()
    except FileNotFoundError:
        return None


def load_data_of(config: Config, source: Run) -> Data:
    """Load the data of a config for a training that begins with a run's weights.

    It is encoded with the vocabulary of that run.

    Raises:
        ConfigError: If the weights don't fit, or `train.class_weights` does not name
            the labels of the data.
    """
    needed, found = (
        {
            "model": each.model.model_dump(mode="json"),
            "data": each.data.model_dump(
                mode="json", include=kind_of(each.data).encoding_keys
            ),
        }
        for each in (config, source.config)
    )
    # Dropout and initializers change no weight's shape or meaning.
    others = {
        key: both
        for key, both in differences(found, needed).items()
        if not key.endswith(("dropout", "initializer"))
    }
    now, then = (kind_of(each.data).name for each in (config, source.config))
    if now != then:
        others["data.task"] = [then, now]
    if others:
        raise ConfigError(
            f"--from {source.path}: its model is another\n"
            + _differences_table(others),
            hint="give these keys the values of that run",
        )
    data = load_data(config.data, seed=config.seed, vocab=source.vocab)
    if data.labels != source.labels:
        raise ConfigError(
            f"--from {source.path}: it knows the labels {', '.join(source.labels)}, "
            f"the data has {', '.join(data.labels)}",
            hint="the labels must be the same ones",
        )
    class_weights(config.train.class_weights, data)  # raises if labels are wrong
    return data


def _refuse_finished(
    run: Run, config: Config, checkpoint: Checkpoint | None, changed: dict[str, list]
) -> None:
    """Refuse a run that has nothing left to do, would diverge again, or lost its start.

    Raises:
        ResumeError: If it is such a run.
    """
    status = run.info["status"]
    if status == "diverged" and not changed.keys() & _OF_DIVERGENCE:
        raise ResumeError(
            f"{run.path} diverged, and would again at the same step",
            hint="--set train.on_divergence=rollback goes on with a smaller learning "
            f"rate; {command('train', '--replay', run.path)} shows the step",
        )
    if checkpoint is None and ("from" in run.info or status == "finished"):
        raise ResumeError(
            f"{run.path}: it has no checkpoint, and step 0 is not where it began"
            if status != "finished"
            else f"{run.path} is finished, and its checkpoints are gone",
            hint="start a new run",
        )
    if status != "finished":
        return
    if config.train.epochs > checkpoint.state["position"]["epoch"]:
        patience, waited = config.train.patience, checkpoint.state["best"]["waited"]
        if patience is None or waited < patience:
            return
        raise ResumeError(
            f"{run.path} is finished: {waited} epochs brought nothing better",
            hint=f"raise train.patience above {waited}, or set it to null, by --set",
        )
    if config.train.schedule in _ENDLESS:
        hint = "raise train.epochs by --set"
    else:
        hint = (
            f"its {config.train.schedule} schedule ends with the last epoch; begin a "
            f"new run with its weights by --from {_quoted(run)}"
        )
    raise ResumeError(
        f"{run.path} is finished: all of its {config.train.epochs} epochs are done",
        hint=hint,
    )


def _quoted(run: Run) -> str:
    return shlex.quote(str(run.path))


def _load_same_data(run: Run, config: Config) -> Data:
    """Load the data of a run.

    Raises:
        ResumeError: If it is not the data that the run began with.
    """
    info = run.info
    vocab = run.vocab if "from" in info else None
    data = load_data(config.data, seed=config.seed, vocab=vocab)
    if "data_digest" not in info:  # killed before the data was recorded
        class_weights(config.train.class_weights, data)  # raises if labels are wrong
        return data
    data = data._replace(buckets=run.buckets)
    before, now = info["data_files"], data.files
    for (old, was), (path, found) in zip(before.items(), now.items(), strict=True):
        if was != found:
            raise ResumeError(
                f"{path}: its sha256 is {found}, the run began with {was} ({old})",
                hint="bring the old file back, or start a new run",
            )
    if data.digest() != info["data_digest"]:
        raise ResumeError(
            f"{run.path}: the same files give other examples than when it began",
            hint="go on with the versions of then: see versions in run.json",
        )
    return data


def _may_change(key: str, both: list, config: Config) -> bool:
    if key == "train.epochs":
        return config.train.schedule in _ENDLESS
    if key == "data.validation":  # a file may move, a share may not change
        return all(isinstance(value, str) for value in both)
    return key in MAY_CHANGE or key.partition(".")[0] in MAY_CHANGE


def _epochs_rule(config: Config) -> str:
    if config.train.schedule in _ENDLESS:
        return "train.epochs"
    return f"train.epochs not under schedule: {config.train.schedule}"


def _differences_table(found: dict[str, list]) -> str:
    rows = [[f"  {key}", *map(_shown, both)] for key, both in found.items()]
    return align([["  key", "before", "now"], *rows])


def _shown(value: object) -> str:
    return "-" if value is None else str(value)
