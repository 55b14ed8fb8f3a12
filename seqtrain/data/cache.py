"""Where downloads and encoded data are kept."""

import os
from pathlib import Path

from ..errors import DataError


def cache_folder() -> Path:
    """Return the folder for downloads and encoded data.

    It is `$SEQTRAIN_CACHE`, else `$XDG_CACHE_HOME/seqtrain`, else
    `~/.cache/seqtrain`.

    Raises:
        DataError: If none of them is known.
    """
    if folder := os.environ.get("SEQTRAIN_CACHE"):
        return Path(folder)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "seqtrain"
    try:
        return Path.home() / ".cache" / "seqtrain"
    except RuntimeError:
        raise DataError(
            "no home folder is known, encoded data is kept below it",
            hint="name a folder for it by SEQTRAIN_CACHE",
        ) from None
