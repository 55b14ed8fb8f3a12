"""What others may have put into a run: each case is planted in a copy of a run."""

import hashlib
import io
import json
import os
import socket
import zipfile

import h5py
import numpy as np

from seqtrain.system.sealed import seal, unseal

GIGANTIC = 2**35  # bytes of a file that takes no space on the disk


def link(name):
    """A link out of the run, in the place of a file or folder."""

    def plant(run, outside):
        target = outside / name.replace("/", "-")
        os.rename(run / name, target)
        os.symlink(target, run / name)

    return plant


def fresh_link(name):
    def plant(run, outside):
        (run / name).unlink(missing_ok=True)
        os.symlink(outside / "sentinel", run / name)

    return plant


def pipe(name):
    def plant(run, outside):
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return plant


def listening(run, outside):
    (run / "train.log").unlink()
    here = os.getcwd()
    os.chdir(run)  # the address of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("train.log")
    finally:
        os.chdir(here)


# Something that leads to another place, or is no file: all commands refuse it.
ELSEWHERE = {
    "link lock": fresh_link("lock"),
    "link metrics.jsonl": link("metrics.jsonl"),
    "link train.log": link("train.log"),
    "link tensorboard": link("tensorboard"),
    "link tensorboard/train": link("tensorboard/train"),
    "link checkpoints": link("checkpoints"),
    "link eval": link("eval"),
    "link model.keras": link("model.keras"),
    "link run.json": link("run.json"),
    "link config.resolved.yaml": link("config.resolved.yaml"),
    "link cache": fresh_link("cache"),
    "dangling": lambda run, outside: os.symlink(outside / "none", run / "eval/a.json"),
    "circle": lambda run, outside: os.symlink("round", run / "round"),
    "parent": lambda run, outside: os.symlink("..", run / "tensorboard/up"),
    "pipe lock": pipe("lock"),
    "pipe metrics.jsonl": pipe("metrics.jsonl"),
    "pipe model.keras": pipe("model.keras"),
    "pipe baselines.npz": pipe("baselines.npz"),
    "pipe vocabulary.txt": pipe("vocabulary.txt"),
    "pipe of events": pipe("tensorboard/train/events.out.tfevents.1"),
    "socket": listening,
}


def holding(name, content):
    return lambda run, outside: (run / name).write_bytes(content)


def gigantic(name):
    def plant(run, outside):
        with open(run / name, "r+b") as file:
            file.truncate(GIGANTIC)

    return plant


def edited(name, change):
    """A file of JSON whose seal is right, as if it had been written so."""

    def plant(run, outside):
        content = unseal((run / name).read_bytes())
        change(content)
        (run / name).write_bytes(seal(content))

    return plant


def parts(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def write_parts(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in files.items():
            file.writestr(name, content)


def repacked(run, outside):
    """A model that unpacks to much more."""
    path = run / "model.keras"
    bomb = parts(path) | {"config.json": b" " * 2**27}
    write_parts(path, bomb, compression=zipfile.ZIP_DEFLATED)


def wider(run, outside):
    """A model whose config has more weights than there is memory."""
    path = run / "model.keras"
    files = parts(path)
    config = json.loads(files["config.json"])
    config["config"]["layers"][1]["config"]["output_dim"] = 2**33
    write_parts(path, files | {"config.json": json.dumps(config)})


def weights(change):
    def plant(run, outside):
        path = run / "model.keras"
        files = parts(path)
        content = io.BytesIO(files["model.weights.h5"])
        with h5py.File(content, "r+") as file:
            names = []
            file.visititems(
                lambda name, item: (
                    names.append(name) if isinstance(item, h5py.Dataset) else None
                )
            )
            change(file, names[0])
        write_parts(path, files | {"model.weights.h5": content.getvalue()})

    return plant


def declare_huge(file, name):
    del file[name]
    file.create_dataset(name, shape=(2**17, 2**14), chunks=(64, 64), dtype="f4")


def make_nan(file, name):
    file[name][...] = np.nan


def point_outside(file, name):
    del file[name]
    file[name] = h5py.ExternalLink("/etc/hostname", "x")


def with_code(run, outside):
    path = run / "model.keras"
    files = parts(path)
    config = json.loads(files["config.json"])
    config["config"]["layers"][1] |= {"class_name": "Lambda", "module": "keras.layers"}
    write_parts(path, files | {"config.json": json.dumps(config)})


# A model that must not be loaded: `eval`, `predict`, `gradflow`, `--from` refuse it.
MODELS = {
    "gigantic model": gigantic("model.keras"),
    "bomb in a model": repacked,
    "huge units": wider,
    "huge array": weights(declare_huge),
    "nan": weights(make_nan),
    "array elsewhere": weights(point_outside),
    "code": with_code,
    "no zip": holding("model.keras", b"PK" * 1000),
}

# A run whose papers are wrong: these and `runs` and `--resume` refuse it.
PAPERS = {
    "gigantic run.json": gigantic("run.json"),
    "deep run.json": holding("run.json", b"[" * 10**6),
    "flat run.json": holding("run.json", b"5"),
    "digits in run.json": holding("run.json", b'{"seed": ' + b"9" * 10**5 + b"}"),
    "year 9999": edited("run.json", lambda info: info.update(started="9999-99-31")),
    "resumed": edited("run.json", lambda info: info.update(resumed=[3])),
    "config": edited("run.json", lambda info: info.update(config=[])),
    "gigantic config": gigantic("config.resolved.yaml"),
}

# What `runs` alone reads.
RESULTS = {
    "gigantic metrics": gigantic("metrics.jsonl"),
    "changed metrics": lambda run, outside: replace_in(
        run / "metrics.jsonl", b'"loss": 0', b'"loss": 1'
    ),
    "deep result": holding("eval/test.json", b"[" * 10**6),
    "flat result": holding("eval/test.json", b"5"),
    "result of words": edited("eval/test.json", lambda r: r.update(accuracy="\x1b[2J")),
    "infinite result": edited("eval/test.json", lambda r: r.update(accuracy=10**400)),
}

# What ids and classes mean: the readers of a model refuse it.
NAMES = {
    "gigantic vocabulary": gigantic("vocabulary.txt"),
    "long vocabulary": lambda run, outside: [
        edited("run.json", lambda info: info.pop("digests"))(run, outside),
        (run / "vocabulary.txt").write_bytes(b"a\n" * 2**24),
    ],
    "gigantic labels": gigantic("labels.json"),
    "deep labels": holding("labels.json", b"[" * 10**6),
    "other labels": holding("labels.json", b'["negativf", "positive"]\n'),
    "many labels": lambda run, outside: [
        edited("run.json", lambda info: info.pop("digests"))(run, outside),
        (run / "labels.json").write_text(json.dumps([*map(str, range(10**5))])),
    ],
}


def replace_in(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def manifest(change):
    def plant(run, outside):
        for path in (run / "checkpoints").glob("step-*"):
            edited("manifest.json", change)(path, outside)

    return plant


def state(change):
    """A state that its manifest vouches for."""

    def plant(run, outside):
        for path in (run / "checkpoints").glob("step-*"):
            content = json.loads((path / "state.json").read_text())
            change(content)
            raw = json.dumps(content).encode()
            (path / "state.json").write_bytes(raw)
            vouch(path, "state.json", raw)

    return plant


def arrays(make):
    def plant(run, outside):
        for path in (run / "checkpoints").glob("step-*"):
            raw = make(path / "variables.npz")
            (path / "variables.npz").write_bytes(raw)
            vouch(path, "variables.npz", raw)

    return plant


def vouch(path, name, raw):
    facts = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    edited("manifest.json", lambda m: m["files"].update({name: facts}))(path, None)


def npz_bomb(path):
    stream = io.BytesIO()
    np.savez_compressed(stream, np.zeros(2**25))
    return stream.getvalue()


def npz_of_nan(path):
    with np.load(path) as file:
        found = [file[name] for name in file.files]
    stream = io.BytesIO()
    changed = [a * np.nan if a.dtype == np.float32 else a for a in found]
    np.savez(stream, *changed)
    return stream.getvalue()


def npz_huge_shape(path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"shape": (2**40,), "fortran_order": False, "descr": "<f4"}
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("arr_0.npy", header.getvalue() + b"1234")
    return stream.getvalue()


def log_elsewhere(content):
    content["logs"]["../../outside/sentinel"] = {"bytes": 1, "sha256": "0" * 64}


# Checkpoints that nothing can go on from: `--resume` refuses them.
CHECKPOINTS = {
    "no manifest": manifest(lambda content: content.clear()),
    "step": manifest(lambda content: content.update(step="3")),
    "files": manifest(lambda content: content.update(files={"../x": {}})),
    "log elsewhere": manifest(log_elsewhere),
    "log of minus bytes": manifest(
        lambda content: content["logs"]["metrics.jsonl"].update(bytes=-1)
    ),
    "gigantic variables": lambda run, outside: [
        gigantic("variables.npz")(path, outside)
        for path in (run / "checkpoints").glob("step-*")
    ],
    "npz bomb": arrays(npz_bomb),
    "npz of nan": arrays(npz_of_nan),
    "npz of a huge shape": arrays(npz_huge_shape),
    "no state": state(lambda content: content.clear()),
    "position": state(lambda content: content.update(position={"epoch": 1})),
    "best": state(lambda content: content["best"].update(step="x")),
    "window": state(lambda content: content["log"].update(window=[{"loss": "x"}])),
    "rollbacks": state(lambda content: content.update(rollbacks=[1])),
}
