import io
import json
import os
import pickle
import zipfile

import keras
import numpy as np
import pytest
from small_run import SCORES, make_run

from seqtrain.analysis.predict import predict
from seqtrain.errors import RunError
from seqtrain.models.saved import load_model
from seqtrain.tasks import texts

VOCAB_SIZE = 2 + len(SCORES)


def load(path, vocab_size=VOCAB_SIZE, num_classes=2):
    return load_model(
        path, vocab_size=vocab_size, num_classes=num_classes, kind=texts.KIND
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("saved")).model_path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.keras"


def parts(raw):
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zip_of(files, **options):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return stream.getvalue()


def with_config(raw, change):
    files = parts(raw)
    config = json.loads(files["config.json"])
    config = change(config) or config
    return zip_of(files | {"config.json": json.dumps(config)})


def refused(path, raw, problem):
    path.write_bytes(raw)
    with pytest.raises(RunError, match=problem) as error:
        load(path)
    assert str(path) in str(error.value)
    assert error.value.hint
    assert len(str(error.value)) < 1000


def test_whole_model_is_loaded(path, whole):
    path.write_bytes(whole)
    model = load(path)
    assert model(np.array([[2]])).numpy().tolist() == [[2.0]]
    path.write_bytes(with_config(whole, lambda config: None))
    load(path)


def test_lambda_layer_is_never_run(path, tmp_path):
    touched = tmp_path / "touched"
    touch = eval(f"lambda x: open({str(touched)!r}, 'w').close() or x")
    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(VOCAB_SIZE, 1)(inputs)
    outputs = keras.layers.Lambda(touch, output_shape=(None, 1))(x)
    keras.Model(inputs, outputs).save(path)
    touched.unlink(missing_ok=True)

    refused(path, path.read_bytes(), "carries code, 'Lambda'.*never run")
    assert not touched.exists()
    # It would have: this is what the test sees.
    keras.saving.load_model(path, safe_mode=False)(np.array([[1]]))
    assert touched.exists()


def command(target):
    return f"touch {target}"


@pytest.mark.parametrize(
    "entry",
    [
        {"module": "os", "class_name": "system", "registered_name": None},
        {"module": "posix", "class_name": "function", "registered_name": "system"},
        {"module": "subprocess", "class_name": "Popen", "registered_name": "Popen"},
        {"module": "sklearn.base", "class_name": "x", "registered_name": "other>x"},
        {"module": "keras.layers", "class_name": "Lambda", "registered_name": None},
        {"module": "keras.layers", "class_name": "TFSMLayer", "registered_name": None},
        {"module": "keras.src.utils.torch_utils", "class_name": "TorchModuleWrapper"},
        {"module": "kerasx", "class_name": "Dense"},
        {"class_name": "__lambda__"},
    ],
    ids=lambda entry: entry["class_name"],
)
@pytest.mark.parametrize("place", ["layer", "initializer", "root", "compile_config"])
def test_class_of_another_module_is_never_called(path, tmp_path, whole, entry, place):
    touched = tmp_path / "touched"
    entry = entry | {"config": {"command": command(touched), "value": "x"}}
    if entry["class_name"] == "function":
        entry["config"] = "system"

    def change(config):
        if place == "root":
            return entry
        if place == "compile_config":
            config["compile_config"] = {"optimizer": entry}
        elif place == "layer":
            config["config"]["layers"][1] |= entry
        else:
            config["config"]["layers"][1]["config"]["embeddings_initializer"] = entry

    refused(path, with_config(whole, change), "carries code, ")
    assert not touched.exists()


class Touch:
    """What a pickle of it does when it is opened."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (command(self.target),)


@pytest.mark.parametrize("name", ["model.weights.npz", "model.weights.h5", "extra.pkl"])
def test_pickle_in_a_model_is_never_opened(path, tmp_path, whole, name):
    touched = tmp_path / "touched"
    stream = io.BytesIO()
    np.savez(stream, vars=np.array([Touch(touched)], object))
    content = pickle.dumps(Touch(touched)) if name == "extra.pkl" else stream.getvalue()
    files = parts(whole) | {name: content}
    if name == "model.weights.npz":
        del files["model.weights.h5"]
    path.write_bytes(zip_of(files))
    if name == "extra.pkl":  # nothing asks for it
        load(path)
    else:
        refused(path, path.read_bytes(), "damaged")
    assert not touched.exists()
    pickle.loads(pickle.dumps(Touch(touched)))
    assert touched.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:100],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:-1],
        lambda raw: b"not a zip" * 99,
        lambda raw: raw.replace(b"class_name", b"klass_name"),  # the sum tells
        lambda raw: zip_of({"photo.jpg": b"\xff\xd8"}),
        lambda raw: zip_of({k: v for k, v in parts(raw).items() if "h5" not in k}),
        lambda raw: zip_of(parts(raw) | {"config.json": b"{"}),
        lambda raw: zip_of(parts(raw) | {"config.json": b"[" * 10**5}),
        lambda raw: zip_of(parts(raw) | {"config.json": b"\xff"}),
        lambda raw: zip_of(parts(raw) | {"config.json": b"[]"}),
        lambda raw: zip_of(parts(raw) | {"config.json": b"null"}),
        lambda raw: zip_of(parts(raw) | {"config.json": b"{}"}),
        lambda raw: zip_of(parts(raw) | {"model.weights.h5": b"garbage"}),
        lambda raw: zip_of(parts(raw) | {"model.weights.h5": b""}),
        lambda raw: zip_of(
            parts(raw) | {"bomb": bytes(10**8)}, compression=zipfile.ZIP_DEFLATED
        ),
    ],
)
def test_damaged_model_is_refused(path, whole, damage):
    refused(path, damage(whole), "is damaged: ")


def test_model_of_other_shape_than_its_config_says_is_refused(path, whole):
    def wider(config):
        config["config"]["layers"][1]["config"]["output_dim"] = 7

    refused(path, with_config(whole, wider), "is damaged: Keras can't build it")


def test_folder_in_the_place_of_a_model_is_refused(path):
    path.mkdir()
    with pytest.raises(RunError, match="model.keras: is a folder, a file of the run"):
        load(path)


def test_config_broken_at_random_is_loaded_or_refused(path, whole, rng):
    files = parts(whole)
    config = files["config.json"].decode()
    refusals = 0
    for _ in range(150):
        place = int(rng.integers(len(config)))
        piece = rng.choice(["", "x", "null", "-1", '"', "{}", "[", "9" * 30, "1.5"])
        broken = config[:place] + piece + config[place + int(rng.integers(9)) :]
        path.write_bytes(zip_of(files | {"config.json": broken}))
        try:
            load(path)
        except RunError:
            refusals += 1
    assert 20 < refusals <= 150


def test_a_name_that_is_none_leaves_later_names_alone(path, whole):
    files = parts(whole)
    config = files["config.json"].decode().replace("temporal_", "temporal{}")
    path.write_bytes(zip_of(files | {"config.json": config}))
    with pytest.raises(RunError, match="a layer called 'temporal{}pooling"):
        load(path)
    layer = keras.layers.Dense(1, name="after")
    layer.build((None, 2))
    assert layer.kernel.path == "after/kernel"


def test_vocabulary_or_labels_of_another_model_are_refused(path, whole):
    path.write_bytes(whole)
    with pytest.raises(RunError, match="for a vocabulary of 6 tokens, but .* has 5"):
        load(path, vocab_size=VOCAB_SIZE - 1)
    with pytest.raises(RunError, match="has 1 outputs, which .* 3 labels"):
        load(path, num_classes=3)


@pytest.mark.parametrize(
    "name, damage, problem",
    [
        ("model.keras", lambda raw: raw[:-1], "model.keras is damaged"),
        ("vocabulary.txt", lambda raw: raw[:-1], "its last line has no end"),
        ("vocabulary.txt", lambda raw: raw[:-5], "its last line has no end|5"),
        ("vocabulary.txt", lambda raw: b"", "its last line has no end"),
        ("vocabulary.txt", lambda raw: b"\xff\n" * 6, "UTF-8 was expected"),
        ("vocabulary.txt", lambda raw: raw + b"more\n", "vocabulary of 6 tokens, but"),
        ("vocabulary.txt", None, "vocabulary.txt can't be read, No such file"),
        ("labels.json", lambda raw: raw[:-4], "labels.json is damaged"),
        ("labels.json", lambda raw: b'{"neg": 0, "pos": 1}', "a list of two names"),
        ("labels.json", lambda raw: b'["neg", 1]', "a list of two names"),
        ("labels.json", lambda raw: b'["neg"]', "a list of two names"),
        ("labels.json", lambda raw: b'["neg", "neg"]', "a list of two names"),
        ("labels.json", lambda raw: b'["a", "b", "c"]', "3 labels does not fit"),
        ("labels.json", lambda raw: b"[" * 10**5, "labels.json is damaged"),
        ("labels.json", lambda raw: b"\xff", "labels.json is damaged"),
        ("labels.json", None, "labels.json does not exist"),
        ("config.resolved.yaml", lambda raw: b"", "config.resolved.yaml"),
        ("config.resolved.yaml", lambda raw: raw[: len(raw) // 2], "config.resolved"),
        ("config.resolved.yaml", lambda raw: raw[:200], "config.resolved.yaml"),
        ("config.resolved.yaml", lambda raw: b"\0\xff", "config.resolved.yaml"),
        ("config.resolved.yaml", None, "config.resolved.yaml can't be read"),
    ],
)
def test_damaged_file_of_a_run_is_named(tmp_path, name, damage, problem):
    run = make_run(tmp_path)
    path = run.path / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=problem) as error:
        list(predict(run, [["good"]]))
    assert error.value.hint
    assert name in str(error.value)
