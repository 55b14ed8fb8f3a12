"""Links to the event files of runs, under names as short as they can be.

TensorBoard calls a run by its folder, and so `rt-1/tensorboard/validation`, of which
its tables and pictures show the beginning. Here it is `rt-1/validation`, while the
files stay where they are.
"""

import contextlib
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
        for link, place in self._made.items():
            if wanted.get(link) != place:
                self._remove(link)
        for link, place in wanted.items():
            if not link.is_symlink():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(place)
        self._made = wanted

    def _remove(self, link: Path) -> None:
        """Remove a link, and the folders that are empty without it."""
        link.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty
            for folder in link.parents:
                if folder == self.tree:
                    break
                folder.rmdir()

    def _wanted(self) -> dict[Path, Path]:
        """What each link leads to."""
        events = {}
        for folder in self.folders:
            events |= event_files(folder)
        names = short_names(self.folders, sorted(events))
        links = {self.tree / name: folder for folder, name in names.items()}
        outer = {parent for link in links for parent in link.parents}
        wanted = {}
        for link, folder in links.items():
            files = [file for file in events[folder] if file.is_file()]
            if link in outer or files != events[folder]:
                # Its files one by one: other links are in there, which must not get
                # into the folder itself; or a named pipe, which nobody gets to the
                # end of.
                wanted.update({link / file.name: file for file in files})
            else:
                wanted[link] = folder
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
