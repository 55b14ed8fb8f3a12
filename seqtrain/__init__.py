"""Train, test and explain recurrent sequence models from one YAML file."""

__version__ = "0.1.0"
