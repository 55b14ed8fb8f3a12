"""The Large Movie Review Dataset: 50,000 reviews, half of them for testing.

Maas et al., Learning word vectors for sentiment analysis, 2011.
"""

import os
import re
from pathlib import Path

from ...errors import DataError
from ..cache import cache_folder
from .archives import archive_texts
from .examples import Examples
from .streams import digest_file, digest_files, read_text

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"

SPLITS = ("train", "test")
LABELS = {"neg": "negative", "pos": "positive"}  # train/unsup has no label
_MEMBER = re.compile(r"(?:\./)?aclImdb/(train|test)/(neg|pos)/([^/.][^/]*\.txt)")


def read_imdb(path: Path | None) -> tuple[Examples, Examples]:
    """Read the training and the test reviews, labelled negative and positive.

    Args:
        path: An `aclImdb` folder or archive; None downloads the archive into the
            cache folder, once.

    Raises:
        DataError: If the data is missing, damaged or of another layout.
    """
    if path is None:
        from .download import download  # its libraries take as long as all else

        path = archive_path()
        download(URL, SHA256, path)
    reviews = _folder_reviews(path) if os.path.isdir(path) else _archive_reviews(path)
    train, test = (_examples(reviews, split, path) for split in SPLITS)
    return train, test


def imdb_files(path: Path | None) -> dict[str, str]:
    """Return the sha256 of what `read_imdb` reads, without reading a download."""
    if path is None:
        return {str(archive_path()): SHA256}
    if os.path.isdir(path):
        return {str(path): digest_files(path, _folder_files(path))}
    return {str(path): digest_file(path)}


def archive_path() -> Path:
    """Return where the downloaded archive is kept."""
    return cache_folder() / Path(URL).name


def _archive_reviews(path: Path) -> dict[tuple[str, str, str], str]:
    reviews = {}
    for name, text in archive_texts(path, _MEMBER.fullmatch):
        key = _MEMBER.fullmatch(name).groups()
        if key in reviews:
            raise DataError(
                f"{path}: {name}: twice in the archive, once is needed",
                hint="make the archive anew; tar -r adds a file to those it has",
            )
        reviews[key] = text
    return reviews


def _folder_reviews(path: Path) -> dict[tuple[str, str, str], str]:
    return {
        file.relative_to(path).parts: read_text(file) for file in _folder_files(path)
    }


def _folder_files(path: Path) -> list[Path]:
    return [
        file
        for split in SPLITS
        for name in LABELS
        for file in sorted((path / split / name).glob("[!.]*.txt"))
    ]


def _examples(
    reviews: dict[tuple[str, str, str], str], split: str, path: Path
) -> Examples:
    # By name: the same examples in the same order from a folder and an archive.
    keys = sorted(key for key in reviews if key[0] == split)
    labels = [LABELS[name] for _, name, _ in keys]
    for name, label in LABELS.items():
        if label not in labels:
            raise DataError(
                f"{path}: no review in {split}/{name}",
                hint="give the aclImdb folder, or its archive, as data.path",
            )
    return Examples([reviews[key] for key in keys], labels)
