"""Links to the event files of runs, under names as short as they can be.

TensorBoard calls a run by its folder, and so `rt-1/tensorboard/validation`, of which
its tables and pictures show the beginning. Here it is `rt-1/validation`, while the
files stay where they are.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

EVENTS = "tensorboard"  # the folder of a run that holds those of its event files


class Links:
    """A folder with a link to each folder of event files in some folders of runs.

    Names are relative to the deepest folder that holds all runs, and leave out
    `tensorboard`. Where two folders would get the same name, the second keeps its own.

    Args:
        tree: An empty folder, for the links.
        folders: Folders of runs, or single runs, by their absolute paths.
    """

    def __init__(self, tree: Path, folders: Sequence[Path]):
        self.tree, self.folders = tree, folders
        self._made: dict[Path, Path] = {}

    def update(self) -> None:
        """Add what is new since the last time, and remove what is gone."""
        wanted = self._wanted()
        for link, target in self._made.items():
            if wanted.get(link) != target:
                link.unlink()
        for link, target in wanted.items():
            if self._made.get(link) != target:
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target)
        self._made = wanted

    def _wanted(self) -> dict[Path, Path]:
        """What each link leads to."""
        events = {}
        for folder in self.folders:
            events |= event_files(folder)
        names = short_names(self.folders, sorted(events))
        wanted = {}
        for folder, name in names.items():
            files = events[folder]
            inner = any(folder in other.parents for other in events)
            if inner or not all(file.is_file() for file in files):
                # Its files one by one: nothing may be written into the folder, and
                # nobody would ever get to the end of a named pipe.
                each = {self.tree / name / f.name: f for f in files if f.is_file()}
                wanted.update(each)
            else:
                wanted[self.tree / name] = folder
        return wanted


def event_files(folder: Path) -> dict[Path, list[Path]]:
    """The event files in `folder` and all below it, by the folder that they are in."""
    found, seen = {}, set()
    for path, inner, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(path)
        if real in seen:  # a link that leads back
            inner.clear()
            continue
        seen.add(real)
        events = [Path(path, name) for name in sorted(names) if "tfevents" in name]
        if events:
            found[Path(path)] = events
    return found


def short_names(folders: Sequence[Path], events: Sequence[Path]) -> Mapping[Path, str]:
    """The name of each folder of event files, without repeating one.

    Args:
        folders: The folders of runs, or runs, that were asked for.
        events: The folders with event files that are in them.

    Example:
        >>> runs = Path("/runs")
        >>> [*short_names([runs], [runs / "rt-1/tensorboard/train"]).values()]
        ['rt-1/train']
    """
    common = Path(os.path.commonpath([_above_runs(folder) for folder in folders]))
    names: dict[str, Path] = {}
    # First those whose names can't be shorter.
    for folder in sorted(events, key=lambda path: EVENTS in path.parts):
        full = folder.relative_to(common)
        short = Path(*(part for part in full.parts if part != EVENTS))
        name = short if short.parts and str(short) not in names else full
        names[str(name)] = folder
    return {folder: name for name, folder in names.items()}


def _above_runs(folder: Path) -> Path:
    """The folder that a run is in; a folder of runs is that itself."""
    if folder.name == EVENTS:
        folder = folder.parent
    return folder.parent if (folder / EVENTS).is_dir() else folder
