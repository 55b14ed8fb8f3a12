"""What TensorBoard shows of a run: curves, histograms, images, text and the graph."""

import os
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from ..errors import printable
from ..system.clock import Clock
from ..system.disk import writing
from ..system.folder import Folder
from .graphs import layers_graph, operations_graph
from .tags import description


class TensorBoardWriter:
    """Write the event files of a run.

    Training and validation are two TensorBoard runs with the same tags, so
    that their curves are drawn over one another. What belongs to the whole run
    (histograms, images, text, graph) is written with training.

    Each event is written at once. `tf.summary` writes later, and silently loses
    events when the disk is full (TensorFlow 2.21).

    Args:
        run: The run directory; files go to `tensorboard/{train,validation}`.
        clock: Dates the events, which TensorBoard orders by that.

    Attributes:
        folders: The folder of the event files, by split.

    Raises:
        WriteError: From every method, if the files can't be written.
    """

    def __init__(self, run: Path, clock: Clock | None = None):
        self._clock = clock or Clock()
        inside = Folder(run)
        with writing(run):
            run.mkdir(parents=True, exist_ok=True)
        self.folders = {
            split: inside.make(f"tensorboard/{split}")
            for split in ("train", "validation")
        }
        self._paths, self._writers = {}, {}
        self._described: set[tuple[str, str]] = set()
        # TensorBoard reads the files of a folder in the order of their names.
        began = int(1e9 * self._clock.now())
        name = f"events.out.tfevents.{began}.{socket.gethostname()}"
        for split, folder in self.folders.items():
            path = folder / f"{name}.{os.getpid()}"
            with writing(path):
                self._writers[split] = RecordWriter(path.open("xb"))
            self._paths[split] = path
            self._write(split, Event(file_version="brain.Event:2"))

    def scalars(self, split: str, values: Mapping[str, float], step: int) -> None:
        """Add one point to the curve of each tag in `values`."""
        shown = (scalar_pb(tag, data) for tag, data in values.items())
        self._add(split, step, shown)

    def histograms(self, values: Mapping[str, np.ndarray], step: int) -> None:
        """Add a histogram to each tag in `values`."""
        shown = (histogram_pb(tag, np.asarray(data)) for tag, data in values.items())
        self._add("train", step, shown)

    def image(self, tag: str, png: bytes, step: int, split: str = "train") -> None:
        """Show a PNG file in the image dashboard."""
        size = np.frombuffer(png, ">u4", count=2, offset=16)  # width, height
        metadata = image_metadata.create_summary_metadata(None, None)
        tensor = make_tensor_proto([*(b"%d" % each for each in size), png])
        value = Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
        self._add(split, step, [Summary(value=[value])])

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Show `markdown` in the text dashboard."""
        self._add("train", step, [text_pb(tag, markdown)])

    def summary(self, split: str, summary: Summary, step: int) -> None:
        """Add a summary that a TensorBoard plugin made."""
        # Some plugins return TensorFlow's proto, which is equal but of another type.
        copy = Summary.FromString(summary.SerializeToString())
        self._add(split, step, [copy])

    def graph(self, model: keras.Model) -> None:
        """Show the layers of a model, and the operations of a prediction."""
        self.summary("train", layers_graph(model), 0)
        operations = operations_graph(model).SerializeToString()
        self._write("train", Event(graph_def=operations))

    def close(self) -> None:
        """Close the files."""
        for split, writer in self._writers.items():
            with writing(self._paths[split]):
                writer.close()

    def _add(self, split: str, step: int, summaries: Iterable[Summary]) -> None:
        values = [value for summary in summaries for value in summary.value]
        for value in values:
            self._describe(split, value)
        self._write(split, Event(step=step, summary=Summary(value=values)))

    def _describe(self, split: str, value: Summary.Value) -> None:
        """Say what a tag means with its first value, the one that TensorBoard asks."""
        if (split, value.tag) not in self._described:
            self._described.add((split, value.tag))
            metadata = value.metadata
            # Without a name TensorBoard says the tag twice, and long ones overlap.
            metadata.display_name = metadata.display_name or value.tag
            metadata.summary_description = (
                metadata.summary_description or description(value.tag) or ""
            )

    def _write(self, split: str, event: Event) -> None:
        event.wall_time = self._clock.now()
        with writing(self._paths[split]):
            self._writers[split].write(event.SerializeToString(deterministic=True))
            self._writers[split].flush()


class Sample(NamedTuple):
    """A text with its label and what the model says about it."""

    text: str
    label: str
    prediction: str
    probability: float


def yaml_markdown(yaml: str) -> str:
    """Markdown that shows `yaml` verbatim."""
    text = printable(yaml.rstrip(), keep="\n")
    # A fence ends at one as long as itself, which a value may hold.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}yaml\n{text}\n{fence}"


def samples_markdown(samples: Iterable[Sample]) -> str:
    """A Markdown table of sample predictions, wrong ones in bold."""
    rows = ["label | prediction | probability | text", "---|---|---:|---"]
    for text, label, prediction, probability in samples:
        cells = [_literal(label), _literal(prediction), f"{probability:.3f}"]
        if prediction != label:
            cells = [f"**{cell}**" for cell in cells]
        rows.append(" | ".join([*cells, _literal(text)]))
    return "\n".join(rows)


def _literal(text: str) -> str:
    # Escape every sign: nothing in a review may act as Markdown or HTML.
    return re.sub(
        r"[^\w ]|_",
        lambda sign: f"&#{ord(sign[0])};",
        printable(" ".join(text.split())),
    )
