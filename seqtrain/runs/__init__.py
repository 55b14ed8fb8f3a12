"""The run directory: its files, its checkpoints, and how it is resumed."""
