"""From examples on disk, or generated ones, to batches of arrays."""
