"""Time and memory of the layers and of a training, beside Keras and PyTorch.

    python scripts/benchmark.py [WHAT ...] [--json FILE] [--seconds S]
    python scripts/benchmark.py layers --cells lstm --timesteps 250 --sizes 64x64
    python scripts/benchmark.py epoch --train train.csv.gz

WHAT is one of these; without any it is the first three, and the fourth with --train:

    layers         a train step and an inference of two recurrent layers
    bidirectional  a train step of one bidirectional layer
    length         a train step against the number of timesteps
    epoch          two epochs of `imdb_lstm` on a CSV file

All of it runs on the CPU, which should be quiet: beside other work PyTorch's threads
wait for each other, up to hundreds of times as long as they compute. Every program is a
process of its own, and they take turns: one computes, the others wait. A step's time is
a median with the 10th and the 90th percentile; a ratio is the median of the rounds'
ratios with their quartiles.

`floor` is what the matrix products of a step take on their own. Peak memory is what a
process adds to the libraries and the data by building, compiling and running.

Tables go to stdout, in Markdown. FILE keeps every number, and is written after each
case; what stands there, and did not fail, is not measured again.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

PROGRAMS = ("seqtrain", "seqtrain jit", "keras", "keras jit", "torch")
OTHERS = PROGRAMS[2:]
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
MODES = ("train", "inference")
SIZES = [(64, 64), (128, 32), (256, 64)]  # units, batch

TURN = 0.3  # seconds
STEPS = 7  # of a program at least
WARM_UP = 3  # steps that do not count; the first one compiles
PATIENCE = 900  # seconds until a silent process is given up
ROWS = 16  # of a part of the batch at least: a product of fewer wastes a core

CONFIG = "imdb_lstm"
EPOCH_COLUMNS = {
    "first_epoch_seconds": "first epoch",
    "second_epoch_seconds": "second epoch",
    "first_step_seconds": "until the first step is done",
}


class Job(NamedTuple):
    """What one process measures."""

    program: str
    mode: str
    cell: str
    timesteps: int
    units: int
    batch: int
    bidirectional: bool = False


class ProgramError(Exception):
    """A program ended, or hung, before it had given its numbers."""


class Worker:
    """A process of its own that answers messages.

    Args:
        target: What it runs; its first argument is a connection.
        arguments: The others.
    """

    def __init__(self, target: Callable, *arguments):
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=target, args=(theirs, *arguments), daemon=True
        )
        self.process.start()
        theirs.close()  # so that its end is seen here

    def ask(self, message):
        """Send a message, and wait for the answer."""
        with contextlib.suppress(OSError):  # a dead one is told by the answer
            self.connection.send(message)
        return self.answer()

    def answer(self, patience=PATIENCE):
        """Wait for what the process sends.

        Raises:
            ProgramError: If it has ended, or takes too long.
        """
        if not self.connection.poll(patience):
            raise ProgramError(f"no answer for {patience} seconds")
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            how = f"exit code {code}" if code >= 0 else f"signal {-code}"
            raise ProgramError(f"ended by {how}") from None

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


def measure(jobs: dict[str, Job], seconds: float) -> dict[str, dict]:
    """Let jobs take turns until each was measured for so many seconds.

    Returns:
        For each job its times, its peak memory and the seconds until its first step
        was done; or an error.
    """
    results, workers = {}, {}
    with contextlib.ExitStack() as stack:
        for name, job in jobs.items():
            say(f"    {name}: start")
            workers[name] = Worker(work, job)
            stack.callback(workers[name].stop)
            with told(name, results, workers):
                results[name] = {**workers[name].answer(), "times": {}}
        say(f"    {', '.join(workers)}: take turns")
        number = 0
        while any(wants_turn(results[name], seconds) for name in workers):
            names = list(workers)
            first = number % len(names)
            number += 1
            for name in names[first:] + names[:first]:
                with told(name, results, workers):
                    add_turn(results[name], workers[name].ask(TURN))
    return results


@contextlib.contextmanager
def told(name: str, results: dict, workers: dict) -> Iterator[None]:
    """Make an error of a program its result, and go on without it."""
    try:
        yield
    except ProgramError as error:
        say(f"    {name}: {error}")
        results[name] = {"error": str(error)}
        workers.pop(name).stop()


def wants_turn(result: dict, seconds: float) -> bool:
    """Whether a program has not been measured for long enough."""
    counted = [sum(turns, []) for turns in result["times"].values()]
    return (
        not counted
        or len(counted[0]) < STEPS
        or sum(map(sum, counted)) < 1000 * seconds
    )


def add_turn(result: dict, turn: dict) -> None:
    """Add to a result what a worker says of its turn."""
    for part, times in turn["times"].items():
        result["times"].setdefault(part, []).append(times)
    result["peak_mb"] = turn["peak_mb"]


def work(connection, job: Job) -> None:
    """Prepare and warm up, then take turns: what a worker process does."""
    if job.program == "torch":
        import torch

        build, as_tensor = torch_step, torch.from_numpy
    else:
        from seqtrain.system.quiet import import_tensorflow

        import_tensorflow()
        import tensorflow as tf

        import seqtrain.layers  # noqa: F401  as the libraries, not counted as memory

        build = floor_steps if job.program == "floor" else keras_step
        as_tensor = tf.constant
    rng = np.random.default_rng(0)
    size = (job.batch, job.timesteps, job.units)
    inputs = as_tensor(rng.standard_normal(size, np.float32))
    labels = as_tensor(rng.integers(0, 2, (job.batch, 1)).astype(np.float32))
    before = restart_peak()
    began = time.perf_counter()
    steps = build(job, inputs, labels)
    run_turn(steps, 0)
    first = time.perf_counter() - began
    for _ in range(WARM_UP - 1):
        run_turn(steps, 0)
    connection.send({"first_step_seconds": round(first, 3)})
    for seconds in iter(connection.recv, None):
        times = run_turn(steps, seconds)
        connection.send({"times": times, "peak_mb": peak_above(before)})


def run_turn(steps: dict[str, Callable], seconds: float) -> dict[str, list[float]]:
    """Run steps, one at least, until the seconds have passed; their milliseconds."""
    times = {part: [] for part in steps}
    end = time.perf_counter() + seconds
    while True:
        for part, step in steps.items():
            began = time.perf_counter()
            step()
            times[part].append(round(1000 * (time.perf_counter() - began), 4))
        if time.perf_counter() >= end:
            return times


def restart_peak() -> float | None:
    """Forget the peak of memory up to now; the megabytes in use, None if unknown."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return read_memory("VmRSS")
    return None


def peak_above(before: float | None) -> float | None:
    """The peak since then, in megabytes above what was in use."""
    return None if before is None else round(read_memory("VmHWM") - before, 1)


def read_memory(key: str) -> float:
    """A line of this process's status, in megabytes."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{key}:\s+(\d+) kB", status, re.MULTILINE)[1]) / 1024


def keras_step(job: Job, inputs, labels) -> dict[str, Callable]:
    """The step of a Keras model, with our layers or its own."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = keras_model(job)
    if job.program == "seqtrain":
        options = {}  # as by default
    else:
        options = {"jit_compile": job.program.endswith("jit")}
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("adam", loss, **options)
    if job.mode == "train":
        batches = iter(tf.data.Dataset.from_tensors((inputs, labels)).repeat())
        model.make_train_function()
        return {"step": lambda: float(model.train_function(batches)["loss"])}
    infer = tf.function(
        lambda inputs: model(inputs, training=False),
        input_signature=[tf.TensorSpec(inputs.shape, inputs.dtype)],
        jit_compile=model.jit_compile,
        autograph=False,
    )
    return {"step": lambda: infer(inputs).numpy()}


def keras_model(job: Job):
    """Two recurrent layers, or a bidirectional one, and a logit."""
    import keras

    from seqtrain import layers as ours

    if job.program.startswith("seqtrain"):
        cells = {"lstm": ours.LSTM, "gru": ours.GRU, "rnn": ours.RNN}
        bidirectional = ours.Bidirectional
    else:
        theirs = keras.layers
        cells = {"lstm": theirs.LSTM, "gru": theirs.GRU, "rnn": theirs.SimpleRNN}
        bidirectional = theirs.Bidirectional
    layer = cells[job.cell]
    if job.bidirectional:
        recurrent = [bidirectional(layer(job.units))]
    else:
        recurrent = [layer(job.units, return_sequences=True), layer(job.units)]
    return keras.Sequential(
        [
            keras.Input((job.timesteps, job.units)),
            *recurrent,
            keras.layers.Dense(1),
        ]
    )


def torch_step(job: Job, inputs, labels) -> dict[str, Callable]:
    """The step of the same model in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(os.cpu_count())
    torch.manual_seed(0)
    layer = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[job.cell]
    recurrent = layer(
        job.units,
        job.units,
        num_layers=1 if job.bidirectional else 2,
        batch_first=True,
        bidirectional=job.bidirectional,
    )
    directions = 2 if job.bidirectional else 1
    dense = nn.Linear(directions * job.units, 1)

    def infer():
        _, states = recurrent(inputs)
        hidden = states[0] if job.cell == "lstm" else states
        return dense(torch.cat(tuple(hidden[-directions:]), -1))  # (batch, 1)

    if job.mode == "inference":
        return {"step": torch.inference_mode()(lambda: infer().numpy())}
    loss_of = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam([*recurrent.parameters(), *dense.parameters()])

    def train():
        optimizer.zero_grad()
        loss = loss_of(infer(), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return {"step": train}


def floor_steps(job: Job, inputs, labels) -> dict[str, Callable]:
    """The matrix products of both layers: those of the loops, and the large ones."""
    rng = np.random.default_rng(0)
    train = job.mode == "train"
    whole, parts = loop_steps(job, rng, train)
    return {"loop": whole, "loop in parts": parts, "large": large_step(job, rng, train)}


def loop_steps(job: Job, rng, train: bool) -> tuple[Callable, Callable]:
    """The products that wait for the timestep before, for the batch and in parts.

    A timestep is (batch, units) x (units, gates * units), and on the way back
    (batch, gates * units) x (gates * units, units).
    """
    import tensorflow as tf

    gates = GATES[job.cell]
    # Orthogonal for each gate: the states neither fade, which would make the
    # products slow, nor grow.
    blocks = [
        np.linalg.qr(rng.standard_normal((job.units, job.units)))[0]
        for _ in range(gates)
    ]
    kernel = tf.constant(np.hstack(blocks), tf.float32)
    transposed = tf.constant(np.vstack([b.T for b in blocks]) / gates, tf.float32)

    def body(t, hidden):
        pre = hidden @ kernel  # (batch, gates * units)
        if train:
            return t + 1, pre @ transposed
        # Another gate at each timestep, so that none of them can be left out.
        return t + 1, tf.slice(pre, [0, t % gates * job.units], hidden.shape)

    @tf.function(jit_compile=True, autograph=False)
    def loop(hidden):
        both = 2 * job.timesteps  # layers
        return tf.while_loop(lambda t, _: t < both, body, (0, hidden))[1]

    @tf.function(autograph=False)
    def side_by_side(*parts):
        return [loop(part) for part in parts]

    hidden = rng.standard_normal((job.batch, job.units), np.float32)
    count = max(1, min(os.cpu_count(), job.batch // ROWS))
    parts = [tf.constant(part) for part in np.array_split(hidden, count)]
    hidden = tf.constant(hidden)
    return lambda: loop(hidden), lambda: side_by_side(*parts)


def large_step(job: Job, rng, train: bool) -> Callable:
    """The products that wait for nothing, each over all timesteps."""
    import tensorflow as tf

    rows, columns = job.timesteps * job.batch, GATES[job.cell] * job.units

    def random(*shape):
        return tf.constant(rng.standard_normal(shape, np.float32))

    # Input, and hidden states of both layers; gradients; kernels, the last transposed.
    states = [random(rows, job.units) for _ in range(3)]
    gradients = [random(rows, columns) for _ in range(2 if train else 0)]
    kernels = [random(job.units, columns) for _ in range(2)]
    transposed = random(columns, job.units)

    @tf.function(autograph=False)
    def multiply(states, gradients, kernels, transposed):
        results = [x @ w for x, w in zip(states, kernels, strict=False)]
        for layer, d in enumerate(gradients):
            for state in states[layer : layer + 2]:
                results.append(tf.matmul(state, d, transpose_a=True))
        if gradients:  # the input of the first layer needs none
            results.append(gradients[1] @ transposed)
        return results

    return lambda: multiply(states, gradients, kernels, transposed)


def measure_model(key: dict, seconds: float) -> dict:
    """Measure all programs on one model, and the floor below it."""
    programs = installed_programs()
    if key["what"] == "layers":
        programs = [*programs, "floor"]
    job = Job(
        "",
        *(key[field] for field in ("mode", "cell", "timesteps", "units", "batch")),
        bidirectional=key["what"] == "bidirectional",
    )
    results = measure({p: job._replace(program=p) for p in programs}, seconds)
    for result in results.values():
        if "error" not in result:
            summarize(result)
            median = result["ms"]["median"]
            result["texts_per_second"] = 1000 * key["batch"] / median
    return {"programs": results, **compare(results)}


def installed_programs() -> list[str]:
    """The programs that can be measured here."""
    return [p for p in PROGRAMS if p != "torch" or version("torch")]


def summarize(result: dict) -> None:
    """Add median and spread of the times, for each part and for the step."""
    times = result["times"]
    if "loop" in times:
        ways = ("loop", "loop in parts")
        result["parts"] = {part: spread(flat(times[part])) for part in times}
        result["way"] = min(ways, key=lambda way: result["parts"][way]["median"])
        times["step"] = [
            [sum(pair) for pair in zip(*turns, strict=True)]
            for turns in zip(times[result["way"]], times["large"], strict=True)
        ]
    result["ms"] = spread(flat(times["step"]))


def compare(results: dict) -> dict:
    """The fastest other program, and the ratios of times: by ours, by the floor."""
    times = {p: r["times"]["step"] for p, r in results.items() if "error" not in r}
    others = {p: np.median(round_medians(t)) for p, t in times.items() if p in OTHERS}
    ours, floor = times.get("seqtrain"), times.get("floor")
    return {
        "fastest_other": min(others, key=others.get, default=None),
        "over_seqtrain": {p: ratio(times[p], ours) for p in others if ours},
        "over_floor": ratio(ours, floor) if ours and floor else None,
    }


def flat(turns: list[list[float]]) -> list[float]:
    """The times of all turns."""
    return [each for turn in turns for each in turn]


def spread(times: list[float], edges: tuple = (10, 90)) -> dict[str, float]:
    """The median, and two percentiles."""
    low, median, high = np.percentile(times, [edges[0], 50, edges[1]])
    return {"median": float(median), "low": float(low), "high": float(high)}


def round_medians(turns: list[list[float]]) -> list[float]:
    """The median of each turn."""
    return [float(np.median(turn)) for turn in turns]


def ratio(above: list[list[float]], below: list[list[float]]) -> dict[str, float]:
    """The ratio of two programs' times, round by round: median and quartiles."""
    pairs = zip(round_medians(above), round_medians(below), strict=True)
    return spread([a / b for a, b in pairs], (25, 75))


def measure_length(key: dict, seconds: float) -> dict:
    """Measure our train step at several lengths, and compare them by the token."""
    sizes = key["units"], key["batch"]
    jobs = {
        str(timesteps): Job("seqtrain", "train", key["cell"], timesteps, *sizes)
        for timesteps in key["timesteps"]
    }
    results = measure(jobs, seconds)
    shortest = str(key["timesteps"][0])
    for name, result in results.items():
        if "error" in result:
            continue
        summarize(result)
        if "error" not in results[shortest]:
            whole = ratio(result["times"]["step"], results[shortest]["times"]["step"])
            share = int(shortest) / int(name)
            result["relative"] = {k: share * value for k, value in whole.items()}
    return {"programs": results}


def measure_epoch(key: dict, seconds: float) -> dict:
    """Train two epochs by seqtrain and by Keras, in turns."""
    results = {"seqtrain": {"runs": []}, "keras": {"runs": []}}
    run = {"seqtrain": run_seqtrain, "keras": run_keras}
    for _ in range(key["repeats"]):
        for name, result in results.items():
            if "error" in result:
                continue
            say(f"    {name}")
            try:
                result["runs"].append(run[name](key["train"]))
            except ProgramError as error:
                say(f"    {name}: {error}")
                result["error"] = str(error)
    return {"programs": results}


def epoch_overrides(train: str) -> list[str]:
    """What differs from the shipped config."""
    return ["data.source=files", f"data.train={train}", "train.epochs=2"]


def run_seqtrain(train: str) -> dict:
    """Train by the command line; read the times from the run's `metrics.jsonl`."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = train_command(run, epoch_overrides(train))
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            said = done.stdout.strip()
            raise ProgramError(f"ended by exit code {done.returncode}: {said[-500:]}")
        lines = (run / "metrics.jsonl").read_text().splitlines()
        first_step = time_first_step(Path(folder) / "first", train)
    logged = {"train": [], "validation": []}
    for record in map(json.loads, lines):
        logged[record["split"]].append(record)
    compiling = logged["train"][0].get("compile_seconds")
    first, second = (record["epoch_seconds"] for record in logged["validation"])
    return {
        # It is compiled before its first epoch begins.
        "first_epoch_seconds": first + (compiling or 0),
        "second_epoch_seconds": second,
        "first_step_seconds": first_step,
        "compile_seconds": compiling,
    }


def time_first_step(run: Path, train: str) -> float | None:
    """Seconds from the line that names the run to that of the first step.

    A run of its own, since to log every step would slow the epochs down.
    """
    command = train_command(run, [*epoch_overrides(train), "log.every=1"])
    began = None
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if line.startswith("run "):
                began = time.perf_counter()
            if line.startswith("step 1/") and began:
                process.kill()
                return time.perf_counter() - began
    return None


def train_command(run: Path, overrides: list[str]) -> list[str]:
    """A training by the command line."""
    options = [part for override in overrides for part in ("--set", override)]
    seqtrain = [sys.executable, "-m", "seqtrain"]
    return [*seqtrain, "train", CONFIG, *options, "--run", str(run)]


def run_keras(train: str) -> dict:
    """Train in a process of its own."""
    worker = Worker(fit_keras, train)
    try:
        return worker.answer(patience=None)  # for as long as two epochs take
    finally:
        worker.stop()


def fit_keras(connection, train: str) -> None:
    """Train the config's model in plain Keras, as users write it."""
    from seqtrain.system.quiet import import_tensorflow

    import_tensorflow()
    import keras

    from seqtrain.config import find_config, load_config
    from seqtrain.tasks import load_data

    config = load_config(find_config(CONFIG), epoch_overrides(train))
    data = load_data(config.data, seed=config.seed)

    def arrays(encoded):
        sequences = [encoded.inputs_of(index) for index in range(encoded.examples)]
        padded = keras.utils.pad_sequences(sequences, maxlen=config.data.max_length)
        return padded, encoded.targets

    inputs, labels = arrays(data.train)
    validation = arrays(data.validation)
    keras.utils.set_random_seed(config.seed)
    embedding = config.model.embedding
    lower, top = config.model.layers
    model = keras.Sequential(
        [
            keras.layers.Embedding(len(data.vocab), embedding.dim, mask_zero=True),
            keras.layers.Dropout(embedding.dropout),
            keras.layers.LSTM(lower.units, return_sequences=True),
            keras.layers.LSTM(top.units),
            keras.layers.Dropout(config.model.dropout),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    begins, steps, ends = [], [], []

    def stamp(moments):
        return lambda *_, **logs: moments.append(time.perf_counter())

    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=stamp(begins),
        on_train_batch_end=stamp(steps),
        on_epoch_end=stamp(ends),
    )
    began = time.perf_counter()
    model.fit(
        inputs,
        labels,
        batch_size=config.train.batch_size,
        epochs=config.train.epochs,
        validation_data=validation,
        callbacks=[clock],
        verbose=0,
    )
    connection.send(
        {
            "first_epoch_seconds": ends[0] - began,
            "second_epoch_seconds": ends[1] - begins[1],
            "first_step_seconds": steps[0] - began,
        }
    )


def find_cases(arguments: argparse.Namespace) -> Iterator[dict]:
    """What is wanted, one key a case."""
    cells, lengths, sizes = arguments.cells, arguments.timesteps, arguments.sizes

    def keys(what, modes, *defaults):
        given = (cells, lengths, sizes)
        axes = [g or d for g, d in zip(given, defaults, strict=True)]
        for mode, cell, timesteps, (units, batch) in product(modes, *axes):
            yield {
                "what": what,
                "mode": mode,
                "cell": cell,
                "timesteps": timesteps,
                "units": units,
                "batch": batch,
            }

    for what in arguments.what:
        if what == "layers":
            modes = [arguments.only] if arguments.only else MODES
            yield from keys(what, modes, GATES, [50, 250, 1000], SIZES)
        elif what == "bidirectional":
            yield from keys(what, ["train"], ["lstm", "gru"], [250], SIZES[:1])
        elif what == "length":
            rising = sorted(lengths or [250, 500, 1000, 2000])
            key = {"what": what, "cell": "lstm", "timesteps": rising}
            for units, batch in sizes or SIZES[:1]:
                yield {**key, "units": units, "batch": batch}
        else:
            repeats = arguments.repeats
            yield {"what": what, "train": arguments.train, "repeats": repeats}


MEASURES = {
    "layers": measure_model,
    "bidirectional": measure_model,
    "length": measure_length,
    "epoch": measure_epoch,
}


def describe(key: dict) -> str:
    """A case in a line."""
    return " ".join(str(value) for value in key.values())


def tables(cases: list[dict]) -> Iterator[str]:
    """Markdown for cases, one table after the other."""
    groups = {what: [c for c in cases if c["key"]["what"] == what] for what in MEASURES}
    for mode in MODES:
        chosen = [case for case in groups["layers"] if case["key"]["mode"] == mode]
        if chosen:
            yield f"### {mode.capitalize()}: milliseconds a step"
            yield steps_table(chosen)
    if groups["layers"]:
        yield "### The floor: milliseconds of the matrix products alone"
        yield floor_table(groups["layers"])
        yield "### Peak memory: megabytes"
        yield memory_table(groups["layers"])
    if groups["bidirectional"]:
        yield "### Bidirectional, train: milliseconds a step"
        yield steps_table(groups["bidirectional"])
    if groups["length"]:
        yield "### Length, train: the time of a token"
        yield length_table(groups["length"])
    if groups["epoch"]:
        yield f"### An epoch of `{CONFIG}`: seconds"
        yield epoch_table(groups["epoch"])


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def case_columns(case: dict) -> list[str]:
    """The first columns of a row: cell, timesteps, units and batch."""
    key = case["key"]
    return [key["cell"], str(key["timesteps"]), f"{key['units']}, {key['batch']}"]


CASE_HEAD = ["cell", "timesteps", "units, batch"]


def programs_in(cases: list[dict]) -> list[str]:
    """The programs that stand in some of the cases, in their order."""
    found = {name for case in cases for name in case["programs"]}
    return [name for name in (*PROGRAMS, "floor") if name in found]


def steps_table(cases: list[dict]) -> str:
    """Times of all programs, and how they compare with ours."""
    programs = programs_in(cases)
    floor, inference = "floor" in programs, cases[0]["key"]["mode"] == "inference"
    head = [*CASE_HEAD, *programs, "fastest other / seqtrain"]
    head += ["seqtrain / floor"] if floor else []
    head += ["seqtrain, texts/s", "fastest other, texts/s"] if inference else []
    rows = []
    for case in cases:
        results, fastest = case["programs"], case["fastest_other"]
        row = case_columns(case)
        row += [format_result(results.get(name), "ms") for name in programs]
        compared = format_spread(case["over_seqtrain"].get(fastest), "{:.2f}")
        row.append(f"{compared} {fastest}" if fastest else "-")
        row += [format_spread(case["over_floor"], "{:.2f}")] if floor else []
        for name in ("seqtrain", fastest) if inference else ():
            speed = results.get(name, {}).get("texts_per_second")
            row.append(format_number(speed, "{:.0f}"))
        rows.append(row)
    return table(head, rows)


def floor_table(cases: list[dict]) -> str:
    """Of what the floor is made."""
    parts = ["loop", "loop in parts", "large"]
    rows = []
    for case in cases:
        floor = case["programs"]["floor"]
        row = [case["key"]["mode"], *case_columns(case)]
        for part in parts:
            row.append(format_result(floor.get("parts", floor), part))
        rows.append([*row, format_result(floor, "ms")])
    return table(["step", *CASE_HEAD, *parts, "floor"], rows)


def memory_table(cases: list[dict]) -> str:
    """Peaks of memory of all programs."""
    programs = [name for name in programs_in(cases) if name != "floor"]
    rows = []
    for case in cases:
        row = [case["key"]["mode"], *case_columns(case)]
        for name in programs:
            result = case["programs"].get(name, {})
            peak = format_number(result.get("peak_mb"), "{:.0f}")
            row.append("failed" if "error" in result else peak)
        rows.append(row)
    return table(["step", *CASE_HEAD, *programs], rows)


def length_table(cases: list[dict]) -> str:
    """The time of a step and of a token at each length."""
    shortest = min(case["key"]["timesteps"][0] for case in cases)
    head = [*CASE_HEAD, "ms a step", f"time of a token, relative to {shortest}"]
    rows = []
    for case in cases:
        for timesteps in case["key"]["timesteps"]:
            result = case["programs"][str(timesteps)]
            one = {**case, "key": {**case["key"], "timesteps": timesteps}}
            relative = format_spread(result.get("relative"), "{:.3f}")
            rows.append([*case_columns(one), format_result(result, "ms"), relative])
    return table(head, rows)


def epoch_table(cases: list[dict]) -> str:
    """Epochs by both programs: median, and the shortest and longest of several."""
    rows = []
    for case in cases:
        results = case["programs"]
        for name, result in results.items():
            row = [name]
            for key in EPOCH_COLUMNS:
                times = [run[key] for run in result["runs"] if run[key] is not None]
                value = spread(times, (0, 100)) if times else None
                row.append("failed" if "error" in result else format_spread(value))
            rows.append(row)
        row = ["keras / seqtrain"]
        for key in EPOCH_COLUMNS:
            pairs = zip(*(results[n]["runs"] for n in results), strict=False)
            ratios = [b[key] / a[key] for a, b in pairs if a[key] and b[key]]
            value = spread(ratios, (0, 100)) if ratios else None
            row.append(format_spread(value, "{:.2f}"))
        rows.append(row)
    return table(["program", *EPOCH_COLUMNS.values()], rows)


def format_result(result: dict | None, key: str) -> str:
    """One spread of a result; that it failed, or was not measured."""
    if result and "error" in result:
        return "failed"
    return format_spread(result and result.get(key))


def format_spread(value: dict | None, form: str | None = None) -> str:
    """A median with its spread in brackets."""
    if value is None:
        return "-"
    form = form or ("{:.2f}" if value["median"] < 10 else "{:.1f}")
    low, median, high = (form.format(value[k]) for k in ("low", "median", "high"))
    return median if low == high else f"{median} ({low} to {high})"


def format_number(value: float | None, form: str) -> str:
    """A number that may be unknown."""
    return "-" if value is None else form.format(value)


def environment() -> dict:
    """What the numbers depend on."""
    packages = ("tensorflow", "keras", "torch", "numpy", "seqtrain")
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
    }


def version(package: str) -> str | None:
    """The version of a package; None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu_model() -> str:
    """The name of the processor."""
    with contextlib.suppress(OSError):
        info = Path("/proc/cpuinfo").read_text()
        if found := re.search(r"^model name\s*: (.*)", info, re.MULTILINE):
            return found[1]
    return platform.processor()


def describe_environment(found: dict) -> str:
    """The environment in a sentence."""
    names = {"python": "Python", "tensorflow": "TensorFlow", "keras": "Keras"}
    names |= {"torch": "PyTorch", "numpy": "NumPy", "seqtrain": "seqtrain"}
    versions = [f"{name} {found[key]}" for key, name in names.items() if found[key]]
    absent = "" if found["torch"] else " PyTorch is not installed: it is left out."
    return f"{found['cores']} cores of {found['cpu']}; {', '.join(versions)}.{absent}"


def open_document(path: Path | None) -> dict:
    """The numbers that a file holds, ready for more."""
    here = environment()
    document = {"environment": here, "runs": [], "cases": []}
    if path and path.exists():
        document = json.loads(path.read_text())
        there = document["environment"]
        changed = [
            f"{key} {there.get(key)}, now {here[key]}"
            for key in here
            if here[key] != there.get(key)
        ]
        if changed:
            sys.exit(
                f"error: {path} was measured with {'; '.join(changed)}\n"
                "hint: name another file by --json"
            )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    document["runs"].append({"command": sys.argv, "date": now})
    return document


def find_case(document: dict, key: dict) -> dict | None:
    """The numbers of a case, if they are there."""
    return next((case for case in document["cases"] if case["key"] == key), None)


def has_failed(case: dict) -> bool:
    """Whether a program of a case failed."""
    return any("error" in result for result in case["programs"].values())


def save(document: dict, path: Path | None) -> None:
    """Replace the file in one step."""
    if path:
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(document))
        os.replace(temporary, path)


def say(text: str) -> None:
    """Tell the progress."""
    print(text, file=sys.stderr, flush=True)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def size(text):
        units, batch = map(int, text.split("x"))
        return units, batch

    add = parser.add_argument
    add("what", nargs="*", metavar="WHAT", help=", ".join(MEASURES))
    add("--json", type=Path, metavar="FILE", help="keeps every number")
    add("--seconds", type=float, default=3, help="of each program in a case (3)")
    add("--cells", nargs="+", choices=GATES, help="instead of all")
    add("--timesteps", nargs="+", type=int, metavar="N", help="instead of the usual")
    add("--sizes", nargs="+", type=size, metavar="UNITSxBATCH", help="likewise")
    add("--only", choices=MODES, help="one of the two steps of layers")
    add("--train", metavar="FILE", help="CSV file of epoch: columns text, label")
    add("--repeats", type=int, default=1, help="trainings of epoch (1)")
    arguments = parser.parse_args()
    if unknown := set(arguments.what) - set(MEASURES):
        parser.error(f"{', '.join(unknown)}: must be one of {', '.join(MEASURES)}")
    if not arguments.what:
        arguments.what = list(MEASURES)[: 4 if arguments.train else 3]
    if "epoch" in arguments.what and not arguments.train:
        parser.error("epoch: --train FILE is needed")
    return arguments


def main() -> None:
    """Measure what is missing, then print the tables."""
    arguments = parse_arguments()
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    document = open_document(arguments.json)
    wanted = list(find_cases(arguments))
    for number, key in enumerate(wanted, 1):
        found = find_case(document, key)
        if found and not has_failed(found):
            continue
        say(f"{number}/{len(wanted)} {describe(key)}")
        case = {
            "key": key,
            "run": len(document["runs"]) - 1,
            "seconds": arguments.seconds,
            **MEASURES[key["what"]](key, arguments.seconds),
        }
        others = [other for other in document["cases"] if other is not found]
        document["cases"] = [*others, case]
        save(document, arguments.json)
    cases = [find_case(document, key) for key in wanted]
    print(describe_environment(document["environment"]))
    for block in tables(cases):
        print(f"\n{block}")


if __name__ == "__main__":
    main()
