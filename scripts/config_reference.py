"""Write the tables of all keys in docs/config.md, from the JSON Schema of a config.

    python scripts/config_reference.py

It knows how a JSON Schema is written, and the name of no key or section.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from seqtrain.config.json_schema import json_schema

PAGE = Path(__file__).parents[1] / "docs/config.md"
BEGIN = "<!-- the keys: made by scripts/config_reference.py -->\n"
END = "<!-- end of the keys -->\n"

Schema = dict[str, Any]


def main() -> None:
    """Replace what stands between the two marks of the page."""
    PAGE.write_text(with_keys(PAGE.read_text()))


def with_keys(page: str) -> str:
    """The page with tables made from the schema of now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference(json_schema())}\n{END}{after}"


def reference(root: Schema) -> str:
    """Markdown with a heading for each section and a table row for each key."""
    # What holds unless another config is the base: a base may give what is missing.
    alone = root.get("else", {}).get("properties", {})
    properties = {
        key: value | alone.get(key, {}) for key, value in root["properties"].items()
    }
    top = root | {"properties": properties}
    return "\n".join(_Reference(root.get("$defs", {})).section("", [top]))


class _Reference:
    """Walks the schema.

    Args:
        definitions: What a `$ref` names.
    """

    def __init__(self, definitions: dict[str, Schema]):
        self.definitions = definitions

    def section(self, path: str, forms: list[Schema], text: str = "") -> Iterator[str]:
        """The lines of a section, then those of the sections in it.

        Args:
            path: Of the section, such as `model.layers[]`; empty for the top level.
            forms: The forms that the section can have, mostly one.
            text: What it is for.
        """
        yield from [f"### {_code(path) if path else 'Top level'}", ""]
        if text:
            yield from [f"{text[0].upper()}{text[1:]}.", ""]
        named = {_name(form): form for form in forms}
        if len(named) > 1:
            rows = ([name, _first_paragraph(form)] for name, form in named.items())
            yield from _table(["with", "what"], rows)
        for title, rows in self._tables(path, named):
            if len(named) > 1:
                yield from [f"#### {_code(path)} with {title}", ""]
            yield from _table(["key", "values", "default", "meaning"], rows)
        inner = {
            self._path(path, key, schema): schema
            for form in named.values()
            for key, schema in form["properties"].items()
        }
        for where, schema in inner.items():
            if sections := list(self._sections(schema)):
                yield from self.section(where, sections, schema.get("description", ""))

    def _tables(self, path: str, named: dict[str, Schema]) -> Iterator[tuple]:
        """Titles and rows; a row that several forms have equal stands once."""
        names_of: dict[tuple[str, ...], list[str]] = {}
        for name, form in named.items():
            for key, schema in form["properties"].items():
                tells_the_form = len(named) > 1 and "const" in schema
                of_another_form = schema.get("type") == "null"
                if not tells_the_form and not of_another_form:
                    row = self._row(path, key, schema, form.get("required", ()))
                    names_of.setdefault(row, []).append(name)
        order = list(named)

        def place(row):
            return -len(names_of[row]), [order.index(name) for name in names_of[row]]

        for names, rows in groupby(sorted(names_of, key=place), key=names_of.get):
            yield _those_named(names, order), rows

    def _row(self, path: str, key: str, schema: Schema, required) -> tuple[str, ...]:
        link = "#" + re.sub(r"\W", "", self._path(path, key, schema))
        words = list(self._words(schema, link))
        default = schema.get("default", ...)
        if default is not None and "null" in words:
            words.remove("null")  # it only undoes what a base says
        if key in required:
            said = "needed"
        else:
            said = "" if default is ... else _code(self._shortened(schema, default))
        return f"`{key}`", _either(words), said, _escape(schema.get("description", ""))

    def _path(self, path: str, key: str, schema: Schema) -> str:
        is_list = any("items" in branch for branch in self._branches(schema))
        return f"{path}.{key}{'[]' if is_list else ''}".removeprefix(".")

    def _branches(self, schema: Schema) -> Iterator[Schema]:
        """The alternatives that a schema consists of, references followed."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = self.definitions[name] | {
                key: value for key, value in schema.items() if key != "$ref"
            }
        alternatives = schema.get("oneOf", schema.get("anyOf"))
        if alternatives is None:
            yield schema
        for each in alternatives or ():
            yield from self._branches(each)

    def _sections(self, schema: Schema) -> Iterator[Schema]:
        """The sections that a key takes, by itself or in a list."""
        for branch in self._branches(schema):
            if "items" in branch:
                yield from self._sections(branch["items"])
            elif "properties" in branch:
                yield branch

    def _words(self, schema: Schema, link: str) -> dict[str, None]:
        """What a key takes, each alternative once."""
        found = {}
        for branch in self._branches(schema):
            values = branch.get("enum", [branch["const"]] if "const" in branch else [])
            words = map(_code, values) if values else [self._word(branch, link)]
            found |= dict.fromkeys(words)
        return found

    def _word(self, schema: Schema, link: str) -> str:
        match schema.get("type"):
            case "null":
                return "null"
            case "boolean":
                return "true or false"
            case "integer" | "number" as kind:
                return f"{kind} {_range(schema)}".strip()
            case "array":
                items = _either(self._words(schema["items"], link))
                return f"list {_many(schema, 'Items')}of {items}"
            case "object" if "properties" in schema:
                return f"[section]({link})"
            case "object":
                each = _either(self._words(schema["additionalProperties"], link))
                return f"mapping {_many(schema, 'Properties')}of names to {each}"
        return "text"

    def _shortened(self, schema: Schema, default: Any) -> Any:
        """A default; of a list of sections without what is their own default."""
        sections = list(self._sections(schema))
        if not isinstance(default, list) or not sections:
            return default
        [section] = sections
        own = {
            key: each.get("default", ...) for key, each in section["properties"].items()
        }
        return [
            {k: v for k, v in item.items() if own.get(k, ...) not in (v, None)}
            for item in default
        ]


def _name(form: Schema) -> str:
    """What a form of a section is told by: its constant keys."""
    return ", ".join(
        f"`{key}: {schema['const']}`"
        for key, schema in form["properties"].items()
        if "const" in schema
    )


def _those_named(names: list[str], known: list[str]) -> str:
    """Forms by their names; by the first constant, if all that have it are there."""
    if len(names) == len(known):
        return "any of them"

    def all_like(name: str) -> set[str]:
        first = name.partition(", ")[0]
        return {each for each in known if each.partition(", ")[0] == first}

    said = [
        name.partition(", ")[0] if all_like(name) <= set(names) else name
        for name in names
    ]
    return _either(dict.fromkeys(said))


def _first_paragraph(form: Schema) -> str:
    return _escape(" ".join(form.get("description", "").partition("\n\n")[0].split()))


def _range(schema: Schema) -> str:
    at_least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    at_most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if at_least is not None and at_most is not None:
        return f"{_number(at_least)} to {_number(at_most)}"
    parts = {"from": at_least, "above": above, "up to": at_most, "below": below}
    return ", ".join(
        f"{word} {_number(bound)}" for word, bound in parts.items() if bound is not None
    )


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _many(schema: Schema, what: str) -> str:
    fewest, most = schema.get(f"min{what}", 0), schema.get(f"max{what}")
    if most:
        return f"({fewest} to {most}) "
    return f"(at least {fewest}) " if fewest else ""


def _code(value: Any) -> str:
    """A value as YAML has it."""
    if isinstance(value, str):
        return f"`{value}`"
    return "`" + re.sub(r'"(\w+)"', r"\1", json.dumps(value)) + "`"


def _escape(text: str) -> str:
    """Text in which Markdown sees no tag and no end of a cell."""
    return text.replace("<", "\\<").replace("|", "\\|")


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _table(head: list[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


if __name__ == "__main__":
    main()
