import resource

import numpy as np
import pytest

from seqtrain.errors import OutOfMemoryError
from seqtrain.system import memory
from seqtrain.system.memory import available_memory, is_shortage, memory_told

GIB = 2**30


def test_what_numpy_cannot_get_is_a_message():
    with pytest.raises(OutOfMemoryError, match="out of memory, Unable to allocate"):
        with memory_told():
            np.zeros(2**58)


def test_what_tensorflow_cannot_get_is_a_message():
    import tensorflow as tf

    with pytest.raises(OutOfMemoryError, match=r"tensor with shape\[1099511627776\]"):
        with memory_told():
            tf.ones(2**40)


def test_other_errors_stay_as_they_are():
    with pytest.raises(ZeroDivisionError), memory_told():
        1 / 0  # noqa: B018


def test_a_library_without_room_is_told_from_one_that_is_missing():
    said = "libtensorflow_cc.so.2: failed to map segment from shared object"
    assert is_shortage(ImportError(said))
    assert not is_shortage(ImportError("No module named 'tensorflow'"))


def test_the_limits_of_the_process_count():
    before = resource.getrlimit(resource.RLIMIT_AS)
    free = available_memory()
    used = memory._kib(memory.Path("/proc/self/status"), "VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (used + GIB // 2, before[1]))
    try:
        assert available_memory() <= min(free, GIB // 2)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("version", [1, 2])
def test_the_limits_of_control_groups_count(tmp_path, monkeypatch, version):
    most, used = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        2: ("memory.max", "memory.current"),
    }[version]
    root = tmp_path / "memory" if version == 1 else tmp_path
    job = root / "jobs" / "7"
    job.mkdir(parents=True)
    for folder, limit in [(root, "max"), (root / "jobs", "3000"), (job, "9000")]:
        (folder / most).write_text(limit)
        (folder / used).write_text("1000")
    (root / "jobs" / "memory.stat").write_text("anon 1\ninactive_file 500\n")
    line = "4:memory:/jobs/7" if version == 1 else "0::/jobs/7"
    (tmp_path / "cgroup").write_text(f"9:cpu:/\n{line}\n")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN_CGROUPS", tmp_path / "cgroup")
    assert available_memory() == 2500
    # As in a container, which sees only its own group, under another name.
    (tmp_path / "cgroup").write_text(line.replace("jobs", "host"))
    (root / most).write_text("1800")
    assert available_memory() == 800
