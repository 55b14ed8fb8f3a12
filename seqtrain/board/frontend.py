"""TensorBoard's web page, its numbers as short as they can be."""

import io
import zipfile
from typing import BinaryIO

from tensorboard import assets

# How TensorBoard 2.21 writes a number in HParams, and how it should: 60, not 60.000.
# In another version that has other words, they are left as they are.
LONG, SHORT = b"?e.toPrecision(5):", b"?String(+e.toPrecision(5)):"


def web_files() -> BinaryIO:
    """The ZIP file of TensorBoard's web page."""
    copy = io.BytesIO()
    with (
        assets.get_default_assets_zip_provider()() as file,
        zipfile.ZipFile(file) as original,
        zipfile.ZipFile(copy, "w") as changed,
    ):
        for name in original.namelist():
            changed.writestr(name, original.read(name).replace(LONG, SHORT))
    copy.seek(0)
    return copy
