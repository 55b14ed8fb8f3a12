"""A file from the network, downloaded once and checked."""

import http.client
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

from ...errors import DataError
from .streams import digest_file

ATTEMPTS = 3
TIMEOUT_SECONDS = 30


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
