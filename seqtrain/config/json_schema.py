"""The schema of a config as JSON Schema, for editors and other programs.

A config names the schema in its first line, by a path relative to the config. A run's
copy of the config has no schema beside it; an editor then just completes nothing.
"""

import json

from ..sections.data import DataSection
from .whole import SECTIONS, SOURCES, Config, only_value

FILE_NAME = "seqtrain.schema.json"
# As the first line of a config it makes an editor check and complete the keys.
EDITOR_LINE = f"# yaml-language-server: $schema={FILE_NAME}"

_EXTENDS = {
    "description": "path of a base config, whose keys this one overrides",
    "type": "string",
    "minLength": 1,
}


def json_schema_text() -> str:
    """Return the JSON Schema as `seqtrain schema` prints it."""
    return json.dumps(json_schema(), indent=2) + "\n"


def json_schema() -> dict:
    """Return the JSON Schema (draft 2020-12) of a config file.

    It has the rules for single keys. Rules across keys, and keys that are missing
    unless a base config has them, are checked only by `seqtrain check`.
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
        definition["properties"] |= _keys_of_others(section)
    # The base may have the source and the required keys.
    definitions["DataOverBase"] = {
        "description": "What a config changes in the data of its base.",
        "type": "object",
        "properties": _keys_of_all(),
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


def _keys_of_all() -> dict:
    """The schema of every key of any `data` section: any of the sections' schemas."""
    schemas_by_key: dict[str, list] = {}
    for section in SECTIONS:
        for key, schema in _tidy(section.model_json_schema())["properties"].items():
            schemas_by_key.setdefault(key, []).append(schema)
    merged = {}
    for key, schemas in schemas_by_key.items():
        if shared := DataSection.model_fields.get(key):
            text = {"description": shared.description}
        else:  # null removes the key of a base
            text = {"description": schemas[0]["description"]}
            schemas = [*schemas, {"type": "null"}]
        # Schemas are dicts, which no set can hold.
        unique = [each for i, each in enumerate(schemas) if each not in schemas[:i]]
        merged[key] = text | {"anyOf": unique}
    return merged


def _keys_of_others(section: type[DataSection]) -> dict:
    """The schema of the keys that only other sections have: null removes a base's."""
    return {
        key: {"description": f"of source {source}; null removes it", "type": "null"}
        for source, sections in SOURCES.items()
        for other in sections
        for key in other.model_fields
        if key not in section.model_fields
    }


def _tidy(schema: object) -> object:
    """Remove what is of no use to the author of a config, at all depths.

    Titles repeat the key, `path` is not a format of JSON Schema, and the default of a
    whole section repeats the defaults of its keys.
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
