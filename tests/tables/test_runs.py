import pytest

from seqtrain.config import load_config
from seqtrain.errors import display_width
from seqtrain.runs.run import Run
from seqtrain.tables.runs import runs_table


@pytest.mark.parametrize("name", ["映画", "tre\u0300s", "映" * 40], ids=ascii)
def test_names_of_any_alphabet_leave_the_columns_straight(tmp_path, name):
    (tmp_path / "tiny.yaml").write_text("seed: 7\n")
    runs = [Run.create(each, root=tmp_path / "runs") for each in (name, "tiny")]
    for run in runs:
        run.start(tmp_path / "tiny.yaml", load_config(tmp_path / "tiny.yaml"), "train")
    lines = runs_table(runs).splitlines()
    straight = [line for line in lines if line != f"{name}-1"]
    assert len(straight) == 3  # a name too wide for its column has a line of its own
    assert len({display_width(line) for line in straight}) == 1
    assert max(map(display_width, straight)) <= 80
