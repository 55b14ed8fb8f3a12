"""The run directory: its files, checkpoints, and how it goes on."""
