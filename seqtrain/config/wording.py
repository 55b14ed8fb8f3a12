"""What pydantic found, in the words of someone who writes a config."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from yaml import Node

from . import schema
from .problems import Problem, suggest
from .reading import find, show

# Where a key may stand, as messages call it.
_SECTIONS = {
    "the top level": schema.Config,
    **{f"data (source: {name})": model for name, model in schema.SOURCES.items()},
    "data.standardize": schema.Standardize,
    "model": schema.ModelConfig,
    "model.embedding": schema.EmbeddingConfig,
    "model.layers[]": schema.LayerConfig,
    "train": schema.TrainConfig,
    "log": schema.LogConfig,
}

# By pydantic's name of the error; {…} is from its context.
_NEEDED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "int_type": "an integer",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "model_attributes_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "path_type": "a path",
    "string_type": "text",
    "too_short": "long enough, at least {min_length} is needed",
}

_IDLE = "delete it, or set it to null over a base"


def explain(error: ValidationError, root: Node) -> Iterator[Problem]:
    """Say what is wrong with the config `root`, and where."""
    for details in error.errors(include_url=False):
        yield _explain(details, root)


def _explain(details: ErrorDetails, root: Node) -> Problem:
    keys = _keys(details["loc"])
    found = details["input"]
    context = details.get("ctx", {})
    note = ""
    match details["type"]:
        case "extra_forbidden":
            return _unknown_key(keys, root)
        case "idle":
            key_node, _ = find(root, keys)
            return Problem.at(key_node, f"{_dotted(keys)}: {details['msg']}", _IDLE)
        case "missing":
            *keys, key = keys
            _, section = _section(keys, root)
            message, note = f"{key!r} is missing", section[key].description
        case "union_tag_not_found":
            message, note = "'source' is missing", "imdb, files or generated"
        case "union_tag_invalid":
            keys, found = [*keys, "source"], found["source"]
            message, note = _not_one_of(found, context["expected_tags"])
        case "literal_error":
            message, note = _not_one_of(found, context["expected"])
        case "value_error":
            message = str(context["error"])
        case kind:
            needed = _NEEDED[kind].format(**context).removesuffix(".0")
            message = f"{show(found)} is not {needed}"
    _, node = find(root, keys)
    return Problem.at(node, f"{_dotted(keys)}: {message}", note)


def _keys(location: tuple[str | int, ...]) -> list[str | int]:
    """A pydantic location without its names for the branches of unions."""
    keys = [key for key in location if key not in schema.BRANCHES]
    if keys[:1] == ["data"]:
        del keys[1:2]
    return keys


def _dotted(keys: list[str | int]) -> str:
    """Keys as messages show them: `model.layers[0].cell`."""
    dotted = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return dotted.removeprefix(".")


def _not_one_of(found: Any, expected: str) -> tuple[str, str]:
    """The message and the note for a word that is none of pydantic's list."""
    words = re.findall(r"'([^']*)'", expected)
    message = f"{show(found)} is not one of {', '.join(words)}"
    return message, suggest(found, words) if isinstance(found, str) else ""


def _section(keys: list[str | int], root: Node) -> tuple[str, dict[str, FieldInfo]]:
    """The name of the section at `keys`, and its fields."""
    name = re.sub(r"\d+", "", _dotted(keys)) or "the top level"
    if keys == ["data"]:
        name = f"data (source: {_source(root)})"
    return name, _SECTIONS[name].model_fields


def _source(root: Node) -> str:
    _, node = find(root, ["data", "source"])
    return node.value


def _unknown_key(keys: list[str | int], root: Node) -> Problem:
    *section, key = keys
    name, known = _section(section, root)
    where = f"in {_dotted(section)}" if section else f"at {name}"
    message = f"unknown key {key!r} {where}"
    homes = [home for home, model in _SECTIONS.items() if key in model.model_fields]
    others = [key in model.model_fields for model in schema.SOURCES.values()]
    if section == ["data"] and any(others):
        needed = list(schema.SOURCES)[others.index(True)]
        message = (
            f"data.{key}: idle with source: {_source(root)}, needs source: {needed}"
        )
        note = _IDLE
    elif homes:
        note = f"it belongs in {' or '.join(homes)}"
    else:
        note = suggest(key, known) or f"known are {', '.join(known)}"
    key_node, _ = find(root, keys)
    return Problem.at(key_node, message, note)
