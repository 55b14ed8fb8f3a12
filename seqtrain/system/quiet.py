"""Import TensorFlow without the lines that its libraries print then."""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator


def import_tensorflow() -> str:
    """Import TensorFlow and Keras; return what their libraries printed.

    If the import fails, it is shown.
    """
    # Has to be set before the import, and hides what is printed after it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with exit_on_ctrl_c(), _stderr_held() as held:
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()  # looking for a GPU prints the last lines
    return held[0]


@contextlib.contextmanager
def exit_on_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the process at once during imports, which leave nothing behind.

    A KeyboardInterrupt might be taken for a missing package: the C code of optree
    turns any exception into an ImportError, and Keras 3.15 then asks for optree.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # the signal is ignored, or has another handler
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _stderr_held() -> Iterator[list[str]]:
    # TensorFlow 2.21 writes to file descriptor 2 before any setting of its own works.
    sys.stderr.flush()
    kept, said = os.dup(2), []
    with tempfile.TemporaryFile("w+", errors="replace") as held:
        os.dup2(held.fileno(), 2)
        try:
            yield said
        except ImportError:
            held.seek(0)
            os.write(kept, held.read().encode())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            said.append(held.read())
