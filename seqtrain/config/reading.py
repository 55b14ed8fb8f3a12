"""YAML with one meaning for every value, each of which knows its place.

A config stays a tree of PyYAML nodes until it is whole: a node knows the file, line
and column that it comes from, also after a base was merged into it.
"""

import io
import os
import re
from pathlib import Path
from typing import Any

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode

from .problems import Problem, place

_TAG = "tag:yaml.org,2002:"
# Much like YAML 1.2. YAML 1.1, PyYAML's default, takes 1e-3 for text, `on` for true,
# 010 for 8 and 1:30 for 90. What fits no pattern is text.
_SCALARS = {  # tag: (pattern, first characters, meaning)
    _TAG + "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""], lambda text: None),
    _TAG + "bool": (
        r"true|True|TRUE|false|False|FALSE",
        list("tTfF"),
        lambda text: text[0] in "tT",
    ),
    _TAG + "int": (r"[-+]?(0|[1-9][0-9]{0,17})", list("-+0123456789"), int),
    _TAG + "float": (
        r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        list("-+.0123456789"),
        float,
    ),
}

# PyYAML's words for the slips that people make, ours, and which of its marks to show.
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
    (r"another document", "a second document, one is needed", "problem"),
]


class _Loader(yaml.SafeLoader):
    """Composes nodes and leaves nothing to chance: no tags, no key twice."""

    yaml_implicit_resolvers = {}

    def __init__(self, stream, name: str, problems: list[Problem]):
        super().__init__(stream)
        self.name = name
        self.problems = problems

    def compose_node(self, parent, index):
        event = self.peek_event()
        if getattr(event, "tag", None):
            message = f"the tag {event.tag!r}, plain values are needed"
            raise Problem(message, event.start_mark)
        node = super().compose_node(parent, index)
        if node.end_mark is None:  # still being composed
            message = "an alias inside of what it stands for"
            raise Problem(message, event.start_mark, event.end_mark)
        return node

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        once = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise Problem.at(key, "a key is not a word")
            if key.value in once:
                line = once[key.value][0].start_mark.line + 1
                message = f"key {key.value!r} is given twice, before in line {line}"
                self.problems.append(Problem.at(key, message))
            once[key.value] = key, value
        node.value = list(once.values())
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would take for something else."""

    yaml_implicit_resolvers = {}


for _tag, (_pattern, _first, _) in _SCALARS.items():
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)


def read(path: Path, problems: list[Problem], above: tuple[Path, ...] = ()) -> Node:
    """Read a config file, laid on the base that it extends.

    Args:
        path: The file.
        problems: Gets what is wrong but need not stop the reading.
        above: The configs that extend this one.

    Raises:
        Problem: What leaves nothing to go on with.
    """
    name = str(path)
    root = _compose(_read_text(path), name, problems)
    if root is None:
        raise Problem("nothing in it, a config is needed", place(name))
    if not isinstance(root, MappingNode):
        raise Problem.at(root, f"{show(plain(root))} is not a config")
    own = entries(root)
    if "extends" not in own:
        return root
    _, value = own.pop("extends")
    chain = (*above, path)
    base = read(_find_base(value, chain), problems, chain)
    return _merge(base, _mapping(own, root))


def override(root: Node, setting: str) -> Node:
    """Lay one `KEY=VALUE` on a config.

    The key leads to its place by dots, to an element of a list by its index; the
    value is YAML and takes the place of what was there.

    Raises:
        Problem: If the setting cannot be read or leads nowhere.
    """
    name = f"--set {setting}"
    key, equals, text = setting.partition("=")
    keys = re.findall(r"[^.\[\]]+", key)
    if not equals or not keys:
        raise Problem("KEY=VALUE is needed", place(name))
    problems = []
    value = _compose(io.StringIO(text), name, problems)
    if problems:
        raise problems[0]
    if value is None:
        raise Problem("nothing after '=', a value or null is needed", place(name))
    return _replace(root, keys, value, "")


def dump(values: dict[str, Any]) -> str:
    """Write values so that `read` gets the same ones back."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def plain(node: Node) -> Any:
    """The value of a node: dicts, lists and scalars. A key is always text."""
    if isinstance(node, MappingNode):
        return {key: plain(value) for key, (_, value) in entries(node).items()}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.value]
    if node.tag in _SCALARS:
        return _SCALARS[node.tag][2](node.value)
    return node.value


def show(value: Any) -> str:
    """A value as a message shows it: as it is written in YAML, or its kind."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else repr(value)


def entries(node: MappingNode) -> dict[str, tuple[ScalarNode, Node]]:
    """The nodes of a mapping's keys and values, by key."""
    return {key.value: (key, value) for key, value in node.value}


def find(root: Node, keys: list[str | int]) -> tuple[Node, Node]:
    """The key's and the value's node at `keys`, or the deepest on the way there."""
    key_node = node = root
    for key in keys:
        if isinstance(node, MappingNode) and key in entries(node):
            key_node, node = entries(node)[key]
        elif isinstance(node, SequenceNode):
            key_node = node = node.value[key]
        else:
            break
    return key_node, node


def _compose(stream: str | io.StringIO, name: str, problems: list[Problem]):
    """The root node of a text, None if there is nothing in it.

    Nodes of a `str` can show their line; a stream is a place that has no lines.
    """
    text = stream if isinstance(stream, str) else None
    try:
        return _Loader(stream, name, problems).get_single_node()
    except yaml.reader.ReaderError as error:
        message = f"the character {chr(error.character)!r}, plain text is needed"
        raise Problem(message, place(name, text, error.position)) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_problem(error) from None


def _syntax_problem(error: yaml.MarkedYAMLError) -> Problem:
    words = f"{error.context or ''} {error.problem}".strip()
    for pattern, ours, which in _SYNTAX:
        if found := re.search(pattern, words):
            return Problem(found.expand(ours), getattr(error, f"{which}_mark"))
    return Problem(words, error.problem_mark)


def _read_text(path: Path) -> str:
    name = str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise Problem("no such file", place(name)) from None
    except IsADirectoryError:
        raise Problem("a directory, a YAML file is needed", place(name)) from None
    except OSError as error:
        raise Problem(f"cannot be read, {error.strerror}", place(name)) from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        start = place(name, before, len(before))
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise Problem(message, start, note="save the file as UTF-8") from None


def _find_base(value: Node, chain: tuple[Path, ...]) -> Path:
    if value.tag != _TAG + "str":
        found = show(plain(value))
        raise Problem.at(value, f"extends: {found} is not the path of a config")
    base = Path(os.path.normpath(chain[-1].parent / value.value))
    if not base.is_file():
        raise Problem.at(value, f"extends: there is no file {base}")
    if base.resolve() in [path.resolve() for path in chain]:
        circle = " → ".join(map(str, (*chain, base)))
        raise Problem.at(value, f"extends goes round in a circle: {circle}")
    return base


def _mapping(nodes: dict[str, tuple[Node, Node]], like: Node) -> MappingNode:
    values = list(nodes.values())
    return MappingNode(_TAG + "map", values, like.start_mark, like.end_mark)


def _merge(base: Node, over: Node) -> Node:
    """`over` laid on `base`: mappings key by key, anything else as a whole."""
    if not (isinstance(base, MappingNode) and isinstance(over, MappingNode)):
        return over
    merged = entries(base)
    for key, (key_node, value) in entries(over).items():
        _, below = merged.get(key, (key_node, value))
        merged[key] = key_node, _merge(below, value)
    return _mapping(merged, over)


def _replace(node: Node, keys: list[str], value: Node, where: str) -> Node:
    """A copy of `node` in which `value` stands at `keys`."""
    if not keys:
        return value
    key, *rest = keys
    if isinstance(node, MappingNode):
        nodes = entries(node)
        new = ScalarNode(_TAG + "str", key, value.start_mark, value.end_mark)
        old, child = nodes.get(key, (new, _mapping({}, value)))
        inside = f"{where}.{key}".lstrip(".")
        nodes[key] = old if rest else new, _replace(child, rest, value, inside)
        return _mapping(nodes, node)
    if not isinstance(node, SequenceNode):
        message = f"{where} is {show(plain(node))}, it has no key {key!r}"
        raise Problem.at(value, message)
    if key not in map(str, range(len(node.value))):
        message = f"{where} has no element {key!r}, the last is {len(node.value) - 1}"
        raise Problem.at(value, message)
    items = list(node.value)
    items[int(key)] = _replace(items[int(key)], rest, value, f"{where}[{key}]")
    return SequenceNode(node.tag, items, node.start_mark, node.end_mark)
