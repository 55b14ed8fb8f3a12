"""The table of runs, which no run can spoil."""

from collections.abc import Sequence
from datetime import datetime

from ..errors import RunError, display_width, printable, shorten
from ..runs.checkpoints import Checkpoints
from ..runs.run import Run, began
from ..tasks import kind_of
from ..terminal.columns import align, number, pad


def find_damage(run: Run) -> str | None:
    """Return in a line why `runs_table` can't show a run; None if it can."""
    try:
        _undamaged_row(run)
    except RunError as error:
        return shorten("; ".join(str(error).splitlines()), 500)
    return None


def runs_table(runs: Sequence[Run]) -> str:
    """Lay out one row for each run in 80 columns; a long name gets its own line.

    The validation columns are those of the epoch whose model was kept.
    """
    header = ["status", "started", "seconds", "epoch", "val loss", "val %", "test %"]
    lines = align([header, *map(_table_row, runs)]).splitlines()
    names = ["run", *(printable(run.path.name) for run in runs)]
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
        return ["damaged", _shown(began(run)), *"-----"]


def _undamaged_row(run: Run) -> list[str]:
    """The row of a run.

    Raises:
        RunError: If a file of the run is damaged.
    """
    try:
        return _read_row(run)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{run.path} is damaged, a number is missing in one of its files "
            f"({shorten(str(error))})",
            hint="copy the whole run again",
        ) from None


def _read_row(run: Run) -> list[str]:
    run.folder.check()
    info = run.info
    row = [
        shorten(run.status, 11),
        _shown(datetime.fromisoformat(info["started"])),
        number(info["seconds"], ".0f") if "seconds" in info else "-",
    ]
    last, best = _last_and_best(run)
    if best:
        row += [number(last["epoch"], "d"), number(best["loss"], ".4f")]
        row += [_percent(run, best)]
    else:
        row += ["-", "-", "-"]
    if run.folder.has("eval/test.json"):
        return [*row, _percent(run, run.read_json("eval/test.json"))]
    return [*row, "-"]


def _shown(moment: datetime) -> str:
    try:
        return moment.astimezone().strftime("%m-%d %H:%M")
    except (OverflowError, ValueError):  # in the last hours of the year 9999, say
        return "-"


def _last_and_best(run: Run) -> tuple[dict, dict]:
    """The last evaluation and the best; of equally good ones the first, as in training.

    They are empty if there is none.
    """
    if change := Checkpoints(run.path).change_in_metrics():
        raise RunError(change, hint="copy the whole run again")
    last, best = {}, {}
    for line in run.read_metrics():
        if line["split"] != "validation":
            continue
        last = line
        if not best or _is_better(line, best, run.config.train.monitor):
            best = line
    return last, best


def _is_better(line: dict, best: dict, monitor: str) -> bool:
    if monitor == "loss":
        return line["loss"] < best["loss"]
    return line[monitor] > best[monitor]


def _percent(run: Run, measured: dict) -> str:
    """The accuracy in percent; `-` for targets that have none."""
    if "accuracy" in kind_of(run.config.data).target.metrics:
        return number(100 * measured["accuracy"], ".2f")
    return "-"
