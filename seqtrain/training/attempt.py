"""One attempt at a training: from where it starts until it ends or diverges."""

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import keras
import numpy as np

from ..board.hyperparameters import hyperparameters
from ..board.layout import layout
from ..board.writer import TensorBoardWriter, yaml_markdown
from ..config import Config, dump_config
from ..errors import DivergedError, ResumeError, listed
from ..models.build import build_model
from ..models.compile import compile_model
from ..models.gradients import assign, nonfinite, variables_of
from ..models.saved import load_model
from ..runs.checkpoints import Checkpoint, Checkpoints
from ..runs.run import Run
from ..system.interruption import Interruption
from ..tasks import Data, kind_of
from ..tasks.kind import Kind
from ..terminal.progress import Progress
from .best import BestModel, save_model
from .class_log import ClassLog, Outputs
from .divergence import save_divergence
from .gradflow_log import GradflowLog
from .loop import Position, fit
from .pictures import Pictures
from .run_log import RunLog
from .saving import SaveCheckpoints
from .stateful import collect_states, restore_states


@dataclass(frozen=True)
class Setup:
    """What all attempts of a training share.

    Args:
        config: What to train, and how.
        data: The data of its `data` section.
        run: The run directory.
        class_weights: The weight of an example by its class.
        callbacks: The caller's callbacks.
        states: Their states before the training.
    """

    config: Config
    data: Data
    run: Run
    class_weights: np.ndarray | None
    callbacks: Sequence[keras.callbacks.Callback]
    states: Mapping[str, dict]

    @property
    def kind(self) -> Kind:
        """The kind of the data."""
        return kind_of(self.config.data)

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches in an epoch."""
        return math.ceil(self.data.train.examples / self.config.train.batch_size)

    @property
    def steps(self) -> int:
        """The steps of the whole training."""
        return self.config.train.epochs * self.steps_per_epoch


class Attempt:
    """A training from step 0 or from a checkpoint, until it ends or diverges.

    Creating an attempt cuts off what the run logged after the attempt's start.

    Args:
        setup: What all attempts share.
        progress: What the user sees.
        checkpoint: Where to start; None is step 0.
        rollbacks: All rollbacks so far, including the one that led here.

    Attributes:
        checkpoint_seconds: The time spent on saving checkpoints.
    """

    def __init__(
        self,
        setup: Setup,
        progress: Progress,
        checkpoint: Checkpoint | None,
        rollbacks: Sequence[dict],
    ):
        self.setup, self.progress = setup, progress
        self.checkpoint, self.rollbacks = checkpoint, rollbacks
        self.checkpoints = Checkpoints(setup.run.path)
        self.checkpoints.rewind(checkpoint)
        self.checkpoint_seconds = 0.0
        self.position = Position()
        self.outputs = Outputs() if setup.kind.target.class_pictures else None
        self.model = self._build()
        if checkpoint:  # what is shown from here on is later than what was shown
            setup.run.clock.advance(checkpoint.state.get("time", 0.0))
        self.writer = TensorBoardWriter(setup.run.path, setup.run.clock)
        self.interruption = Interruption()
        train = setup.config.train
        self.best = BestModel(setup.run, train.monitor, train.patience)
        self.callbacks = self._callbacks()

    def run(self, weights_from: Run | None) -> dict[str, list[float]]:
        """Train to the end; return one value per epoch for every metric.

        Args:
            weights_from: The run whose weights to start from at step 0.
        """
        with contextlib.closing(self.writer):
            states = self.checkpoint.state if self.checkpoint else {}
            restore_states(self.callbacks, {**self.setup.states, **states})
            if self.checkpoint:
                self._restore(self.checkpoint)
            else:
                self._begin(weights_from)
            self.setup.run.update(best=self.best.logs)
            try:
                return self._fit()
            except DivergedError as error:
                save_divergence(self.setup.run, self.model, error)
                raise
            except (KeyboardInterrupt, SystemExit):
                if self.best.logs is None:  # stopped in its first epoch
                    save_model(self.model, self.setup.run)
                raise

    def _build(self) -> keras.Model:
        setup, train = self.setup, self.setup.config.train
        keras.utils.set_random_seed(setup.config.seed)
        model = build_model(
            setup.config,
            vocab_size=len(setup.data.vocab),
            num_classes=len(setup.data.labels),
        )
        rate = train.learning_rate * rate_factor(self.rollbacks)
        lowered = train.model_copy(update={"learning_rate": rate})
        compile_model(
            model,
            setup.config.model_copy(update={"train": lowered}),
            steps_per_epoch=setup.steps_per_epoch,
            metrics=[self.outputs] if self.outputs else [],
        )
        return model

    def _callbacks(self) -> list[keras.callbacks.Callback]:
        """All callbacks, in the order in which they are called."""
        setup, config = self.setup, self.setup.config
        shared = self.writer, setup.data, config
        callbacks = [
            RunLog(
                setup.run,
                self.writer,
                self.progress,
                every=config.log.every,
                validation_examples=setup.data.validation.examples,
                clip_norm=config.train.clip_norm,
            ),
            self.best,
            GradflowLog(*shared, setup.steps) if config.log.gradflow else None,
            Pictures(*shared, self.best),
            self._class_log() if self.outputs else None,
            *setup.callbacks,
            SaveCheckpoints(  # last, when the others have updated their states
                self._save,
                self.best,
                self.interruption,
                every=config.train.checkpoint_every,
            ),
        ]
        return [callback for callback in callbacks if callback is not None]

    def _class_log(self) -> ClassLog:
        return ClassLog(
            self.writer,
            self.setup.data,
            self.outputs,
            self.setup.kind.inputs,
            self.setup.config.log.samples,
        )

    def _begin(self, weights_from: Run | None) -> None:
        """Show what never changes in TensorBoard, and take over weights."""
        setup = self.setup
        setup.run.folder.remove("model.keras")
        self.writer.summary("train", layout(setup.config), 0)
        self.writer.summary("validation", hyperparameters(setup.config), 0)
        self.writer.text("config", yaml_markdown(dump_config(setup.config)), 0)
        self.writer.graph(self.model)
        if weights_from:
            source = load_model(
                weights_from.model_path,
                vocab_size=len(setup.data.vocab),
                num_classes=len(setup.data.labels),
                kind=setup.kind,
            )
            self.model.set_weights(source.get_weights())
            self._save(planned=True)  # the run must know where it started

    def _restore(self, checkpoint: Checkpoint) -> None:
        """Set model, best model and position back to a checkpoint."""
        if checkpoint.best is None:
            self.setup.run.folder.remove("model.keras")
        elif not self.best.is_saved():  # but a later one, or none
            self._assign(self.checkpoints.read(checkpoint.best))
            self.best.save(self.model)
        self._assign(checkpoint)
        self.position = Position(**checkpoint.state["position"])
        optimizer = self.model.optimizer
        later = self.rollbacks[len(checkpoint.state["rollbacks"]) :]
        if later and isinstance(optimizer.learning_rate, keras.Variable):
            # A schedule is no variable; it was built with the smaller rate.
            optimizer.learning_rate.assign(optimizer.learning_rate * rate_factor(later))

    def _assign(self, checkpoint: Checkpoint) -> None:
        """Give the model and the optimizer the values of a checkpoint.

        Raises:
            ResumeError: If they are another model's, or not all finite.
        """
        variables = variables_of(self.model)
        try:
            assign(variables, checkpoint.arrays)
        except ValueError as error:
            problem = f"not those of the model in its config, {error}"
        else:
            names = listed(nonfinite(variables))
            problem = names and f"not all finite numbers ({names})"
        if problem:
            raise ResumeError(
                f"{self.setup.run.path}: the weights of step {checkpoint.step} are "
                f"{problem}",
                hint="copy the whole run again; or delete that checkpoint, to go on "
                "from the one before it",
            )

    def _fit(self) -> dict[str, list[float]]:
        setup = self.setup
        if setup.config.train.jit_compile:
            number = len(setup.data.training_buckets)
            lengths = "padded lengths" if number > 1 else "padded length"
            self.progress.say(f"compiling the step for {number} {lengths}")
        with self.interruption:
            return fit(
                self.model,
                setup.data,
                setup.config,
                class_weights=setup.class_weights,
                position=self.position,
                callbacks=self.callbacks,
            )

    def _save(self, planned: bool) -> None:
        """Save a checkpoint."""
        began = time.monotonic()
        step = int(self.model.optimizer.iterations)
        state = {
            "position": asdict(self.position),
            **collect_states(self.callbacks),
            "rollbacks": self.rollbacks,
            "seconds": self.setup.run.seconds(),
            "time": self.setup.run.clock.now(),
        }
        self.checkpoints.save(
            Checkpoint(step, self.best.step, planned, self._finite_arrays(step), state),
            keep=self.setup.config.train.keep,
        )
        self.checkpoint_seconds += time.monotonic() - began

    def _finite_arrays(self, step: int) -> list[np.ndarray]:
        """The values of all variables; raise DivergedError if one is not finite."""
        variables = variables_of(self.model)
        for name in nonfinite(variables):
            raise DivergedError(
                f"epoch {self.position.epoch + 1}, step {step}: {name} "
                "after it; all of it must be finite",
                hint="lower train.learning_rate, or set train.clip_norm: 1.0",
                step=step,
            )
        return [variable.numpy() for variable in variables]


def rate_factor(rollbacks: Sequence[dict]) -> float:
    """What rollbacks multiply the learning rate by."""
    return math.prod(rollback["factor"] for rollback in rollbacks)
