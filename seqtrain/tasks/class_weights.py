"""The weights of the classes in the loss."""

import numpy as np

from ..data.batches import NO_TARGET
from ..data.encoded import Data
from ..errors import ConfigError


def class_weights(choice: str | dict[str, float], data: Data) -> np.ndarray | None:
    """Return the weight of each class, `(classes,)`; None for no weights.

    Balanced weights give all classes the same total:

        weight = examples / (classes * examples of the class)

    Args:
        choice: `"none"`, `"balanced"`, or a weight for each label.
        data: The data, for its labels and their counts.

    Raises:
        ConfigError: If a label has no weight, or a weight no label.
    """
    if choice == "none":
        return None
    if choice == "balanced":
        from sklearn.utils.class_weight import compute_class_weight  # takes a second

        classes, targets = np.arange(len(data.labels)), data.train.targets
        targets = targets[targets != NO_TARGET]
        if missing := sorted(set(classes) - set(targets)):
            raise ConfigError(
                f"train.class_weights: 'balanced' needs training examples of every "
                f"class, there are none of {data.labels[missing[0]]}",
                hint="give a weight for each label",
            )
        return compute_class_weight("balanced", classes=classes, y=targets)
    if set(choice) != set(data.labels):
        raise ConfigError(
            f"train.class_weights: found {', '.join(sorted(choice))}, "
            f"a weight for each label is needed: {', '.join(data.labels)}"
        )
    return np.array([choice[name] for name in data.labels])
