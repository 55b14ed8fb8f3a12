"""What the numbers of a gradflow mean in words, and the keys that may help."""

from collections.abc import Mapping

import numpy as np

from ...config import Config
from ...sections.model import LayerConfig
from ...tasks import kind_of
from .curve import REACH, Curve

# With fewer lags a slope can't be told from the jump between the first two.
FEWEST_LAGS = 10
# Too near the threshold to call it one or the other: a reach in the last fifth of the
# lags, or an end within twice the threshold.
NEAR = 0.8


def verdict(
    layers: list[dict], config: Config, sections: Mapping[str, LayerConfig]
) -> str:
    """Say in plain words what the numbers of each layer mean, a line for each.

    Args:
        layers: Those of `gradflow`.
        config: The config whose keys are named.
        sections: The section of the config for each layer, by the layer's name. Without
            one only keys outside of it are named.
    """
    return "\n".join(
        _sentence(layer, config, sections.get(layer["name"])) for layer in layers
    )


def _sentence(layer: dict, config: Config, section: LayerConfig | None) -> str:
    curve = Curve.of(np.array(layer["carried"]))
    number = len(curve.norms)
    cures = []
    if layer["nonfinite"]:
        found = f"{layer['nonfinite']} values of the gradient are not finite"
        cures = _against_growth(section, config)
    elif number < FEWEST_LAGS:
        found = (
            f"{number} tokens are too few to tell how far the gradient reaches, "
            f"{FEWEST_LAGS} are needed"
        )
    elif curve.reach is None:
        found = _reaches(curve)
    elif curve.grows:
        found = f"{curve.reach} tokens back the gradient is a hundred times its start"
        if curve.slope and curve.slope > 0:
            found += f", it grows {_tenfold(curve)}"
        cures = _against_growth(section, config)
    else:
        found, stays = _falls(curve)
        if curve.reach > NEAR * number:
            found += f", but few of the {number} stand there"
        elif not stays:
            cures = _against_fall(section, config)
    hint = f"; try {' or '.join(cures)}" if cures else ""
    return f"{layer['name']}: {found}{hint}"


def _falls(curve: Curve) -> tuple[str, bool]:
    """How the gradient falls, and whether it stays on a level below the reach."""
    end, share = curve.norms[-1] / curve.norms[0], f"{REACH:.0%}"
    gets = (
        f"what stands more than {curve.reach} tokens back gets less than {share} of it"
    )
    if curve.slope is None:
        return f"the gradient is gone after a step or two; {gets}", False
    # Two decades at one slope end near the reach; a jump at the start ends before.
    if curve.slope < 0 and -1 / curve.slope < curve.reach:
        return f"the gradient falls {_tenfold(curve)}; {gets}", False
    found = f"the gradient falls to {share} within {curve.reach} tokens"
    if end > 0.1 * curve.norms[curve.reach]:
        number = len(curve.norms) - 1
        return f"{found} and then stays: {end:.2g} of it is left {number} back", True
    return f"{found}, then {_tenfold(curve)}; {gets}", False


def _tenfold(curve: Curve) -> str:
    steps = round(1 / abs(curve.slope))
    return f"tenfold every {steps} steps" if steps > 1 else "tenfold every step"


def _reaches(curve: Curve) -> str:
    number = len(curve.norms)
    left = curve.norms[-1] / curve.norms[0]
    found = f"the gradient reaches all {number} tokens, where {left:.2g} of it is left"
    near = not 2 * REACH < left < 0.5 / REACH
    return f"{found}; with a few more tokens it may not" if near else found


def _against_fall(section: LayerConfig | None, config: Config) -> list[str]:
    """The keys that let a gradient live longer and are not set yet."""
    cures = _against_fall_in_layer(section) if section else []
    if config.model.pooling == "last" and kind_of(config.data).target.pooling_cures:
        cures.append("`pooling: mean`")
    return cures


def _against_fall_in_layer(section: LayerConfig) -> list[str]:
    if section.cell == "rnn":
        return _for_rnn(section)
    if section.cell == "gru" and section.formulation == "document":
        return ["`formulation: standard`"]
    cures = []
    if section.bias_initializer != "chrono":
        cures.append("`bias_initializer: chrono`")
    if not section.layer_norm:
        cures.append("`layer_norm: true`")
    return cures


def _against_growth(section: LayerConfig | None, config: Config) -> list[str]:
    """The keys that hold a gradient down and are not set yet."""
    cures = []
    if config.train.clip_norm is None:
        cures.append("`clip_norm: 1.0`")
    if section is None:
        return cures
    if section.cell == "rnn":
        cures += _for_rnn(section)
    elif section.formulation == "standard" and not section.layer_norm:
        cures.append("`layer_norm: true`")
    return cures


def _for_rnn(section: LayerConfig) -> list[str]:
    """The keys that bring the slope of an RNN nearer to zero from either side."""
    cures = ["`cell: lstm`"]
    if section.recurrent_initializer == "glorot":
        cures.append("`recurrent_initializer: orthogonal`")
    if section.omega is None and not section.zoneout:
        cures.append("`omega: 0.01`")
    return cures
