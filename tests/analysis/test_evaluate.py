import io
import shutil

import numpy as np
import pytest
from sklearn.metrics import log_loss
from small_run import TEST, TRAIN, logit, make_run, write_csv

from seqtrain.analysis.evaluate import evaluate
from seqtrain.errors import DataError, RunError
from seqtrain.metrics import wilson_interval
from seqtrain.runs.data_of_run import change_data
from seqtrain.runs.run import Run
from seqtrain.system.sealed import unseal
from seqtrain.tables.evaluation import format_evaluation


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("evaluate"))


@pytest.fixture
def run(made, tmp_path):
    """A copy for each test, moved away from where it was made."""
    return Run(shutil.copytree(made.path, tmp_path / "moved"))


def kept_baselines(run):
    return run.path / "baselines.npz"


def without_timings(result):
    timings = {"predict_seconds", "examples_per_second"}
    assert timings <= result.keys()
    return {key: value for key, value in result.items() if key not in timings}


def test_the_test_data_gives_the_numbers_of_the_model(run):
    result = evaluate(run)

    logits = np.array([logit(text) for text, _ in TEST])
    labels = np.array([label == "pos" for _, label in TEST])
    correct = int(np.sum((logits > 0) == labels))
    assert 0 < correct < len(TEST)
    assert result["examples"] == len(TEST)
    assert result["accuracy"] == correct / len(TEST)
    low, high = wilson_interval(correct, len(TEST))
    assert (result["accuracy_low"], result["accuracy_high"]) == (low, high)
    expected = log_loss(labels, 1 / (1 + np.exp(-logits)))
    assert result["loss"] == pytest.approx(expected, rel=1e-5)
    assert result["per_class"]["pos"]["support"] == labels.sum()
    assert [(b["from"], b["to"], b["examples"]) for b in result["by_length"]] == [
        (0, 2, 3),
        (3, 4, 2),
        (5, 8, 2),
    ]
    assert result["examples_per_second"] > 0


def test_the_result_is_kept_with_the_run_and_says_the_same_again(run):
    result = evaluate(run)

    assert unseal((run.path / "eval" / "test.json").read_bytes()) == result
    assert without_timings(evaluate(run)) == without_timings(result)


def test_validation_data_is_the_share_that_training_held_back(run):
    result = evaluate(run, split="validation")

    assert result["examples"] == len(TRAIN) // 4
    assert run.read_json("eval/validation.json") == result


def test_baselines_are_fitted_once_and_kept_with_the_run(run):
    baselines = evaluate(run)["baselines"]

    # The training data is even, and id 0, the negative class, breaks the tie.
    negative = sum(label == "neg" for _, label in TEST)
    assert baselines["majority"]["accuracy"] == negative / len(TEST)
    assert baselines["tfidf_logistic_regression"]["accuracy_low"] > 0
    kept = kept_baselines(run).read_bytes()
    evaluate(run)
    assert kept_baselines(run).read_bytes() == kept


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:30],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:-1],
        lambda raw: b"garbage",
        lambda raw: b"\x80\x04N.",  # a pickle
        lambda raw: npy_of(np.zeros(3)),
        lambda raw: npy_of(np.array([{}], object), allow_pickle=True),
        lambda raw: npz_of(tokens=np.zeros(3, np.uint8)),
        lambda raw: npz_of(**dict(np.load(io.BytesIO(raw))) | {"idf": np.zeros(3)}),
        lambda raw: npz_of(**dict(np.load(io.BytesIO(raw))) | {"shares": np.zeros(5)}),
        lambda raw: npz_of(**dict(np.load(io.BytesIO(raw))) | {"idf": np.array(5)}),
    ],
)
def test_damaged_baselines_are_named_with_the_remedy(run, damage):
    evaluate(run)
    kept_baselines(run).write_bytes(damage(kept_baselines(run).read_bytes()))

    with pytest.raises(RunError, match="baselines.npz is damaged") as caught:
        evaluate(run)
    assert "delete it" in caught.value.hint

    kept_baselines(run).unlink()
    assert evaluate(run)["examples"] == len(TEST)


def npy_of(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def npz_of(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def test_the_report_shows_names_without_what_a_terminal_would_obey(run):
    result = evaluate(run)
    result["run"] = "\x1b[31mred"
    result["per_class"] = {"a\nb": result["per_class"]["pos"]}
    result["confusion"] = [[1]]
    assert format_evaluation(result).replace("\n", "").isprintable()


def test_another_file_is_read_by_the_columns_and_labels_of_the_run(run, tmp_path):
    data = tmp_path / "others.csv"
    write_csv(data, [("good good", "pos"), ("bad", "pos"), ("fine", "pos")])

    result = evaluate(run, data=data)

    assert result["data"] == str(data)
    assert result["accuracy"] == 2 / 3
    assert result["confusion"] == [[0, 0], [1, 2]]
    assert run.read_json("eval/data-others.json") == result
    assert not (run.path / "eval" / "test.json").exists()


def test_a_moved_run_needs_nothing_but_the_new_data(tmp_path):
    made = make_run(tmp_path / "there")
    evaluate(made)
    moved = Run(shutil.move(made.path, tmp_path / "here"))
    shutil.rmtree(tmp_path / "there")
    data = tmp_path / "others.csv"
    write_csv(data, TEST)

    assert evaluate(moved, data=data)["examples"] == len(TEST)


def test_an_unknown_label_is_named_with_its_place(run, tmp_path):
    data = tmp_path / "others.csv"
    write_csv(data, [("good", "pos"), ("bad", "negative")])

    with pytest.raises(DataError, match=r"others.csv:3: .*'negative'"):
        evaluate(run, data=data)


def test_labels_that_changed_after_training_are_named(run):
    run.write_json("labels.json", ["0", "1"])

    with pytest.raises(DataError, match="label 'pos' is not one of 0, 1"):
        evaluate(run)


def test_a_run_without_test_data_says_how_to_give_some(tmp_path):
    run = make_run(tmp_path)
    change_data(run, ["data.test=null"])

    with pytest.raises(DataError, match="no test data") as caught:
        evaluate(run)
    assert "--data" in caught.value.hint


def test_the_report_shows_percentages_in_eighty_columns(run):
    report = format_evaluation(evaluate(run))

    lines = report.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[3] == "this model                        71.43  35.89 to 91.78"
    assert "neg                 2    2" in lines  # of the confusion
    assert "AUC %        87.50" in lines


def test_the_report_of_many_long_names_stays_in_eighty_columns(run):
    result = evaluate(run)
    name = "a class whose name is so long that no table holds it, number {}"
    result["run"] = "r" * 90
    result["per_class"] = {
        name.format(k): result["per_class"]["pos"] for k in range(12)
    }
    result["confusion"] = np.eye(12, dtype=int).tolist()
    result["auc"] = None

    report = format_evaluation(result)

    assert max(map(len, report.splitlines())) <= 80
    assert "confusion of 12 classes" in report
