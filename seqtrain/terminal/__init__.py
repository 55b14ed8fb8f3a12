"""What a person sees in a terminal: columns and progress."""
