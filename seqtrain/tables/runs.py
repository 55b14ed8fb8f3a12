"""The table of runs."""

from collections.abc import Sequence
from datetime import datetime

from ..errors import RunError, display_width
from ..runs.run import Run, began
from ..tasks import kind_of
from ..terminal.columns import align, decimal, pad


def find_damage(run: Run) -> str | None:
    """Return why `runs_table` can't show a run completely; None if it can."""
    try:
        _undamaged_row(run)
    except RunError as error:
        return str(error)
    return None


def runs_table(runs: Sequence[Run]) -> str:
    """Lay out one row for each run in 80 columns; a long name gets its own line.

    The validation columns are those of the epoch whose model was kept.
    """
    header = ["status", "started", "seconds", "epoch", "val loss", "val %", "test %"]
    lines = align([header, *map(_table_row, runs)]).splitlines()
    names = ["run", *(run.path.name for run in runs)]
    room = min(max(map(display_width, names)), 78 - len(lines[0]))
    return "\n".join(
        f"{pad(name, room)}  {line}"
        if display_width(name) <= room
        else f"{name}\n{'':{room}}  {line}"
        for name, line in zip(names, lines, strict=True)
    )


def _table_row(run: Run) -> list[str]:
    try:
        return _undamaged_row(run)
    except RunError:
        return ["damaged", began(run).astimezone().strftime("%m-%d %H:%M"), *"-----"]


def _undamaged_row(run: Run) -> list[str]:
    """The row of a run.

    Raises:
        RunError: If a file of the run is damaged.
    """
    try:
        return _read_row(run)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{run.path} is damaged, a number is missing in one of its files ({error})",
            hint="copy the whole run again",
        ) from None


def _read_row(run: Run) -> list[str]:
    info = run.info
    started = datetime.fromisoformat(info["started"]).astimezone()
    row = [
        run.status,
        started.strftime("%m-%d %H:%M"),
        f"{info['seconds']:.0f}" if "seconds" in info else "-",
    ]
    evaluations = [line for line in run.metrics() if line["split"] == "validation"]
    if evaluations:
        best = _best(evaluations, run.config.train.monitor)
        row += [
            str(evaluations[-1]["epoch"]),
            decimal(best["loss"]),
            _percent(run, best),
        ]
    else:
        row += ["-", "-", "-"]
    if (run.path / "eval" / "test.json").exists():
        return [*row, _percent(run, run.read_json("eval/test.json"))]
    return [*row, "-"]


def _percent(run: Run, measured: dict) -> str:
    """The accuracy in percent; `-` for targets that have none."""
    if "accuracy" in kind_of(run.config.data).target.metrics:
        return f"{100 * measured['accuracy']:.2f}"
    return "-"


def _best(evaluations: list[dict], monitor: str) -> dict:
    """The best epoch; the first of equally good ones, as in training."""
    if monitor == "loss":
        return min(evaluations, key=lambda line: line["loss"])
    return max(evaluations, key=lambda line: line[monitor])
