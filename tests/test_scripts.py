"""The scripts choose the Python that PYTHON names, and an environment of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def call(tmp_path):
    """Call a script in a copy of the repository with environments that only speak."""
    for name in ("install", "test", "venv"):
        (tmp_path / "scripts").mkdir(exist_ok=True)
        shutil.copy(SCRIPTS / name, tmp_path / "scripts" / name)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("")
    for name in (".venv", f".venv-{VERSION}"):
        python = tmp_path / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\necho {name} "$@"\n')
        python.chmod(0o755)
        (tmp_path / name / "installed-seqtrain-test").write_text(f"{tmp_path}\n")

    def call(script, *arguments, **environment):
        others = {k: v for k, v in os.environ.items() if k != "PYTHON"}
        return subprocess.run(
            ["sh", tmp_path / "scripts" / script, *arguments],
            env=others | environment,
            capture_output=True,
            text=True,
        )

    return call


def test_the_tests_run_in_the_environment_of_the_python_that_is_named(call):
    options = "-m pytest --numprocesses auto --dist loadfile -k x\n"
    assert call("test", "-k", "x").stdout == f".venv {options}"
    done = call("test", "-k", "x", PYTHON=sys.executable)
    assert done.stdout == f".venv-{VERSION} {options}"


def test_what_is_no_python_is_named(call, tmp_path):
    done = call("test", PYTHON="no-such-python")
    assert done.returncode == 1
    assert "error: PYTHON=no-such-python is no Python\nhint: name one" in done.stderr
    old = tmp_path / "an old python"
    old.write_text("#!/bin/sh\n[ $1 = --version ] && echo Python 3.9.18 || echo 3.9\n")
    old.chmod(0o755)
    shutil.rmtree(tmp_path / ".venv")
    done = call("install", PYTHON=str(old))
    assert "making .venv-3.9" in done.stdout  # this one says yes to all
