"""What a model reads at each timestep: a token or a vector of numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..data.vocabulary import PADDING, Vocabulary
from ..sections.model import EmbeddingConfig, ModelConfig

if TYPE_CHECKING:
    import keras

# A rule of the config that is broken: the message, and the keys below the section.
Broken = tuple[str, tuple[str | int, ...]]


@dataclass(frozen=True)
class Tokens:
    """A token at each timestep, given by its id; id 0 is padding.

    Args:
        masked: Whether padding is masked; False for examples that all have one length,
            which saves time.
    """

    masked: bool = True
    features: ClassVar[None] = None
    embedded: ClassVar[bool] = True  # the embedding is a table that can be drawn

    def width(self, model: ModelConfig) -> int:
        """Return the number of features that the first recurrent layer reads."""
        return model.embedding.dim

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield nothing: every `model` section can read tokens."""
        return iter(())

    def layers(
        self, model: ModelConfig, vocab_size: int
    ) -> "tuple[keras.KerasTensor, keras.KerasTensor]":
        """Return a model's input and the tensor that its first recurrent layer reads.

        Args:
            model: The `model` section.
            vocab_size: Rows of the embedding.

        Returns:
            Token ids `(batch, timesteps)`, and their vectors `(batch, timesteps, dim)`
            with a mask, if there is one, that is false at padding.
        """
        import keras

        from ..layers import Dropout

        inputs = keras.Input((None,), dtype="int32", name="tokens")
        x = keras.layers.Embedding(
            vocab_size, model.embedding.dim, mask_zero=self.masked, name="embedding"
        )(inputs)
        if model.embedding.dropout:
            x = Dropout(model.embedding.dropout, name="embedding_dropout")(x)
        return inputs, x

    def shown(self, inputs: np.ndarray, vocab: Vocabulary) -> list[str]:
        """Return the tokens of one example, `(timesteps,)` ids, without padding."""
        return [vocab.tokens[id] for id in inputs if id != PADDING]


@dataclass(frozen=True)
class Numbers:
    """A vector of numbers at each timestep; all examples have the same length.

    Without ids there is no padding, so a model of numbers has no mask.

    Args:
        features: Numbers at each timestep.
    """

    features: int
    embedded: ClassVar[bool] = False

    def width(self, model: ModelConfig) -> int:
        """Return the number of features that the first recurrent layer reads."""
        return self.features

    def broken(self, model: ModelConfig, name: str) -> Iterator[Broken]:
        """Yield each key of the embedding that is set: numbers are not embedded.

        Args:
            model: The `model` section.
            name: The name of the kind, for the message.
        """
        for key, field in EmbeddingConfig.model_fields.items():
            if getattr(model.embedding, key) != field.default:
                yield f"has no effect with data.task: {name}", ("embedding", key)

    def layers(
        self, model: ModelConfig, vocab_size: int
    ) -> "tuple[keras.KerasTensor, keras.KerasTensor]":
        """Return a model's input, `(batch, timesteps, features)`, twice.

        The first recurrent layer reads the numbers as they are.
        """
        import keras

        inputs = keras.Input((None, self.features), name="numbers")
        return inputs, inputs

    def shown(self, inputs: np.ndarray, vocab: Vocabulary) -> list[str]:
        """Return the numbers of one example, `(timesteps, features)`, as texts."""
        return ["/".join(f"{number:.3g}" for number in row) for row in inputs]
