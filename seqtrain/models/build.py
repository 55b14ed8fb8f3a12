"""The `model` section of a config, as a Keras model."""

import keras

from ..config import LayerConfig, ModelConfig
from ..layers import GRU, LSTM, RNN, Bidirectional, Chrono, Dropout, TemporalPooling
from ..tasks.tasks import TEXTS, Task

LAYERS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


def build_model(
    config: ModelConfig,
    *,
    vocab_size: int,
    num_classes: int,
    max_length: int,
    task: Task = TEXTS,
) -> keras.Model:
    """Embedding → recurrent layers → pooling → Dense.

    A residual layer adds its input to its output, `y_t = layer(x)_t + x_t` [2].
    The pooling of the top layer's outputs h_1 … h_T, over real timesteps only:

        last     h_T, in the backward direction h_1
        mean     Σ h_t / T
        max      max h_t, feature by feature
        concat   last, mean and max side by side [1]

    Args:
        config: The `model` section.
        vocab_size: Rows of the embedding.
        num_classes: Two make a binary classifier with one logit.
        max_length: The longest sequence, over which a chrono bias spreads the
            memories.
        task: What it reads and puts out.

    Returns:
        A model from token ids `(batch, timesteps)`, 0 for padding on the right,
        to logits: `(batch, 1)` for two classes, otherwise `(batch, num_classes)`.
        For other tasks from numbers `(batch, timesteps, features)` without an
        embedding; to one value, or to the logits of each timestep without a pooling.

    References:
        [1] Howard and Ruder, Universal language model fine-tuning for text
            classification, 2018.
        [2] Wu et al., Google's neural machine translation system, 2016.
    """
    if task.features is None:
        inputs = keras.Input((None,), dtype="int32", name="tokens")
        x = keras.layers.Embedding(
            vocab_size,
            config.embedding.dim,
            # Sequences with a class at each timestep are of one length.
            mask_zero=task.output == "class",
            name="embedding",
        )(inputs)  # (batch, timesteps, dim)
        x = _dropout(config.embedding.dropout, x, "embedding_dropout")
    else:
        inputs = x = keras.Input((None, task.features), name="numbers")
    # Named by their place: the names that Keras gives go on counting in a process.
    *lower, top = enumerate(config.layers, 1)
    for layer in lower:
        x = _apply(*layer, max_length, x)
    if task.output == "sequence":
        x = _apply(*top, max_length, x)
    elif config.pooling == "last":
        x = _apply(*top, max_length, x, return_sequences=False)
    elif config.pooling == "concat":
        layer = _recurrent(*top, max_length, return_sequences=True, return_state=True)
        outputs, *states = layer(x)
        # The hidden state comes first among the states of each direction.
        both = config.layers[-1].bidirectional
        last = states[:: len(states) // 2] if both else states[:1]
        pooled = [TemporalPooling(mode, name=mode)(outputs) for mode in ("mean", "max")]
        x = keras.layers.Concatenate(name="concat")([*last, *pooled])
    else:
        x = _apply(*top, max_length, x)
        x = TemporalPooling(config.pooling, name=config.pooling)(x)
    x = _dropout(config.dropout, x, "dropout")  # (batch, features)
    columns = output_columns(task, num_classes)
    logits = keras.layers.Dense(columns, dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name="seqtrain")


def output_columns(task: Task, num_classes: int) -> int:
    """How many numbers a model puts out for a sequence, or for each timestep."""
    if task.output == "value" or (task.output == "class" and num_classes == 2):
        return 1
    return num_classes


def _dropout(rate: float, x, name: str):
    return Dropout(rate, name=name)(x) if rate else x


def _apply(
    number: int, config: LayerConfig, max_length: int, x, return_sequences: bool = True
):
    """What a layer makes of x: `layer(x)`, or `layer(x) + x` if it is residual."""
    layer = _recurrent(number, config, max_length, return_sequences=return_sequences)
    outputs = layer(x)
    if not config.residual:
        return outputs
    if not return_sequences:
        x = TemporalPooling("last", name=f"last_{number}")(x)
    return keras.layers.Add(name=f"residual_{number}")([outputs, x])


def _recurrent(
    number: int, config: LayerConfig, max_length: int, **options
) -> keras.Layer:
    name = f"{config.cell}_{number}"
    bias_initializer = config.bias_initializer
    if bias_initializer == "chrono":
        bias_initializer = Chrono(max_length)
    for key in ("output_units", "omega"):  # of an RNN only
        if getattr(config, key) is not None:
            options[key] = getattr(config, key)
    layer = LAYERS[config.cell](
        config.units,
        activation=config.activation,
        formulation=config.formulation,
        dropout=config.dropout,
        weight_dropout=config.weight_dropout,
        zoneout=config.zoneout,
        layer_norm=config.layer_norm,
        kernel_initializer=config.kernel_initializer,
        recurrent_initializer=config.recurrent_initializer,
        bias_initializer=bias_initializer,
        name=name,
        **options,
    )
    if config.bidirectional:
        return Bidirectional(layer, name=f"bidirectional_{name}")
    return layer
