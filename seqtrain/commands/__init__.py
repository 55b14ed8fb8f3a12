"""One file a command: parse, call, print.

Whatever takes long to import is imported inside of a command, for `--help` is to answer
at once.
"""
