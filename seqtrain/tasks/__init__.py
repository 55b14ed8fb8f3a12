"""The kinds of data and target, and all that depends on them.

Each kind has a file of its own. A new one is chosen here, by its import and its place
in `KINDS`; nothing else in the program knows which kinds there are.
"""

from ..data.encoded import Data
from ..data.vocabulary import Vocabulary
from ..sections.data import DataSection
from . import adding, copying, temporal_order, texts
from .kind import Kind

KINDS = (texts.KIND, adding.KIND, copying.KIND, temporal_order.KIND)


def kind_of(section: DataSection) -> Kind:
    """Return the kind of a `data` section."""
    [kind] = (kind for kind in KINDS if type(section) in kind.sections)
    return kind


def load_data(
    section: DataSection, *, seed: int, vocab: Vocabulary | None = None
) -> Data:
    """Load the data of a section, encoded.

    Args:
        section: The `data` section of a config.
        seed: Draws the validation part, and what is made on the spot.
        vocab: The vocabulary to encode by; made from the training part if not given.

    Raises:
        DataError: If the data is wrong.
    """
    return kind_of(section).load(section, seed, vocab)
