"""The part of JSON Schema, draft 2020-12, that the schema of a config is made of."""

KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "discriminator"}


def is_kind(value, kind):
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, KINDS[kind])


def is_valid(value, schema, root):
    """Whether a value is what a schema wants; an unknown keyword is an error."""
    return all(
        holds(keyword, wanted, value, schema, root)
        for keyword, wanted in schema.items()
        if keyword not in ANNOTATIONS
    )


def holds(keyword, wanted, value, schema, root):
    def valid(part, schema):
        return is_valid(part, schema, root)

    mapping = value if isinstance(value, dict) else {}
    items = value if isinstance(value, list) else None
    number = value if is_kind(value, "number") else None
    match keyword:
        case "$ref":
            return valid(value, root["$defs"][wanted.removeprefix("#/$defs/")])
        case "type":
            return is_kind(value, wanted)
        case "const":
            return value == wanted
        case "enum":
            return value in wanted
        case "anyOf":
            return any(valid(value, each) for each in wanted)
        case "oneOf":
            return sum(valid(value, each) for each in wanted) == 1
        case "if":
            return valid(value, schema["then" if valid(value, wanted) else "else"])
        case "then" | "else":
            return True
        case "required":
            return set(wanted) <= mapping.keys()
        case "properties":
            return all(
                valid(mapping[key], wanted[key]) for key in mapping if key in wanted
            )
        case "additionalProperties":
            others = mapping.keys() - schema.get("properties", {}).keys()
            return all(wanted and valid(mapping[key], wanted) for key in others)
        case "minProperties":
            return not isinstance(value, dict) or len(mapping) >= wanted
        case "items":
            return items is None or all(valid(x, wanted) for x in items)
        case "minItems":
            return items is None or len(items) >= wanted
        case "maxItems":
            return items is None or len(items) <= wanted
        case "minLength":
            return not isinstance(value, str) or len(value) >= wanted
        case "minimum":
            return number is None or number >= wanted
        case "exclusiveMinimum":
            return number is None or number > wanted
        case "maximum":
            return number is None or number <= wanted
        case "exclusiveMaximum":
            return number is None or number < wanted
    raise NotImplementedError(keyword)
