"""When a training saves its checkpoints."""

from collections.abc import Callable

import keras

from ..system.interruption import Interruption
from .best import BestModel


class SaveCheckpoints(keras.callbacks.Callback):
    """Save checkpoints, and stop at a signal when one is saved.

    Planned ones are saved every `every` steps and after an epoch that is the best so
    far: a training has the same ones however often it is interrupted. Others are saved
    at a signal and at the end. It has to be the last callback, so that what the others
    know is complete.

    Args:
        save: Saves one; is told whether it is a planned one.
        best: Knows the best epoch.
        interruption: A signal to stop.
        every: Steps between two.
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
        # After the last batch of an epoch it waits until the epoch is judged.
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
