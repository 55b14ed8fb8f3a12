"""The data of a run that was moved, or whose columns have other names now."""

import contextlib
import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..config import override_config
from ..errors import ConfigError, DataError
from ..sections.data import DataSection
from ..tasks import kind_of
from .differences import differences
from .run import Run


def change_data(run: Run, overrides: Sequence[str], file: Path | None = None) -> None:
    """Let a run read its data elsewhere, or otherwise, than its training did.

    The directory stays as it is: the change lasts as long as the object.

    Args:
        run: A run.
        overrides: Settings of keys of `data` that say where the data is and how it is
            read, such as `data.test=there.csv` or `data.text=review`.
        file: A file to read instead of the run's own data. Where that is made or
            downloaded, it is read as `source: files` reads, with the defaults of that.

    Raises:
        ConfigError: If another key is set, or a value is wrong.
    """
    before = run.config
    if file is not None:
        before = _reading_files(run, file)
    config = override_config(before, overrides)
    # What shapes the input of the model stays; where and how data is read may change.
    fixed = DataSection.model_fields.keys() - {"validation"} | {"task"}
    changed = differences(
        before.model_dump(mode="json"), config.model_dump(mode="json")
    )
    for key in changed:
        section, _, rest = key.partition(".")
        if section != "data" or rest.partition(".")[0].partition("[")[0] in fixed:
            raise ConfigError(
                f"--set {key}: the model was trained with another value",
                hint="only keys that say where the data is and how it is read may be "
                "set, such as data.test and data.text",
            )
    run.config = config


def _reading_files(run: Run, file: Path):
    section = run.config.data
    files = kind_of(section).file_section
    if files is None or isinstance(section, files):
        return run.config
    kept = {
        key: value
        for key, value in section.model_dump(mode="json").items()
        if key in files.model_fields.keys() - {"source", "task"}
    }
    changed = files.model_validate({**kept, "train": str(file), "test": str(file)})
    return run.config.model_copy(update={"data": changed})


@contextlib.contextmanager
def pointing_to_data(run: Run) -> Iterator[None]:
    """Say by which key to point to data that is not where it was."""
    try:
        yield
    except DataError as error:
        if missing := next(_missing(run.config.data), None):
            error.hint = (
                f"{error.hint}; if the data of {run.path} lies elsewhere now, say "
                f"where by --set {missing}=PATH"
            )
        raise


def _missing(section: DataSection) -> Iterator[str]:
    """Yield the key of each path of data that leads nowhere."""
    for name in ("path", "train", "validation", "test"):
        for key, value in _paths(f"data.{name}", getattr(section, name, None)):
            if not os.path.lexists(value) and not glob.glob(str(value)):
                yield key


def _paths(key: str, value: object) -> Iterator[tuple[str, Path]]:
    if isinstance(value, Path):
        yield key, value
    elif isinstance(value, Mapping):
        for name, path in value.items():
            yield f"{key}.{name}", path
    elif isinstance(value, list):
        for index, path in enumerate(value):
            yield f"{key}[{index}]", path
