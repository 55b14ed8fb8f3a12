"""A tiny config, and the command line in a process of its own."""

import contextlib
import signal
import subprocess
import sys
import threading

COMMAND = [sys.executable, "-m", "seqtrain"]
CONFIG = """\
data:
  source: generated
  examples: 200
  test_examples: 50
  length: 12
  distance: 2
  max_length: 12
  vocabulary: 200
model:
  embedding: {dim: 4}
  layers:
    - {cell: gru, units: 3}
train: {epochs: 2, batch_size: 20, jit_compile: false}
log: {every: 3}
"""
STEPS = 9  # of an epoch: a tenth of the examples is for validation


@contextlib.contextmanager
def started(*arguments, **options):
    """A command that runs, and is killed if it has not ended within a minute."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    with subprocess.Popen([*COMMAND, *arguments], text=True, **options) as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def restore_ctrl_c():
    # A shell that starts the tests in the background has them ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
