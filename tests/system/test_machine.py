import os
import platform
from importlib import metadata
from pathlib import Path

from seqtrain.system.machine import git_state, hardware, versions


def test_versions_are_those_of_the_installed_packages(monkeypatch):
    found = versions()
    assert found["python"] == platform.python_version()
    for package in ("tensorflow", "keras", "numpy"):
        assert found[package] == metadata.version(package)

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert versions() == found | dict.fromkeys(("tensorflow", "keras", "numpy"))


def test_hardware_is_that_of_this_machine():
    found = hardware()
    assert found["cores"] == os.cpu_count()
    assert found["platform"] == platform.platform()
    facts = Path("/proc/meminfo")
    if facts.exists():
        total = int(facts.read_text().split()[1]) * 1024
        assert abs(found["memory_bytes"] - total) < 0.05 * total
    facts = Path("/proc/cpuinfo")
    if facts.exists() and "model name" in facts.read_text():
        assert f"model name\t: {found['cpu']}\n" in facts.read_text()


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_state() is None
