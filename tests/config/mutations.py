"""What fingers, editors and other programs make of a config."""

import copy
import json
import re

from seqtrain.config.nodes import compose, plain

VALUES = [None, True, False, 0, 1, -1, 3, 10**17, -(10**400), 0.5, 1e-50, 1e300]
VALUES += [float("inf"), "", "x", "yes", "1e-3", "a\0b", "\x1b[31m", "x" * 70000]
VALUES += ["\ud800", "日本", [], [1], ["x"], [[[]]], {}, {"x": 1}, {"cell": "gru"}]
VALUES += [{"source": []}, {"source": "files"}, [{"cell": "lstm", "units": 2}] * 101]
TOKENS = (
    "true null ~ yes 010 0x10 1_000 .inf .nan 1e999 -1 99999999999999999999".split()
)
TOKENS += "{ } [ ] , : ? - | > & * ! % @ ` ' \" # << &a *a <<: --- ... !!int".split()
TOKENS += ["\t", "\n", "\r", "\x85", "\u2028", "\ufeff", "\x1b", "\0", "9" * 5000]
TOKENS += "rnn lstm gru imdb files generated none extends source data model".split()
BYTES = [*range(256)]
SETTINGS = [
    "",
    "=",
    "a",
    ".=1",
    "a..b=1",
    "a[=1",
    "a]=1",
    "a[b]=1",
    "[0]=1",
    "extends=x",
]
SETTINGS += ["=".join("abc"), ".".join("a" * 60) + "=1", "model.layers[9].units=1"]


def bytes_changed(text, rng):
    """Some bytes are others, gone, or new."""
    data = bytearray(text.encode())
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data))
        data[place : place + rng.randint(0, 2)] = bytes(
            rng.choices(BYTES, k=rng.randint(0, 2))
        )
    return bytes(data), []


def token_changed(text, rng):
    """A word or a sign is another, gone, or there twice."""
    tokens = re.findall(r"\w+|\s+|.", text)
    place = rng.randrange(len(tokens))
    other = rng.choice([*TOKENS, rng.choice(tokens), "", tokens[place] * 2])
    tokens[place] = other
    return "".join(tokens).encode(), []


def line_changed(text, rng):
    """A line is gone, there twice, elsewhere, deeper, or cut off."""
    lines = text.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    line = lines.pop(place)
    kept = {
        "gone": [],
        "twice": [line, line],
        "deeper": [rng.choice([" ", "  ", "\t"]) + line],
        "higher": [line.removeprefix(" ")],
        "cut": [line[: rng.randrange(len(line) + 1)] + "\n"],
        "joined": [line.rstrip("\n")],
        "long": [line.rstrip("\n") + " " * 70000 + "x\n"],
    }
    how = rng.choice([*kept, "elsewhere"])
    if how == "elsewhere":
        lines.insert(rng.randrange(len(lines) + 1), line)
    else:
        lines[place:place] = kept[how]
    return "".join(lines).encode(), []


def tree_changed(text, rng):
    """A value is another, gone, or under another key."""
    tree = plain(compose(text, "", []))
    for _ in range(rng.randint(1, 3)):
        parent, key = rng.choice(list(places(tree)))
        value = copy.deepcopy(rng.choice([*VALUES, parent[key], tree]))
        if isinstance(parent, dict) and rng.random() < 0.3:
            other = rng.choice([k for _, k in places(tree) if isinstance(k, str)])
            parent[rng.choice([other, key + "x", key[:-1]])] = parent.pop(key)
        elif rng.random() < 0.2:
            del parent[key]
        else:
            parent[key] = value
        if not any(places(tree)):
            break
    return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    ), []


def set_from_outside(text, rng):
    """Settings lead to any place, with any value, in any syntax."""
    tree = plain(compose(text, "", []))
    settings = []
    for _ in range(rng.randint(1, 3)):
        keys = rng.choice(list(paths(tree)))
        key = ".".join(map(str, keys))
        if rng.random() < 0.3:
            key = re.sub(r"\.(\d+)", r"[\1]", key)
        if rng.random() < 0.2:
            key = key[: rng.randrange(len(key) + 1)] + rng.choice(["", ".", "[0]", "x"])
        value = rng.choice([*VALUES, *TOKENS])
        value = value if isinstance(value, str) else json.dumps(value)
        settings.append(rng.choice([f"{key}={value}"] * 9 + SETTINGS))
    return text.encode(), settings


def places(tree):
    """Every container of a tree with each of its keys."""
    items = list(tree.items() if isinstance(tree, dict) else enumerate(tree))
    for key, value in items:
        yield tree, key
        if isinstance(value, dict | list):
            yield from places(value)


def paths(tree, above=()):
    """The keys that lead to every value of a tree."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*above, key))


KINDS = [bytes_changed, token_changed, line_changed, tree_changed, set_from_outside]


def misspelt(word):
    """A word with one slip at each place: a letter more, less, another, two swapped."""
    for i, letter in enumerate(word):
        other = chr((ord(letter) - ord("a") + 7) % 26 + ord("a"))
        yield word[:i] + other + word[i:]
        yield word[:i] + other + word[i + 1 :]
        if len(word) > 1:
            yield word[:i] + word[i + 1 :]
        if i and word[i - 1] != letter:
            yield word[: i - 1] + letter + word[i - 1] + word[i + 1 :]
