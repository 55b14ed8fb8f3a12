"""The errors of pydantic, in words that the author of a config understands."""

import re
from collections.abc import Iterator, Sequence
from functools import partial

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from yaml import MappingNode, Node

from ..errors import shorten
from ..sections.base import BRANCHES
from ..sections.data import Standardize
from ..sections.log import LogConfig
from ..sections.model import EmbeddingConfig, LayerConfig, ModelConfig
from ..sections.shootout import ShootoutConfig
from ..sections.train import TrainConfig
from ..spelling import did_you_mean, likeness, nearest
from .nodes import entries, find, plain, show
from .problems import SHOWN, Note, Problem
from .slips import remedy
from .whole import SOURCES, Config, only_value, section_of

# The keys of each source, and of each section by the name that messages give it.
_DATA = {
    source: {
        key: field for each in sections for key, field in each.model_fields.items()
    }
    for source, sections in SOURCES.items()
}
_SECTIONS = {
    "the top level": {
        **Config.model_fields,
        "extends": FieldInfo(description="path of a base config"),
    },
    **{f"data (source: {source})": fields for source, fields in _DATA.items()},
    **{
        name: dict(section.model_fields)
        for name, section in {
            "data.standardize": Standardize,
            "model": ModelConfig,
            "model.embedding": EmbeddingConfig,
            "model.layers[]": LayerConfig,
            "train": TrainConfig,
            "log": LogConfig,
            "shootout": ShootoutConfig,
        }.items()
    },
}

# By pydantic's name of the error; {…} is filled in from its context.
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
    "too_long": "short enough, at most {max_length} fit",
    "too_short": "long enough, at least {min_length} is needed",
}

_MISSING = ("missing", "union_tag_not_found")
_NO_EFFECT = "delete it, or set it to null over a base"


def explain(error: ValidationError, root: Node) -> Iterator[Problem]:
    """Yield a problem, with its place, for each error in the config `root`."""
    found = error.errors(include_url=False)
    for details in found:
        if details["type"].startswith("union_tag") and details["loc"] == ("data",):
            found = [*found, *_errors_under_likely_source(root)]
    unknown = [each for each in found if each["type"] == "extra_forbidden"]
    meant = {_meant(details, root) for details in unknown[:SHOWN]}
    for details in found:
        keys = tuple(_keys(details["loc"]))
        if details["type"] == "union_tag_not_found":
            keys = *keys, "source"
        # A misspelt key is reported as unknown, so not as missing, too.
        if details["type"] not in _MISSING or keys not in meant:
            yield _explain(details, root)


def _explain(details: ErrorDetails, root: Node) -> Problem:
    keys = _keys(details["loc"])
    context = details.get("ctx", {})
    key_node, node = find(root, keys)
    note = ""
    match details["type"]:
        case "extra_forbidden":
            return Problem.at(key_node, *_unknown_key(keys, root))
        case "no_effect":
            return Problem.at(
                key_node, f"{_dotted(keys)}: {details['msg']}", _NO_EFFECT
            )
        case "missing":
            *keys, key = keys
            _, section = _section(keys, root)
            message, note = f"{key!r} is missing", section[key].description
        case "union_tag_not_found":
            *others, last = SOURCES
            message, note = "'source' is missing", f"{', '.join(others)} or {last}"
        case "union_tag_invalid":
            keys = [*keys, "source"]
            _, node = find(root, keys)
            message, note = _not_one_of(node, str([*SOURCES]))
        case "literal_error" if keys == ["data", "task"]:
            tasks = [only_value(each, "task") for each in SOURCES[_source(root)]]
            message, note = _not_one_of(node, str(tasks))
        case "literal_error":
            message, note = _not_one_of(node, context["expected"])
        case "rule":
            keys = [*keys, *context["keys"]]
            _, node = find(root, keys)
            message = context["said"]
        case "value_error":
            message = str(context["error"])
        case "list_type" if isinstance(node, MappingNode) and _numbered(node):
            message = (
                f"no list to set element {_numbered(node)} of, give the whole list"
            )
        case kind:
            needed = _NEEDED[kind].format(**context).removesuffix(".0")
            message, note = f"{show(node)} is not {needed}", remedy(node, needed)
            if needed == "a mapping of keys" and show(node) == "null":
                note = "delete the line, or give it keys"
    return Problem.at(node, f"{_dotted(keys)}: {message}", note)


def _keys(location: Sequence[str | int]) -> list[str | int]:
    """The keys of a pydantic location, without the tags of unions."""
    keys = [key for key in location if key not in BRANCHES]
    if keys[:1] == ["data"]:
        del keys[1:2]
    return keys


def _dotted(keys: Sequence[str | int]) -> str:
    """Keys in the form of messages: `model.layers[0].cell`."""
    dotted = "".join(
        f"[{key}]" if isinstance(key, int) else f".{shorten(key)}" for key in keys
    )
    return dotted.removeprefix(".")


def _numbered(node: MappingNode) -> str | None:
    """The index, if a setting like `layers.0.units=3` made this mapping."""
    [*keys] = entries(node)
    return keys[0] if len(keys) == 1 and keys[0].isdecimal() else None


def _not_one_of(node: Node, expected: str) -> tuple[str, str]:
    """The message and the note for a word that is not in pydantic's list."""
    words = re.findall(r"'([^']*)'", expected)
    message = f"{show(node)} is not one of {', '.join(words)}"
    found = plain(node)
    return message, did_you_mean(found, words) if isinstance(found, str) else ""


def _section(keys: list[str | int], root: Node) -> tuple[str, dict[str, FieldInfo]]:
    """The name of the section at `keys`, and its fields."""
    name = re.sub(r"\d+", "", _dotted(keys)) or "the top level"
    if keys == ["data"]:
        name = f"data (source: {_source(root)})"
    return name, _SECTIONS[name]


def _source(root: Node) -> str:
    """The source of the data; the likeliest one if it is misspelt or missing."""
    _, section = find(root, ["data"])
    found = {key: plain(value) for key, (_, value) in entries(section).items()}
    named = found.get("source", found.get(nearest("source", found)))
    if isinstance(named, str) and (source := nearest(named, SOURCES)):
        return source
    return max(_DATA, key=lambda source: len(found.keys() & _DATA[source].keys()))


def _errors_under_likely_source(root: Node) -> list[ErrorDetails]:
    """The other errors of data whose source is misspelt or missing."""
    _, node = find(root, ["data"])
    if not isinstance(node, MappingNode):
        return []
    values = {**plain(node), "source": _source(root)}
    section = section_of(values)
    try:
        section.model_validate(values)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        place = "data", section.__name__
        return [each | {"loc": (*place, *each["loc"])} for each in errors]
    return []


def _meant(details: ErrorDetails, root: Node) -> tuple[str | int, ...]:
    """The key, with its section, that an unknown key was meant to be."""
    *section, key = _keys(details["loc"])
    _, known = _section(section, root)
    return *section, nearest(key, known)


def _unknown_key(keys: list[str | int], root: Node) -> tuple[str, Note]:
    """The message and the note for a key that its section does not have."""
    *section, key = keys
    if section == ["data"] and (choice := _wrong_choice(key, root)):
        return f"data.{key}: has no effect with {choice}", _NO_EFFECT
    name, known = _section(section, root)
    where = f"in {_dotted(section)}" if section else f"at {name}"
    message = f"unknown key {shorten(repr(key))} {where}"
    return message, partial(_whereabouts, key, known)


def _wrong_choice(key: str, root: Node) -> str | None:
    """The source or task that a data key stands beside, and the one that it needs."""
    source = _source(root)
    if key not in _DATA[source]:
        needed = next((each for each in _DATA if key in _DATA[each]), None)
        return needed and f"source: {source}, needs source: {needed}"
    _, node = find(root, ["data"])
    found = section_of({**plain(node), "source": source})
    if key in found.model_fields:
        return None
    needed = next(each for each in SOURCES[source] if key in each.model_fields)
    tasks = only_value(found, "task"), only_value(needed, "task")
    return "task: {}, needs task: {}".format(*tasks)


def _whereabouts(key: str, known: dict[str, FieldInfo]) -> str:
    """Where an unknown key belongs, or which key was meant."""
    if key.isdecimal():  # {dropout: 0,5} is two keys
        return "in a number write a point, not a comma"
    if homes := _homes(key):
        return f"it belongs in {homes}"
    everywhere = {key for section in _SECTIONS.values() for key in section}
    here, there = nearest(key, known), nearest(key, everywhere)
    if here and (not there or likeness(key, here) >= likeness(key, there)):
        return f"did you mean {here!r}?"
    if there:
        return f"did you mean {there!r}, which belongs in {_homes(there)}?"
    return f"known are {', '.join(known)}"


def _homes(key: str) -> str:
    return " or ".join(home for home, known in _SECTIONS.items() if key in known)
