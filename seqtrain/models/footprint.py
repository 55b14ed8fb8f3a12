"""How much memory a training takes, estimated from its config and data."""

from ..config import Config
from ..data.encoded import Data, Encoded
from ..sections.model import LayerConfig
from ..system.memory import available_memory
from ..tasks import kind_of

_GIB = 2**30
_FLOAT = 4  # bytes

# Measured on Linux, as are the factors below: what a process has whose model and data
# are tiny. Most of it are TensorFlow's libraries.
_LIBRARIES = 0.75 * _GIB
# What an optimizer keeps for each weight, beside the weight and its gradient.
_SLOTS = {"adam": 2, "adamw": 2, "sgd": 1, "rmsprop": 1}
# Copies of a weight: in the compiled step, for the log, in a checkpoint and its file.
_COPIES = 24
# By cell, in units: columns of a kernel, and states. Others are at most as large.
_GATES = {"rnn": 1, "gru": 3, "lstm": 4}
_STATES = {"rnn": 1, "gru": 1, "lstm": 2}


def describe_memory(config: Config, data: Data) -> tuple[str, str]:
    """Return how much memory a training takes, and a warning if there is less."""
    needed, left = training_memory(config, data), available_memory()
    said = f"memory: about {needed / _GIB:.1f} GiB"
    if left is None or needed <= left:
        return said, ""
    return said, (
        f"warning: only {left / _GIB:.1f} GiB of memory are free, a training takes "
        f"about {needed / _GIB:.1f} and may be killed\n"
        "hint: a smaller train.batch_size, data.max_length or units need less"
    )


def training_memory(config: Config, data: Data) -> int:
    """Estimate the bytes that a training takes at its peak.

    These are the libraries, the examples, the weights with their gradients and what
    the optimizer knows of them, and what the layers keep of a batch for their
    gradients. It is right within a factor of two.
    """
    train = config.train
    weights = _weights(config, len(data.vocab), len(data.labels))
    copies = 2 + _SLOTS[train.optimizer] + _COPIES
    # The step is compiled for several padded lengths at once, and runs while it is.
    widths = data.training_buckets if train.jit_compile else data.training_buckets[-1:]
    timesteps = min(train.batch_size, data.train.examples) * sum(widths)
    floats = weights * copies + timesteps * _kept(config)
    return round(_LIBRARIES + sum(map(_size, data[:3])) + _FLOAT * floats)


def _size(part: Encoded | None) -> int:
    arrays = [] if part is None else [part.inputs, part.lengths, part.starts]
    return sum(array.nbytes for array in arrays)


def _weights(config: Config, vocab_size: int, num_classes: int) -> int:
    """The number of a model's weights, but for some biases."""
    kind, model = kind_of(config.data), config.model
    width = kind.inputs.width(model)
    total = vocab_size * width if kind.inputs.embedded else 0
    for layer in model.layers:
        # The document's LSTM has a second recurrent kernel, layer_norm some vectors.
        kernels = 2 if layer.formulation == "document" else 1
        rows = width + kernels * layer.units + 3
        total += _columns(layer, _GATES) * rows
        width = layer.width
    return total + width * kind.target.columns(num_classes)


def _kept(config: Config) -> int:
    """The numbers that are kept for each timestep of a sequence."""
    width = kind_of(config.data).inputs.width(config.model)
    total, most = 3 * width, 0
    for layer in config.model.layers:
        gates, states = _columns(layer, _GATES), _columns(layer, _STATES)
        total += gates + states + layer.width
        most = max(most, 2 * gates)  # while the loop runs back
    return total + most


def _columns(layer: LayerConfig, of_cell: dict[str, int]) -> int:
    both = 1 + layer.bidirectional
    return both * layer.units * of_cell.get(layer.cell, max(of_cell.values()))
