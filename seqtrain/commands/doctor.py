"""`seqtrain doctor`: check that this machine has what training needs."""

import json

from ..errors import SeqtrainError
from ..system.quiet import import_tensorflow
from .arguments import Json
from .output import print_result


def doctor(json_: Json = False) -> None:
    """Look at what a training needs of this machine, and try one."""
    import_tensorflow()
    from ..analysis.doctor import examine
    from ..tables.doctor import format_finding

    findings = []
    for finding in examine():
        findings.append(finding)
        if not json_:
            print_result(format_finding(finding))
    if json_:
        print_result(json.dumps([finding._asdict() for finding in findings], indent=2))
    failed = [finding.name for finding in findings if finding.verdict == "failed"]
    if failed:
        raise SeqtrainError(f"doctor: {', '.join(failed)} failed")
