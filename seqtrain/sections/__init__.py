"""The sections of a config: one key a field, every range in a type.

Here stand the sections that are the same whatever is learned from, and what the
sections of the kinds of data are made of.
"""
