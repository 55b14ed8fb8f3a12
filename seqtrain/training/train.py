"""Train the model of a config and keep everything in its run directory."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict

import keras
import numpy as np

from ..analysis.baselines import load_baselines
from ..board.layout import hyperparameters, layout
from ..board.writer import TensorBoardWriter, yaml_markdown
from ..config import Config, dump_config
from ..data.batches import bucket_lengths
from ..errors import DivergedError
from ..models.build import build_model
from ..models.compile import compile_model
from ..models.gradients import assign, variables_of
from ..models.saved import load_model
from ..runs.checkpoints import Checkpoint, Checkpoints
from ..runs.run import Run
from ..system.interruption import Interruption
from ..tasks.load import Data, class_weights
from ..tasks.tasks import TEXTS, find_task
from ..terminal.progress import Progress
from .best import KeepBest, save_model
from .class_log import ClassLog, Outputs
from .divergence import keep_divergence
from .gradflow_log import GradflowLog
from .loop import Position, fit
from .pictures import Pictures
from .run_log import RunLog
from .saving import SaveCheckpoints


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

    Two calls with equal arguments give equal models, bit for bit, on one machine; and
    so does a call that is killed and gone on with from its last checkpoint.

    Args:
        config: What to train, and how.
        data: What `load_data` made of its `data` section.
        run: A started run, which keeps what comes out.
        checkpoint: One of the run, to go on from; None begins at step 0.
        weights_from: The run whose model this one begins with; its vocabulary must be
            that of the data.
        callbacks: Further Keras callbacks. A checkpoint does not hold what they know.

    Raises:
        ConfigError: If `train.class_weights` does not name the labels of the data.
        DivergedError: If a loss or a gradient is not finite, and the config does not
            say to roll back, or it was rolled back too often.
        ResumeError: If another process trains the run.
        WriteError: If the run directory can't be written.
    """
    with run.locked(), run.recorded():
        training = _Training(config, data, run, callbacks)
        history = training.run_from(checkpoint, weights_from)
        if training.task == TEXTS:
            load_baselines(run)  # fitted now, so that the run needs no data later
        return history


class _Training:
    """One training, over as many rollbacks as it takes.

    Args:
        config: What to train, and how.
        data: What it learns from.
        run: Keeps what comes out.
        callbacks: Further Keras callbacks.
    """

    def __init__(self, config: Config, data: Data, run: Run, callbacks):
        self.config, self.data, self.run = config, data, run
        self.callbacks = callbacks
        self.task = find_task(config.data)
        self.class_weights = class_weights(config.train.class_weights, data)
        self.buckets = bucket_lengths(config.data.max_length, config.data.buckets)
        self.checkpoints = Checkpoints(run.path)
        self.rollbacks = []
        self.checkpoint_seconds = 0.0
        self.steps_per_epoch = -(-len(data.train.labels) // config.train.batch_size)

    def run_from(self, checkpoint: Checkpoint | None, weights_from: Run | None):
        """Train to the end, from a checkpoint or from step 0."""
        self.data.vocab.save(self.run.vocabulary_path)
        self.run.write_json("labels.json", self.data.labels)
        self.run.update(data_files=self.data.files, data_digest=self.data.digest())
        if self.task.chance:
            self.run.update(chance=dict(self.task.chance))
        total = self.config.train.epochs * self.steps_per_epoch
        done = checkpoint.step if checkpoint else 0
        self.progress = Progress(self.run.path / "train.log", total, done)
        self.progress.say(f"run {self.run.path}")
        if checkpoint:
            self.rollbacks = checkpoint.state["rollbacks"]
            self.progress.say(f"going on from step {done}")
        try:
            while True:
                try:
                    history = self._attempt(checkpoint, weights_from)
                    self.run.update(checkpoint_seconds=self.checkpoint_seconds)
                    return history
                except DivergedError as error:
                    checkpoint = self._roll_back(error)
        finally:
            self.progress.close()

    def _attempt(self, checkpoint, weights_from):
        self.checkpoints.rewind(checkpoint)
        self.model = self._build()
        self.position = Position()
        self.writer = TensorBoardWriter(self.run.path)
        self.log = RunLog(
            self.run,
            self.writer,
            self.progress,
            every=self.config.log.every,
            judged=len(self.data.validation.labels),
            clip_norm=self.config.train.clip_norm,
        )
        train = self.config.train
        self.best = KeepBest(self.run, train.monitor, train.patience)
        self.gradflow = None
        if self.config.log.gradflow:
            total = train.epochs * self.steps_per_epoch
            self.gradflow = GradflowLog(self.writer, self.data, self.config, total)
        if checkpoint:
            self._restore(checkpoint)
        else:
            self._begin(weights_from)
        self.run.update(best=self.best.logs)
        try:
            return self._fit()
        except DivergedError as error:
            keep_divergence(self.run, self.model, error)
            raise
        except (KeyboardInterrupt, SystemExit):
            if self.best.logs is None:  # stopped in its first epoch
                save_model(self.model, self.run)
            raise
        finally:
            self.writer.close()

    def _build(self) -> keras.Model:
        keras.utils.set_random_seed(self.config.seed)
        model = build_model(
            self.config.model,
            vocab_size=len(self.data.vocab),
            num_classes=len(self.data.labels),
            max_length=self.config.data.max_length,
            task=self.task,
        )
        self.outputs = Outputs() if self.task.output == "class" else None
        train = self.config.train
        rate = train.learning_rate * _lowered(self.rollbacks)
        compile_model(
            model,
            train.model_copy(update={"learning_rate": rate}),
            steps_per_epoch=self.steps_per_epoch,
            task=self.task,
            metrics=[self.outputs] if self.outputs else [],
        )
        return model

    def _begin(self, weights_from):
        self.run.model_path.unlink(missing_ok=True)
        self.writer.summary("train", layout(self.config), 0)
        self.writer.summary("validation", hyperparameters(self.config), 0)
        self.writer.text("config", yaml_markdown(dump_config(self.config)), 0)
        self.writer.graph(self.model)
        if weights_from:
            source = load_model(
                weights_from.model_path,
                vocab_size=len(self.data.vocab),
                num_classes=len(self.data.labels),
                task=self.task,
            )
            self.model.set_weights(source.get_weights())
            self._save(planned=True)  # the run has to know where it began

    def _restore(self, checkpoint):
        state = checkpoint.state
        self.log.restore(state["log"])
        self.best.restore(state["best"])
        if self.gradflow:
            self.gradflow.restore(state.get("flow", {}))
        if checkpoint.best is None:
            self.run.model_path.unlink(missing_ok=True)
        elif not self.best.is_kept():  # a later one, if any
            best = self.checkpoints.read(checkpoint.best)
            assign(variables_of(self.model), best.arrays)
            self.best.keep(self.model)
        assign(variables_of(self.model), checkpoint.arrays)
        self.position = Position(**state["position"])
        optimizer = self.model.optimizer
        later = self.rollbacks[len(state["rollbacks"]) :]
        if later and isinstance(optimizer.learning_rate, keras.Variable):
            # A schedule, which is no variable, has been built with the smaller rate.
            optimizer.learning_rate.assign(optimizer.learning_rate * _lowered(later))

    def _fit(self) -> dict[str, list[float]]:
        train = self.config.train
        if train.jit_compile:
            number = len(self.buckets)
            self.progress.say(f"compiling the step for {number} padded lengths")
        shared = self.writer, self.data, self.config
        with Interruption() as interruption:
            return fit(
                self.model,
                self.data.train,
                self.data.validation,
                train,
                buckets=self.buckets,
                seed=self.config.seed,
                class_weights=self.class_weights,
                position=self.position,
                callbacks=[
                    self.log,
                    self.best,
                    *([self.gradflow] if self.gradflow else []),
                    Pictures(*shared, self.best),
                    *([ClassLog(*shared, self.outputs)] if self.outputs else []),
                    *self.callbacks,
                    SaveCheckpoints(
                        self._save,
                        self.best,
                        interruption,
                        every=train.checkpoint_every,
                    ),
                ],
            )

    def _save(self, planned: bool) -> None:
        began = time.monotonic()
        variables = variables_of(self.model)
        arrays = [variable.numpy() for variable in variables]
        step = int(self.model.optimizer.iterations)
        for variable, array in zip(variables, arrays, strict=True):
            if not np.isfinite(array).all():
                raise DivergedError(
                    f"epoch {self.position.epoch + 1}, step {step}: {variable.path} "
                    "after it; all of it must be finite",
                    hint="lower train.learning_rate, or set train.clip_norm: 1.0",
                    step=step,
                )
        state = {
            "position": asdict(self.position),
            "log": self.log.state(),
            "best": self.best.state(),
            "flow": self.gradflow.state() if self.gradflow else {},
            "rollbacks": self.rollbacks,
            "seconds": self.run.seconds(),
        }
        self.checkpoints.save(
            Checkpoint(step, self.best.step, planned, arrays, state),
            keep=self.config.train.keep,
        )
        self.checkpoint_seconds += time.monotonic() - began

    def _roll_back(self, error: DivergedError) -> Checkpoint | None:
        """Find the way back; raise the error again if there is none."""
        train = self.config.train
        if len(self.rollbacks) >= (train.rollbacks or 0):
            raise error
        checkpoint = self.checkpoints.last(self.progress.say, planned=True)
        step = checkpoint.step if checkpoint else 0
        rollback = {"from": error.step, "to": step, "factor": train.rollback_factor}
        self.rollbacks = [*self.rollbacks, rollback]
        self.run.update(rollbacks=self.rollbacks)
        rate = train.learning_rate * _lowered(self.rollbacks)
        self.progress.say(
            f"{error}\nrollback {len(self.rollbacks)} of {train.rollbacks}: back to "
            f"step {step}, with a learning rate of {rate:g}"
        )
        return checkpoint


def _lowered(rollbacks: Sequence[dict]) -> float:
    """What rollbacks multiply the learning rate by."""
    return math.prod(rollback["factor"] for rollback in rollbacks)
