"""A room imports only from the floors below its own.

12 __main__
11 cli
10 commands
9  training
8  figures tables
7  analysis
6  models
5  runs board
4  config
3  tasks
2  data terminal
1  system sections
0  __init__ errors metrics spelling layers
"""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import seqtrain

PACKAGE = Path(seqtrain.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FLOORS = {
    name: int(floor)
    for floor, names in re.findall(r"^(\d+) +(.+)", __doc__, re.MULTILINE)
    for name in names.split()
}


def imported(path):
    """The absolute names that a file imports, wherever in it that happens."""
    package = ["seqtrain", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def home(path):
    """The module or package right under seqtrain that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def homes_imported(path):
    """The homes of what a file imports from seqtrain, its own one left out."""
    names = [name.split(".") for name in imported(path)]
    found = {parts[1] for parts in names if parts[0] == "seqtrain"}
    return {name if name in FLOORS else "__init__" for name in found} - {home(path)}


def test_each_room_has_its_floor():
    assert {home(path) for path in FILES} == FLOORS.keys()
    assert len(list(PACKAGE.glob("*.py"))) <= 6  # modules that lie flat


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_goes_up_or_sideways(path):
    floor = FLOORS[home(path)]
    assert [name for name in homes_imported(path) if FLOORS[name] >= floor] == []


def test_imports_of_modules_run_in_no_circle():
    modules = {
        ".".join(["seqtrain", *path.relative_to(PACKAGE).with_suffix("").parts]): path
        for path in FILES
    }
    graph = {
        name.removesuffix(".__init__"): {
            base
            for found in imported(path)
            for base in (found, found.rpartition(".")[0])
            if base in modules
        }
        for name, path in modules.items()
    }
    assert "seqtrain.models.build" in graph["seqtrain.training.attempt"]  # it was seen
    TopologicalSorter(graph).prepare()


def test_layers_need_nothing_else_of_seqtrain():
    for path in (PACKAGE / "layers").glob("*.py"):
        assert homes_imported(path) == set()


@pytest.mark.parametrize(
    ("library", "rooms"),
    [("pydantic", {"sections", "tasks", "config"}), ("yaml", {"config"})],
)
def test_what_a_config_is_made_of_is_known_to_few(library, rooms):
    knowing = {
        home(path)
        for path in FILES
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert knowing == rooms


def test_the_command_line_needs_no_more_than_typer_to_start():
    code = "import sys, seqtrain.cli; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    own = {name.split(".")[1] for name in loaded if name.startswith("seqtrain.")}
    assert own == {"cli", "commands", "errors", "system"}
    assert "typer" in loaded
    assert not {"numpy", "pydantic", "yaml", "keras", "tensorflow"} & set(loaded)
