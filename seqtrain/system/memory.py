"""Memory: how much there is, and the message when it does not suffice."""

import contextlib
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutOfMemoryError

HINT = (
    "a smaller train.batch_size or data.max_length needs less; `seqtrain check` "
    "estimates how much"
)
_CGROUPS, _OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
# What the libraries have for this: of NumPy and Python, of TensorFlow, of the loader.
_SHAPES = re.compile(r"OOM when allocating tensor with shape\[[\d,]*\]|Unable to .*")
_UNMAPPED = ("failed to map segment", "annot allocate memory")


@contextlib.contextmanager
def memory_told() -> Iterator[None]:
    """Turn a lack of memory inside of the block into a message.

    Raises:
        OutOfMemoryError: If Python or TensorFlow got no memory. Where the system kills
            the process instead, nothing can be said.
    """
    try:
        yield
    except _shortages() as error:
        found = _SHAPES.search(str(error))
        what = f", {found[0]}" if found else ""
        raise OutOfMemoryError(f"out of memory{what}", hint=HINT) from None


def _shortages() -> tuple[type[Exception], ...]:
    tensorflow = sys.modules.get("tensorflow")  # is evaluated only after an error
    if tensorflow is None:
        return (MemoryError,)
    return MemoryError, tensorflow.errors.ResourceExhaustedError


def is_shortage(error: ImportError) -> bool:
    """Whether a library could not be loaded for want of memory."""
    return any(words in str(error) for words in _UNMAPPED)


def available_memory() -> int | None:
    """The bytes that this process may still take; None where that is not known.

    It is the least of what the machine has left, what is left of the limits of its
    control groups (containers, batch systems), and of its own limits (`ulimit -v`,
    `-d`).
    """
    left = [*_left_on_machine(), *_left_of_cgroups(), *_left_of_limits()]
    return max(0, min(left)) if left else None


def _left_on_machine() -> Iterator[int]:
    if amount := _kib(Path("/proc/meminfo"), "MemAvailable"):
        yield amount


def _left_of_cgroups() -> Iterator[int]:
    """For version 2 and 1 of control groups, from this process's up to the root."""
    try:
        lines = _OWN_CGROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if not controllers:
            root, most, used = _CGROUPS, "memory.max", "memory.current"
        elif "memory" in controllers.split(","):
            root = _CGROUPS / "memory"
            most, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
        else:
            continue
        place = root / name.lstrip("/")
        # Inside of a container the name may be one that only the host knows.
        for folder in {place, *place.parents} if place.is_dir() else {root}:
            if folder.is_relative_to(root):
                with contextlib.suppress(OSError, ValueError):  # none, or "max"
                    limit = int((folder / most).read_text())
                    yield limit - int((folder / used).read_text()) + _cached(folder)


def _cached(folder: Path) -> int:
    """The bytes of files that a control group holds and gives back when asked."""
    with contextlib.suppress(OSError):
        for line in (folder / "memory.stat").read_text().splitlines():
            name, _, amount = line.partition(" ")
            if name == "inactive_file":
                return int(amount)
    return 0


def _left_of_limits() -> Iterator[int]:
    limits = {resource.RLIMIT_AS: "VmSize", resource.RLIMIT_DATA: "VmData"}
    for limit, name in limits.items():
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY:
            yield most - (_kib(Path("/proc/self/status"), name) or 0)


def _kib(file: Path, name: str) -> int | None:
    """An amount of memory that a file of /proc names, in bytes."""
    with contextlib.suppress(OSError):
        if found := re.search(rf"^{name}:\s*(\d+) kB", file.read_text(), re.M):
            return int(found[1]) * 1024
    return None
