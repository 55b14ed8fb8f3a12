"""The verdicts of verify-resume as text."""

from collections.abc import Sequence

from ..analysis.verify import Verdict
from ..terminal.columns import align


def format_verdicts(verdicts: Sequence[Verdict]) -> str:
    """Lay out in how many runs each compared result was equal."""
    kills = sum(verdict.kills for verdict in verdicts)
    rows = [["", "equal, bit for bit"]]
    for name in verdicts[0].compared:
        equal = sum(name not in verdict.different for verdict in verdicts)
        rows.append([name, f"{equal} of {len(verdicts)}"])
    return f"{align(rows)}\n{kills} kills in {len(verdicts)} runs"
