"""`python -m seqtrain` is the command line."""

from .cli import main

main()
