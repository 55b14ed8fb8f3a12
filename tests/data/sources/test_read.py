import pytest

from seqtrain.data.sources.examples import Examples
from seqtrain.data.sources.labelled import split
from seqtrain.errors import DataError
from seqtrain.tasks.texts import (
    FilesData,
    GeneratedData,
    ImdbData,
    read_source,
    source_key,
)


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
    assert list(source.files) == [str(train), str(validation), str(test)]


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
    assert source.files == {}


def test_key_stays_while_nothing_changes(train):
    config = FilesData(train=train)
    assert source_key(config, 0) == source_key(FilesData(train=train), 0)
    assert source_key(config, 0)[1] == read_source(config, 0).files


def test_key_follows_content_seed_and_settings(train):
    def key(seed=0, **settings):
        return source_key(FilesData(train=train, **settings), seed)[0]

    keys = [
        key(),
        key(seed=1),
        key(validation=0.2),
        key(label="other"),
        key(test=train),
    ]
    train.write_text(train.read_text() + "one more,pos\n")
    assert len({*keys, key()}) == 6


def test_key_of_generated_reviews_follows_their_settings():
    configs = [
        GeneratedData(),
        GeneratedData(examples=10),
        GeneratedData(test_examples=10),
        GeneratedData(length=50),
        GeneratedData(distance=5),
        GeneratedData(noise=0.1),
    ]
    assert len({source_key(config, 0)[0] for config in configs}) == 6


def test_key_of_a_folder_follows_names_and_contents(tmp_path):
    for name in ("neg", "pos"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
    config = FilesData(train=tmp_path)
    keys = [source_key(config, 0)[0]]
    (tmp_path / "pos" / "a.txt").write_text("sop")
    keys.append(source_key(config, 0)[0])
    (tmp_path / "pos" / "a.txt").rename(tmp_path / "pos" / "b.txt")
    keys.append(source_key(config, 0)[0])
    assert len(set(keys)) == 3


def test_key_of_the_official_archive_needs_no_download(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path))
    key, files = source_key(ImdbData(), 0)
    assert list(files) == [str(tmp_path / "aclImdb_v1.tar.gz")]
    assert list(tmp_path.iterdir()) == []


def test_key_of_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        source_key(FilesData(train=tmp_path / "train.csv"), 0)
