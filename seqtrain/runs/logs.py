"""What a training appends to: how far it had come, and whether that was changed."""

import hashlib
import os
import re

from ..system.disk import writing
from ..system.folder import Folder

METRICS, WORDS = "metrics.jsonl", "train.log"
_NAME = re.compile(rf"{METRICS}|{WORDS}|tensorboard/[^/]+/events\.[^/]+")
# More than that is not hashed, as it would take longer than a training can wait.
MOST_HASHED = 2**30


def is_log(name: str) -> bool:
    """Whether a file of that name in a run is one of `Logs`."""
    return bool(_NAME.fullmatch(name))


class Logs:
    """The files of a run that a training only appends to.

    These are `metrics.jsonl`, `train.log`, and TensorBoard's event files.

    Args:
        folder: The run directory.
    """

    def __init__(self, folder: Folder):
        self.folder = folder
        self._hashed = {}  # by name: the bytes so far, and their sha256

    def recorded(self) -> dict[str, dict]:
        """Bring all logs onto the disk; return the size and the sha256 of each.

        Only what was appended since the last time is read.
        """
        sizes = {name: self._synced_size(name) for name in self._names()}
        if sum(sizes.values()) > MOST_HASHED:
            return {name: {"bytes": size} for name, size in sizes.items()}
        return {
            name: {"bytes": size, "sha256": self._sha256(name, size)}
            for name, size in sizes.items()
        }

    def change(self, recorded: dict[str, dict]) -> str | None:
        """Return what became of the bytes that `recorded` tells of; None if nothing."""
        hashed = sum(log["bytes"] for log in recorded.values()) <= MOST_HASHED
        for name, log in recorded.items():
            size, path = log["bytes"], self.folder.path / name
            found = self._size(name)
            if found < size:
                return f"{path} has {found} bytes, it had {size}"
            if hashed and "sha256" in log and self._sha256(name, size) != log["sha256"]:
                return f"{path} was changed in its first {size} bytes"
        return None

    def rewind(self, recorded: dict[str, dict]) -> None:
        """Cut the logs off where they were; `train.log` keeps what was said.

        Raises:
            WriteError: If the files can't be changed.
        """
        for name in self._names():
            if name == WORDS:
                continue
            self._hashed.pop(name, None)
            if name not in recorded:
                self.folder.remove(name)
                continue
            with (
                writing(self.folder.path / name),
                self.folder.open(name, "r+b") as file,
            ):
                size = recorded[name]["bytes"]
                if os.fstat(file.fileno()).st_size > size:
                    file.truncate(size)

    def _names(self) -> list[str]:
        words = [name for name in (METRICS, WORDS) if self.folder.has(name)]
        return words + list(filter(is_log, self.folder.check("tensorboard")))

    def _size(self, name: str) -> int:
        path = self.folder.place(name)
        return path.stat().st_size if path.exists() else 0

    def _synced_size(self, name: str) -> int:
        with self.folder.open(name) as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size

    def _sha256(self, name: str, size: int) -> str:
        """The sha256 of the first bytes of a log."""
        done, sha256 = self._hashed.get(name, (0, None))
        if sha256 is None or done > size:
            done, sha256 = 0, hashlib.sha256()
        with self.folder.open(name) as file:
            file.seek(done)
            while done < size and (piece := file.read(min(size - done, 2**20))):
                sha256.update(piece)
                done += len(piece)
        self._hashed[name] = done, sha256
        return sha256.hexdigest()
