"""Where two trees of values differ."""

import itertools
from collections.abc import Iterator


def filled(values, defaults):
    """Add the defaults for the keys that a tree of values lacks."""
    if isinstance(values, dict) and isinstance(defaults, dict):
        both = {key: filled(values[key], defaults.get(key)) for key in values}
        return {**defaults, **both}
    if isinstance(values, list) and isinstance(defaults, list):
        pairs = itertools.zip_longest(values, defaults[: len(values)])
        return [filled(value, default) for value, default in pairs]
    return values


def differences(before: dict, now: dict) -> dict[str, list]:
    """Return both values of each dotted key that differs; None for a missing one.

    Example:
        >>> differences({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}, "c": 4})
        {'a.b[1]': [2, 3], 'c': [None, 4]}
    """
    old, new = dict(_leaves(before)), dict(_leaves(now))
    return {
        key: [old.get(key), new.get(key)]
        for key in {**old, **new}
        if old.get(key) != new.get(key)
    }


def _leaves(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Yield the dotted key and the value of each leaf of a tree."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{key}[{index}]")
    else:
        yield key, value
