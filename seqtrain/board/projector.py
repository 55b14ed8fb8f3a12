"""The files from which TensorBoard's projector shows an embedding."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data.vocabulary import UNKNOWN
from ..system.disk import replace

TOKENS = 10_000  # the projector draws no more

PROJECTOR = """\
embeddings {
  tensor_name: "embedding"
  tensor_path: "embedding.tsv"
  metadata_path: "tokens.tsv"
}
"""


def write_projector(folder: Path, embedding: np.ndarray, tokens: Sequence[str]) -> None:
    """Write an embedding for the projector, with the token of each point.

    The files are text, because TensorBoard needs TensorFlow to read a checkpoint. Of
    a large vocabulary only the most frequent tokens are written.

    Args:
        folder: A folder with event files of the run.
        embedding: `(tokens, dim)`.
        tokens: By id, the most frequent first; padding is left out.

    Raises:
        WriteError: If a file can't be written.
    """
    rows = embedding[UNKNOWN:TOKENS].astype(np.float64).round(5).tolist()
    lines = ["\t".join(map(repr, row)) for row in rows]
    # In a file with one column each line is a token: there is no header.
    labels = [token.translate(_ESCAPES) for token in tokens[UNKNOWN:TOKENS]]
    for name, text in (
        ("embedding.tsv", _lines(lines)),
        ("tokens.tsv", _lines(labels)),
        ("projector_config.pbtxt", PROJECTOR),
    ):
        replace(folder / name, text.encode(errors="replace"))


_ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
