"""TensorBoard's web page, with what makes it hard to read mended."""

import io
import zipfile
from typing import BinaryIO

from tensorboard import assets

# What its script says in TensorBoard 2.21, and what it should. Another version may say
# it in other words; then it stays as it is.
MENDED = (
    # Numbers in HParams: 60, not 60.000.
    (b"?e.toPrecision(5):", b"?String(+e.toPrecision(5)):"),
    # The names of runs in HParams' table.
    (
        b'width="10em" resizable="">\n        <template class="header">\n'
        b'          <div class="table-header table-cell">Trial ID',
        b'width="17em" resizable="">\n        <template class="header">\n'
        b'          <div class="table-header table-cell">Run',
    ),
    # The upper half of the name of a run at a picture, which is cut off.
    (
        b".heading-row {\n      margin-top: -4px;",
        b".heading-row {\n      margin-top: 4px;",
    ),
)


def web_files() -> BinaryIO:
    """The ZIP file of the web page."""
    copy = io.BytesIO()
    with (
        assets.get_default_assets_zip_provider()() as file,
        zipfile.ZipFile(file) as original,
        zipfile.ZipFile(copy, "w") as mended,
    ):
        for name in original.namelist():
            content = original.read(name)
            for ugly, better in MENDED if name == "index.js" else ():
                content = content.replace(ugly, better)
            mended.writestr(name, content)
    copy.seek(0)
    return copy
