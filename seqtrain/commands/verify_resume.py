"""`seqtrain verify-resume`: prove that a resumed training equals an unbroken one."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ..errors import SeqtrainError
from ..system.quiet import import_tensorflow
from .arguments import ConfigName, Overrides
from .configs import read_config_and_data
from .output import print_result, say


def verify_resume(
    config: ConfigName,
    set_: Overrides = None,
    kills: Annotated[int, typer.Option(min=1, help="How often to kill it.")] = 3,
    seed: Annotated[int, typer.Option(help="Draws the instants.")] = 0,
) -> None:
    """Prove that a training that is killed and resumed ends as one that is not."""
    path, _, _ = read_config_and_data(config, set_)
    import_tensorflow()
    from ..analysis.verify import verify_resume
    from ..tables.verify import format_verdicts

    overrides = [word for setting in set_ or () for word in ("--set", setting)]
    folder = Path(tempfile.mkdtemp(prefix="seqtrain-verify-"))
    verdicts = verify_resume(
        [str(path), *overrides], folder, kills=kills, seed=seed, say=say
    )
    print_result(format_verdicts(verdicts))
    if any(verdict.different for verdict in verdicts):
        raise SeqtrainError(f"a resumed run ended otherwise; the runs are in {folder}")
    shutil.rmtree(folder)
