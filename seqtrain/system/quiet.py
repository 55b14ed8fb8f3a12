"""Import TensorFlow and Keras, whatever else a user does with them on the machine."""

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from typing import TextIO

from ..errors import OutOfMemoryError, SeqtrainError
from .memory import is_shortage
from .standard_streams import flush

_KERAS_VARIABLES = (
    *("KERAS_BACKEND", "KERAS_HOME", "KERAS_NNX_ENABLED"),
    *("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"),
)


def import_tensorflow() -> str:
    """Import TensorFlow and Keras; return what their libraries printed.

    Raises:
        OutOfMemoryError: If there is no room for them.
        SeqtrainError: If they can't be imported, or Keras was imported before, with
            another backend.
    """
    # Has to be set before the import, and hides what is printed after it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with exit_on_ctrl_c(), _told(), _stderr_held() as held, _keras_as_shipped():
        import keras
        import tensorflow as tf

        tf.config.list_physical_devices()  # looking for a GPU prints the last lines
    if keras.config.backend() != "tensorflow":
        raise SeqtrainError(
            f"Keras was imported with the backend {keras.config.backend()!r}, "
            "'tensorflow' is needed",
            hint="set KERAS_BACKEND=tensorflow before Keras is imported",
        )
    return held[0]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn an import that does not succeed into a message."""
    try:
        yield
    except ImportError as error:
        if is_shortage(error):
            raise OutOfMemoryError(
                f"out of memory while TensorFlow is loaded, {error}",
                hint="see `ulimit -v` and what else runs; it takes 2 GiB of addresses",
            ) from None
        raise SeqtrainError(
            f"TensorFlow and Keras can't be imported: {error}",
            hint="install seqtrain again, into an environment of its own",
        ) from None


@contextlib.contextmanager
def _keras_as_shipped() -> Iterator[None]:
    """Keep the user's settings of Keras out of its import.

    `keras.json` and these variables choose a backend, the precision of new layers, or
    how many steps of an evaluation are made: a run's results follow from its config.
    """
    before = {name: os.environ.pop(name, None) for name in _KERAS_VARIABLES}
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["KERAS_HOME"] = os.devnull  # no folder, so no keras.json in it
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


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
    flush(sys.stderr)
    kept, said = os.dup(2), []
    with _nameless_file() as held:
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


def _nameless_file() -> TextIO:
    if hasattr(os, "memfd_create"):  # needs no disk
        descriptor = os.memfd_create("stderr", os.MFD_CLOEXEC)
        return open(descriptor, "w+", encoding="utf-8", errors="replace")
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
