"""Records of the first sheet of an Excel workbook."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import ParseError

from ...errors import DataError, shorten
from .extras import import_extra
from .streams import check_growth
from .tables import Record


def excel_records(file: BinaryIO, path: Path) -> Iterator[Record]:
    """Yield the rows of the first sheet, their values as CSV would have them.

    Args:
        file: The workbook; can be read from any place in it.
        path: What errors call it.

    Raises:
        DataError: If it is none, or unpacks to more than any text does.
    """
    openpyxl = import_extra("openpyxl", path)
    try:
        size = file.seek(0, 2)
        with zipfile.ZipFile(file) as archive:
            check_growth(sum(each.file_size for each in archive.infolist()), size, path)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of them may be wrong
        written = width = 0
        for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
            fields = [_written(value) for value in values]
            written += sum(map(len, fields))
            check_growth(written, size, path)
            if any(fields):
                # A row ends with its last cell, and notes may stand beside a table.
                width = width or len(fields)
                fields = [*fields[:width], *[""] * (width - len(fields))]
                yield Record(f"{path}:{number}", fields)
    except _DAMAGED as error:
        raise DataError(
            f"{path}: no workbook of Excel that can be read ({shorten(str(error))})",
            hint="open it in a spreadsheet and save it as .xlsx or .csv",
        ) from None


# What openpyxl raises for one that is damaged: it has no error of its own for that.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    EOFError,
    OSError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def _written(value: object) -> str:
    if value is None:
        return ""
    return (
        value if isinstance(value, str) else json.dumps(value, default=str).strip('"')
    )
