"""The kinds of data and target, and all that depends on them.

Each kind has its own file. To add one, write its file and put it into `KINDS`; nothing
else in the program knows which kinds there are.
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
    """Load and encode the data of a section.

    Args:
        section: The `data` section of a config.
        seed: Draws the validation part and generated examples.
        vocab: The vocabulary to encode with; built from the training part if not
            given.

    Raises:
        DataError: If the data is missing, damaged or can't be learned from.
    """
    return kind_of(section).load(section, seed, vocab)
