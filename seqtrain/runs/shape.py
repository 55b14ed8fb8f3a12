"""Whether the content of a JSON file is of the shape that its reader needs."""

_WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    None: "null",
}


def misfit(value: object, shape: object, place: str = "") -> str | None:
    """Return the first place where a value is not of a shape; None if it is.

    Args:
        value: What JSON held.
        shape: A type; None for null; a tuple of shapes of which one has to fit; a list
            with the shape of all items; a dict with the shape of each key, where those
            that end in `?` may be missing and further ones are allowed, or with that of
            all values as `{str: shape}`.
        place: What the value is called.

    Example:
        >>> misfit({"step": "3"}, {"step": int, "best?": (None, int)})
        "step is '3', a whole number is needed"
    """
    if isinstance(shape, tuple):
        found = [misfit(value, each, place) for each in shape]
        return None if None in found else found[-1]
    kind = shape if shape is None or isinstance(shape, type) else type(shape)
    if not _is(value, kind):
        text = repr(value)
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        return f"{place or 'it'} is {shown}, {_WORDS[kind]} is needed"
    if isinstance(shape, list):
        pairs = [(f"{place}[{i}]", item, shape[0]) for i, item in enumerate(value)]
    elif isinstance(shape, dict):
        pairs = list(_pairs(value, shape, place))
    else:
        return None
    for name, item, inner in pairs:
        if item is _MISSING:
            return f"it has no {name}"
        if problem := misfit(item, inner, name):
            return problem
    return None


_MISSING = object()


def _pairs(value: dict, shape: dict, place: str):
    for key, inner in shape.items():
        if key is str:
            yield from (
                (f"{place}.{k}".lstrip("."), x, inner) for k, x in value.items()
            )
        elif not key.endswith("?") or key[:-1] in value:
            key = key.removesuffix("?")
            yield f"{place}.{key}".lstrip("."), value.get(key, _MISSING), inner


def _is(value: object, wanted: type | None) -> bool:
    if wanted is None:
        return value is None
    if wanted in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if wanted is float else wanted)
