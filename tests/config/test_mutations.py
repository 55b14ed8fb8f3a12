import itertools
import random
import re
import time
from collections import Counter

import pytest
from every_key import CONFIGS
from mutations import KINDS, misspelt, places

from seqtrain.config import dump_config, load_config, shipped_configs
from seqtrain.config.nodes import compose, plain
from seqtrain.errors import ConfigError

TEXTS = [path.read_text() for path in shipped_configs()] + list(CONFIGS.values())
PLACE = re.compile(r"(c\.yaml|[^\n:]*:\d+:\d+|c\.yaml:\d+:\d+|--set [^\n]*): error: \S")


@pytest.mark.parametrize(
    "number", [300, pytest.param(20_000, marks=pytest.mark.slow)], ids=str
)
def test_a_mutated_config_is_loaded_or_refused_at_a_place_in_time(
    tmp_path, monkeypatch, number
):
    monkeypatch.chdir(tmp_path)
    rng = random.Random(0)
    outcomes, slowest = Counter(), 0.0
    for i in range(number):
        kind = KINDS[i % len(KINDS)]
        data, settings = kind(rng.choice(TEXTS), rng)
        (tmp_path / "c.yaml").write_bytes(data)
        began = time.process_time()
        try:
            config = load_config("c.yaml", settings)
        except ConfigError as error:
            outcomes["refused"] += 1
            check_message(str(error))
        else:
            outcomes["loaded"] += 1
            (tmp_path / "c.yaml").write_text(dump_config(config))
            assert load_config("c.yaml") == config
        slowest = max(slowest, time.process_time() - began)
    assert slowest < 2
    assert min(outcomes["loaded"], outcomes["refused"]) > number / 10
    print(f"\n{number} configs: {dict(outcomes)}, slowest {slowest:.3f} s")


def check_message(message):
    """Every problem has its place, all fit on a screen, none steers a terminal."""
    *problems, summary = re.split(r"\n(?=\S)", message)
    assert re.fullmatch(r"[\d,]+ errors? in c\.yaml; nothing was run", summary)
    for problem in problems:
        assert PLACE.match(problem) or problem.startswith("… and "), problem
        assert len(problem) < 800
        for line in problem.split("\n"):
            assert line.replace("\t", "").isprintable()
        assert "nput should" not in problem  # pydantic's own words


NAMED = ("contenders", "conditions")


def keys_in(tree):
    """Every mapping of a config with each of its keys, but for a user's names."""
    shootout = tree.get("shootout", {})
    own = [tree.get("train", {}).get("class_weights"), *map(shootout.get, NAMED)]
    for parent, key in places(tree):
        if isinstance(parent, dict) and not any(parent is each for each in own):
            yield parent, key


@pytest.mark.parametrize(
    "step", [50, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_a_misspelt_key_is_found_and_the_right_one_suggested(
    tmp_path, monkeypatch, step
):
    monkeypatch.chdir(tmp_path)
    tried, wrong = 0, []
    kinds = itertools.count()
    for text in TEXTS:
        tree = plain(compose(text, "", []))
        for parent, key in list(keys_in(tree)):
            before = dict(parent)
            for word in misspelt(key):
                if word in before or next(kinds) % step:
                    continue
                renamed = {word if k == key else k: v for k, v in before.items()}
                parent.clear()
                parent.update(renamed)
                said = complaint(tree)
                assert word in said
                tried += 1
                if f"did you mean {key!r}" not in said:
                    wrong.append((word, key))
            parent.clear()
            parent.update(before)
    assert tried > 10_000 // step
    print(f"\n{tried} misspelt keys, {1 - len(wrong) / tried:.2%} right")
    assert len(wrong) <= 0.05 * tried


def complaint(tree):
    """What is said about a config, given as a tree."""
    with open("c.yaml", "w") as file:
        file.write(repr(tree).replace("True", "true").replace("False", "false"))
    with pytest.raises(ConfigError) as caught:
        load_config("c.yaml")
    return str(caught.value)
