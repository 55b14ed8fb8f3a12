"""The kinds of data and target, and all that depends on them."""
