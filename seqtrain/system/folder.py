"""Files in a folder that anybody may have filled, such as a run of others.

Whatever lies in it, nothing of it leads to another place: its files are regular files,
its folders are folders, and no link is followed. A pipe, a socket or a device, which
could block or never end, is not opened, and what is too large is not read.
"""

import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import IO

from ..errors import RunError
from .disk import replace, writing

KIB, MIB = 2**10, 2**20
_MOST_FILES = 100_000
_LARGE, _HOLLOW = 64 * MIB, 32  # bytes; how many times larger than on the disk
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


class Folder:
    """A folder whose files are opened only if they are really there.

    The folder itself may be reached by a link. Names are relative to it, with `/`
    between folders.

    Args:
        path: The folder.

    Raises:
        RunError: From every method, if something on the way to a name is not what it
            has to be; the message says what it is.
    """

    def __init__(self, path: Path):
        self.path = path

    def place(self, name: str) -> Path:
        """Return the path of a file that is there or not, after a check of its way.

        It is for libraries that open files by themselves.
        """
        path = self._inside(name)
        _refuse_other(path, stat.S_IFREG)
        return path

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return os.path.lexists(self.place(name))

    def open(self, name: str, mode: str = "rb") -> IO:
        """Open a file, as the built-in `open` does.

        To change a file in place, it must have no second name elsewhere.
        """
        path = self.place(name)
        encoding = None if "b" in mode else "utf-8"
        file = open(path, mode, encoding=encoding, opener=_open_without_links)
        if mode not in ("r", "rb") and os.fstat(file.fileno()).st_nlink > 1:
            file.close()
            raise RunError(
                f"{path}: has another name elsewhere (a hard link), and would change "
                "there too; a file of its own is needed",
                hint=f"replace it by a copy: cp {path} copy && mv copy {path}",
            )
        return file

    def read(self, name: str, most: int) -> bytes:
        """Read a file.

        Args:
            name: The file.
            most: The most bytes that such a file has.

        Raises:
            FileNotFoundError: If it is missing.
            RunError: If it has more bytes, or can't be read.
        """
        try:
            with self.open(name) as file:
                found = os.fstat(file.fileno())
                size = found.st_size
                if _is_hollow(found):
                    most = min(most, _LARGE)
                # One more, as a file may grow meanwhile.
                content = file.read(most + 1) if size <= most else b""
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unreadable(self.path / name, error) from None
        if max(size, len(content)) > most:
            raise RunError(
                f"{self.path / name} is damaged, it has {size:,} bytes and such a file "
                f"{most:,} at most",
                hint="copy the whole run again, or delete it",
            )
        return content

    def sha256(self, name: str) -> str:
        """Return the sha256 of a file, in hexadecimal."""
        with self.open(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def names(self, folder: str = "") -> list[str]:
        """Return what is in a folder of it, sorted; nothing if that is missing."""
        path = self._folder(folder)
        try:
            return sorted(os.listdir(path))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(path, error) from None

    def check(self, folder: str = "") -> list[str]:
        """Return the names of all files in a folder of it and below.

        All of them are its own, or there is an error.
        """
        found, waiting = [], [folder]
        while waiting:
            folder = waiting.pop()
            for name in self.names(folder):
                inner = f"{folder}/{name}".removeprefix("/")
                if stat.S_ISDIR(_mode(self._inside(inner))):
                    waiting.append(inner)
                else:
                    self.place(inner)
                    found.append(inner)
            if len(found) + len(waiting) > _MOST_FILES:
                raise RunError(
                    f"{self.path}: has more than {_MOST_FILES:,} files, as no run has",
                    hint="copy the whole run again, or delete it",
                )
        return found

    def make(self, folder: str) -> Path:
        """Make a folder in it, unless it is there; return its path."""
        path, done = self.path, ""
        with writing(self.path / folder):
            for part in folder.split("/"):
                done = f"{done}/{part}".removeprefix("/")
                path = self._folder(done)
                path.mkdir(exist_ok=True)  # the folder itself must be there
        return path

    def replace(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all, in a folder that is made if need be.

        Raises:
            WriteError: If it can't be written.
        """
        if folder := name.rpartition("/")[0]:
            self.make(folder)
        replace(self.place(name), content)

    def remove(self, name: str) -> None:
        """Delete a file or folder with all in it, if it is there; a link itself."""
        path = self._inside(name)
        if stat.S_ISDIR(_mode(path)):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with writing(path):
                path.unlink(missing_ok=True)

    def _folder(self, name: str) -> Path:
        """The path of a folder in it, or of itself, which is there or not."""
        if not name:
            return self.path
        path = self._inside(name)
        _refuse_other(path, stat.S_IFDIR)
        return path

    def _inside(self, name: str) -> Path:
        """The path of anything in it, after a check of the folders above."""
        path = self.path
        *folders, last = name.split("/")
        for part in folders:
            path /= _plain(part)
            _refuse_other(path, stat.S_IFDIR)
        return path / _plain(last)


def _is_hollow(found: os.stat_result) -> bool:
    """Whether nearly all of a file are holes, which take no space on the disk.

    No disk compresses weights so well. Some report no blocks at all.
    """
    return 0 < found.st_blocks * 512 * _HOLLOW < found.st_size


def _plain(part: str) -> str:
    """A part of a name that leads neither up nor out."""
    if part in ("", ".", "..") or "\0" in part:
        raise RunError(
            f"{part!r} leads out of the run, the name of a file in it is needed",
            hint="copy the whole run again, or delete it",
        )
    return part


def _mode(path: Path) -> int:
    """The mode of what is there itself; 0 for nothing."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{path} can't be read, {error.strerror}",
        hint="see that you may read it, or copy the run again",
    )


def _refuse_other(path: Path, needed: int) -> None:
    """Refuse what is there if it is of another kind than needed."""
    found = stat.S_IFMT(_mode(path))
    if found not in (0, needed):
        kind = _KINDS.get(found, "a device")
        raise RunError(
            f"{path}: is {kind}, {_KINDS[needed]} of the run's own is needed",
            hint="copy the whole run again, with all its files, or delete it",
        )


def _open_without_links(path: str, flags: int) -> int:
    # The path was checked, but what is there now may be another.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
