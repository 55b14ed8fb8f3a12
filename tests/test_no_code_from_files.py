"""Nothing that seqtrain reads can run code: no pickle, no model out of safe mode."""

import ast
from pathlib import Path

import pytest

import seqtrain

FILES = sorted(Path(seqtrain.__file__).parent.rglob("*.py"))
# What runs code that a file brings along.
NAMES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_module_opens_a_pickle(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not NAMES & {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in NAMES
        elif isinstance(node, ast.Call):
            call = ast.unparse(node.func)
            options = {key.arg: ast.unparse(key.value) for key in node.keywords}
            if call in ("np.load", "numpy.load"):
                assert options.get("allow_pickle") == "False"
            # A model that is converted was in the process before.
            if call.endswith("saving.load_model") and path.name != "convert.py":
                assert options.get("safe_mode") == "True"
            assert call not in ("eval", "exec", "yaml.load", "np.fromfile")
            assert not call.endswith("enable_unsafe_deserialization")
