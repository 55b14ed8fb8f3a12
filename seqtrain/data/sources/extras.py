"""Libraries that only some file formats need."""

import importlib
from pathlib import Path
from types import ModuleType

from ...errors import DataError


def import_extra(name: str, path: Path) -> ModuleType:
    """Import a library of the extra `files`.

    Args:
        name: Of the module.
        path: The file that needs it.

    Raises:
        DataError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        library = name.partition(".")[0]
        raise DataError(
            f"{path}: {library} is needed to read it, which is not installed",
            hint="pip install 'seqtrain[files]'",
        ) from None
