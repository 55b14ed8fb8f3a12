"""What a run was made with: versions, git commit, hardware."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from .. import __version__


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


def _cpu_model() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or None
