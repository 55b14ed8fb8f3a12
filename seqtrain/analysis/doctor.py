"""Checks of everything that a training needs of the machine."""

import fcntl
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

import tensorflow as tf

from ..data.cache import cache_folder
from ..errors import SeqtrainError
from ..runs.run import ROOT
from ..system.disk import sync, write
from ..system.machine import INSTRUCTIONS, cpu_flags, hardware, versions
from .verify import verify_resume

# A training that takes seconds, although it is killed once and resumed.
TRIAL = ["quickstart"] + [
    word
    for setting in (
        "data.examples=1000",
        "data.test_examples=100",
        "data.buckets=[60]",
        "train.epochs=8",
        "train.checkpoint_every=20",
    )
    for word in ("--set", setting)
]
_LITTLE_SPACE = 2**30  # bytes; a day of runs and their checkpoints needs less

Verdict = Literal["ok", "warning", "failed", "unknown"]


class Finding(NamedTuple):
    """What one check found.

    Args:
        name: What was checked.
        verdict: `unknown` if the system does not tell.
        text: Details, and what to do about a failure.
    """

    name: str
    verdict: Verdict
    text: str


def examine() -> Iterator[Finding]:
    """Check one thing after another; the last, a training, takes ten seconds."""
    yield from _packages()
    yield from _processor()
    yield _gpu()
    yield _cudnn()
    yield _compiler()
    yield _folder("cache", cache_folder())
    yield _folder("runs", ROOT)
    yield _trial()


def _packages() -> Iterator[Finding]:
    for name, version in versions().items():
        if version is None:
            yield Finding(name, "unknown", "installed under another name")
        else:
            yield Finding(name, "ok", version)
    try:
        yield Finding("tensorboard", "ok", metadata.version("tensorboard"))
    except metadata.PackageNotFoundError:
        yield Finding("tensorboard", "unknown", "installed under another name")


def _processor() -> Iterator[Finding]:
    facts, system = hardware(), platform.system()
    cores = f"{facts['cores']} cores" if facts["cores"] else "cores unknown"
    if facts["cpu"] is None:
        yield Finding("processor", "unknown", f"its name; {cores}")
    else:
        yield Finding("processor", "ok", f"{facts['cpu']}, {cores}")
    yield _features(system)
    if facts["memory_bytes"] is None:
        yield Finding("memory", "unknown", f"not told by {system}")
    else:
        yield Finding("memory", "ok", f"{facts['memory_bytes'] / 2**30:.1f} GiB")


def _features(system: str) -> Finding:
    flags = cpu_flags()
    if flags is None:
        return Finding("features", "unknown", f"not told by {system}")
    helpful = [feature for feature in INSTRUCTIONS if feature in flags]
    verdict = "ok" if helpful else "warning"
    return Finding("features", verdict, ", ".join(helpful) or "none that help")


def _gpu() -> Finding:
    found = [gpu.name for gpu in tf.config.list_physical_devices("GPU")]
    if found:
        return Finding("GPU", "ok", ", ".join(found))
    if tf.test.is_built_with_gpu_support():
        return Finding("GPU", "ok", "none found; the processor trains")
    return Finding("GPU", "ok", "none, this TensorFlow is made for the processor")


def _cudnn() -> Finding:
    built = tf.sysconfig.get_build_info().get("cudnn_version")
    if built is None:
        return Finding("cuDNN", "ok", "not needed, there is no GPU support")
    if not tf.config.list_physical_devices("GPU"):
        return Finding("cuDNN", "unknown", f"made for {built}; without a GPU it's idle")
    try:
        tf.nn.conv2d(tf.ones((1, 4, 4, 1)), tf.ones((2, 2, 1, 1)), 1, "SAME")
    except tf.errors.OpError as error:
        return Finding("cuDNN", "failed", str(error).splitlines()[0])
    return Finding("cuDNN", "ok", f"made for {built}, and it answers")


def _compiler() -> Finding:
    began = time.perf_counter()
    try:
        doubled = tf.function(lambda x: 2 * x, jit_compile=True, autograph=False)(
            tf.constant(21)
        )
    except (tf.errors.OpError, NotImplementedError) as error:
        hint = "train with train.jit_compile: false"
        return Finding("XLA", "failed", f"{str(error).splitlines()[0]}; {hint}")
    if int(doubled) != 42:
        return Finding("XLA", "failed", f"twice 21 is {int(doubled)}")
    return Finding("XLA", "ok", f"compiled in {time.perf_counter() - began:.1f} s")


def _folder(name: str, path: Path) -> Finding:
    """Check that files can be written, flushed and locked in a folder."""
    there = path.absolute()
    while not there.exists():  # a folder that is missing would be made in this one
        there = there.parent
    try:
        with tempfile.TemporaryDirectory(dir=there) as folder:
            file = Path(folder) / "file"
            write(file, b"x")
            os.replace(file, file.with_name("renamed"))
            sync(Path(folder))
            with open(file, "w") as locked:
                fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        where = "SEQTRAIN_CACHE names another" if name == "cache" else "see --run"
        return Finding(name, "failed", f"{path}: {error.strerror}; {where}")
    free = shutil.disk_usage(there).free
    text = f"{path} can be written, {free / 2**30:.1f} GiB are free"
    return Finding(name, "ok" if free > _LITTLE_SPACE else "warning", text)


def _trial() -> Finding:
    name, began = "training", time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="seqtrain-doctor-") as folder:
        try:
            verdicts = verify_resume(TRIAL, Path(folder), kills=1, say=lambda _: None)
        except SeqtrainError as error:
            return Finding(name, "failed", str(error))
    seconds = f"{time.perf_counter() - began:.0f} s"
    different = [each for verdict in verdicts for each in verdict.different]
    if different:
        text = f"killed and resumed, it ended otherwise: {', '.join(different)}"
        return Finding(name, "failed", f"{text}; {seconds}")
    return Finding(name, "ok", f"killed, resumed, equal to the bit; {seconds}")
