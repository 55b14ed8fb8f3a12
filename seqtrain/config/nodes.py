"""YAML as nodes that know where they stand, with unambiguous scalars.

A config stays a tree of PyYAML nodes until bases and overrides are merged: a node
knows its file, line and column, which messages show. Anchors, aliases and merge keys
(`<<: *layer`) work as usual; tags are refused. So are deep nesting and aliases that
multiply, before they exhaust time or memory.
"""

import io
import math
import re

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from ..errors import shorten
from .problems import Problem, place

TAG = "tag:yaml.org,2002:"
# Much like YAML 1.2. PyYAML's default, YAML 1.1, reads 1e-3 as text, `on` as true, 010
# as 8 and 1:30 as 90. A scalar that matches no pattern is text.
_SCALARS = {  # tag: (pattern, first characters, meaning)
    TAG + "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""], lambda text: None),
    TAG + "bool": (
        r"true|True|TRUE|false|False|FALSE",
        list("tTfF"),
        lambda text: text[0] in "tT",
    ),
    # int() raises beyond 4300 digits; no key accepts more than ten anyway.
    TAG + "int": (
        r"[-+]?(0|[1-9][0-9]*)",
        list("-+0123456789"),
        lambda text: int(text[:100]),
    ),
    TAG + "float": (
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
        lambda text: float(re.sub(r"\.(?=[iInN])", "", text)),
    ),
}
_NO_CHARACTER = "an escape that stands for no character"
_MAX_VALUES = 10_000  # of a config, aliases written out
MAX_DEPTH = 20  # of nested values; configs need 5
# Common mistakes: a pattern of PyYAML's message, our message, the mark to show.
_SYNTAX = [
    (r"character '\\t'", "a tab, spaces are needed", "problem"),
    (r"character ('.') that", r"text cannot begin with \1, quote it", "problem"),
    (r"mapping values", "a ':' too many, quote the text or indent anew", "problem"),
    (r"expected <block end>", "this does not fit the lines above it", "problem"),
    (r"expected ':'", "no ':' after the key", "context"),
    (r"escape", "a backslash in double quotes, use single quotes", "problem"),
    (r"quoted scalar", "the quote is not closed", "context"),
    (r"<stream end>", "the bracket is not closed", "context"),
    (r"expected (',' or '.')", r"\1 is needed before this", "problem"),
    (r"alias ('.*')", r"alias \1 stands for nothing above it", "problem"),
    (
        r"another document|<document start>",
        "a second document, one is needed",
        "problem",
    ),
    (r"duplicate anchor ('.*?');", r"anchor \1 is given twice", "problem"),
]


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses tags, duplicate keys, deep nesting and huge aliases."""

    yaml_implicit_resolvers = {}

    def __init__(self, stream, name: str, problems: list[Problem]):
        super().__init__(stream)
        self.name = name
        self.problems = problems
        self._values = self._depth = 0
        self._sizes = {}  # by id of a node: number of values in it, and their depth

    def compose_node(self, parent, index):
        event = self.peek_event()
        if getattr(event, "tag", None):
            message = f"the tag {shorten(repr(event.tag))}, plain values are needed"
            raise Problem(message, event.start_mark)
        self._grow(event, values=1, depth=1)
        before = self._values
        node = super().compose_node(parent, index)
        if node.end_mark is None:  # still being composed
            message = "an alias inside of what it stands for"
            raise Problem(message, event.start_mark, event.end_mark)
        if isinstance(event, yaml.AliasEvent):
            values, depth = self._sizes[id(node)]
            self._grow(event, values, depth)
            self._depth -= depth
        else:
            depths = [self._sizes[id(child)][1] for child in _children(node)]
            self._sizes[id(node)] = self._values - before, 1 + max(depths, default=0)
        self._depth -= 1
        return node

    def compose_scalar_node(self, anchor):
        node = super().compose_scalar_node(anchor)
        # JSON escapes a character above 0xffff as a surrogate pair; YAML does not join
        # the two halves.
        halves = node.value.encode("utf-16", "surrogatepass")
        try:
            node.value = halves.decode("utf-16")
        except UnicodeDecodeError:
            raise Problem.at(node, _NO_CHARACTER) from None
        return node

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        once = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise Problem.at(key, "a key is not a word")
            if key.value in once:
                line = once[key.value][0].start_mark.line + 1
                message = f"key {show(key)} is given twice, before in line {line}"
                self.problems.append(Problem.at(key, message))
            once[key.value] = key, value
        # A quoted "<<" is an ordinary key.
        if "<<" in once and once["<<"][0].style is None:
            _, value = once.pop("<<")
            once = _merge_keys(value) | once
        node.value = list(once.values())
        return node

    def _grow(self, event: yaml.Event, values: int, depth: int):
        self._values += values
        self._depth += depth
        if self._values > _MAX_VALUES:
            message = (
                f"more than {_MAX_VALUES:,} values up to here, aliases written out"
            )
            raise Problem(message, event.start_mark)
        if self._depth > MAX_DEPTH:
            message = f"nested more than {MAX_DEPTH} deep"
            raise Problem(message, event.start_mark)


class _Dumper(yaml.SafeDumper):
    """Quotes text that `_Loader` would not read as text."""

    yaml_implicit_resolvers = {}


for _tag, (_pattern, _first, _) in _SCALARS.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)


def compose(stream: str | io.StringIO, name: str, problems: list[Problem]):
    """Compose YAML into nodes.

    Args:
        stream: The text of a file; or a stream, whose problems show no line.
        name: What messages call it.
        problems: Collects the problems that need not stop the reading.

    Returns:
        The root node; None if the text has no content.

    Raises:
        Problem: If it is not YAML, or is refused.
    """
    text = stream if isinstance(stream, str) else None
    try:
        loader = _Loader(stream, name, problems)
    except yaml.reader.ReaderError as error:
        raise _unreadable(error, name, text) from None
    try:
        return loader.get_single_node()
    except yaml.reader.ReaderError as error:  # in a stream
        raise _unreadable(error, name, text) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_problem(error) from None
    except (OverflowError, ValueError):  # raised by chr() in PyYAML
        raise Problem(_NO_CHARACTER, loader.get_mark()) from None


def dump(values: dict) -> str:
    """Return values as YAML, from which `compose` and `plain` give equal values."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def dump_value(value: str | int | float) -> str:
    """Return a value as YAML in one line, which can stand anywhere in a config."""
    options = {"Dumper": _Dumper, "width": math.inf, "allow_unicode": True}
    for style in (None, '"'):
        text = yaml.dump(
            [value], default_flow_style=True, default_style=style, **options
        )
        if len(text.splitlines()) == 1:
            break
    return text.strip()[1:-1]


def plain(node: Node) -> dict | list | str | int | float | bool | None:
    """Return the value of a node, with all keys as text."""
    if isinstance(node, MappingNode):
        return {key: plain(value) for key, (_, value) in entries(node).items()}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.value]
    if node.tag in _SCALARS:
        return _SCALARS[node.tag][2](node.value)
    return node.value


def show(node: Node) -> str:
    """Return a value as messages show it: as written; 'a mapping', 'a list'."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list" if node.value else "an empty list"
    if node.tag != TAG + "str":
        return shorten(node.value) if node.value else "null"
    text = node.value
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def entries(node: MappingNode) -> dict[str, tuple[ScalarNode, Node]]:
    """Return the nodes of key and value of each entry of a mapping, by key."""
    return {key.value: (key, value) for key, value in node.value}


def find(root: Node, keys: list[str | int]) -> tuple[Node, Node]:
    """Return the nodes of key and value at `keys`, or at the deepest that exists."""
    key_node = node = root
    for key in keys:
        if isinstance(node, MappingNode):
            found = (pair for pair in node.value if pair[0].value == key)
            pair = next(found, None)
            if pair is None:
                break
            key_node, node = pair
        elif isinstance(node, SequenceNode):
            key_node = node = node.value[key]
        else:
            break
    return key_node, node


def mapping_of(nodes: dict[str, tuple[Node, Node]], like: Node) -> MappingNode:
    """Make a mapping of entries, by key, with the marks of another node."""
    values = list(nodes.values())
    return MappingNode(TAG + "map", values, like.start_mark, like.end_mark)


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [child for pair in node.value for child in pair]
    return node.value if isinstance(node, SequenceNode) else []


def _merge_keys(value: Node) -> dict[str, tuple[Node, Node]]:
    """The entries that `<<` merges from one mapping or several; the first one wins."""
    mappings = value.value if isinstance(value, SequenceNode) else [value]
    merged = {}
    for mapping in reversed(mappings):
        if not isinstance(mapping, MappingNode):
            message = f"'<<' takes the keys of a mapping, {show(mapping)} has none"
            raise Problem.at(mapping, message)
        merged |= entries(mapping)
    return merged


def _unreadable(error: yaml.reader.ReaderError, name: str, text: str | None) -> Problem:
    message = f"the character {chr(error.character)!r}, plain text is needed"
    return Problem(message, place(name, text, error.position))


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    words = f"{error.context or ''} {error.problem}".strip()
    for pattern, ours, which in _SYNTAX:
        if found := re.search(pattern, words):
            mark = getattr(error, f"{which}_mark")
            return Problem(shorten(found.expand(ours)), mark)
    return Problem(shorten(words), error.problem_mark)
