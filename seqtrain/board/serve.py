"""TensorBoard on folders of runs, until Ctrl-C."""

import contextlib
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from tensorboard import default, program
from tensorboard.plugins.pr_curve.pr_curves_plugin import PrCurvesPlugin

from ..errors import RunError, printable
from .frontend import web_files
from .links import Links
from .plugins import QuantilePrCurves
from .trust import refuse_foreign

SECONDS = 5  # between two looks for runs that are new, and for new events


def serve(runs: Sequence[Path], *, host: str = "localhost", port: int = 6006) -> None:
    """Serve TensorBoard on folders of runs, or single runs, until Ctrl-C.

    Its address goes to stdout once it answers. Runs that begin or go away while it is
    open are noticed.

    Args:
        runs: Folders of runs, or single runs.
        host: The name or address of this machine that it answers to: localhost, to
            this machine alone; 0.0.0.0, to every one that reaches it.
        port: Where to listen; 0 takes any free port.

    Raises:
        RunError: If there is no such folder, something in a run leads to another
            place, or the host or port can't be had.
    """
    for folder in runs:
        if not folder.is_dir():
            raise RunError(
                f"{folder}: there is no such folder",
                hint="train a model first: seqtrain train quickstart",
            )
        refuse_foreign(folder)
    # TensorBoard 2.21 looks for this module before it imports TensorFlow, which
    # only its projector needs: two seconds and 600 MB less.
    sys.modules["tensorboard.compat.notf"] = ModuleType("notf")
    shown = printable(", ".join(map(str, runs)))
    folders = [folder.resolve() for folder in runs]
    name = (folders[0].name if len(folders) == 1 else "") or "runs"
    # Else the temporary folder would stay.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="seqtrain-board-") as temporary:
        tree = Path(temporary, name)
        tree.mkdir()
        links = Links(tree, folders)
        links.update()
        # TensorBoard shows the path of its folder, and nobody knows the temporary one.
        with contextlib.chdir(temporary), contextlib.suppress(KeyboardInterrupt):
            address = _launch(name, title=f"{shown} - seqtrain", host=host, port=port)
            address += "#custom_scalars"  # so that the panels of `layout` are open
            # A line of its own: a narrow terminal breaks nothing off the address.
            print(
                f"{address}\nTensorBoard shows {shown} there until Ctrl-C", flush=True
            )
            while not threading.Event().wait(SECONDS):
                links.update()


def _launch(logdir: str, *, title: str, host: str, port: int) -> str:
    """Start TensorBoard in a thread; return its address."""
    plugins = [
        QuantilePrCurves if plugin is PrCurvesPlugin else plugin
        for plugin in default.get_plugins()
    ]
    tensorboard = program.TensorBoard(plugins, web_files)
    tensorboard.configure(
        logdir=logdir,
        window_title=title,
        host=host,
        port=port,
        reload_interval=SECONDS,
    )
    try:
        return tensorboard.launch()
    except program.TensorBoardServerException as error:
        raise RunError(error.msg, hint="pass another --port or --host") from None
