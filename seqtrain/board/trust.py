"""Whether TensorBoard may be let loose on runs that others have made.

It follows links, waits for pipes, and its projector shows any file that a
`projector_config.pbtxt` names.
"""

import os
import re
from pathlib import Path

from ..errors import RunError
from ..system.folder import MIB, Folder

_CONFIG = "projector_config.pbtxt"
# A path in it, unless that is the name of a file beside it.
_ELSEWHERE = re.compile(rb'_path\s*:(?!\s*"[\w.-]+").*')


def refuse_foreign(folder: Path) -> None:
    """Refuse runs in which something leads to another place.

    A run itself may be a link to where it lies.

    Args:
        folder: A folder of runs, or a single run.

    Raises:
        RunError: If there is such a run; the message says what leads where.
    """
    waiting, seen = [folder], set()
    while waiting:
        path = waiting.pop()
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        try:
            names = os.listdir(path)
        except OSError:  # TensorBoard can't read it either
            continue
        if not {"run.json", "tensorboard"}.isdisjoint(names):
            _refuse_foreign_in(Folder(path))
        else:
            waiting += [path / name for name in names if os.path.isdir(path / name)]


def _refuse_foreign_in(run: Folder) -> None:
    for name in run.check():
        if name.rpartition("/")[2] == _CONFIG:
            if found := _ELSEWHERE.search(run.read(name, MIB)):
                raise RunError(
                    f"{run.path / name}: shows a file of another place "
                    f"({found[0][:100].decode(errors='replace')}), one beside it is "
                    "needed",
                    hint="delete it: the projector is then left out",
                )
