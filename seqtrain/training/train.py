"""Train the model of a config and keep everything in its run directory."""

import contextlib
import copy
from collections.abc import Sequence

import keras

from ..config import Config
from ..errors import DivergedError
from ..runs.checkpoints import Checkpoint, Checkpoints
from ..runs.run import Run
from ..tasks import Data
from ..tasks.class_weights import class_weights
from ..terminal.progress import Progress
from .attempt import Attempt, Setup, rate_factor
from .stateful import collect_states


def train(
    config: Config,
    data: Data,
    run: Run,
    *,
    checkpoint: Checkpoint | None = None,
    weights_from: Run | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train; return one value per epoch for every metric.

    Two calls with equal arguments give equal models, bit for bit, on one machine. So
    does a training that is killed and resumed from its last checkpoint.

    Args:
        config: What to train, and how.
        data: What `load_data` made of its `data` section.
        run: A started run, the directory for all results.
        checkpoint: The checkpoint of the run to go on from; None starts at step 0.
        weights_from: A run whose weights to start from; its vocabulary must be that of
            the data.
        callbacks: Further Keras callbacks. Checkpoints hold the states of those that
            are `Stateful`.

    Raises:
        ConfigError: If `train.class_weights` does not name the labels of the data.
        DivergedError: If a loss or a gradient is not finite, and the config does not
            say to roll back, or it was rolled back too often.
        ResumeError: If another process trains the run.
        ValueError: If two callbacks have the same key for their states.
        WriteError: If the run directory can't be written.
    """
    with run.locked(), run.recorded():
        weights = class_weights(config.train.class_weights, data)
        before = copy.deepcopy(collect_states(callbacks))
        setup = Setup(config, data, run, weights, callbacks, before)
        _write_facts(setup)
        done = checkpoint.step if checkpoint else 0
        progress = Progress(run.path / "train.log", setup.steps, done)
        with contextlib.closing(progress):
            progress.say(f"run {run.path}")
            if checkpoint:
                progress.say(f"going on from step {done}")
            history = _train_to_the_end(setup, progress, checkpoint, weights_from)
        setup.kind.baselines.prepare(run.trained)  # now: later the data may be gone
        return history


def _write_facts(setup: Setup) -> None:
    """Record in the run what it was trained on."""
    data, run = setup.data, setup.run
    run.update(
        digests=run.keep(data.vocab, data.labels),
        data_files=data.files,
        data_digest=data.digest(),
        buckets=data.buckets,
    )
    if chance := setup.kind.chance(setup.config.data):
        run.update(chance=dict(chance))


def _train_to_the_end(
    setup: Setup,
    progress: Progress,
    checkpoint: Checkpoint | None,
    weights_from: Run | None,
) -> dict[str, list[float]]:
    """Train in as many attempts as it takes; roll back each one that diverges."""
    rollbacks = checkpoint.state["rollbacks"] if checkpoint else []
    checkpoint_seconds = 0.0
    while True:
        attempt = Attempt(setup, progress, checkpoint, rollbacks)
        try:
            history = attempt.run(weights_from)
        except DivergedError as error:
            checkpoint, rollbacks = _roll_back(setup, progress, rollbacks, error)
            checkpoint_seconds += attempt.checkpoint_seconds
        else:
            checkpoint_seconds += attempt.checkpoint_seconds
            setup.run.update(checkpoint_seconds=checkpoint_seconds)
            return history


def _roll_back(
    setup: Setup, progress: Progress, rollbacks: Sequence[dict], error: DivergedError
) -> tuple[Checkpoint | None, list[dict]]:
    """Return the checkpoint to go back to, and the rollbacks including this one.

    Raises:
        DivergedError: `error` itself, if there were too many rollbacks before.
    """
    train = setup.config.train
    if len(rollbacks) >= (train.rollbacks or 0):
        raise error
    checkpoint = Checkpoints(setup.run.path).last(progress.say, planned=True)
    step = checkpoint.step if checkpoint else 0
    rollback = {"from": error.step, "to": step, "factor": train.rollback_factor}
    rollbacks = [*rollbacks, rollback]
    setup.run.update(rollbacks=rollbacks)
    rate = train.learning_rate * rate_factor(rollbacks)
    progress.say(
        f"{error}\nrollback {len(rollbacks)} of {train.rollbacks}: back to "
        f"step {step}, with a learning rate of {rate:g}"
    )
    return checkpoint, rollbacks
