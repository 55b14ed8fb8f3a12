"""Build the Keras model of a config."""

import keras

from ..config import Config
from ..layers import GRU, LSTM, RNN, Bidirectional, Chrono, Dropout, TemporalPooling
from ..sections.model import LayerConfig
from ..tasks import kind_of

LAYERS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


def build_model(config: Config, *, vocab_size: int, num_classes: int) -> keras.Model:
    """Build embedding (of tokens) → recurrent layers → pooling → dense layer.

    A residual layer adds its input to its output, `y_t = layer(x)_t + x_t` [2].
    The pooling of the top layer's outputs h_1 … h_T, over real timesteps only:

        last     h_T, in the backward direction h_1
        mean     Σ h_t / T
        max      max h_t, feature by feature
        concat   last, mean and max side by side [1]

    If each timestep has a target, nothing is pooled.

    Args:
        config: The config. A chrono bias spreads the memories over `data.max_length`
            timesteps.
        vocab_size: Rows of the embedding.
        num_classes: Number of classes; 0 if the targets are values. Two classes for a
            whole sequence make one logit.

    Returns:
        A model of token ids `(batch, timesteps)`, padded with 0 on the right, or of
        numbers `(batch, timesteps, features)`. Its outputs are logits, `(batch, 1)` for
        two classes, else `(batch, num_classes)`; a value, `(batch, 1)`; or the logits
        of each timestep, `(batch, timesteps, num_classes)`.

    References:
        [1] Howard and Ruder, Universal language model fine-tuning for text
            classification, 2018.
        [2] Wu et al., Google's neural machine translation system, 2016.
    """
    kind, model, max_length = kind_of(config.data), config.model, config.data.max_length
    inputs, x = kind.inputs.layers(model, vocab_size)
    # Named by position: the names that Keras makes up count on within a process.
    *lower, top = enumerate(model.layers, 1)
    for layer in lower:
        x = _apply(*layer, max_length, x)
    if kind.target.per_step:
        x = _apply(*top, max_length, x)
    elif model.pooling == "last":
        x = _apply(*top, max_length, x, return_sequences=False)
    elif model.pooling == "concat":
        layer = _recurrent(*top, max_length, return_sequences=True, return_state=True)
        outputs, *states = layer(x)
        # The hidden state comes first among the states of each direction.
        both = model.layers[-1].bidirectional
        last = states[:: len(states) // 2] if both else states[:1]
        pooled = [TemporalPooling(mode, name=mode)(outputs) for mode in ("mean", "max")]
        x = keras.layers.Concatenate(name="concat")([*last, *pooled])
    else:
        x = _apply(*top, max_length, x)
        x = TemporalPooling(model.pooling, name=model.pooling)(x)
    if model.dropout:
        x = Dropout(model.dropout, name="dropout")(x)  # (batch, features)
    columns = kind.target.columns(num_classes)
    outputs = keras.layers.Dense(columns, dtype="float32", name="logits")(x)
    return keras.Model(inputs, outputs, name="seqtrain")


def _apply(
    number: int, config: LayerConfig, max_length: int, x, return_sequences: bool = True
):
    """Return `layer(x)`, or `layer(x) + x` if the layer is residual."""
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
    if config.cell == "lstm":  # a config says by the initializer alone what f starts at
        options["unit_forget_bias"] = bias_initializer == "forget_one"
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
