import os
from pathlib import Path

import numpy as np
import pytest

from seqtrain.data.cache import cache_folder, entry_path, read_entry, write_entry
from seqtrain.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


ARRAYS = {
    "ids": np.arange(5, dtype=np.int32),
    "numbers": np.array([[0.5, -1.5]], np.float32),
    "nothing": np.zeros(0, np.uint8),
}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_the_folder_is_the_first_that_the_environment_names(monkeypatch, cache):
    assert cache_folder() == cache
    monkeypatch.delenv("SEQTRAIN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/seqtrain")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_folder() == Path("/home/me/.cache/seqtrain")


def test_a_user_without_a_home_is_told_to_name_a_folder(monkeypatch):
    def none():
        raise RuntimeError

    monkeypatch.delenv("SEQTRAIN_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", none)
    with pytest.raises(DataError, match="no home folder is known") as caught:
        cache_folder()
    assert "SEQTRAIN_CACHE" in caught.value.hint


def test_what_is_written_comes_back(cache):
    path = entry_path("a")
    assert path.parent == cache / "encoded"
    assert read_entry(path) is None
    write_entry(path, ARRAYS)
    assert_equal(read_entry(path), ARRAYS)
    assert list(path.parent.iterdir()) == [path]


def test_an_entry_is_named_by_all_that_it_follows_from():
    values = [{"keep": "end"}, 0, {"a.csv": "12"}, None]
    others = [{"keep": "start"}, 1, {"a.csv": "13"}, ["", "[unk]"]]
    names = {entry_path(*values)}
    for index, other in enumerate(others):
        names.add(entry_path(*values[:index], other, *values[index + 1 :]))
    assert len(names) == 5
    assert entry_path(*values) in names


@pytest.mark.parametrize("place", [0, 31, 32, 200, -1])
def test_a_byte_that_changed_is_found(place):
    path = entry_path("a")
    write_entry(path, ARRAYS)
    blob = bytearray(path.read_bytes())
    blob[place] ^= 1
    path.write_bytes(blob)
    assert read_entry(path) is None


@pytest.mark.parametrize("length", [0, 20, 32, 500])
def test_an_entry_that_was_cut_off_is_found(length):
    path = entry_path("a")
    write_entry(path, ARRAYS)
    path.write_bytes(path.read_bytes()[:length])
    assert read_entry(path) is None


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device", "a circle"])
def test_what_is_no_file_is_never_read(kind):
    path = entry_path("a")
    path.parent.mkdir(parents=True)
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "a device" else path)
    assert read_entry(path) is None


def test_where_nothing_can_be_kept_that_is_told(cache, capsys):
    cache.write_text("")
    write_entry(entry_path("a"), ARRAYS)
    told, hint = capsys.readouterr().err.splitlines()
    assert told.startswith(f"warning: {cache}/encoded: encoded data can't be kept")
    assert "SEQTRAIN_CACHE" in hint
