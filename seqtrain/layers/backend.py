"""Keras on TensorFlow, which these layers are written for."""

import os
import sys

if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever keras.json says

import keras

if keras.config.backend() != "tensorflow":
    raise ImportError(
        f"seqtrain.layers: Keras was imported with the backend "
        f"{keras.config.backend()!r}, 'tensorflow' is needed; "
        "set KERAS_BACKEND=tensorflow before Keras is imported"
    )
