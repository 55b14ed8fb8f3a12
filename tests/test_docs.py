"""The README and the pages of docs/: links lead somewhere, tables are current."""

import re
from collections import Counter
from pathlib import Path

import pytest
from test_floors import FLOORS

from seqtrain.config import find_config
from seqtrain.config.json_schema import json_schema
from seqtrain.errors import ConfigError

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]


@pytest.fixture
def config_reference(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import config_reference

    return config_reference


def prose(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """What a link may name in a page: its headings, as GitHub turns them to anchors."""
    seen = Counter()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


def links(page):
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    found = [link for link in links(page) if "://" not in link]
    assert found
    for link in found:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_is_there(page):
    named = re.findall(
        r"(?<![\w/.-])((?:scripts|tests|configs|docs)/[\w./-]*\w)(?![\w<])",
        page.read_text(),
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_readme_leads_to_every_page_and_to_every_picture():
    linked = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert set(ROOT.glob("docs/*.md")) <= linked
    assert {*ROOT.glob("docs/*.png")} <= linked


def test_a_newcomer_reads_the_readme_to_its_end():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 250


def test_the_map_of_the_house_has_every_room_on_its_floor():
    page = (ROOT / "docs/developing.md").read_text()
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", page, re.MULTILINE)
    drawn = {name: int(floor) for floor, name in rows}
    assert drawn == {
        name: floor for name, floor in FLOORS.items() if not name.startswith("__")
    }


def test_the_tables_of_keys_are_those_of_the_schema(config_reference):
    page = config_reference.PAGE.read_text()
    assert config_reference.with_keys(page) == page, (
        "run: python scripts/config_reference.py"
    )


def test_every_key_of_every_section_has_a_row():
    rows = set(
        re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/config.md").read_text(), re.M)
    )
    sections = [json_schema(), *json_schema()["$defs"].values()]
    keys = {
        key
        for section in sections
        for key, schema in section.get("properties", {}).items()
        if "const" not in schema
    }
    assert keys - {"source", "task"} <= rows
    assert {"extends", "seed", "bad_rows", "omega", "gradflow", "contenders"} <= rows


def test_a_key_of_several_kinds_stands_once_and_under_their_names(config_reference):
    def kind(source, task, **properties):
        constants = {"source": {"const": source}, "task": {"const": task}}
        return {"properties": constants | properties, "description": f"{task}.\n\nIt."}

    share = {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.5}
    width = {"type": "integer", "minimum": 1, "description": "a < b | c"}
    null = {"type": "null"}
    schema = {
        "properties": {"data": {"description": "what is read"}},
        "else": {
            "properties": {
                "data": {
                    "oneOf": [
                        {"$ref": "#/$defs/A"},
                        {"oneOf": [{"$ref": "#/$defs/B"}, {"$ref": "#/$defs/C"}]},
                    ]
                }
            }
        },
        "$defs": {
            "A": kind("files", "tags", share=share, width=null),
            "B": kind("made", "tags", share=share, width=width, examples=width),
            "C": kind(
                "made",
                "sums",
                share={"anyOf": [share, null], "default": 0.5},
                examples=width,
            ),
        },
    }
    _, _, section = config_reference.reference(schema).partition("### `data`\n\n")
    assert section == (
        "What is read.\n\n"
        "| with | what |\n|---|---|\n"
        "| `source: files`, `task: tags` | tags. |\n"
        "| `source: made`, `task: tags` | tags. |\n"
        "| `source: made`, `task: sums` | sums. |\n\n"
        "#### `data` with any of them\n\n"
        "| key | values | default | meaning |\n|---|---|---|---|\n"
        "| `share` | number above 0, up to 1 | `0.5` |  |\n\n"
        "#### `data` with `source: made`\n\n"
        "| key | values | default | meaning |\n|---|---|---|---|\n"
        "| `examples` | integer from 1 |  | a \\< b \\| c |\n\n"
        "#### `data` with `source: made`, `task: tags`\n\n"
        "| key | values | default | meaning |\n|---|---|---|---|\n"
        "| `width` | integer from 1 |  | a \\< b \\| c |\n"
    )


def test_configs_named_in_tables_of_results_are_shipped():
    table = (ROOT / "docs/results.md").read_text()
    names = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert len(names) >= 9
    for name in names:
        try:
            find_config(name)
        except ConfigError:
            pytest.fail(f"{name} is no shipped config")
