import json
import re
from pathlib import Path

import pytest

from seqtrain.system.sealed import unseal


def test_eval_takes_the_newest_run_and_its_test_data(call):
    done = call("eval")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("tiny-1, test data\n")
    for row in ("this model", "TF-IDF, logistic regression", "majority class"):
        assert re.search(
            rf"^{row} +\d+\.\d\d +\d+\.\d\d to ", done.stdout, re.MULTILINE
        )
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert json.loads(Path("runs/tiny-1/eval/test.json").read_text())["examples"] == 50


def test_eval_prints_one_json_document(call):
    done = call("eval", "tiny-1", "--split", "validation", "--json")
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert result == unseal(Path("runs/tiny-1/eval/validation.json").read_bytes())
    assert result["examples"] == 20
    assert result["accuracy_low"] <= result["accuracy"] <= result["accuracy_high"]


@pytest.mark.parametrize("split", ["test", "validation"])
def test_eval_takes_a_file_or_a_split_but_not_both(call, split):
    done = call("eval", "tiny-1", "--data", "reviews.csv", "--split", split)
    assert done.returncode == 2
    assert done.stderr == "error: eval: --data and --split exclude each other\n"


def test_eval_takes_a_file(call):
    done = call("eval", "runs/tiny-1", "--data", "reviews.csv", "--json")
    assert json.loads(done.stdout)["examples"] == 2
