"""What a hint or a `next:` line names can be done: commands, options and keys."""

import ast
import re
from pathlib import Path

import pytest
import typer

from seqtrain.cli import COMMANDS, app
from seqtrain.config.json_schema import json_schema

PACKAGE = Path(__file__).parents[1] / "seqtrain"
SAID = re.compile(r"seqtrain ([a-z][a-z-]*)((?: +(?:--[a-z-]+|[A-Z]+))*)")


def texts():
    """Every text of several words in the program that is no docstring."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if id(node) not in docs and " " in node.value:
                    yield path.name, node.value


def options_of(command):
    group = typer.main.get_command(app)
    return {name for each in group.commands[command].params for name in each.opts}


def test_commands_that_messages_name_exist_with_their_options():
    named = [
        (place, *m.groups()) for place, text in texts() for m in SAID.finditer(text)
    ]
    assert len(named) > 5
    for place, command, rest in named:
        if command not in COMMANDS:  # prose, such as "seqtrain needs …"
            assert not rest, place
            continue
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in options_of(command), f"{place}: {command} {option}"


def test_options_that_messages_name_exist():
    every = {option for command in COMMANDS for option in options_of(command)}
    every |= {"--version", "--help"}
    for place, text in texts():
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
            assert option in every, f"{place}: {option}"


def test_keys_that_messages_name_exist():
    words = set()

    def collect(schema):
        if isinstance(schema, dict):
            words.update(schema.get("properties", {}))
            for value in schema.values():
                collect(value)
        elif isinstance(schema, list):
            for value in schema:
                collect(value)

    collect(json_schema())
    for place, text in texts():
        for key in re.findall(
            r"(?<![\w./])(?:data|train|log|model)(?:\.[a-z_]+)+", text
        ):
            if "  " not in text and not key.endswith(
                (".yaml", ".csv", ".log", ".keras")
            ):
                assert set(key.split(".")) <= words, f"{place}: {key}"


@pytest.mark.parametrize("command", ["eval", "gradflow", "predict", "train"])
def test_commands_that_read_data_can_be_pointed_to_it(command):
    assert "--set" in options_of(command)
