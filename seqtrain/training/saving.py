"""When to save a checkpoint."""

from collections.abc import Callable

import keras

from ..system.interruption import Interruption
from .best import BestModel


class SaveCheckpoints(keras.callbacks.Callback):
    """Save checkpoints, and obey a signal to stop once one is saved.

    Planned checkpoints are saved every `every` steps and after an epoch that is the
    best so far: they are the same however often a training is interrupted. Unplanned
    ones are saved at a signal and at the end. This must be the last callback, so that
    the others have updated their states.

    Args:
        save: Saves a checkpoint; its argument says whether it is a planned one.
        best: Knows the best epoch.
        interruption: Knows whether a signal came.
        every: Steps between planned checkpoints.
    """

    def __init__(
        self,
        save: Callable[[bool], None],
        best: BestModel,
        interruption: Interruption,
        *,
        every: int,
    ):
        super().__init__()
        self.save, self.best, self.interruption = save, best, interruption
        self.every = every

    def on_train_begin(self, logs=None):
        self.interruption.listen()

    def on_train_batch_end(self, batch, logs=None):
        # After the last batch of an epoch the evaluation comes first.
        last = batch + 1 == self.params["steps"]
        planned = self._step() % self.every == 0 and not last
        self._save(planned, planned)

    def on_test_batch_end(self, batch, logs=None):
        self._save(False, False)

    def on_epoch_end(self, epoch, logs=None):
        step = self._step()
        planned = step % self.every == 0 or step == self.best.step
        last = self.model.stop_training or epoch + 1 == self.params["epochs"]
        self._save(planned or last, planned)

    def _save(self, needed, planned):
        if needed or self.interruption:
            self.save(planned)
        self.interruption.act()

    def _step(self):
        return int(self.model.optimizer.iterations)
