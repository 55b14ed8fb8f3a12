"""The model of the best epoch."""

import operator
import os

import keras

from ..runs.run import Run
from ..system.disk import sync, temporary_beside
from .stateful import Stateful


class BestModel(Stateful):
    """Save the model of the best epoch; stop a training that no longer improves.

    Args:
        run: The run whose `model.keras` to write.
        monitor: Which value of the validation data decides, `loss` or `accuracy`.
        patience: Epochs without improvement after which to stop; None never stops.

    Attributes:
        logs: The results of the best epoch, with its number; None before the first.
        step: The step at the end of the best epoch; None before the first.
        waited: Epochs since the best one.
    """

    key = "best"

    def __init__(self, run: Run, monitor: str, patience: int | None = None):
        super().__init__()
        self.run, self.monitored = run, f"val_{monitor}"
        self.better = operator.lt if monitor == "loss" else operator.gt
        self.patience = patience
        self.logs, self.step, self.waited, self._sha256 = None, None, 0, None

    def state(self) -> dict:
        return {
            "logs": self.logs,
            "step": self.step,
            "waited": self.waited,
            "sha256": self._sha256,
        }

    def restore(self, state: dict) -> None:
        self.logs, self.step = state["logs"], state["step"]
        self.waited, self._sha256 = state["waited"], state["sha256"]

    def save(self, model: keras.Model) -> None:
        """Save the best epoch's model as the run's `model.keras`."""
        save_model(model, self.run)
        self._sha256 = self.run.folder.sha256("model.keras")

    def is_saved(self) -> bool:
        """Whether the run's `model.keras` is the model of the best epoch so far."""
        try:
            return self.run.folder.sha256("model.keras") == self._sha256
        except FileNotFoundError:
            return False

    def on_train_begin(self, logs=None):
        self._stop_if_worse()

    def on_epoch_end(self, epoch, logs=None):
        self.waited += 1
        if self.logs is None or self.better(
            logs[self.monitored], self.logs[self.monitored]
        ):
            self.logs, self.waited = {"epoch": epoch + 1, **logs}, 0
            self.step = int(self.model.optimizer.iterations)
            self.save(self.model)
            self.run.update(best=self.logs)
        self._stop_if_worse()

    def _stop_if_worse(self):
        if self.patience is not None and self.waited >= self.patience:
            self.model.stop_training = True


def save_model(model: keras.Model, run: Run) -> None:
    """Replace the run's `model.keras`, in one step."""
    with temporary_beside(run.model_path) as temporary:
        # A new model, without optimizer and loss, which stay out of the file.
        keras.Model(model.input, model.output, name=model.name).save(temporary)
        sync(temporary)
        os.replace(temporary, run.model_path)
