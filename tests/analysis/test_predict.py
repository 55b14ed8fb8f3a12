import errno
import io
import math
import os
import shutil
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from small_run import TEST, logit, make_run

from seqtrain.analysis.predict import Predictor, predict, read_lines
from seqtrain.errors import DataError, RunError
from seqtrain.runs.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("predict"))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("size", [1, 3, 64])
def test_answers_are_the_models_in_the_order_of_the_texts(run, size):
    texts = [text for text, _ in TEST]

    batches = [texts[i : i + size] for i in range(0, len(texts), size)]
    answers = list(predict(run, batches))

    assert [answer["text"] for answer in answers] == texts
    for text, answer in zip(texts, answers, strict=True):
        positive = sigmoid(logit(text))
        assert answer["probabilities"] == {
            "neg": pytest.approx(1 - positive, abs=1e-6),
            "pos": pytest.approx(positive, abs=1e-6),
        }
        assert answer["label"] == ("pos" if logit(text) > 0 else "neg")
        assert answer["probability"] == max(answer["probabilities"].values())


def test_each_batch_is_answered_before_the_next_is_read(run):
    read = []

    def batches():
        for batch in (["good", "bad"], ["fine"]):
            read.append(batch)
            yield batch

    answers = predict(run, batches())

    assert next(answers)["text"] == "good"
    assert next(answers)["text"] == "bad"
    assert read == [["good", "bad"]]
    assert next(answers)["text"] == "fine"


def test_a_line_is_read_as_soon_as_it_is_written():
    reader, writer = os.pipe()
    with open(reader, "rb") as stream, open(writer, "wb", buffering=0) as pipe:
        batches = read_lines(stream, "pipe")
        pipe.write("good\r\nça".encode())
        assert next(batches) == ["good"]
        pipe.write(b" va\n\n")
        assert next(batches) == ["ça va", ""]
        pipe.write(b"last")
        pipe.close()
        assert list(batches) == [["last"]]


def test_a_line_that_is_not_utf8_is_named():
    with pytest.raises(DataError, match="texts:2: byte 3 is not UTF-8"):
        list(read_lines(io.BufferedReader(io.BytesIO(b"good\nab\xff")), "texts"))


@pytest.mark.parametrize("start", [b"", b"good\n"])
def test_a_line_without_end_is_refused_in_bounded_memory(start):
    class Endless(io.RawIOBase):
        begun = False

        def readable(self):
            return True

        def readinto(self, buffer):
            piece = b"a" * len(buffer) if self.begun else start or b"a"
            self.begun = True
            buffer[: len(piece)] = piece
            return len(piece)

    tracemalloc.start()
    number = 2 if start else 1
    with pytest.raises(DataError, match=f"pipe:{number}: longer than 16,777,216"):
        for texts in read_lines(io.BufferedReader(Endless()), "pipe"):
            assert texts == ["good"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26


def test_nul_is_a_character_of_a_line(run):
    (texts,) = read_lines(io.BufferedReader(io.BytesIO(b"go\0od\n\0\0\n")), "pipe")
    assert texts == ["go\0od", "\0\0"]
    assert [answer["text"] for answer in predict(run, [texts])] == texts


def test_a_stream_that_fails_is_named(tmp_path):
    class Failing(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(DataError, match="disk: can't be read, Input/output error"):
        list(read_lines(io.BufferedReader(Failing()), "disk"))


def test_no_text_gives_no_answer(run):
    assert list(predict(run, [])) == []


def test_many_classes_have_a_probability_each(run, tmp_path):
    import keras

    many = Run(tmp_path / "many")
    shutil.copytree(run.path, many.path)
    many.write_json("labels.json", ["1", "2", "3"])
    model = keras.saving.load_model(run.model_path, compile=False)
    dense = keras.layers.Dense(3)
    outputs = dense(model.output)
    dense.set_weights([np.array([[1.0, -1.0, 0.0]]), np.array([0.0, 0.0, 1.5])])
    keras.Model(model.input, outputs).save(many.model_path)

    good, bad, empty = predict(many, [["good", "bad", ""]])

    total = math.exp(2) + math.exp(-2) + math.exp(1.5)
    assert good["probabilities"] == {
        "1": pytest.approx(math.exp(2) / total, abs=1e-6),
        "2": pytest.approx(math.exp(-2) / total, abs=1e-6),
        "3": pytest.approx(math.exp(1.5) / total, abs=1e-6),
    }
    assert [answer["label"] for answer in (good, bad, empty)] == ["1", "2", "3"]


def test_a_run_without_a_model_says_so(tmp_path):
    run = make_run(tmp_path)
    run.model_path.unlink()

    with pytest.raises(RunError, match=r"small-1: no model.keras .*finished"):
        Predictor(run)


@pytest.mark.slow
def test_a_fresh_process_finds_the_layers_of_a_saved_model(run):
    code = f"""
from pathlib import Path
from seqtrain.analysis.predict import predict
from seqtrain.runs.run import Run
print(*(answer["label"] for answer in predict(Run(Path({str(run.path)!r})), ["ab"])))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["neg", "neg"]


def test_batches_are_padded_on_the_right_to_the_buckets_of_the_run(run):
    predictor = Predictor(run)
    kind, trained = predictor.kind, predictor.trained
    batches = []
    outputs = predictor._outputs
    predictor._outputs = lambda tokens: (
        batches.append(tokens.numpy()) or outputs(tokens)
    )

    encoded = kind.prediction.encode([text for text, _ in TEST], trained)
    predictor.score(encoded, batch_size=2)

    assert [batch.shape for batch in batches] == [(2, 2), (2, 4), (2, 8), (1, 8)]
    good, bad = (trained.vocab.tokens.index(word) for word in ("good", "bad"))
    assert batches[0].tolist()[0] == [good, 0]
    assert batches[2].tolist() == [[bad, good, good, 0, 0, 0, 0, 0], [good] * 8]
