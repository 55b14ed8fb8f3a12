"""From a config to a Keras model, and back from a file."""
