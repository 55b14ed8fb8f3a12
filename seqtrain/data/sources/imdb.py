"""The Large Movie Review Dataset: 50,000 reviews, half of them for testing.

Maas et al., Learning word vectors for sentiment analysis, 2011.
"""

import http.client
import os
import re
import shutil
import sys
import urllib.error
import urllib.request
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

ATTEMPTS = 3
TIMEOUT_SECONDS = 30


def read_imdb(path: Path | None) -> tuple[Examples, Examples]:
    """Read the training and the test reviews, labelled negative and positive.

    Args:
        path: An `aclImdb` folder or archive; None downloads the archive into the
            cache folder, once.

    Raises:
        DataError: If the data is missing, damaged or of another layout.
    """
    if path is None:
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


def download(url: str, sha256: str, path: Path) -> None:
    """Download a file once; continue where a broken download stopped.

    `path` appears only when the file is whole and has the hash; until then the bytes
    are collected beside it, in a file that ends in `.part`.

    Raises:
        DataError: If it can't be downloaded or has another hash.
    """
    if os.path.exists(path) and digest_file(path) == sha256:
        return
    print(f"downloading {url} to {path}", file=sys.stderr)
    partial = path.with_name(f"{path.name}.part")
    for _ in range(ATTEMPTS):
        begun = os.path.exists(partial)
        try:
            _fetch(url, partial)
        except (OSError, http.client.HTTPException) as error:
            problem = f"can't be downloaded, {error}"
            continue
        found = digest_file(partial)
        if found == sha256:
            os.replace(partial, path)
            return
        problem = f"its sha256 is {found}, {sha256} is needed"
        partial.unlink()
        if not begun:
            break  # otherwise the bytes of an earlier download may be at fault
    raise DataError(
        f"{url}: {problem}",
        hint="run the command again, it goes on from there; or get the file by "
        "other means and give its path as data.path",
    )


def _fetch(url: str, partial: Path) -> None:
    """Append the missing bytes to `partial`; raise OSError if the end isn't reached."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    start = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is missing
        raise
    with response:
        # A server without range requests sends the whole file, with status 200.
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        with partial.open("ab" if resumed else "wb") as file:
            shutil.copyfileobj(response, file)
    if response.length:
        raise OSError(f"the connection broke {response.length} bytes before the end")


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
