"""A changed byte of a run is named, or it is harmless: all that is taken is equal."""

import hashlib
import os
import shutil
import signal

import numpy as np
import pytest
from tiny_training import At, begin, start

from seqtrain.analysis.evaluate import evaluate
from seqtrain.analysis.predict import load_best
from seqtrain.errors import SeqtrainError
from seqtrain.runs.resume import find_way
from seqtrain.runs.run import Run
from seqtrain.tables.runs import find_damage, runs_table
from seqtrain.tasks.tfidf import Classifiers

pytestmark = pytest.mark.usefixtures("own_cache")

# Commands read these; what only people or TensorBoard look at is not taken.
READ = {
    "run.json",
    "config.yaml",
    "config.resolved.yaml",
    "vocabulary.txt",
    "labels.json",
    "metrics.jsonl",
    "model.keras",
    "baselines.npz",
    "eval/test.json",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was interrupted, so that it may go on, and evaluated."""
    run = start(tmp_path_factory.mktemp("whole"))
    with pytest.raises(KeyboardInterrupt):
        begin(
            run,
            At("on_train_batch_begin", 13, lambda: os.kill(os.getpid(), signal.SIGINT)),
        )
    evaluate(run)
    return run


def digest(arrays):
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype}{array.shape}".encode())
        total.update(np.ascontiguousarray(array))
    return total.hexdigest()


def facts(path):
    """What every command knows of a run before it does its work."""
    run, said = Run(path), []
    if damage := find_damage(run):
        raise SeqtrainError(damage)
    way = find_way(run, say=said.append)
    if said:
        raise SeqtrainError("\n".join(said))
    checkpoint = way.checkpoint
    return [
        runs_table([run]),
        run.config,
        run.labels,
        run.vocab.tokens,
        run.buckets,
        run.info,
        way.config,
        way.data.digest(),
        checkpoint[:3],
        digest(checkpoint.arrays),
        checkpoint.state,
    ]


def model(path):
    found = load_best(Run(path))
    return [str(found.get_config()), digest(found.get_weights())]


def baselines(path):
    tokens, *arrays = Classifiers.load(path / "baselines.npz")
    return [tokens, digest(arrays)]


def taken(path, name):
    """All that is taken from the file of that name."""
    return {"model.keras": model, "baselines.npz": baselines}.get(name, facts)(path)


def files(path):
    found = [each for each in path.rglob("*") if each.is_file()]
    return sorted(str(each.relative_to(path)) for each in found)


def change(path, name, rng):
    """Change a byte at random, as a disk or a person would."""
    content = bytearray((path / name).read_bytes())
    place = int(rng.integers(len(content)))
    old = content[place]
    digits = b"0123456789"
    content[place] = rng.choice(
        [old ^ 1 << int(rng.integers(8)), *b"\0\xff x", *rng.choice(list(digits), 3)]
    )
    (path / name).write_bytes(content)
    return f"{name}, byte {place}: {old} became {content[place]}"


def try_bytes(whole, folder, number, rng):
    """Change bytes of all files in turn; return how many changes were named."""
    names = [name for name in files(whole.path) if (whole.path / name).stat().st_size]
    expected = {name: taken(whole.path, name) for name in names}
    path, named, silent = folder / "copy", 0, []
    shutil.copytree(whole.path, path)
    # In the table the copy has another name.
    for name in names:
        if expected[name][0] == runs_table([whole]):
            expected[name][0] = runs_table([Run(path)])
    for index in range(number):
        name = names[index % len(names)]
        what = change(path, name, rng)
        try:
            found = taken(path, name)
        except SeqtrainError as error:
            said = f"{error}"
            assert name.rpartition("/")[2] in said or str(path) in said, (what, said)
            named += 1
        else:
            if found != expected[name]:
                silent.append(what)
        shutil.copy(whole.path / name, path / name)
    assert silent == []
    return named


def test_a_changed_byte_is_named_or_harmless(whole, tmp_path, rng):
    assert set(files(whole.path)) >= READ
    assert try_bytes(whole, tmp_path, 80, rng) > 40


@pytest.mark.slow
def test_each_of_2000_changed_bytes_is_named_or_harmless(whole, tmp_path, rng):
    assert try_bytes(whole, tmp_path, 2000, rng) > 1000
