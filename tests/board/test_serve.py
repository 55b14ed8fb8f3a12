import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import zipfile

import numpy as np
import pytest
import tiny_training

from seqtrain.board.frontend import MENDED, web_files
from seqtrain.board.serve import serve
from seqtrain.board.writer import TensorBoardWriter
from seqtrain.errors import RunError

# A shell that starts the tests in the background has them ignore Ctrl-C.
SERVE = """
import pathlib, signal, sys
import seqtrain.board.serve
from seqtrain.board.serve import serve
from seqtrain.errors import RunError

signal.signal(signal.SIGINT, signal.default_int_handler)
seqtrain.board.serve.SECONDS = 1
try:
    serve([pathlib.Path(sys.argv[1])], port=int(sys.argv[2]))
except RunError as error:
    sys.exit(f"{error}; {error.hint}")
if "tensorflow" in sys.modules:
    sys.exit("tensorflow was imported")
"""


@contextlib.contextmanager
def serving(runs, port):
    """`serve` in a process of its own, which holds what TensorBoard leaves open."""
    command = [sys.executable, "-c", SERVE, str(runs), str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()


@pytest.fixture
def runs(tmp_path, seeded):
    """A folder with a run that has every kind of event."""
    import keras

    from seqtrain.layers import LSTM

    tokens = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(11, 3, mask_zero=True)(tokens)
    model = keras.Model(tokens, LSTM(4, name="memory")(embedded))
    writer = TensorBoardWriter(tmp_path / "runs" / "small-1")
    writer.scalars("train", {"loss": 0.5}, 1)
    writer.scalars("validation", {"loss": 0.25}, 1)
    writer.histograms({w.path: w for w in model.trainable_weights}, 1)
    writer.text("config", "# seed", 0)
    writer.graph(model)
    writer.close()
    return tmp_path / "runs"


def test_board_serves_runs_to_this_machine_until_ctrl_c(runs, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    train, validation = (f"small-1/{s}" for s in ("train", "validation"))
    with serving(runs, port=0) as process:
        address = re.search(r"http://localhost:(\d+)/", process.stdout.readline())

        def fetch(path):
            url = f"{address[0]}data/{path}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()

        # It answers before it has read the files; the graph was written last.
        deadline = time.monotonic() + 10
        while not (
            validation in fetch("plugin/scalars/tags")
            and train in fetch("plugin/graphs/info")
        ):
            assert time.monotonic() < deadline
            time.sleep(0.1)

        shown = json.loads(fetch("plugins_listing"))
        for dashboard in ("scalars", "timeseries", "histograms", "text", "graphs"):
            assert shown[dashboard]["enabled"]
        scalars = json.loads(fetch("plugin/scalars/tags"))
        assert scalars.keys() == {train, validation}
        assert scalars[train].keys() == scalars[validation].keys() == {"loss"}
        [[_, *point]] = json.loads(
            fetch(f"plugin/scalars/scalars?tag=loss&run={validation}")
        )
        assert point == [1, 0.25]
        assert "memory/kernel" in json.loads(fetch("plugin/histograms/tags"))[train]
        assert json.loads(fetch("plugin/text/tags")) == {train: ["config"]}
        assert "<h1>seed</h1>" in fetch(f"plugin/text/text?tag=config&run={train}")
        graph = fetch(f"plugin/graphs/graph?run={train}&conceptual=false")
        assert 'name: "memory/recurrent_kernel"' in graph

        assert json.loads(fetch("environment"))["data_location"] == "runs"
        late = TensorBoardWriter(runs / "group" / "late-1")
        late.scalars("validation", {"loss": 1.0}, 1)
        late.close()
        deadline = time.monotonic() + 10
        while "group/late-1/validation" not in fetch("plugin/scalars/tags"):
            assert time.monotonic() < deadline
            time.sleep(0.1)

        # A server for everyone would answer at any loopback address.
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", int(address[1])), timeout=1)

        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 0, said
    assert [*temporary.iterdir()] == []


@pytest.fixture(scope="module")
def killed(tmp_path_factory, own_cache):
    """A run with all that there is to show, killed in its third epoch and resumed."""
    layer = "model.layers=[{cell: lstm, units: 3}]"
    run = tiny_training.start(
        tmp_path_factory.mktemp("board"), layer, "log.gradflow=4", "train.patience=null"
    )

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny_training.begin(run, tiny_training.At("on_train_batch_end", 14, stop))
    tiny_training.go_on(run)
    return run


@pytest.fixture(scope="module")
def fetch(killed):
    """What TensorBoard answers on that run: bytes if they are, else JSON."""
    with serving(killed.path.parent, port=0) as process:
        [address] = re.findall(r"http://localhost:\d+/", process.stdout.readline())

        def fetch(path, body=None, **query):
            url = f"{address}data/{path}?{urllib.parse.urlencode(query)}"
            json_type = {"Content-Type": "application/json"}
            request = urllib.request.Request(
                url, body and json.dumps(body).encode(), json_type
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                content = answer.read()
            kind = answer.headers["Content-Type"]
            return json.loads(content) if "json" in kind else content

        # The last that is written.
        deadline = time.monotonic() + 10
        while "worst_errors" not in fetch("plugin/text/tags").get(TRAIN, ()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield fetch


TRAIN, VALIDATION = (f"tiny-1/{s}" for s in ("train", "validation"))
EPOCHS = [5, 10, 15, 20]  # where they end


def test_each_dashboard_is_there(fetch):
    listed = fetch("plugins_listing")
    for name in ("custom_scalars", "hparams", "pr_curves", "images", "text"):
        assert listed[name]["enabled"]
    fetch("plugin/projector/runs")  # asked once, it looks for itself
    assert fetch("plugins_listing")["projector"]["enabled"]


def test_panels_show_what_was_logged(fetch):
    layout = fetch("plugin/custom_scalars/layout")
    assert [c["title"] for c in layout["category"]] == [
        "Learning, over epochs",
        "Learning",
        "Gradient flow",
        "Speed",
    ]
    for category in layout["category"]:
        for chart in category["chart"]:
            [tag] = chart["multiline"]["tag"]
            found = fetch("plugin/custom_scalars/scalars", run=TRAIN, tag=tag)
            assert found["regex_valid"]
            assert found["tag_to_events"], chart["title"]
            for points in found["tag_to_events"].values():
                steps = [step for _, step, _ in points]
                assert steps == sorted(set(steps))
                # The whole run, over its kill.
                assert steps[-1] == (4 if "epochs" in chart["title"] else 20)
    found = fetch("plugin/custom_scalars/scalars", run=VALIDATION, tag="^loss$")
    assert [step for _, step, _ in found["tag_to_events"]["loss"]] == EPOCHS


def test_hparams_show_the_best_epoch_of_the_run(fetch, killed):
    experiment = fetch("plugin/hparams/experiment", {"experimentName": "0"})
    metrics = [info["name"] for info in experiment["metricInfos"]]
    assert {"best/loss", "best/accuracy"} <= {name["tag"] for name in metrics}
    columns = {
        "colParams": [
            *({"metric": name} for name in metrics),
            {"hparam": "layers[0].cell", "includeInResult": True},
        ],
        "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_RUNNING", "STATUS_SUCCESS"],
        "startIndex": 0,
        "sliceSize": 100,
    }
    [group] = fetch("plugin/hparams/session_groups", columns)["sessionGroups"]
    assert group["name"] == VALIDATION
    assert group["hparams"]["layers[0].cell"] == "lstm"
    values = {v["name"]["tag"]: v["value"] for v in group["metricValues"]}
    best = killed.info["best"]
    assert values["best/loss"] == np.float32(best["val_loss"])
    assert values["best/accuracy"] == np.float32(best["val_accuracy"])


def test_precision_and_recall_are_there_after_each_epoch(fetch):
    tags = fetch("plugin/pr_curves/tags")
    assert [*tags] == [VALIDATION]
    [tag] = tags[VALIDATION]
    [curves] = fetch("plugin/pr_curves/pr_curves", run=VALIDATION, tag=tag).values()
    assert [curve["step"] for curve in curves] == EPOCHS
    for curve in curves:
        assert curve["recall"][0] == 1
        assert curve["recall"][-1] < 0.2  # in a fifth of the examples or so
        # Those of the model, and not spread evenly.
        thresholds = np.array(curve["thresholds"])
        assert (np.diff(thresholds) >= 0).all()
        assert 0 < thresholds[0] < thresholds[-1] < 1
        assert np.diff(thresholds).max() > 2 * np.diff(thresholds).min()


def test_curves_over_epochs_are_those_of_the_log(fetch, killed):
    lines = map(json.loads, (killed.path / "metrics.jsonl").read_text().splitlines())
    logged = [line["loss"] for line in lines if line["split"] == "validation"]
    for run in (TRAIN, VALIDATION):
        points = fetch("plugin/scalars/scalars", run=run, tag="epoch/loss")
        assert [step for _, step, _ in points] == [1, 2, 3, 4]
    np.testing.assert_allclose([value for *_, value in points], logged, rtol=1e-6)


def test_graphs_are_the_layers_and_their_operations(fetch):
    info = fetch("plugin/graphs/info")[TRAIN]
    assert info["run_graph"]
    [tag] = info["tags"]
    assert info["tags"][tag]["conceptual_graph"]
    layers = fetch("plugin/graphs/graph", run=TRAIN, tag=tag, conceptual="true")
    assert re.findall(r'\n  name: "(.*)"', layers.decode()) == [
        "tokens",
        "embedding",
        "embedding_dropout",
        "lstm_1",
        "dropout",
        "logits",
    ]
    operations = fetch("plugin/graphs/graph", run=TRAIN, conceptual="false")
    scopes = re.findall(r'\n  name: "(.*?)[/"]', operations.decode())
    assert {"tokens", "embedding", "lstm_1", "logits"} < {*scopes}
    assert len({*scopes}) < 9  # so that one sees them all at once


def test_tags_say_what_they_mean(fetch):
    scalars = fetch("plugin/scalars/tags")
    for run in (TRAIN, VALIDATION):
        for tag, shown in scalars[run].items():
            assert shown["description"], tag
    [curve] = fetch("plugin/pr_curves/tags")[VALIDATION].values()
    assert "quantiles" in curve["description"]


def test_all_that_is_mended_in_the_page_is_still_there_to_mend():
    with zipfile.ZipFile(web_files()) as files:
        script = files.read("index.js")
    for ugly, better in MENDED:
        assert script.count(better) == 1
        assert ugly not in script


def test_projector_shows_the_embedding_of_the_best_model_by_its_tokens(fetch, killed):
    import keras

    assert fetch("plugin/projector/runs") == [TRAIN]
    [info] = fetch("plugin/projector/info", run=TRAIN)["embeddings"]
    named = {"run": TRAIN, "name": info["tensorName"]}
    shown = np.frombuffer(fetch("plugin/projector/tensor", **named), "float32")
    model = keras.saving.load_model(killed.model_path)
    [embedding] = model.get_layer("embedding").get_weights()
    assert info["tensorShape"] == [len(embedding) - 1, 4]
    np.testing.assert_allclose(shown.reshape(-1, 4), embedding[1:], atol=1e-5)
    tokens = fetch("plugin/projector/metadata", **named).decode().splitlines()
    assert tokens == killed.vocab.tokens[1:]


def test_confusion_and_calibration_are_pictures_of_each_epoch(fetch):
    tags = fetch("plugin/images/tags")[VALIDATION]
    assert tags.keys() == {"confusion", "calibration"}
    for tag in tags:
        shown = fetch("plugin/images/images", run=VALIDATION, tag=tag, sample=0)
        assert [picture["step"] for picture in shown] == EPOCHS
        query = dict(urllib.parse.parse_qsl(shown[-1]["query"]))
        assert fetch("plugin/images/individualImage", **query).startswith(b"\x89PNG")


def test_worst_errors_are_wrong(fetch):
    shown = fetch("plugin/text/text", run=TRAIN, tag="worst_errors")
    assert [text["step"] for text in shown] == EPOCHS
    _, *rows = shown[0]["text"].split("<tr>")[1:]
    assert rows
    probabilities = []
    for row in rows:
        label, prediction, probability = re.findall("<strong>(.*?)</strong>", row)
        assert label != prediction
        probabilities.append(float(probability))
    assert probabilities == sorted(probabilities, reverse=True)


def test_board_without_runs_says_how_to_get_one(tmp_path):
    with pytest.raises(RunError, match="runs: there is no such folder") as caught:
        serve([tmp_path, tmp_path / "runs"])
    assert "seqtrain train" in caught.value.hint


def test_board_on_a_taken_port_says_what_to_do(tmp_path):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(tmp_path, port) as process:
            _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert str(port) in said
    assert "--port" in said
