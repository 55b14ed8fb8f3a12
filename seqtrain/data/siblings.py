"""Find the parts of a data set by the names of its files."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from .sources.files import Paths
from .sources.reading import FORMATS

# What people call the other parts, the likeliest first.
_NAMES = {
    "test": ("test", "testing", "eval"),
    "validation": ("validation", "valid", "val", "dev"),
}
_TRAIN = re.compile(r"train(ing)?(?![a-z])", re.IGNORECASE)
_ABOUT = re.compile(r"readme|licen[cs]e", re.IGNORECASE)


def find_parts(path: Path) -> dict[str, Paths]:
    """Return the training data that a path names, and what stands beside it.

    In a folder it is the sub-folder or the files that are called so, or the files of
    a class each. Beside `train.csv` it is `test.csv`, beside `mails.csv`
    `mails_test.csv`.

    Returns:
        Paths by `train`, and by `test` and `validation` where there is such a name.
    """
    if not os.path.isdir(path):
        return {"train": path, **_beside(path)}
    entries = sorted(each for each in path.iterdir() if not each.name.startswith("."))
    folders = [each for each in entries if each.is_dir()]
    files = [
        each for each in entries if each.is_file() and not _ABOUT.search(each.name)
    ]
    for each in folders:
        if _TRAIN.fullmatch(each.name):
            return {"train": each, **_beside(each)}
    if folders:
        return {"train": path, **_beside(path)}
    tables = [each for each in files if _format_suffix(each)]
    named = [each for each in tables or files if _TRAIN.search(each.name)]
    named = named or tables
    if len(named) == 1:
        return {"train": named[0], **_beside(named[0])}
    if tables:
        return {"train": named}
    return _by_class(files) or {"train": path, **_beside(path)}


def _format_suffix(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix in (*FORMATS, ".zip")


def _by_class(files: list[Path]) -> dict[str, Paths]:
    """Files of a class each, such as `reviews.pos` and `reviews.neg`, by part."""
    parts: dict[str, dict[str, Path]] = {}
    for file in files:
        part = "train" if _TRAIN.search(file.stem) else "only"
        for name, words in _NAMES.items():
            if re.search(
                rf"\b({'|'.join(words)})\b", file.stem.replace("_", " "), re.I
            ):
                part = name
        parts.setdefault(part, {})[_class_name(file)] = file
    if "only" in parts:
        parts = {"train": parts["only"]} if len(parts) == 1 else {}
    return parts if len(parts.get("train", ())) > 1 else {}


def _class_name(file: Path) -> str:
    """What is left of a name: `train_pos.txt` is pos, and so is `reviews.pos`."""
    if file.suffix.lower() not in (".txt", ".text", ""):
        return file.suffix.removeprefix(".")
    words = "|".join(["train(ing)?", *_NAMES["test"], *_NAMES["validation"]])
    name = re.sub(rf"(?<![a-z])({words})(?![a-z])", "", file.stem, flags=re.I)
    return name.strip("_-. ") or file.stem


def _beside(path: Path) -> dict[str, Path]:
    """The other parts beside the training data, by their names."""
    found = {}
    for part, names in _NAMES.items():
        for name in names:
            beside = next((each for each in _called(path, name) if each.exists()), None)
            if beside and part not in found:
                found[part] = beside
    return found


def _called(path: Path, part: str) -> Iterator[Path]:
    """What a part may be called, by the name of the training data."""
    if _TRAIN.search(path.name):

        def in_its_case(match: re.Match) -> str:
            word = match[0]
            return (
                part.upper()
                if word.isupper()
                else (part.title() if word[0].isupper() else part)
            )

        yield path.with_name(_TRAIN.sub(in_its_case, path.name))
    else:
        stem, dot, suffixes = path.name.partition(".")
        for sign in "_-.":
            yield path.with_name(f"{stem}{sign}{part}{dot}{suffixes}")
