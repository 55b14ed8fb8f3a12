import json
import subprocess
import sys

import pytest
from every_key import CONFIGS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_validator import is_valid
from test_schema import ALL_KEYS, PATHS, VALUES, with_value

from seqtrain.config import load_config, shipped_configs
from seqtrain.config.json_schema import EDITOR_LINE, FILE_NAME, json_schema
from seqtrain.config.nodes import compose, plain
from seqtrain.config.whole import SECTIONS
from seqtrain.errors import ConfigError

SCHEMA = json_schema()


def valid(text):
    """Whether the text of a config is; read as YAML 1.2, as editors do."""
    return is_valid(plain(compose(text, "c.yaml", [])), SCHEMA, SCHEMA)


def sections(schema):
    """Every part of a schema that lists properties."""
    parts = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        yield schema
    for part in parts:
        if isinstance(part, dict | list):
            yield from sections(part)


def closed_sections():
    return [each for each in sections(SCHEMA) if "additionalProperties" in each]


def test_the_committed_schema_is_what_the_command_prints():
    command = [sys.executable, "-m", "seqtrain", "schema"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    [folder] = {path.parent for path in shipped_configs()}
    assert (folder / FILE_NAME).read_text() == done.stdout
    assert json.loads(done.stdout) == SCHEMA
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_section_is_closed_and_every_key_described():
    data = [each.__name__ for each in SECTIONS]
    assert data == [
        *["ImdbData", "FilesData", "GeneratedData"],
        *["AddingData", "CopyData", "TemporalOrderData"],
    ]
    assert len(closed_sections()) == 9 + len(data)  # with the data over a base
    for section in closed_sections():
        assert section["additionalProperties"] is False
        for key, schema in section["properties"].items():
            assert schema["description"], key
    branches = [each for each in sections(SCHEMA) if each not in closed_sections()]
    assert all(each["properties"].keys() == {"data"} for each in branches)


def test_nothing_in_it_is_for_pydantic_alone():
    text = json.dumps(SCHEMA)
    assert '"title": "Dim"' not in text
    assert '"format": "' not in text
    assert "e+" not in text.replace("1e+38", "")
    for definition in SCHEMA["$defs"]:
        assert text.count(f"#/$defs/{definition}") >= 1


@pytest.mark.parametrize("path", shipped_configs(), ids=lambda path: path.stem)
def test_a_shipped_config_names_the_schema_and_is_valid(path):
    first, rest = path.read_text().split("\n", 1)
    assert first == EDITOR_LINE
    assert valid(rest)


@pytest.mark.parametrize("source", CONFIGS)
def test_a_config_with_every_key_is_valid(source):
    assert valid(CONFIGS[source])


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "extends: base.yaml\ndata: {vocabulary: 5}",
        "extends: base.yaml\ndata: {validation: v.csv, distance: null}",
        "data: {source: imdb, distance: null}",
        "data: {source: generated, task: copy, vocabulary: null, noise: null}",
        "data: {source: files, train: a.csv, validation: v.csv}",
        "data: {source: generated, length: 9}",
        "data: {source: generated, task: adding, path: null, train: null}",
        "data: {source: files, train: a.csv, task: null, examples: null}",
        "extends: base.yaml\ndata: {task: copy, buckets: null, train: null}",
        "train: {class_weights: {a: 1, b: 2}}",
    ],
)
def test_what_may_stand_alone_is_valid(text):
    assert valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "trian: {}",
        "data: {vocabulary: 5}",
        "data: {source: imbd}",
        "data: {source: files}",
        "data: {source: imdb, distance: 3}",
        "data: {source: imdb, validation: v.csv}",
        "data: {source: imdb, task: copy}",
        "data: {task: copy}",
        "data: {source: generated, task: coppy}",
        "data: {source: generated, task: adding, train: a.csv}",
        "data: {source: generated, task: adding, validation: v.csv}",
        "extends: base.yaml\ndata: {task: coppy}",
        "extends: 3",
        "extends: base.yaml\ndata: {vocabluary: 5}",
        "model: {layers: []}",
        "model: {layers: [{cell: lsmt, units: 3}]}",
        "train: {learning_rate: '1e-3'}",
        "train: {class_weights: {a: 1}}",
        "seed: 4294967296",
    ],
)
def test_what_is_wrong_is_not_valid(text):
    assert not valid(text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(path=st.sampled_from(PATHS), value=st.sampled_from(VALUES))
def test_what_an_editor_marks_seqtrain_refuses(tmp_path, path, value):
    values = with_value(ALL_KEYS, path, value)
    if is_valid(values, SCHEMA, SCHEMA):
        return
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps(values))
    with pytest.raises(ConfigError):
        load_config(file)
