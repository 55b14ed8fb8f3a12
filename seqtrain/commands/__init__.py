"""One file for each command: parse, call, print.

Modules that take long to import are imported inside of the commands, so that `--help`
answers at once.
"""
