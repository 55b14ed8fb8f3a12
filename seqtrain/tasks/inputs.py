"""What a model reads at each timestep: a token, or numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..data.vocabulary import PADDING, Vocabulary
from ..sections.model import EmbeddingConfig, ModelConfig

if TYPE_CHECKING:
    import keras

Broken = tuple[str, tuple[str | int, ...]]  # what is wrong, and the key it stands at


@dataclass(frozen=True)
class Tokens:
    """A token at each timestep, as its id in a vocabulary; 0 is padding."""

    features: ClassVar[None] = None
    embedded: ClassVar[bool] = True  # each token has a vector, which can be shown

    def width(self, model: ModelConfig) -> int:
        """Return the features that the first layer sees."""
        return model.embedding.dim

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield the keys of the model that do not go with it; there are none."""
        return iter(())

    def layers(
        self, model: ModelConfig, vocab_size: int
    ) -> "tuple[keras.KerasTensor, keras.KerasTensor]":
        """Return a model's input, and what its first layer sees.

        They are token ids `(batch, timesteps)` and vectors `(batch, timesteps, dim)`,
        which carry a mask that is false where an id is that of padding.
        """
        import keras

        from ..layers import Dropout

        inputs = keras.Input((None,), dtype="int32", name="tokens")
        x = keras.layers.Embedding(
            vocab_size, model.embedding.dim, mask_zero=True, name="embedding"
        )(inputs)
        if model.embedding.dropout:
            x = Dropout(model.embedding.dropout, name="embedding_dropout")(x)
        return inputs, x

    def shown(self, inputs: np.ndarray, vocab: Vocabulary) -> list[str]:
        """Return what stands at each timestep of an example as words."""
        return [vocab.tokens[id] for id in inputs if id != PADDING]


@dataclass(frozen=True)
class Numbers:
    """Numbers at each timestep, of examples that all have one length.

    Args:
        features: How many.
    """

    features: int
    embedded: ClassVar[bool] = False

    def width(self, model: ModelConfig) -> int:
        """Return the features that the first layer sees."""
        return self.features

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield the keys of the model that do not go with it: those of the embedding.

        Args:
            model: The `model` section.
            name: The `data.task`, for what is said.
        """
        for key, field in EmbeddingConfig.model_fields.items():
            if getattr(model.embedding, key) != field.default:
                yield f"has no effect with data.task: {name}", ("embedding", key)

    def layers(
        self, model: ModelConfig, vocab_size: int
    ) -> "tuple[keras.KerasTensor, keras.KerasTensor]":
        """Return a model's input, `(batch, timesteps, features)`, twice."""
        import keras

        inputs = keras.Input((None, self.features), name="numbers")
        return inputs, inputs

    def shown(self, inputs: np.ndarray, vocab: Vocabulary) -> list[str]:
        """Return what stands at each timestep of an example as words."""
        return ["/".join(f"{number:.3g}" for number in row) for row in inputs]
