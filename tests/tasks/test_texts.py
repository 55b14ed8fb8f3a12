import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqtrain
from seqtrain.data.sources.examples import Examples
from seqtrain.data.sources.labelled import split
from seqtrain.data.vocabulary import Vocabulary
from seqtrain.errors import DataError
from seqtrain.sections.data import Standardize
from seqtrain.tasks import load_data
from seqtrain.tasks.texts import (
    FilesData,
    GeneratedData,
    ImdbData,
    encode_texts,
    read_source,
    source_files,
)

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


def ids_of(encoded):
    """The ids of each text."""
    return [encoded.inputs_of(index) for index in range(encoded.examples)]


def words(encoded, vocab):
    """The tokens of each text, as words."""
    return [[vocab.tokens[id] for id in text] for text in ids_of(encoded)]


def assert_equal(one, other):
    for part, same in zip(one[:3], other[:3], strict=True):
        assert_equal_examples(part, same)
    assert one.vocab.tokens == other.vocab.tokens
    for field in ("labels", "buckets", "report", "files"):
        assert getattr(one, field) == getattr(other, field)


def assert_equal_examples(one, other):
    if one is None or other is None:
        assert one is other
        return
    assert one.per_step == other.per_step
    for array, equal in zip(one[:4], other[:4], strict=True):
        assert array.dtype == equal.dtype
        np.testing.assert_array_equal(array, equal)


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
    assert data.train.targets.tolist() == [1, 0, 1, 1, 0]
    assert data.train.lengths.tolist() == [4, 4, 0, 2, 4]
    dtypes = [array.dtype for array in data.train[:4]]
    assert dtypes == ["int32", "int64", "int64", "int32"]
    assert not data.train.per_step
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
    assert [ids.tolist() for ids in ids_of(encoded)] == expected
    assert encoded.targets.tolist() == [-1] * len(texts)


def test_encode_texts_encodes_as_load_data_did():
    config = GeneratedData(examples=80, test_examples=30, vocabulary=50, max_length=60)
    data, source = load_data(config, seed=3), read_source(config, seed=3)
    for part in ("train", "validation", "test"):
        examples = getattr(source, part)
        encoded = encode_texts(*examples[:2], data.vocab, config, data.labels)
        assert_equal_examples(encoded, getattr(data, part))


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
    assert np.bincount(data.train.targets).tolist() == [1, 1, 2]
    assert np.bincount(data.validation.targets).tolist() == [0, 1, 1]


def test_texts_and_labels_of_any_characters_come_back_from_the_cache(files):
    files().train.write_text(
        "text,label\n\0\u202e\U0010ffff good,\U0001f600\ngood,\u200d\ng\ud7ff,\xa0x\n",
        encoding="utf-8",
    )
    changes = {"validation": files().train, "test": None}
    first = load_data(files(**changes), seed=0)
    assert_equal(load_data(files(**changes), seed=0), first)


def test_data_is_loaded_without_tensorflow():
    program = "import sys; from seqtrain.tasks import load_data, texts; "
    program += "config = texts.GeneratedData(examples=9, test_examples=9); "
    program += "load_data(config, seed=0); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def write(path, labels):
    rows = [f"text {number},{label}\n" for number, label in enumerate(labels)]
    path.write_text("text,label\n" + "".join(rows))
    return path


@pytest.fixture
def train(tmp_path):
    return write(tmp_path / "train.csv", ["pos"] * 60 + ["neg"] * 40)


def test_share_is_drawn_from_every_class_and_nothing_is_lost(train):
    source = read_source(FilesData(train=train, validation=0.2), seed=0)
    assert source.validation.labels.count("pos") == 12
    assert source.validation.labels.count("neg") == 8
    parts = [*source.train.texts, *source.validation.texts]
    assert sorted(parts) == sorted(f"text {number}" for number in range(100))
    assert source.test is None


def test_drawing_keeps_labels_with_their_texts_and_the_order():
    labels = ["a", "b"] * 20
    examples = Examples([f"{n:02} {label}" for n, label in enumerate(labels)], labels)
    for part in split(examples, 0.3, seed=0):
        assert part.texts == sorted(part.texts)
        assert [text[-1] for text in part.texts] == part.labels


def test_drawing_follows_from_the_seed_alone(train):
    config = FilesData(train=train)
    assert read_source(config, seed=1) == read_source(config, seed=1)
    assert read_source(config, seed=1) != read_source(config, seed=2)


@pytest.mark.parametrize("share, drawn", [(0.01, 2), (0.99, 5)])
def test_every_class_has_examples_on_both_sides_of_any_share(share, drawn):
    examples = Examples([""] * 8, ["a"] * 5 + ["b"] * 2 + ["c"])
    left, validation = split(examples, share, seed=0)
    assert set(left.labels) == {"a", "b", "c"}
    assert set(validation.labels) == {"a", "b"}
    assert len(validation.labels) == drawn


def test_drawing_from_classes_of_one_example_is_refused(tmp_path):
    train = write(tmp_path / "train.csv", ["pos", "neg"])
    with pytest.raises(DataError, match="no class has two examples") as error:
        read_source(FilesData(train=train), seed=0)
    assert "data.validation" in error.value.hint


def test_validation_and_test_may_be_files(train, tmp_path):
    validation = write(tmp_path / "validation.csv", ["neg"])
    test = write(tmp_path / "test.csv", ["pos", "pos"])
    config = FilesData(train=train, validation=validation, test=test)
    source = read_source(config, seed=0)
    counts = [len(part.texts) for part in source[:3]]
    assert counts == [100, 1, 2]
    assert list(source_files(config)) == [str(train), str(validation), str(test)]


@pytest.mark.parametrize("part", ["validation", "test"])
def test_label_that_is_not_in_training_is_named(train, tmp_path, part):
    other = write(tmp_path / "other.csv", ["neg", "neutral"])
    config = FilesData(train=train, **{part: other})
    with pytest.raises(
        DataError, match="other.csv:3: label 'neutral' is not one of neg, pos"
    ):
        read_source(config, seed=0)


def test_skipped_rows_of_all_splits_are_counted_and_named(train, tmp_path):
    train.write_text(train.read_text() + "no label\n")
    test = write(tmp_path / "test.csv", ["neg", "neutral"])
    config = FilesData(train=train, test=test, bad_rows="skip")
    source = read_source(config, seed=0)
    assert source.skipped == 2
    assert source.skipped_rows == [
        f"{train}:102: the row has 1 of 2 fields",
        f"{test}:3: label 'neutral' is not one of neg, pos",
    ]


def test_one_class_only_is_refused(tmp_path):
    train = write(tmp_path / "train.csv", ["pos"] * 5)
    with pytest.raises(DataError, match="train.csv: every label is 'pos'") as error:
        read_source(FilesData(train=train), seed=0)
    assert "data.label" in error.value.hint


def test_generated_reviews_know_the_best_possible_accuracy():
    config = GeneratedData(examples=50, test_examples=20, noise=0.25)
    source = read_source(config, seed=0)
    assert source.best_accuracy == 0.75
    assert [len(part.texts) for part in source[:3]] == [45, 5, 20]
    assert not set(source.train.texts) & set(source.test.texts)
    assert source_files(config) == {}


def number_of_entries(cache, *loads):
    """Load the data of some configs, each by a seed; return how many were kept."""
    for config, seed in loads:
        load_data(config, seed=seed)
    return len(list(cache.iterdir()))


def test_an_entry_stays_while_nothing_changes(train, cache):
    config = FilesData(train=train)
    assert number_of_entries(cache, (config, 0), (FilesData(train=train), 0)) == 1
    assert load_data(config, seed=0).files == source_files(config)


def test_an_entry_follows_content_seed_and_settings(train, cache):
    train.write_text(
        "text,label,other\n"
        + "".join(f"text {n},{'pn'[n % 2]},{'ab'[n % 2]}\n" for n in range(20))
    )
    settings = [
        {},
        {"validation": 0.2},
        {"label": "other"},
        {"label": 3},
        {"text": 1},
        {"text": ["text", "label"], "label": "other"},
        {"test": train},
        {"train": [train]},
        {"quote": "none"},
        {"delimiter": "comma"},
        {"encoding": "cp1252"},
        {"header": False, "text": 1, "label": 2},
    ]
    loads = [(FilesData(**{"train": train} | each), 0) for each in settings]
    assert number_of_entries(cache, *loads, (FilesData(train=train), 1)) == 13
    train.write_text(train.read_text() + "one more,p,a\n")
    assert number_of_entries(cache, (FilesData(train=train), 0)) == 14


def test_an_entry_of_generated_reviews_follows_their_settings(cache):
    settings = [
        {},
        {"examples": 10},
        {"test_examples": 10},
        {"length": 50},
        {"distance": 5},
        {"noise": 0.1},
    ]
    few = {"examples": 20, "test_examples": 20}
    loads = [(GeneratedData(**few | each), 0) for each in settings]
    assert number_of_entries(cache, *loads) == 6


def test_an_entry_of_a_folder_follows_names_and_contents(tmp_path, cache):
    folder = tmp_path / "folder"
    for name in ("neg", "pos"):
        (folder / name).mkdir(parents=True)
        for letter in "ac":
            (folder / name / f"{letter}.txt").write_text(name)
    config = FilesData(train=folder)
    assert number_of_entries(cache, (config, 0)) == 1
    (folder / "pos" / "a.txt").write_text("sop")
    assert number_of_entries(cache, (config, 0)) == 2
    (folder / "pos" / "a.txt").rename(folder / "pos" / "b.txt")
    assert number_of_entries(cache, (config, 0)) == 3


def test_the_sha256_of_the_official_archive_needs_no_download(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path))
    assert list(source_files(ImdbData())) == [str(tmp_path / "aclImdb_v1.tar.gz")]
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load_data(FilesData(train=tmp_path / "train.csv"), seed=0)


def test_an_entry_follows_the_vocabulary_that_is_handed_in(files, cache):
    one, other = (
        Vocabulary(["", "[unk]", *words.split()]) for words in ("good a", "a good")
    )
    found = {}
    for _ in range(2):  # from the files, and from the cache
        for name, vocab in {"own": None, "one": one, "other": other}.items():
            data = load_data(files(), seed=0, vocab=vocab)
            found.setdefault(name, []).append(data.train.inputs.tolist())
            assert vocab is None or data.vocab.tokens == vocab.tokens
    assert len(list(cache.iterdir())) == 3
    assert found["one"][0][:4] == [3, 2, 2, 1]
    assert found["other"][0][:4] == [2, 3, 3, 1]
    assert all(first == second for first, second in found.values())


def test_a_broken_row_that_was_skipped_before_still_stops(files, cache):
    files().train.write_text(TRAIN + "no label\n")
    skipped = load_data(files(bad_rows="skip"), seed=0)
    assert skipped.report.skipped == 1
    with pytest.raises(DataError, match="train.csv:7: the row has 1 of 2 fields"):
        load_data(files(), seed=0)
    assert_equal(load_data(files(bad_rows="skip"), seed=0), skipped)
    assert len(list(cache.iterdir())) == 1


def test_an_entry_does_not_follow_what_batches_are_padded_to(files, cache):
    buckets = [None, [2, 4], [1, 3, 4]]
    found = [load_data(files(buckets=each), seed=0).buckets for each in buckets]
    assert found == [[1, 2, 4], [2, 4], [1, 3, 4]]
    assert len(list(cache.iterdir())) == 1


def test_buckets_follow_from_the_training_texts_alone(tmp_path, cache):
    train, other = tmp_path / "short.csv", tmp_path / "long.csv"
    train.write_text("text,label\n" + "a b c,pos\nd e f,neg\n" * 10)
    other.write_text("text,label\n" + f"{'a ' * 50},pos\n" * 9)
    config = FilesData(train=train, validation=other, test=other, max_length=10_000)
    assert load_data(config, seed=0).buckets == [*(3 << i for i in range(12)), 10_000]
    assert load_data(config, seed=0).buckets[-1] == 10_000  # from the cache


PROGRAM = """
import sys
from seqtrain.tasks import load_data
from seqtrain.tasks.texts import GeneratedData
load_data(GeneratedData(examples=9, test_examples=9), seed=0)
"""


@pytest.mark.parametrize(
    "module",
    ["tasks/texts.py", "data/sources/files.py", "data/tokenize.py", "system/disk.py"],
)
def test_an_entry_follows_the_code_of_every_module(tmp_path, cache, module):
    package = Path(seqtrain.__file__).parent
    copy = tmp_path / "seqtrain"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))

    def entries():
        command = [sys.executable, "-c", PROGRAM]
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        subprocess.run(command, check=True, env=environment, cwd=tmp_path)
        return set(cache.iterdir())

    before = entries()
    assert entries() == before
    with open(copy / module, "a") as file:
        file.write("# a remark\n")
    assert len(entries()) == 2
