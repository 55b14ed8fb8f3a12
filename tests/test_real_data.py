"""Runs on the Large Movie Review Dataset where a copy of it is at hand.

`SEQTRAIN_DATA` names a folder with `imdb/train.csv.gz` and `imdb/test.csv.gz`, columns
`text` and `label`; without it these tests are skipped.
"""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from seqtrain.tasks import load_data
from seqtrain.tasks.texts import FilesData, read_source

IMDB = Path(os.environ.get("SEQTRAIN_DATA", "absent")) / "imdb"

pytestmark = pytest.mark.skipif(
    not (IMDB / "train.csv.gz").exists(), reason="SEQTRAIN_DATA names no copy of IMDB"
)


@pytest.fixture(scope="module")
def config():
    return FilesData(train=IMDB / "train.csv.gz", test=IMDB / "test.csv.gz")


def test_reviews_are_encoded_in_ten_seconds_and_cached_in_one(
    config, tmp_path, monkeypatch
):
    monkeypatch.setenv("SEQTRAIN_CACHE", str(tmp_path))
    seconds = []
    for _ in range(2):
        began = time.process_time()
        data = load_data(config, seed=0)
        seconds.append(time.process_time() - began)

    reviews = sum(part.examples for part in data[:3])
    assert reviews == 37_500
    assert seconds[0] * 25_000 / reviews < 10
    assert seconds[1] < 1


def test_known_quirks_of_the_data_are_reported(config):
    source = read_source(config, seed=0)
    training = set(source.train.texts) | set(source.validation.texts)
    assert len(training) == 24_904

    report = load_data(config, seed=0).report
    assert report.splits["training"].examples == 22_500
    assert report.splits["test"].classes == {"0": 6_250, "1": 6_250}
    known = set(source.train.texts)
    in_training = sum(text in known for text in source.test.texts)
    assert report.splits["test"].in_training == in_training > 50


@pytest.mark.slow
def test_a_document_config_learns_reviews_in_two_epochs(config, tmp_path):
    from seqtrain.config import load_config
    from seqtrain.runs.run import Run
    from seqtrain.training.train import train

    path = Path(__file__).parents[1] / "configs" / "document_lstm.yaml"
    files = f"{{source: files, train: {config.train}, max_length: 50}}"
    loaded = load_config(path, [f"data={files}", "train.epochs=2"])
    run = Run.create("document_lstm", tmp_path / "run")
    run.start(path, loaded, "test")
    history = train(loaded, load_data(loaded.data, seed=0), run)
    assert np.max(history["val_accuracy"]) > 0.75
