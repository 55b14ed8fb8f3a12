"""Read a file, its bases and `--set` into one tree of nodes.

Large files, pipes and devices are refused: to read them could take forever.
"""

import codecs
import io
import os
import re
import stat
from pathlib import Path

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from ..errors import shorten
from .nodes import MAX_DEPTH, TAG, compose, entries, mapping_of, show
from .problems import Problem, place

_MAX_BYTES = 1_000_000  # of a file; the longest shipped one has 1,125
# A word, then any number of `.word` or `[index]`.
_SET_KEY = re.compile(r"[^.\[\]]+(\.[^.\[\]]+|\[[^.\[\]]+\])*")


def read(path: Path, problems: list[Problem], above: tuple[Path, ...] = ()) -> Node:
    """Read a config file, and merge it over the base that it extends.

    Args:
        path: The file.
        problems: Collects the problems that need not stop the reading.
        above: The chain of configs that extend this one.

    Raises:
        Problem: If the file or a base can't be read.
    """
    name = str(path)
    root = compose(_read_text(path), name, problems)
    if root is None:
        raise Problem("nothing in it, a config is needed", place(name))
    if not isinstance(root, MappingNode):
        raise Problem.at(root, f"{show(root)} is not a config")
    own = entries(root)
    if "extends" not in own:
        return root
    _, value = own.pop("extends")
    chain = (*above, path)
    if len(chain) > MAX_DEPTH:
        raise Problem.at(value, f"extends: more than {MAX_DEPTH} bases of bases")
    base = read(_find_base(value, chain), problems, chain)
    return _merge(base, mapping_of(own, root))


def override(root: Node, setting: str) -> Node:
    """Override one key of a config by `KEY=VALUE`.

    The key has a dot before each inner key and the index of an element of a list, as
    in `model.layers[0].units` or `model.layers.0.units`. The value is YAML.

    Raises:
        Problem: If the setting is not KEY=VALUE, or the key leads into a scalar or past
            the end of a list.
    """
    name = f"--set {shorten(setting)}"
    key, equals, text = setting.partition("=")
    keys = re.findall(r"[^.\[\]]+", key.strip())
    if not equals or not _SET_KEY.fullmatch(key.strip()):
        message = "KEY=VALUE is needed, such as model.layers[0].units=32"
        raise Problem(message, place(name))
    if len(keys) > MAX_DEPTH:
        raise Problem(f"nested more than {MAX_DEPTH} deep", place(name))
    if keys == ["extends"]:
        raise Problem("extends has its effect in a file only", place(name))
    problems = []
    value = compose(io.StringIO(text), name, problems)
    if problems:
        raise problems[0]
    if value is None:
        raise Problem("nothing after '=', a value or null is needed", place(name))
    return _replace(root, keys, value, "")


def _read_text(path: Path) -> str:
    name = str(path)
    try:
        data = _read_bytes(path)
    except (FileNotFoundError, ValueError):  # such as a name with a null byte
        raise Problem("no such file", place(name)) from None
    except OSError as error:
        raise Problem(f"cannot be read, {error.strerror}", place(name)) from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or 0 in data[:4]:
        message = "UTF-16 or binary, UTF-8 is needed"
        raise Problem(message, place(name), note="save the file as UTF-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        start = place(
            name, data.decode(errors="replace"), len(data[: error.start].decode())
        )
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise Problem(message, start, note="save the file as UTF-8") from None


def _read_bytes(path: Path) -> bytes:
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise Problem("a directory, a YAML file is needed", place(str(path)))
    if not stat.S_ISREG(found.st_mode):  # reading it could wait or last forever
        raise Problem("a pipe or a device, a YAML file is needed", place(str(path)))
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        message = f"{found.st_size:,} bytes, a config has at most {_MAX_BYTES:,}"
        raise Problem(message, place(str(path)))
    return data


def _find_base(value: Node, chain: tuple[Path, ...]) -> Path:
    if value.tag != TAG + "str":
        raise Problem.at(value, f"extends: {show(value)} is not the path of a config")
    given = os.path.expanduser(value.value)
    base = Path(os.path.normpath(chain[-1].parent / given))
    try:
        there = base.is_file()
    except OSError as error:
        message = f"extends: {shorten(value.value)} cannot be read, {error.strerror}"
        raise Problem.at(value, message) from None
    if not there:
        raise Problem.at(value, f"extends: there is no file {shorten(str(base))}")
    if base.resolve() in [path.resolve() for path in chain]:
        circle = " → ".join(map(str, (*chain, base)))
        raise Problem.at(value, f"extends goes round in a circle: {circle}")
    return base


def _merge(base: Node, over: Node) -> Node:
    """Merge `over` into `base`: mappings key by key, anything else is replaced."""
    if not (isinstance(base, MappingNode) and isinstance(over, MappingNode)):
        return over
    merged = entries(base)
    for key, (key_node, value) in entries(over).items():
        _, below = merged.get(key, (key_node, value))
        merged[key] = key_node, _merge(below, value)
    return mapping_of(merged, over)


def _replace(node: Node, keys: list[str], value: Node, where: str) -> Node:
    """Return a copy of `node` with `value` at `keys`."""
    if not keys:
        return value
    key, *rest = keys
    if isinstance(node, MappingNode):
        nodes = entries(node)
        new = ScalarNode(TAG + "str", key, value.start_mark, value.end_mark)
        old, child = nodes.get(key, (new, mapping_of({}, value)))
        inside = f"{where}.{key}".lstrip(".")
        nodes[key] = old if rest else new, _replace(child, rest, value, inside)
        return mapping_of(nodes, node)
    if not isinstance(node, SequenceNode):
        message = f"{where} is {show(node)}, it has no key {shorten(repr(key))}"
        raise Problem.at(value, message)
    if key not in map(str, range(len(node.value))):
        last = f"the last is {len(node.value) - 1}" if node.value else "it is empty"
        message = f"{where} has no element {shorten(repr(key))}, {last}"
        raise Problem.at(value, message)
    items = list(node.value)
    items[int(key)] = _replace(items[int(key)], rest, value, f"{where}[{key}]")
    return SequenceNode(node.tag, items, node.start_mark, node.end_mark)
