"""Rows of a Parquet file."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ...errors import DataError, shorten
from .extras import import_extra
from .objects import object_row
from .reading import Reading, Row
from .streams import check_growth

_ROWS = 64  # read at a time: a row may be of many megabytes


def parquet_rows(file: BinaryIO, path: Path, reading: Reading) -> Iterator[Row]:
    """Yield the rows, each at its number.

    Args:
        file: The file; can be read from any place in it.
        path: What errors call it.
        reading: Its settings.

    Raises:
        DataError: If it is none, lacks a column, or unpacks to more than any text does.
    """
    parquet = import_extra("pyarrow.parquet", path)
    import pyarrow

    size = file.seek(0, 2)
    try:
        table = parquet.ParquetFile(file)
        number = unpacked = 0
        for batch in table.iter_batches(_ROWS):
            unpacked += batch.nbytes
            check_growth(unpacked, size, path)
            batch.validate(full=True)  # the texts are UTF-8, and where they should be
            for row in batch.to_pylist():
                number += 1
                yield object_row(f"{path}:{number}", row, reading)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path}: no whole Parquet file ({shorten(str(error))})",
            hint="copy or download it again, or write it again",
        ) from None
