"""The schema of a config as JSON Schema, for editors and other programs.

A config names it in its first line, by a path from where it lies. The copy that a run
keeps has no schema beside it: an editor then only doesn't complete.
"""

import json
from typing import Any

from ..sections.data import DataSection
from .whole import SECTIONS, SOURCES, Config, only_value

FILE_NAME = "seqtrain.schema.json"
# The first line of a config that makes an editor check and complete it.
EDITOR_LINE = f"# yaml-language-server: $schema={FILE_NAME}"

_EXTENDS = {
    "description": "a config that this one is laid on, by its path from here",
    "type": "string",
    "minLength": 1,
}


def json_schema_text() -> str:
    """Return the JSON Schema as `seqtrain schema` prints it."""
    return json.dumps(json_schema(), indent=2) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file.

    It says what one section alone can say. Rules across keys, and what a base adds
    to a config that `extends` it, only `seqtrain check` knows.
    """
    schema = _tidy(Config.model_json_schema())
    definitions = schema["$defs"]
    data = schema["properties"]["data"]
    description = {"description": data.pop("description")}
    for section in SECTIONS:
        definition = definitions[section.__name__]
        first = section is SOURCES[only_value(section, "source")][0]
        needed = ["source"] if first else ["source", "task"]
        definition["required"] = [*needed, *definition.get("required", [])]
        # null undoes what a base says of another section.
        definition["properties"] |= _keys_of_others(section)
    # A base may give the source, and the keys that a source must have.
    definitions["DataOverBase"] = {
        "description": "What a config changes in the data of its base.",
        "type": "object",
        "properties": _properties_of_any(),
        "additionalProperties": False,
    }
    properties = {"extends": _EXTENDS, **schema["properties"], "data": description}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A seqtrain config",
        "description": "What is learned from, what learns, and how.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "then": {"properties": {"data": {"$ref": "#/$defs/DataOverBase"}}},
        "else": {"properties": {"data": data}},
        "$defs": definitions,
    }


def _properties_of_any() -> dict[str, Any]:
    """The keys of all sections; what a shared key takes may be any section's."""
    found: dict[str, list] = {}
    for section in SECTIONS:
        for key, schema in _tidy(section.model_json_schema())["properties"].items():
            found.setdefault(key, []).append(schema)
    merged = {}
    for key, schemas in found.items():
        if shared := DataSection.model_fields.get(key):
            text = {"description": shared.description}
        else:  # null undoes it
            text = {"description": schemas[0]["description"]}
            schemas = [*schemas, {"type": "null"}]
        different = [each for i, each in enumerate(schemas) if each not in schemas[:i]]
        merged[key] = text | {"anyOf": different}
    return merged


def _keys_of_others(section: type[DataSection]) -> dict[str, Any]:
    """The keys that only other sections have, which null undoes."""
    return {
        key: {"description": f"of source {source}; null undoes it", "type": "null"}
        for source, sections in SOURCES.items()
        for other in sections
        for key in other.model_fields
        if key not in section.model_fields
    }


def _tidy(schema: Any) -> Any:
    """A schema without what says nothing to the reader of a config.

    Titles repeat the key, `path` is no format, and the defaults of a whole section
    stand at its keys.
    """
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    noise = {"title": str, "format": str, "default": dict}
    return {
        key: _tidy(value)
        for key, value in schema.items()
        if not isinstance(value, noise.get(key, ()))
    }
