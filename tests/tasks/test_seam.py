"""Nothing outside of `tasks` asks what kind of data it is."""

import ast
from pathlib import Path

import pytest

import seqtrain
from seqtrain.config import load_config, shipped_configs
from seqtrain.tasks import KINDS, kind_of

PACKAGE = Path(seqtrain.__file__).parent
FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    # In `schedules` a kind is one of schedule.
    if path.parent.name != "tasks" and path.name != "schedules.py"
]
# Names by which a condition would ask for the kind: of the kind, of its parts.
ASKED = {"task", "source", "kind", "inputs", "target"}
CLASSES = {
    *(section.__name__ for kind in KINDS for section in kind.sections),
    *(type(part).__name__ for kind in KINDS for part in (kind.inputs, kind.target)),
}


def conditions(tree):
    """Every expression that decides what is done."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            yield node.test
        elif isinstance(node, ast.Compare | ast.BoolOp):
            yield node
        elif isinstance(node, ast.match_case):
            yield node.pattern
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            yield node


def asks_for_the_kind(condition):
    """Whether a condition compares a kind or a part of it, or looks at its class."""
    for node in ast.walk(condition):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                name = getattr(side, "attr", getattr(side, "id", None))
                if name in ASKED:
                    return True
                if name == "name" and ast.unparse(side).endswith("kind.name"):
                    return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            if CLASSES & {
                each.id for each in ast.walk(node.args[1]) if hasattr(each, "id")
            }:
                return True
    return False


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_condition_asks_which_kind_it_is(path):
    found = {
        f"{path.name}:{condition.lineno}: {ast.unparse(condition)}"
        for condition in conditions(ast.parse(path.read_text()))
        if asks_for_the_kind(condition)
    }
    assert not found


@pytest.mark.parametrize(
    "condition",
    ["config.data.task == 'copy'", "isinstance(data, FilesData)", "kind.name != 'x'"],
)
def test_such_a_condition_would_be_seen(condition):
    assert asks_for_the_kind(ast.parse(condition, mode="eval").body)


def test_each_section_has_one_kind():
    sections = [section for kind in KINDS for section in kind.sections]
    assert len(sections) == len(set(sections))
    for path in shipped_configs():
        data = load_config(path).data
        assert type(data) in kind_of(data).sections
