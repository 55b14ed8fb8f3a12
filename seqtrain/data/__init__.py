"""From reviews on disk or made on the spot to batches of token ids."""
