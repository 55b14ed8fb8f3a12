"""The gradients of a model, and all that a training changes in it."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf


def gradients_of(model: keras.Model, tokens, labels, weights=None, *, training=True):
    """The loss of a batch, its logits, and the gradient of every trainable weight.

    The gradients are dense: the norm of a sparse one would count a token that
    stands twice in a batch as two.
    """
    with tf.GradientTape() as tape:
        logits = model(tokens, training=training)
        loss = model.compute_loss(tokens, labels, logits, weights, training=training)
    gradients = tape.gradient(loss, model.trainable_variables)
    return loss, logits, [tf.convert_to_tensor(gradient) for gradient in gradients]


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """All that training changes: weights, states of dropout, the optimizer's."""
    return [*model.variables, *model.optimizer.variables]


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Give each variable its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
