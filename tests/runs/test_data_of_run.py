"""A run whose data lies elsewhere, or has other names, than when it was trained."""

import shutil

import pytest
from small_run import TEST, make_run, write_csv

from seqtrain.analysis.evaluate import evaluate
from seqtrain.errors import ConfigError, DataError
from seqtrain.runs.data_of_run import change_data, pointing_to_data
from seqtrain.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory, own_cache):
    return make_run(tmp_path_factory.mktemp("there") / "a b")


def test_a_run_reads_its_data_where_it_is_told(run, tmp_path):
    want = evaluate(run)
    moved = Run(shutil.copytree(run.path, tmp_path / "run"))
    change_data(moved, [f"data.test={tmp_path}/t.csv", "data.train=~/gone.csv"])
    with pytest.raises(DataError) as raised, pointing_to_data(moved):
        evaluate(moved)
    assert "if the data of" in raised.value.hint
    assert raised.value.hint.endswith("by --set data.train=PATH")
    write_csv(tmp_path / "t.csv", TEST)
    assert evaluate(moved)["accuracy"] == want["accuracy"]


def test_columns_of_another_name_are_told(run, tmp_path):
    rows = (tmp_path / "r.csv").write_text("text,y\ngood,pos\nbad,neg\n")
    file = tmp_path / "r.csv"
    assert rows
    other = Run(run.path)
    with pytest.raises(DataError, match="no column 'review'"):
        evaluate(other, data=file)
    change_data(other, ["data.text=text", "data.label=y"], file)
    assert evaluate(other, data=file)["examples"] == 2


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("Pos", "NEG"), ["'Pos' for 'pos'", "'NEG' for 'neg'"]),
        (("pos", "neg"), []),
    ],
)
def test_labels_of_another_spelling_are_taken_and_said(run, tmp_path, labels, said):
    file = tmp_path / "r.csv"
    write_csv(file, [("good", labels[0]), ("bad", labels[1])])
    result = evaluate(run, data=file)
    assert result["accuracy"] == 1
    assert len(result["notes"]) == bool(said)
    assert all(each in result["notes"][0] for each in said)


def test_other_labels_are_refused_with_a_remedy(run, tmp_path):
    write_csv(tmp_path / "r.csv", [("good", "1"), ("bad", "0")])
    with pytest.raises(DataError, match="label '1' is not one of neg, pos") as raised:
        evaluate(run, data=tmp_path / "r.csv")
    assert "data.label" in raised.value.hint


@pytest.mark.parametrize(
    "setting",
    [
        "data.max_length=3",
        "data.standardize.lowercase=false",
        "data.tokens=characters",
        "data.buckets=[8]",
        "train.epochs=3",
        "seed=1",
        "data.source=imdb",
    ],
)
def test_what_the_model_was_trained_with_stays(run, setting):
    with pytest.raises(ConfigError):
        change_data(Run(run.path), [setting])


def test_a_run_of_made_reviews_reads_a_file(run, tmp_path):
    made = Run(shutil.copytree(run.path, tmp_path / "run"))
    made.config = made.config.model_copy(
        update={"data": type_of_generated()(max_length=60)}
    )
    change_data(made, ["data.text=t"], tmp_path / "f.csv")
    assert made.config.data.source == "files"
    assert made.config.data.text == "t"
    assert made.config.data.max_length == 60


def type_of_generated():
    from seqtrain.tasks.texts import GeneratedData

    return GeneratedData
