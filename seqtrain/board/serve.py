"""TensorBoard on a folder of runs, until Ctrl-C."""

import contextlib
import sys
import threading
from pathlib import Path
from types import ModuleType

from tensorboard import program

from ..errors import RunError


def serve(runs: Path, *, host: str = "localhost", port: int = 6006) -> None:
    """Serve TensorBoard on a folder of runs, or one run, until Ctrl-C.

    Its address goes to stdout once it answers.

    Args:
        runs: A folder of runs, or a single run.
        host: The name or address of this machine that it answers to: localhost, to
            this machine alone; 0.0.0.0, to every one that reaches it.
        port: Where to listen; 0 takes any free port.

    Raises:
        RunError: If there is no such folder, or the host or port can't be had.
    """
    if not runs.is_dir():
        raise RunError(
            f"{runs}: there is no such folder",
            hint="train a model first: seqtrain train quickstart",
        )
    # TensorBoard 2.21 looks for this module before it imports TensorFlow, which
    # only its projector needs: two seconds and 600 MB less.
    sys.modules["tensorboard.compat.notf"] = ModuleType("notf")
    tensorboard = program.TensorBoard()
    tensorboard.configure(logdir=str(runs), host=host, port=port)
    try:
        address = tensorboard.launch()
    except program.TensorBoardServerException as error:
        raise RunError(error.msg, hint="pass another --port or --host") from None
    address += "#custom_scalars"  # so that the panels of `layout` are open
    # A line of its own: a narrow terminal then breaks nothing off the address.
    print(f"{address}\nTensorBoard shows {runs} there until Ctrl-C", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
