"""Show that two checkouts of seqtrain do the same, to the bit.

    python scripts/compare_checkouts.py OLD NEW [--reviews FOLDER] [--config NAME …]
        [--set KEY=VALUE …] [--buckets two|old|own] [--jobs 2] [--keep FOLDER]

Each shipped config is cut to two epochs of a few hundred examples and trained by both,
each in processes, with a package path and a cache of its own. Compared are, timings
aside, every line of `metrics.jsonl`, every weight and variable, all that TensorBoard
shows, what the run says of itself, evaluations, predictions, exit codes and messages.
NEW also lists, evaluates and resumes what OLD has trained: a run stopped after its
first epoch, and one stopped in the middle by SIGTERM. Two more rows are a small
`shootout` and `calls`: commands with mistakes, and those that print a text.

The configs of IMDB read the first rows of `train.csv.gz` and `test.csv.gz` in FOLDER,
or else reviews made on the spot. They are padded to two lengths, which saves time;
`--buckets old` takes the five that followed from `data.max_length` alone, and
`--buckets own` what each checkout takes unless told. `--set` goes to both.

The table goes to stdout; the exit code is 1 if anything differs. With `--keep` all runs
stay in a folder, and a later comparison with the same options takes those of OLD from
there; after one that was cut off, take a new folder.
"""

import argparse
import contextlib
import csv
import gzip
import hashlib
import io
import itertools
import json
import math
import os
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

# One of each kind of data: NEW goes on with runs of OLD, and the gradient is watched.
CONTINUED = ("quickstart", "adding", "copy", "temporal_order")
TEXTS = (
    "A superb film, I loved it.",
    "dreadful",
    "word " * 500,
    "Ünïcödé — 電影 <br /> isn't, it's 10/10!",
)
TIMING = re.compile(r"(\b|_)seconds$|_per_second$|^memory_mb$")
# Lines of stderr that hold timings, or that TensorFlow prints.
VARYING = re.compile(
    r"ready in|epoch   step|\s+\d+ +\d+ |step \d+/|[IW]\d{4} |WARNING:"
)

TINY = """\
data: {source: generated, examples: 200, test_examples: 50, length: 12, distance: 3,
  max_length: 12, buckets: [12], vocabulary: 100}
model:
  embedding: {dim: 4}
  layers: [{cell: rnn, units: 3}]
train: {epochs: 2, batch_size: 20, jit_compile: false}
"""
SHOOTOUT = """\
data: {source: generated, task: adding, examples: 200, test_examples: 50, length: 10}
model:
  layers: [{cell: lstm, units: 4}]
train: {epochs: 2, jit_compile: false}
shootout:
  contenders: {LSTM: [], RNN: ["model.layers[0].cell=rnn"]}
  parameters: 200
  seeds: 2
  solved: 0.15
"""
BROKEN = """\
data: {source: generated, max_lenght: 60}
model:
  layers: [{cell: lsmt, units: 0}]
train: {epochs: 0x10, droput: 0.5, momentum: 0.9}
"""


# `python -m seqtrain` without the seconds that TensorFlow takes to come and go.
SERVER = """\
import gc, importlib.util, json, os, runpy, sys, traceback
import keras, matplotlib.figure, scipy.stats, sklearn.linear_model
print(importlib.util.find_spec("seqtrain").origin, flush=True)
gc.freeze()
for line in sys.stdin:
    folder, arguments, *outputs = json.loads(line)
    pid = os.fork()
    if not pid:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in enumerate(outputs, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv = ["seqtrain", *arguments]
        code = 0
        try:
            runpy.run_module("seqtrain", run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""

CALLS = """
train ../../inputs/tiny.yaml --run run
train ../../inputs/tiny.yaml --set train.epocs=2
train ../../inputs/broken.yaml
train quikstart
train
trian
train ../../inputs/files.yaml --set data.train=missing.csv
check ../../inputs/files.yaml
check ../../inputs/files.yaml --set data.train=../../inputs/one.csv
check ../../inputs/files.yaml --set data.train=../../inputs/broken.csv
check ../../inputs/files.yaml --set data.train=../../inputs/broken.csv \
--set data.bad_rows=skip
train --resume run
train --resume nothing
train --resume run --set train.keep=3
train --resume run --set seed=1
train --resume run --from run
train ../../inputs/tiny.yaml --run ../calls/run
train ../../inputs/tiny.yaml --run other --from run
train ../../inputs/tiny.yaml --run third --from run --set model.layers[0].units=4
train ../../inputs/tiny.yaml --run diverged --set train.optimizer=sgd \
--set train.learning_rate=1e38
train --replay diverged
train --replay run
eval nothing
eval run --data missing.csv
eval run --data ../../inputs/test.csv
predict run
predict no/run text
predict run --file missing.txt
predict run --file ../../inputs/broken.csv
gradflow run --set seed=1
gradflow ../../inputs/tiny.yaml
shootout ../../inputs/tiny.yaml
runs nothing
check ../../inputs/tiny.yaml
check quickstart --no-data
train quickstart --dry-run
init ../../inputs/train.csv --out first.yaml
schema
--version
--help
train --help
eval --help
predict --help
check --help
gradflow --help
shootout --help
"""


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> list[str]:
        """The lines of both outputs that are always the same."""
        lines = f"{self.stdout}\n{self.stderr}".splitlines()
        lines = [line for line in lines if not VARYING.match(line)]
        return [re.sub(r"^examples/s +[\d.]+", "examples/s …", line) for line in lines]


class Checkout:
    """One of the two programs.

    Args:
        path: The checkout.
        folder: Where it works; every config has a sub-folder.
    """

    def __init__(self, path: Path, folder: Path):
        self.path, self.folder = path.resolve(), folder
        self._thread = threading.local()
        (folder / "done").mkdir(parents=True, exist_ok=True)

    def run(
        self, where: str, *arguments: str, stop_when: Callable[[], bool] | None = None
    ) -> Done:
        """Run a command in a sub-folder, unless it ran there in an earlier comparison.

        Args:
            where: The sub-folder.
            arguments: What stands after `seqtrain`.
            stop_when: Send SIGTERM once this is so.
        """
        folder = self.folder / where
        folder.mkdir(exist_ok=True)
        name = hashlib.sha256(repr([self.path, where, arguments]).encode()).hexdigest()
        outputs = [self.folder / "done" / f"{name}.{each}" for each in ("out", "err")]
        ended = self.folder / "done" / f"{name}.code"
        if not ended.exists():
            server = self._server()
            request = [str(folder), list(arguments), *map(str, outputs)]
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            pid = int(server.stdout.readline())
            if stop_when:
                with contextlib.suppress(ProcessLookupError):  # it ended before
                    while not stop_when():
                        os.kill(pid, 0)
                        time.sleep(0.01)
                    os.kill(pid, signal.SIGTERM)
            code = server.stdout.readline()
            if not code:
                raise SystemExit(f"seqtrain {shlex.join(arguments)}: its server ended")
            ended.write_text(code)
        texts = [output.read_text(errors="replace") for output in outputs]
        for path, shown in ((self.folder, "FOLDER"), (self.path, "CHECKOUT")):
            texts = [text.replace(str(path), shown) for text in texts]
        return Done(int(ended.read_text()), *texts)

    def _server(self) -> subprocess.Popen:
        """Of this thread: a process that has imported TensorFlow, and forks."""
        if not hasattr(self._thread, "server"):
            self._thread.server = subprocess.Popen(
                [sys.executable, "-c", SERVER],
                env={
                    **os.environ,
                    "PYTHONPATH": str(self.path),
                    "SEQTRAIN_CACHE": str(self.folder / "cache"),
                    "TF_CPP_MIN_LOG_LEVEL": "3",
                    "COLUMNS": "80",
                },
                cwd=self.folder,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            found = self._thread.server.stdout.readline().strip()
            if not Path(found).is_relative_to(self.path):
                raise SystemExit(f"{self.path} is no checkout, {found} would be used")
        return self._thread.server


# Comparing


def leaves(value, place: str = "") -> Iterator[tuple[str, object]]:
    """Yield whatever is no dict or list with its place; no timings."""
    if isinstance(value, list):
        value = dict(enumerate(value, 1))
    if isinstance(value, dict):
        value = {key: value[key] for key in value if not TIMING.search(str(key))}
        for key, inner in value.items():
            yield from leaves(inner, f"{place}[{key}]")
        yield place, f"{len(value)} values"
    else:
        yield place, value


def same(one, other) -> bool:
    """Equal to the bit."""
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return type(one) is type(other) and repr(one) == repr(other)
    shaped = (one.dtype, one.shape) == (other.dtype, other.shape)
    return shaped and one.tobytes() == other.tobytes()


def difference(old, new) -> str | None:
    """Say where two trees differ first, and by how much numbers do at most."""
    old, new = dict(leaves(old)), dict(leaves(new))
    if not any(place for place in old):
        return "there is nothing to compare"
    places = [
        place
        for place in {**old, **new}
        if place not in old or place not in new or not same(old[place], new[place])
    ]
    if not places:
        return None
    first = places[0]
    shown = " | ".join(shorten(tree.get(first, "nothing")) for tree in (old, new))
    text = f"{len(places)} of {len({**old, **new})} places, first {first}: {shown}"
    distances = [relative(old.get(place), new.get(place)) for place in places]
    known = [distance for distance in distances if distance is not None]
    return f"{text}; relative at most {max(known):.2g}" if known else text


def relative(one, other) -> float | None:
    """The largest difference of numbers, by the larger of each two."""
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or one.dtype.kind not in "fiu" or not one.size:
        return None
    if other.dtype.kind not in "fiu":
        return None
    one, other = one.astype(float), other.astype(float)
    largest = np.maximum(np.abs(one), np.abs(other))
    return float(np.max(np.abs(one - other) / np.where(largest == 0, 1, largest)))


def shorten(value) -> str:
    """A value on part of a line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else f"{text[:199]}…"


# What a run left


def metrics(run: Path) -> list:
    """The lines of `metrics.jsonl`."""
    return [json.loads(line) for line in lines_of(run / "metrics.jsonl")]


def weights(run: Path) -> dict:
    """The arrays of `model.keras`, and its config."""
    arrays = {}

    def keep(name: str, item) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    if not (run / "model.keras").exists():
        return {}
    with zipfile.ZipFile(run / "model.keras") as file:
        content = io.BytesIO(file.read("model.weights.h5"))
        with h5py.File(content) as tree:
            tree.visititems(keep)
    return arrays


def variables(run: Path) -> dict:
    """The arrays of the last checkpoint, optimizer and random seeds included."""
    last = run / "checkpoints" / "last"
    if not last.exists():
        return {}
    with np.load(last.parent / last.read_text().strip() / "variables.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


def events(run: Path) -> dict:
    """All values by split, tag and step, as TensorBoard reads them."""
    found = {}
    for path in sorted(run.glob("tensorboard/*/events.*")):
        for event in map(Event.FromString, records(path)):
            if event.HasField("graph_def"):
                found[f"{path.parent.name} graph"] = True  # it has names by counters
            for value in event.summary.value:
                if not TIMING.search(value.tag):
                    place = f"{path.parent.name} {value.tag} step {event.step}"
                    found[place] = content(value)
    return found


def records(path: Path) -> Iterator[bytes]:
    """Yield the records of an event file: length, checksum, content, checksum."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        (size,) = struct.unpack_from("<Q", content, at)
        yield content[at + 12 : at + 12 + size]
        at += size + 16


def content(value) -> object:
    """A number, or the bytes of anything else."""
    plugin = value.metadata.plugin_data
    if plugin.plugin_name == "scalars":
        return make_ndarray(value.tensor)[()]
    if plugin.plugin_name == "hparams":
        data = HParamsPluginData.FromString(plugin.content)
        data.session_start_info.start_time_secs = 0
        plugin.content = data.SerializeToString(deterministic=True)
    return value.SerializeToString(deterministic=True)


def files(run: Path) -> dict:
    """What else a run knows: config, labels, vocabulary, baselines, projector."""
    found = {
        name: lines_of(run / name)
        for name in ("config.resolved.yaml", "labels.json", "vocabulary.txt")
    }
    for path in run.glob("tensorboard/train/*.[tp][sb]*"):  # .tsv and .pbtxt
        found[path.name] = lines_of(path)
    if (run / "run.json").exists():
        info = json.loads((run / "run.json").read_text())
        wanted = ("status", "seed", "config", "data_files", "data_digest", "best")
        found["run.json"] = {key: info.get(key) for key in wanted}
    if (run / "baselines.npz").exists():
        with np.load(run / "baselines.npz", allow_pickle=False) as arrays:
            found["baselines.npz"] = {name: arrays[name] for name in arrays.files}
    names = (str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())
    names = [name for name in names if not name.startswith("gradflow.")]  # comes later
    found["names"] = sorted(re.sub(r"tfevents\..*", "tfevents", name) for name in names)
    return found


def lines_of(path: Path) -> list[str]:
    """The lines of a text; none if there is no such file."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def json_of(text: str) -> object:
    """What a text says as JSON; the text if it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


LEFT = {
    "metrics": metrics,
    "weights": weights,
    "checkpoint": variables,
    "events": events,
    "files": files,
}


# What is done with a config

Verdicts = dict[str, str | None]  # what differs by thing compared; None if equal


def compare_config(
    name: str, old: Checkout, new: Checkout, settings: list[str]
) -> Verdicts:
    """Train, evaluate, predict with both; go on with NEW where OLD stopped."""
    train = ["train", name, *given(settings)]
    dones = []
    for checkout in (old, new):
        done = {"train": checkout.run(name, *train, "--run", "run")}
        done["eval"] = checkout.run(name, "eval", "run")
        done["predict"] = checkout.run(name, "predict", "run", *TEXTS, "--json")
        dones.append(done)
    verdicts = compare_commands(*dones)
    for command, done in itertools.product(("train", "eval"), dones):
        if done[command].code:
            verdicts[command] = f"ended with an error: {shorten(done[command].stderr)}"
            return verdicts
    ours, theirs = old.folder / name / "run", new.folder / name / "run"
    for thing, read in LEFT.items():
        verdicts[thing] = difference(read(ours), read(theirs))
    evaluations = [
        json_of((run / "eval/test.json").read_text()) for run in (ours, theirs)
    ]
    verdicts["evaluation"] = difference(*evaluations)
    answers = [[*map(json_of, done["predict"].stdout.splitlines())] for done in dones]
    if dones[0]["predict"].code == 0:  # a test of memory has no texts
        verdicts["predictions"] = difference(*answers)
    if name in CONTINUED:
        verdicts |= compare_gradflow(name, old, new)
        verdicts |= open_run_of_old(name, old, new, evaluations[0], answers[0])
        verdicts |= go_on_with_old(name, old, new, train)
    return verdicts


def compare_commands(old: dict[str, Done], new: dict[str, Done]) -> Verdicts:
    """Exit codes, and what was said, of the same commands."""
    codes = [{name: done.code for name, done in dones.items()} for dones in (old, new)]
    said = [{name: done.said for name, done in dones.items()} for dones in (old, new)]
    return {"exit codes": difference(*codes), "messages": difference(*said)}


def compare_gradflow(name: str, old: Checkout, new: Checkout) -> Verdicts:
    """The numbers of `gradflow`."""
    dones = [checkout.run(name, "gradflow", "run", "--json") for checkout in (old, new)]
    results = [json_of(done.stdout) for done in dones]
    return {"gradflow": difference(*({"gradflow": result} for result in results))}


def open_run_of_old(
    name: str, old: Checkout, new: Checkout, evaluation, answers: list
) -> Verdicts:
    """NEW lists, evaluates and asks a copy of a run of OLD."""
    copy = new.folder / name / "of-old" / "run"
    shutil.copytree(old.folder / name / "run", copy)
    lists = [checkout.run(name, "runs", str(copy.parent)) for checkout in (old, new)]
    (copy / "eval/test.json").unlink()
    done = new.run(name, "eval", str(copy), "--json")
    verdicts = {
        "run of OLD: listed": difference(*([done.code, done.said] for done in lists)),
        "run of OLD: evaluation": difference(evaluation, json_of(done.stdout)),
    }
    if answers:
        done = new.run(name, "predict", str(copy), *TEXTS, "--json")
        found = [*map(json_of, done.stdout.splitlines())]
        verdicts["run of OLD: predictions"] = difference(answers, found)
    return verdicts


def go_on_with_old(name: str, old: Checkout, new: Checkout, train: list) -> Verdicts:
    """NEW resumes runs of OLD, which then are as the one that OLD did not stop."""
    log = old.folder / name / "killed" / "metrics.jsonl"
    one_epoch = ["--set", "train.epochs=1"]
    old.run(name, *train, *one_epoch, "--run", "stopped")
    done = old.run(name, *train, "--run", "killed", stop_when=lambda: lines_of(log))
    if done.code != 143:
        return {"resumed after SIGTERM": f"OLD was not stopped: {shorten(done)}"}
    verdicts = {}
    for run, settings in (("stopped", ["--set", "train.epochs=2"]), ("killed", [])):
        copy = new.folder / name / run
        shutil.copytree(old.folder / name / run, copy)
        done = new.run(name, "train", "--resume", run, *settings)
        if done.code:
            verdicts[f"{run} run of OLD"] = shorten(done.stderr)
            continue
        # One that was to have an epoch only has shown something at its end.
        for thing in list(LEFT)[: 3 if run == "stopped" else 4]:
            left = [LEFT[thing](each) for each in (old.folder / name / "run", copy)]
            verdicts[f"{run} run of OLD: {thing}"] = difference(*left)
    return verdicts


def compare_shootout(name: str, old: Checkout, new: Checkout) -> Verdicts:
    """Two contenders with two seeds."""
    command = ["shootout", "../../inputs/shootout.yaml", "--out", "bouts"]
    dones = [checkout.run(name, *command) for checkout in (old, new)]
    verdicts = compare_commands(*({"shootout": done} for done in dones))
    del verdicts["messages"]  # a table with a column of seconds
    results = [
        json_of("\n".join(lines_of(checkout.folder / name / "bouts/shootout.json")))
        for checkout in (old, new)
    ]
    verdicts["shootout.json"] = difference(*results)
    return verdicts


def compare_calls(name: str, old: Checkout, new: Checkout) -> Verdicts:
    """Commands with mistakes, and commands that print a text."""
    calls = CALLS.strip().splitlines()
    dones = [
        {call: checkout.run(name, *shlex.split(call)) for call in calls}
        for checkout in (old, new)
    ]
    verdicts = compare_commands(*dones)
    if verdicts.pop("messages"):
        for call in calls:
            said = [done[call].said for done in dones]
            verdicts[f"messages of `{call}`"] = difference(*said)
    else:
        verdicts[f"messages of {len(calls)} commands"] = None
    first = [lines_of(each.folder / name / "first.yaml") for each in (old, new)]
    verdicts["config of init"] = difference(*first)
    return verdicts


def given(settings: list[str]) -> list[str]:
    """Settings as the command line takes them."""
    return [word for setting in settings for word in ("--set", setting)]


# What goes in


def write_inputs(folder: Path, reviews: Path | None) -> None:
    """Write the data and the configs that both read."""
    folder.mkdir(exist_ok=True)
    for split, number in (("train", 400), ("test", 200)):
        if reviews:
            with gzip.open(reviews / f"{split}.csv.gz", "rt", newline="") as file:
                rows = list(itertools.islice(csv.reader(file), number + 1))
        else:
            rows = [["text", "label"], *make_reviews(number, seed=split)]
        write_csv(folder / f"{split}.csv", rows)
    rows = [["text", "label"], *make_reviews(60, seed="broken")]
    write_csv(folder / "one.csv", [row for row in rows if row[1] != "1"])
    write_csv(folder / "broken.csv", [*rows, ["a row without a label"]])
    (folder / "tiny.yaml").write_text(TINY)
    (folder / "shootout.yaml").write_text(SHOOTOUT)
    (folder / "broken.yaml").write_text(BROKEN)
    (folder / "files.yaml").write_text(
        f"data: {{source: files, train: {folder / 'train.csv'}, max_length: 50}}\n"
        "model: {embedding: {dim: 4}, layers: [{cell: rnn, units: 3}]}\n"
    )


def make_reviews(number: int, seed: str, words: int | None = None) -> Iterator[list]:
    """Yield reviews of 20 to 600 words, or of `words`, and labels; one word decides."""
    rng = random.Random(seed)
    for _ in range(number):
        label = rng.randrange(2)
        length = words or rng.randint(20, 600)
        text = [f"w{int(rng.paretovariate(0.6)) % 5000}" for _ in range(length)]
        text[rng.randrange(length)] = ("dreadful", "superb")[label]
        yield [" ".join(text), str(label)]


def write_csv(path: Path, rows: list) -> None:
    """Write a CSV file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def cut(path: Path, inputs: Path, buckets: str) -> list[str]:
    """The settings with which a shipped config is trained within a minute."""
    text = path.read_text()
    settings = ["train.epochs=2", "log.every=2"]
    if path.stem in CONTINUED:
        settings += ["log.gradflow=4", "log.histograms=1"]
    if "source: imdb" in text:
        settings.append("data.source=files")
        settings += [f"data.{each}={inputs / each}.csv" for each in ("train", "test")]
    else:
        settings += ["data.examples=400", "data.test_examples=200"]
    if "buckets:" in text or "task:" in text or buckets == "own":
        return settings
    longest = int(re.search(r"^  max_length: (\d+)", text, re.MULTILINE)[1])
    lengths = {
        "two": {math.ceil(longest / 2), longest},
        "old": {math.ceil(longest / 2 ** (i / 2)) for i in range(5)},
    }[buckets]
    return [*settings, f"data.buckets={sorted(lengths)}"]


def main() -> None:
    """Compare, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--reviews", type=Path)
    parser.add_argument("--config", action="append")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--buckets", choices=["two", "old", "own"], default="two")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="compare-"))
    folder = folder.resolve()
    shutil.rmtree(folder / "new", ignore_errors=True)
    inputs = folder / "inputs"
    old = Checkout(options.old, folder / "old")
    new = Checkout(options.new, folder / "new")
    write_inputs(inputs, options.reviews)

    shipped = {path.stem: path for path in sorted(old.path.glob("configs/*.yaml"))}
    special = {"shootout": compare_shootout, "calls": compare_calls}
    names = options.config or [*special, *shipped]
    if unknown := [name for name in names if name not in {**shipped, **special}]:
        sys.exit(f"no such config: {', '.join(unknown)}")

    def compare(name: str) -> Verdicts:
        if name in special:
            return special[name](name, old, new)
        settings = cut(shipped[name], inputs, options.buckets) + options.set
        return compare_config(name, old, new, settings)

    began, different = time.monotonic(), 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for name, verdicts in zip(names, pool.map(compare, names), strict=True):
            different += print_verdicts(name, verdicts)
    seconds = time.monotonic() - began
    print(f"{different or 'no'} differences in {len(names)} rows, {seconds:.0f} s")
    if not options.keep:
        shutil.rmtree(folder)
    sys.exit(bool(different))


def print_verdicts(name: str, verdicts: Verdicts) -> int:
    """Print a row for what is equal and one for each difference; count these."""
    equal = [thing for thing, verdict in verdicts.items() if verdict is None]
    different = {thing: verdict for thing, verdict in verdicts.items() if verdict}
    print(f"{name:16} equal: {', '.join(equal) or 'nothing'}")
    for thing, verdict in different.items():
        print(f"{'':16} DIFFERENT {thing}: {verdict}")
    sys.stdout.flush()
    return len(different)


if __name__ == "__main__":
    main()
