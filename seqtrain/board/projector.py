"""Words in space: what TensorBoard's projector shows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..data.vocabulary import UNKNOWN
from ..system.disk import replace

TOKENS = 10_000  # the projector makes no picture of more


PROJECTOR = """\
embeddings {
  tensor_name: "embedding"
  tensor_path: "embedding.tsv"
  metadata_path: "tokens.tsv"
}
"""


def write_projector(folder: Path, embedding: np.ndarray, tokens: Sequence[str]) -> None:
    """Have the projector show an embedding, each point with its token.

    As text, because TensorBoard needs TensorFlow to read a checkpoint. Of a large
    vocabulary the most frequent tokens are shown.

    Args:
        folder: One with event files of the run.
        embedding: `(tokens, dim)`.
        tokens: By their ids, the most frequent first; that of padding is left out.

    Raises:
        WriteError: If it can't be written.
    """
    rows = embedding[UNKNOWN:TOKENS].astype(np.float64).round(5).tolist()
    lines = ["\t".join(map(repr, row)) for row in rows]
    # In a file of one column a line is a token, and no line is a header.
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
