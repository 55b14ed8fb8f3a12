"""The arrays of an `.npz` file that anybody may have written."""

import io
import math
import struct
import zipfile
import zlib

import numpy as np

_HEADER = 2**14  # bytes, as many as NumPy reads of one
_SMALL, _RATIO = 2**26, 8  # what a file of that size unpacks to: bytes, times its size


def read_arrays(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an `.npz` file by their names.

    No pickle is opened, and nothing is unpacked or allocated that the file doesn't
    hold: neither a small file that unpacks to a huge one, nor an array that says it is
    larger than its bytes.

    Raises:
        ValueError: If it is damaged, or no `.npz` file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > _SMALL + _RATIO * len(content):
                raise ValueError(f"it would unpack to {unpacked:,} bytes")
            return {
                # Reading all of a member checks its sum.
                name.removesuffix(".npy"): _read_array(archive.read(name))
                for name in archive.namelist()
            }
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError):
        raise ValueError("it is not a whole zip file") from None
    except (KeyError, OSError, RuntimeError, struct.error) as error:
        raise ValueError(f"it is not a zip file of arrays, {error}") from None


def _read_array(content: bytes) -> np.ndarray:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"an array of format {version}")
    shape, _, dtype = read_header(stream, max_header_size=_HEADER)
    if dtype.hasobject:
        raise ValueError("an array of objects")
    needed = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or needed != len(content) - stream.tell():
        raise ValueError(f"an array of shape {shape} with another number of bytes")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)
