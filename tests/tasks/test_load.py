import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtrain.data.vocabulary import Vocabulary
from seqtrain.errors import DataError
from seqtrain.sections.data import Standardize
from seqtrain.tasks import load_data
from seqtrain.tasks.texts import FilesData, GeneratedData, encode_texts, load_texts

TRAIN = """text,label
a good good film,pos
a dull film that never ends,neg
...,pos
"Good, <br />good!",pos
one two three four five six seven,neg
"""
VALIDATION = """text,label
good unseen unseen unseen film,neg
a a a,pos
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("SEQTRAIN_CACHE", str(folder))
    return folder / "encoded"


@pytest.fixture
def files(tmp_path):
    """A config of small files; its keyword arguments change it."""
    train, validation = tmp_path / "train.csv", tmp_path / "validation.csv"
    train.write_text(TRAIN)
    validation.write_text(VALIDATION)

    def config(**changes):
        paths = {"train": train, "validation": validation, "test": validation}
        return FilesData(**paths | {"max_length": 4} | changes)

    return config


def split(encoded):
    """The ids of each text."""
    ends = zip(encoded.offsets, encoded.offsets[1:], strict=False)
    return [encoded.tokens[start:stop] for start, stop in ends]


def words(encoded, vocab):
    """The tokens of each text, as words."""
    return [[vocab.tokens[id] for id in text] for text in split(encoded)]


def assert_equal(one, other):
    for part, same in zip(one[:3], other[:3], strict=True):
        for array, equal in zip(part or (), same or (), strict=True):
            assert array.dtype == equal.dtype
            np.testing.assert_array_equal(array, equal)
    assert one.vocab.tokens == other.vocab.tokens
    assert (one.labels, one.report, one.files) == (
        other.labels,
        other.report,
        other.files,
    )


def test_load_data_encodes_texts_and_labels(files):
    data = load_data(files(), seed=0)
    assert words(data.train, data.vocab) == [
        ["a", "good", "good", "film"],
        ["film", "that", "never", "ends"],
        [],
        ["good", "good"],
        ["four", "five", "six", "seven"],
    ]
    assert data.labels == ["neg", "pos"]
    assert data.train.labels.tolist() == [1, 0, 1, 1, 0]
    assert data.train.lengths.tolist() == [4, 4, 0, 2, 4]
    assert [array.dtype for array in data.train] == ["int32", "int64", "int32"]
    assert len(data.files) == 2


def test_vocabulary_is_of_the_training_part_only(files):
    data = load_data(files(vocabulary=5), seed=0)
    assert data.vocab.tokens == ["", "[unk]", "good", "a", "film"]
    assert words(data.validation, data.vocab) == [
        ["[unk]", "[unk]", "[unk]", "film"],
        ["a", "a", "a"],
    ]
    everything = load_data(files(), seed=0)
    assert "unseen" not in everything.vocab.tokens
    assert "ends" in everything.vocab.tokens


def test_keep_says_which_end_of_a_longer_text_stays(files):
    data = load_data(files(keep="start", max_length=2), seed=0)
    assert words(data.train, data.vocab) == [
        ["a", "good"],
        ["a", "dull"],
        [],
        ["good", "good"],
        ["one", "two"],
    ]


@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=7), max_size=6),
    st.integers(1, 8),
    st.sampled_from(["start", "end"]),
)
def test_encode_texts_cuts_as_a_slice_does(texts, max_length, keep):
    vocab = Vocabulary(["", "[unk]", "a", "b", "c"])
    config = FilesData(train="none.csv", max_length=max_length, keep=keep)
    encoded = encode_texts(map(" ".join, texts), [], vocab, config, ["x", "y"])
    kept = slice(max_length) if keep == "start" else slice(-max_length, None)
    expected = [vocab.encode(text[kept]).tolist() for text in texts]
    assert [ids.tolist() for ids in split(encoded)] == expected
    assert encoded.labels.tolist() == [-1] * len(texts)


def test_encode_texts_encodes_as_load_data_did():
    config = GeneratedData(examples=80, test_examples=30, vocabulary=50, max_length=60)
    data, source = load_data(config, seed=3), load_texts(config, seed=3)
    for part in ("train", "validation", "test"):
        examples = getattr(source, part)
        encoded = encode_texts(*examples[:2], data.vocab, config, data.labels)
        for one, other in zip(encoded, getattr(data, part), strict=True):
            np.testing.assert_array_equal(one, other)


def test_second_load_comes_from_the_cache_and_is_equal(files, cache):
    first = load_data(files(), seed=0)
    (entry,) = cache.iterdir()
    written = entry.stat().st_mtime_ns
    assert_equal(load_data(files(), seed=0), first)
    assert [each.stat().st_mtime_ns for each in cache.iterdir()] == [written]


def test_data_without_a_test_part_comes_back_without_one(files):
    first = load_data(files(test=None), seed=0)
    assert first.test is None
    assert_equal(load_data(files(test=None), seed=0), first)


@pytest.mark.parametrize(
    "damage",
    [
        lambda blob: b"",
        lambda blob: blob[:20],
        lambda blob: blob[:-1],
        lambda blob: blob + b"\0",
        lambda blob: blob[:700] + bytes([blob[700] ^ 1]) + blob[701:],
        lambda blob: bytes([blob[0] ^ 1]) + blob[1:],
    ],
)
def test_a_damaged_cache_entry_is_made_again(files, cache, damage):
    first = load_data(files(), seed=0)
    (entry,) = cache.iterdir()
    good = entry.read_bytes()
    entry.write_bytes(damage(good))
    assert_equal(load_data(files(), seed=0), first)
    assert entry.read_bytes() == good
    assert list(cache.iterdir()) == [entry]


@pytest.mark.parametrize(
    "change",
    [
        {"vocabulary": 5},
        {"max_length": 3},
        {"keep": "start"},
        {"standardize": Standardize(punctuation="split")},
        {"test": None},
        {"validation": 0.4},
    ],
)
def test_a_setting_that_shapes_the_data_has_its_own_cache_entry(files, cache, change):
    load_data(files(), seed=0)
    changed = load_data(files(**change), seed=0)
    assert len(list(cache.iterdir())) == 2
    assert_equal(load_data(files(**change), seed=0), changed)


def test_a_changed_file_is_read_again(files):
    before = load_data(files(), seed=0)
    times = os.stat(files().train)
    files().train.write_text(TRAIN.replace("dull", "dead"))  # of the same size
    os.utime(files().train, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = load_data(files(), seed=0)
    assert "dull" in before.vocab.tokens
    assert "dull" not in after.vocab.tokens
    assert "dead" in after.vocab.tokens


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    """Put something in the place of the cache folder that holds no entries."""

    def place(kind):
        folder = tmp_path / kind
        if kind == "a file":
            folder.write_text("")
        elif kind == "a circle":
            folder.symlink_to(folder)
        elif kind == "a full disk":
            folder = full_disk(tmp_path)
        monkeypatch.setenv("SEQTRAIN_CACHE", str(folder))
        return folder

    yield place
    if os.path.ismount(tmp_path / "disk"):
        subprocess.run(["umount", tmp_path / "disk"], check=True)


def full_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root, with the right to mount, can fill a disk of its own")
    (folder / "filler").write_bytes(bytes(4096))
    return folder


@pytest.mark.parametrize("kind", ["a file", "a circle", "a full disk"])
def test_a_cache_that_cannot_be_written_is_told_and_stops_nothing(
    files, no_cache, capsys, kind
):
    expected = load_data(files(), seed=0)
    assert capsys.readouterr().err == ""
    folder = no_cache(kind)
    for _ in range(2):
        assert_equal(load_data(files(), seed=0), expected)
        told, hint = capsys.readouterr().err.splitlines()
        assert told.startswith(f"warning: {folder}/encoded: encoded data can't be kept")
        assert "SEQTRAIN_CACHE" in hint
    assert not list(folder.parent.glob("*/encoded/*.*"))  # a part of an entry


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device", "a circle"])
def test_what_stands_in_the_place_of_a_cache_entry_is_never_read(files, cache, kind):
    first = load_data(files(), seed=0)
    (entry,) = cache.iterdir()
    entry.unlink()
    if kind == "a folder":
        entry.mkdir()
    elif kind == "a pipe":
        os.mkfifo(entry)
    else:
        entry.symlink_to("/dev/zero" if kind == "a device" else entry)
    assert_equal(load_data(files(), seed=0), first)


def test_texts_without_any_token_are_refused(files):
    files().train.write_text("text,label\n...,pos\n,neg\n<br />,pos\n")
    with pytest.raises(DataError, match="no training text has a token") as caught:
        load_data(files(), seed=0)
    assert "data.text" in caught.value.hint


def test_a_class_with_a_single_example_stays_in_training(tmp_path, files):
    files().train.write_text(TRAIN + "so so,mixed\n")
    data = load_data(files(validation=0.4), seed=0)
    assert data.labels == ["mixed", "neg", "pos"]
    assert np.bincount(data.train.labels).tolist() == [1, 1, 2]
    assert np.bincount(data.validation.labels).tolist() == [0, 1, 1]


def test_texts_and_labels_of_any_characters_come_back_from_the_cache(files):
    files().train.write_text(
        "text,label\n\0\u202e\U0010ffff good,\U0001f600\ngood,\u200d\ng\ud7ff,\xa0x\n",
        encoding="utf-8",
    )
    changes = {"validation": files().train, "test": None}
    first = load_data(files(**changes), seed=0)
    assert_equal(load_data(files(**changes), seed=0), first)


def test_data_is_loaded_without_tensorflow():
    program = "import sys, seqtrain.tasks.load, seqtrain.data.batches as b; "
    program += "b.bucket_lengths(4); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
