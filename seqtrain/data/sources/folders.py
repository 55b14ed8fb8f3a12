"""Folders of texts: a sub-folder for each class, or a file of lines for each."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from ...errors import DataError, listed
from .lines import line_rows
from .reading import Reading, Row
from .streams import open_data, read_text, text_lines


class ClassFile(NamedTuple):
    """An entry in the sub-folder of a class; `problem` says why it is no text."""

    label: str
    path: Path
    problem: str | None


def class_files(
    folder: Path, classes: Collection[str] | None = None
) -> list[ClassFile]:
    """List the entries of a folder's sub-folders, sorted; each of these is a class.

    A folder without sub-folders may have a `.txt` file for each class, a text a line:
    then these are listed.

    Names that start with a dot are left out, as by `ls`. A link is followed if it
    stays within the folder.

    Args:
        folder: The folder.
        classes: The sub-folders that are classes; None: all but `unsup`, in which
            the Large Movie Review Dataset keeps texts without a label.

    Raises:
        DataError: If there is no class, or a sub-folder can't be listed.
    """
    root = folder.resolve()
    entries = [entry for entry in _visible(folder) if _is_class(entry, root)]
    names = [entry.name for entry in entries]
    if not entries:
        return _files_of_lines(folder, root)
    chosen = {*names} - {UNLABELLED} if classes is None else {*classes}
    if missing := sorted(chosen - {*names}):
        raise DataError(
            f"{folder}: no sub-folder {missing[0]} among {listed(names)}",
            hint="set data.classes to the sub-folders that are classes",
        )
    files = [
        ClassFile(entry.name, Path(file.path), _file_problem(file, root))
        for entry in entries
        if entry.name in chosen
        for file in _visible(entry.path)
    ]
    if files and all(file.problem == _A_FOLDER for file in files):
        raise DataError(
            f"{folder}: its sub-folders {listed(names)} hold folders, not texts",
            hint=f"name one of them, such as {folder / names[-1]}",
        )
    return files


UNLABELLED = "unsup"
_A_FOLDER = "a folder"
_PARTS = ("train", "training", "test", "valid", "validation", "val", "dev")


def _files_of_lines(folder: Path, root: Path) -> list[ClassFile]:
    files = [
        ClassFile(Path(entry.name).stem, Path(entry.path), _file_problem(entry, root))
        for entry in _visible(folder)
        if entry.name.lower().endswith(".txt")
    ]
    if not files:
        raise DataError(
            f"{folder}: a folder without classes",
            hint="put the texts of each class, as .txt files, into a sub-folder",
        )
    if all(file.label.lower() in _PARTS for file in files):
        raise DataError(
            f"{folder}: its files are parts of the data, not classes",
            hint=f"name one of them, such as {files[0].path}",
        )
    return files


def folder_rows(folder: Path, reading: Reading) -> Iterator[Row]:
    """Yield the texts of a folder, each with its class; what is no text has a problem.

    Raises:
        DataError: If there is no class.
    """
    for label, path, problem in class_files(folder, reading.classes):
        if problem:
            yield Row(str(path), problem=problem)
        elif path.parent == folder:
            with open_data(path) as (stream, _):
                lines = text_lines(stream, str(path), "", reading.encoding)
                yield from line_rows(lines, path, reading, label)
        else:
            yield _text_row(path, label, reading)


def _text_row(path: Path, label: str, reading: Reading) -> Row:
    try:
        text = read_text(path, reading.encoding)
    except DataError as error:
        problem = str(error).removeprefix(f"{path}: ")
        return Row(str(path), problem=problem, hint=error.hint)
    return Row(str(path), text, label, None, None, ("text", "label"), (text, label))


def _visible(folder: Path | str) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(
            f"{folder}: can't be listed, {error.strerror}",
            hint="see that you may read the folder",
        ) from None
    return sorted(visible, key=lambda entry: entry.name)


def _is_class(entry: os.DirEntry, root: Path) -> bool:
    if entry.is_symlink() and (problem := _link_problem(entry, root)):
        raise DataError(
            f"{entry.path}: {problem}",
            hint="put the sub-folder itself there, or delete the link",
        )
    return entry.is_dir()


def _file_problem(entry: os.DirEntry, root: Path) -> str | None:
    if _OTHER_SUFFIX.search(entry.name):
        return "not a .txt file"
    if entry.is_symlink() and (problem := _link_problem(entry, root)):
        return problem
    if not entry.is_file():
        return _A_FOLDER if entry.is_dir() else "a pipe, a device or a socket"
    return None


# A text may have no suffix, and a name with a dot in it is no suffix: 0001.9f86d081.
_OTHER_SUFFIX = re.compile(r"\.(?!te?xt$)[a-z]{1,5}[0-9]?$", re.IGNORECASE)


def _link_problem(entry: os.DirEntry, root: Path) -> str | None:
    try:
        target = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError for a circle, before Python 3.13
        return "a link that leads nowhere"
    return None if target.is_relative_to(root) else "a link that leads out of the data"
