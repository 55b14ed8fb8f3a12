"""Open a run that was trained, and refuse one that can't be trusted at once."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..runs.run import Run


def open_trained(path: Path | None) -> "Run":
    """Open a run whose model is needed, and look at its files before TensorFlow.

    Args:
        path: The directory or the name; the newest run if not given.

    Raises:
        RunError: If there is no such run, or something in it is damaged or leads to
            another place.
    """
    from ..models.archive import opened, read_config
    from ..runs.run import Run

    run = Run.open(path)
    if run.folder.has(run.model_path.name):
        _ = run.trained
        with opened(run.model_path) as archive:
            read_config(archive, run.model_path)
    return run
