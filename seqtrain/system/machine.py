"""What a run was made with: versions, git commit, hardware, arithmetic."""

import contextlib
import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from .. import __version__

# Instruction sets that choose the code which TensorFlow and XLA run.
INSTRUCTIONS = (
    *("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni"),
    *("avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "asimd", "sve"),
)
# Variables that choose code, threads or devices of TensorFlow and what is below it …
_VARIABLES = ("TF_", "XLA_", "ONEDNN_", "DNNL_", "OMP_", "KMP_", "MKL_", "CUDA_")
_VARIABLES += ("OPENBLAS_", "NVIDIA_TF32_")
# … but not what TensorFlow prints, what scikit-learn sets when it is imported, nor
# Terraform's variables, which may be secrets.
_OTHERS = ("TF_CPP_", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")
_OTHERS += ("TF_VAR_", "TF_TOKEN_", "TF_CLI_")


def versions() -> dict[str, str | None]:
    """The versions that the results depend on, without importing the packages."""
    versions = {"python": platform.python_version(), "seqtrain": __version__}
    for package in ("tensorflow", "keras", "numpy"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # under another name: tf-nightly
            versions[package] = None
    return versions


def git_state() -> dict | None:
    """Commit and dirty flag of the current folder; None outside a repository."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain"))}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):  # no git, no repository, too slow
        return None
    return done.stdout.strip()


def hardware() -> dict:
    """The hardware that a run's timings were measured on."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        memory = None
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_bytes": memory,
        "platform": platform.platform(),
    }


def arithmetic() -> dict:
    """What the last digits of a result depend on, besides versions.

    Sums of many numbers are split among threads, as many as there are processors that
    this process may use; their order, and so their rounding, follows from that.
    """
    flags = cpu_flags() or ()
    return {
        "cpu": _cpu_model(),
        "instructions": " ".join(name for name in INSTRUCTIONS if name in flags),
        "gpu": _gpus(),
        "usable_cpus": usable_cpus(),
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(_VARIABLES) and not name.startswith(_OTHERS)
        },
    }


def usable_cpus() -> int | None:
    """The number of processors that this process may use; `taskset` can take some."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def cpu_flags() -> set[str] | None:
    """What the processor can do, in the words of Linux; None on other systems."""
    named = [line for line in _cpuinfo() if line.startswith(("flags", "Features"))]
    return set(named[0].split(":", 1)[1].split()) if named else None


def _gpus() -> str | None:
    """The models of NVIDIA GPUs, as their driver tells them without TensorFlow."""
    found = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        with contextlib.suppress(OSError):
            found += re.findall(r"^Model:\s*(.*)", file.read_text(), re.MULTILINE)
    return ", ".join(found) or None


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def _cpu_model() -> str | None:
    lines = [line for line in _cpuinfo() if "model name" in line]
    names = [line.split(":", 1)[1].strip() for line in lines]
    return names[0] if names else platform.processor() or None
