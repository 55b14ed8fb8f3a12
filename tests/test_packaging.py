import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of this tree, unpacked as pip would install it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
        + ["--no-index", "--quiet", "--wheel-dir", folder, ROOT],
        check=True,
    )
    [built] = folder.glob("*.whl")
    zipfile.ZipFile(built).extractall(folder / "installed")
    return folder / "installed"


def run(wheel, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=wheel,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_wheel_carries_the_configs_and_the_licence(wheel):
    configs = {path.name for path in ROOT.glob("configs/*.yaml")}
    assert "quickstart.yaml" in configs
    assert {path.name for path in wheel.glob("seqtrain/configs/*.yaml")} == configs
    assert (wheel / "seqtrain/configs/seqtrain.schema.json").is_file()
    assert list(wheel.glob("seqtrain-*.dist-info/licenses/LICENSE"))


def test_wheel_carries_nothing_but_the_package(wheel):
    [metadata] = wheel.glob("*.dist-info")
    assert {path.name for path in wheel.iterdir()} == {"seqtrain", metadata.name}


def test_installed_package_finds_its_configs(wheel):
    find = "from seqtrain.config import find_config; print(find_config('quickstart'))"
    assert Path(run(wheel, "-c", find).strip()).is_relative_to(wheel)


def test_installed_package_runs_as_a_module(wheel):
    import seqtrain

    assert seqtrain.__version__ in run(wheel, "-m", "seqtrain", "--version")


def test_sdist_carries_what_its_tests_read(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [archive] = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        files = {name.partition("/")[2] for name in tar.getnames()}
    needed = [
        "README.md",
        "constraints.txt",
        *ROOT.glob("docs/*"),
        *ROOT.glob("configs/*"),
    ]
    assert {str(ROOT.joinpath(path).relative_to(ROOT)) for path in needed} <= files


def test_constraints_are_plain_pins():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, version = line.split("==")
        assert name.replace("-", "").isalnum()
        assert version.replace(".", "").isdigit()
