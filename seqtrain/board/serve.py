"""TensorBoard on a folder of runs, until Ctrl-C."""

import contextlib
import sys
import threading
from pathlib import Path
from types import ModuleType

from tensorboard import program

from ..errors import RunError, printable
from .trust import refuse_foreign


def serve(runs: Path, *, port: int = 6006) -> None:
    """Serve TensorBoard on a folder of runs, or one run, until Ctrl-C.

    It answers to this machine alone. Its address goes to stdout once it answers.

    Args:
        runs: A folder of runs, or a single run.
        port: Where to listen; 0 takes any free port.

    Raises:
        RunError: If there is no such folder, something in a run leads to another
            place, or the port is taken.
    """
    if not runs.is_dir():
        raise RunError(
            f"{runs}: there is no such folder",
            hint="train a model first: seqtrain train configs/quickstart.yaml",
        )
    refuse_foreign(runs)
    # TensorBoard 2.21 looks for this module before it imports TensorFlow, which
    # only its projector needs: two seconds and 600 MB less.
    sys.modules["tensorboard.compat.notf"] = ModuleType("notf")
    tensorboard = program.TensorBoard()
    tensorboard.configure(logdir=str(runs), port=port)
    try:
        address = tensorboard.launch()
    except program.TensorBoardServerException as error:
        raise RunError(error.msg, hint="pass another --port") from None
    address += "#custom_scalars"  # so that the panels of `layout` are open
    shown = printable(str(runs))
    print(f"TensorBoard shows {shown} at {address} until Ctrl-C", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
