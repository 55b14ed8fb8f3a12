"""Build a Keras model from a config, compile it, load it from a file."""
