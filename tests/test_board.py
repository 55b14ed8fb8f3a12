import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from seqtrain.board import board
from seqtrain.errors import RunError

# A shell that starts the tests in the background has them ignore Ctrl-C.
SERVE = """
import pathlib, signal, sys
from seqtrain.board import board
from seqtrain.errors import RunError

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    board(pathlib.Path(sys.argv[1]), port=int(sys.argv[2]))
except RunError as error:
    sys.exit(f"{error}; {error.hint}")
if "tensorflow" in sys.modules:
    sys.exit("tensorflow was imported")
"""


@contextlib.contextmanager
def serve(runs, port):
    """`board` in a process of its own, which holds what TensorBoard leaves open."""
    command = [sys.executable, "-c", SERVE, str(runs), str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def runs(tmp_path, seeded):
    """A folder with a run that has every kind of event."""
    import keras

    from seqtrain.layers import LSTM
    from seqtrain.tensorboard import TensorBoardWriter

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


def test_board_serves_runs_to_this_machine_until_ctrl_c(runs):
    train, validation = (f"small-1/tensorboard/{s}" for s in ("train", "validation"))
    with serve(runs, port=0) as process:
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
        assert "memory" in fetch(f"plugin/graphs/graph?run={train}&conceptual=false")

        # A server for everyone would answer at any loopback address.
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", int(address[1])), timeout=1)

        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 0, said


def test_board_without_runs_says_how_to_get_one(tmp_path):
    with pytest.raises(RunError, match="runs: there is no such folder") as caught:
        board(tmp_path / "runs")
    assert "seqtrain train" in caught.value.hint


def test_board_on_a_taken_port_says_what_to_do(tmp_path):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        with serve(tmp_path, port) as process:
            _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert str(port) in said
    assert "--port" in said
