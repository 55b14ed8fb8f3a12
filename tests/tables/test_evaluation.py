from seqtrain.errors import display_width
from seqtrain.tables.evaluation import WIDTH, format_evaluation

SHARES = {"accuracy": 0.5, "accuracy_low": 0.25, "accuracy_high": 0.75}


def report_of(names):
    entry = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 1}
    return format_evaluation(
        {
            "run": "runs/tiny-1",
            "data": "test.csv",
            **SHARES,
            "baselines": {"tfidf_logistic_regression": SHARES, "majority": SHARES},
            "examples": len(names),
            "examples_per_second": 1.0,
            "loss": 0.5,
            "auc": None,
            "skipped": 0,
            "per_class": dict.fromkeys(names, entry),
            "confusion": [[1] * len(names)] * len(names),
            "by_length": [],
        }
    )


def test_a_confusion_too_wide_for_the_terminal_is_left_out_whatever_the_alphabet():
    names = [f"映画館映画館{number}" for number in range(5)]
    report = report_of(names)
    assert "confusion of 5 classes: too wide to show" in report
    assert max(map(display_width, report.splitlines())) <= WIDTH
    assert "true \\ predicted" in report_of(names[:3])


def test_what_has_no_accuracy_and_no_baseline_is_told_by_its_loss():
    result = {"run": "runs/tiny-1", "data": "test", "baselines": {}, "examples": 3}
    result |= {"examples_per_second": 1.0, "skipped": 0}
    result |= {"loss": 0.5, "loss_low": 0.25, "loss_high": 0.75}
    report = format_evaluation(result)
    assert "0.2500 to 0.7500" in report
    assert "%" not in report.replace("95%", "")
