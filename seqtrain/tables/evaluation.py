"""The result of an evaluation as text."""

from pathlib import Path

from ..errors import display_width, shorten
from ..terminal.columns import align, number

WIDTH = 80
_TITLES = {
    "tfidf_logistic_regression": "TF-IDF, logistic regression",
    "majority": "majority class",
}


def format_evaluation(result: dict) -> str:
    """Lay out a result of `evaluate` in at most 80 columns."""
    title = f"{result['run']}, {Path(result['data']).name} data"
    parts = [shorten(title, WIDTH), _model_table(result), _totals_table(result)]
    if "per_class" in result:
        parts += [
            _class_table(result["per_class"]),
            _confusion_table([*result["per_class"]], result["confusion"]),
            _length_table(result["by_length"]),
        ]
    return "\n\n".join(parts)


def _model_table(result: dict) -> str:
    baselines = result["baselines"]
    if "chance" in baselines or "accuracy" not in result:
        return _chance_table(result, baselines.get("chance", {}))
    titles = {name: _TITLES.get(name, name) for name in reversed(baselines)}
    rows = [["", "accuracy %", "95% interval"], ["this model", *_accuracy(result)]]
    rows += [[title, *_accuracy(baselines[name])] for name, title in titles.items()]
    return align(rows)


def _chance_table(result: dict, chance: dict[str, float]) -> str:
    """The scores of the model and the best ones without memory, where known."""
    rows = [["", "this model", "95% interval", "without memory"]]
    if "loss_low" in result:
        low, high = (number(result[f"loss_{end}"], ".4f") for end in ("low", "high"))
        interval = f"{low} to {high}"
        without = number(chance["loss"], ".4f") if "loss" in chance else "-"
        rows.append(["loss", number(result["loss"], ".4f"), interval, without])
    if "accuracy" in result:
        without = _percent(chance["accuracy"]) if "accuracy" in chance else "-"
        rows.append(["accuracy %", *_accuracy(result), without])
    return align(rows)


def _totals_table(result: dict) -> str:
    rows = [
        ["examples", str(result["examples"])],
        ["examples/s", f"{result['examples_per_second']:.0f}"],
        ["loss", number(result["loss"], ".4f")],
    ]
    if "auc" in result:
        auc = result["auc"]
        rows.append(["AUC %", "-" if auc is None else _percent(auc)])
    if result["skipped"]:
        rows.append(["bad rows, skipped", str(result["skipped"])])
    return align(rows)


def _class_table(per_class: dict[str, dict]) -> str:
    rows = [["class", "precision %", "recall %", "f1 %", "examples"]]
    for name, entry in per_class.items():
        shares = [_percent(entry[key]) for key in ("precision", "recall", "f1")]
        rows.append([shorten(name, 24), *shares, str(entry["support"])])
    return align(rows)


def _confusion_table(names: list[str], confusion: list[list[int]]) -> str:
    rows = [["true \\ predicted", *(shorten(name, 12) for name in names)]]
    for name, counts in zip(names, confusion, strict=True):
        rows.append([shorten(name, 24), *map(str, counts)])
    table = align(rows)
    if display_width(table.partition("\n")[0]) > WIDTH:
        return f"confusion of {len(names)} classes: too wide to show, --json has it"
    return table


def _length_table(by_length: list[dict]) -> str:
    rows = [["tokens", "accuracy %", "95% interval", "examples"]]
    for entry in by_length:
        tokens = f"{entry['from']} to {entry['to']}"
        rows.append([tokens, *_accuracy(entry), str(entry["examples"])])
    return align(rows)


def _accuracy(entry: dict) -> list[str]:
    low, high = _percent(entry["accuracy_low"]), _percent(entry["accuracy_high"])
    return [_percent(entry["accuracy"]), f"{low} to {high}"]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
