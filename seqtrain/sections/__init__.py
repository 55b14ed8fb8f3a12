"""The sections of a config: a field for each key, every range in a type.

This package holds the sections that do not depend on the kind of data, and the base
class of the `data` sections, which `tasks` defines.
"""
