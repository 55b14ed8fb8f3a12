"""The gradients of a model, and the variables that training changes."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf


def gradients_of(model: keras.Model, inputs, targets, weights=None, *, training=True):
    """Return the loss of a batch, the model's outputs, and the gradients.

    The gradients are dense: in the norm of a sparse gradient, a token that occurs twice
    in a batch would count as two rows.

    Args:
        model: A compiled model.
        inputs: The inputs of a batch.
        targets: The targets of the batch.
        weights: The weight of each target, if any.
        training: Whether dropout is on.

    Returns:
        The loss, the outputs, and a gradient for each trainable weight.
    """
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=training)
        loss = model.compute_loss(inputs, targets, outputs, weights, training=training)
    gradients = tape.gradient(loss, model.trainable_variables)
    return loss, outputs, [tf.convert_to_tensor(gradient) for gradient in gradients]


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """Return all that training changes: weights, dropout's states, the optimizer."""
    return [*model.variables, *model.optimizer.variables]


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Assign a value to each variable.

    Raises:
        ValueError: If they are not as many, or one has another shape or type; no
            variable is changed then.
    """
    if len(values) != len(variables):
        raise ValueError(f"{len(values)} arrays, the model has {len(variables)}")
    for variable, value in zip(variables, values, strict=True):
        if value.shape != variable.shape or not np.can_cast(
            value.dtype, variable.dtype
        ):
            raise ValueError(
                f"{variable.path}: {value.dtype} of shape {value.shape}, "
                f"{variable.dtype} of shape {tuple(variable.shape)} is needed"
            )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def nonfinite(variables: Iterable[keras.Variable]) -> list[str]:
    """Return the paths of those variables in which not all numbers are finite."""
    return [
        variable.path
        for variable in variables
        if not np.isfinite(np.asarray(variable.numpy(), np.float64)).all()
    ]
