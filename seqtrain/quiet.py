"""TensorFlow without the lines that its libraries print when it is imported."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


def import_tensorflow() -> None:
    """Import TensorFlow and Keras; what their libraries print is shown on failure."""
    # Has to be set before the import, and hides what comes after it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _stderr_held():
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()  # looking for a GPU prints the last lines


@contextlib.contextmanager
def _stderr_held() -> Iterator[None]:
    # TensorFlow 2.21 writes to file descriptor 2 before any setting of its own works.
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
