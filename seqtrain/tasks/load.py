"""From a config to encoded examples, through a cache that is never stale."""

import contextlib
import hashlib
import io
import json
import os
import platform
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..config import Standardize
from ..data.cache import cache_folder
from ..data.encoded import Encoded
from ..data.sources.examples import label_names
from ..data.sources.read import DataConfig, Source, read_source, source_key
from ..data.sources.streams import open_file
from ..data.tokenize import tokenize
from ..data.vocabulary import Vocabulary
from ..errors import ConfigError, DataError
from .report import Report, TaskReport, report_split
from .tasks import TEXTS, Sequences, Task, find_task, generate_task

_DIGEST_SIZE = hashlib.sha256().digest_size
_PARTS = ("training", "validation", "test")
_SKIPPED_ROWS_KEPT = 5


class Data(NamedTuple):
    """All that a model is trained and tested on.

    Args:
        train: What it learns from.
        validation: What decides when it is best.
        test: What is kept for the end, if there is any.
        vocab: The tokens of the training part.
        labels: The classes, by index.
        report: What the data holds.
        files: The sha256 of every data file.
    """

    train: Encoded
    validation: Encoded
    test: Encoded | None
    vocab: Vocabulary
    labels: list[str]
    report: Report | TaskReport
    files: dict[str, str]

    def digest(self) -> str:
        """Return a sha256 of all that a training sees of it."""
        total = hashlib.sha256(self.vocab.to_bytes())
        total.update(json.dumps(self.labels).encode())
        for part in (self.train, self.validation):
            for array in part:
                total.update(np.ascontiguousarray(array))
        return total.hexdigest()


def load_data(
    config: DataConfig, *, seed: int, vocab: Vocabulary | None = None
) -> Data:
    """Load the data of a config, encoded; from the cache if it is there.

    The classic tests are made faster than they would be read, and are not kept.

    Args:
        config: The `data` section.
        seed: Draws the validation part, and what is `generated`.
        vocab: The vocabulary to encode by; made from the training part if not given.

    Raises:
        DataError: If the data is wrong.
    """
    task = find_task(config)
    if task != TEXTS:
        return _make(task, config, seed)
    key, files = source_key(config, seed)
    path = cache_folder() / "encoded" / _entry_name(key, config, vocab)
    data = _read_entry(path, files)
    if data is None:
        data = _encode_source(read_source(config, seed), config, vocab)
        _write_entry(path, data)
    return data


def load_texts(config: DataConfig, *, seed: int) -> Source:
    """Read the raw texts of a config, in the splits and the order of `load_data`."""
    return read_source(config, seed)


def encode_texts(
    texts: Iterable[str],
    labels: Sequence[str],
    vocab: Vocabulary,
    config: DataConfig,
    names: Sequence[str],
) -> Encoded:
    """Encode texts as the training texts were, cut to `config.max_length` tokens.

    Args:
        texts: Raw texts; one without a token becomes an empty sequence.
        labels: The class of each, one of `names`; or none at all.
        vocab: The vocabulary of the training texts.
        config: The `data` section that they were loaded by.
        names: The classes, by index.
    """
    tokens, lengths = _tokenize_all(texts, config.standardize, vocab.encode)
    return _cut(tokens, lengths, _label_ids(labels, names, len(lengths)), config)


def class_weights(choice: str | dict[str, float], data: Data) -> np.ndarray | None:
    """Return the weight of each class, by its id.

    Balanced weights give all classes the same total: `examples / (classes * count)`.

    Args:
        choice: `"none"`, `"balanced"`, or a weight for each label.
        data: The data whose classes they are.

    Raises:
        ConfigError: If the labels are not those of the data.
    """
    if choice == "none":
        return None
    if choice == "balanced":
        counts = np.bincount(data.train.labels, minlength=len(data.labels))
        return len(data.train.labels) / (len(data.labels) * counts)
    if set(choice) != set(data.labels):
        raise ConfigError(
            f"train.class_weights: found {', '.join(sorted(choice))}, "
            f"a weight for each label is needed: {', '.join(data.labels)}"
        )
    return np.array([choice[name] for name in data.labels])


def _make(task: Task, config: DataConfig, seed: int) -> Data:
    """Make the examples of a classic test; each is drawn without a look at others."""
    judged = max(1, round(config.validation * config.examples))
    judged = min(judged, config.examples - 1)
    train, test = (
        generate_task(task.name, count, config.length, [seed, part])
        for part, count in enumerate((config.examples, config.test_examples))
    )
    parts = {
        "training": Sequences(train.inputs[judged:], train.targets[judged:]),
        "validation": Sequences(train.inputs[:judged], train.targets[:judged]),
        "test": test,
    }
    report = TaskReport(
        task=task.name,
        examples={name: len(part.targets) for name, part in parts.items()},
        timesteps=config.max_length,
        chance=dict(task.chance),
    )
    vocab, labels = Vocabulary([*task.tokens]), [*task.labels]
    return Data(*map(_joined, parts.values()), vocab, labels, report, {})


def _joined(part: Sequences) -> Encoded:
    count, timesteps, *features = part.inputs.shape
    offsets = timesteps * np.arange(count + 1)
    return Encoded(part.inputs.reshape(-1, *features), offsets, part.targets)


def _encode_source(
    source: Source, config: DataConfig, vocab: Vocabulary | None
) -> Data:
    parts = {"training": source.train, "validation": source.validation}
    if source.test is not None:
        parts["test"] = source.test
    names = label_names(source.train.labels)

    # Each text is split once: tokens are numbered as they appear, training first,
    # and the numbers become ids when the frequencies are known.
    numbers = defaultdict(count().__next__)
    numbered = {
        name: _tokenize_all(
            part.texts,
            config.standardize,
            lambda tokens: np.array([numbers[token] for token in tokens], np.int32),
        )
        for name, part in parts.items()
    }
    counts = np.bincount(numbered["training"][0]).tolist()
    if not counts:
        raise DataError(
            "no training text has a token, there is nothing to learn from",
            hint="see that data.text names the right column, and what "
            "data.standardize drops",
        )
    # The shorter one ends with the last token that training holds.
    vocab = vocab or Vocabulary.build(
        dict(zip(numbers, counts, strict=False)), size=config.vocabulary
    )
    ids = vocab.encode(numbers)

    encoded, reports = {}, {}
    training = set(source.train.texts)
    for name, part in parts.items():
        tokens, lengths = numbered[name]
        labels = _label_ids(part.labels, names, len(lengths))
        encoded[name] = _cut(ids[tokens], lengths, labels, config)
        reports[name] = report_split(
            part,
            names=names,
            lengths=lengths,
            tokens=encoded[name].tokens,
            training=() if name == "training" else training,
        )
    report = Report(
        splits=reports,
        vocabulary=len(vocab),
        words=len(counts),
        max_length=config.max_length,
        best_accuracy=source.best_accuracy,
        skipped=source.skipped,
        skipped_rows=source.skipped_rows[:_SKIPPED_ROWS_KEPT],
    )
    return Data(*map(encoded.get, _PARTS), vocab, names, report, source.files)


def _tokenize_all(
    texts: Iterable[str],
    standardize: Standardize,
    encode: Callable[[list[str]], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    encoded = [encode(tokenize(text, standardize)) for text in texts]
    lengths = np.array([len(tokens) for tokens in encoded], np.int64)
    return np.concatenate([np.zeros(0, np.int32), *encoded]), lengths


def _label_ids(labels: Sequence[str], names: Sequence[str], number: int) -> np.ndarray:
    if not labels:
        return np.full(number, -1, np.int32)
    ids = {name: id for id, name in enumerate(names)}
    return np.array([ids[label] for label in labels], np.int32)


def _cut(
    tokens: np.ndarray, lengths: np.ndarray, labels: np.ndarray, config: DataConfig
) -> Encoded:
    kept = np.minimum(lengths, config.max_length)
    # How many tokens of each text go from its start.
    skipped = lengths - kept if config.keep == "end" else np.zeros_like(lengths)
    starts = np.cumsum(lengths) - lengths
    place = np.arange(len(tokens)) - np.repeat(starts + skipped, lengths)
    inside = (place >= 0) & (place < np.repeat(kept, lengths))
    offsets = np.concatenate([[0], np.cumsum(kept)])
    return Encoded(tokens[inside], offsets, labels)


def _entry_name(key: str, config: DataConfig, vocab: Vocabulary | None) -> str:
    """Hash everything that the encoded examples and their report follow from.

    The key of the source covers its files, seed and settings and the code of this
    folder. Python is part of it for its Unicode tables, NumPy for its random numbers.
    """
    shaping = {"standardize", "vocabulary", "max_length", "keep"}
    settings = config.model_dump(mode="json", include=shaping)
    everything = [key, settings, platform.python_version(), np.__version__]
    if vocab:
        everything.append(hashlib.sha256(vocab.to_bytes()).hexdigest())
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()


def _read_entry(path: Path, files: dict[str, str]) -> Data | None:
    try:
        with open_file(path) as file:
            blob = file.read()
    except (DataError, OSError):  # whatever is there, the data can be encoded anew
        return None
    digest, content = blob[:_DIGEST_SIZE], blob[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        return None
    arrays = np.load(io.BytesIO(content), allow_pickle=False)
    facts = json.loads(arrays["facts"].tobytes())
    parts = [
        Encoded(*(arrays[f"{part}_{field}"] for field in Encoded._fields))
        if f"{part}_tokens" in arrays
        else None
        for part in _PARTS
    ]
    vocab = Vocabulary.from_bytes(arrays["vocabulary"].tobytes())
    report = Report.from_dict(facts["report"])
    return Data(*parts, vocab, facts["labels"], report, files)


def _write_entry(path: Path, data: Data) -> None:
    facts = {"labels": data.labels, "report": data.report.as_dict()}
    arrays = {
        "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
        "vocabulary": np.frombuffer(data.vocab.to_bytes(), np.uint8),
    }
    for part, encoded in zip(_PARTS, data, strict=False):
        if encoded is not None:
            arrays |= {f"{part}_{k}": v for k, v in encoded._asdict().items()}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    content = buffer.getvalue()
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        os.replace(temporary, path)
    except OSError as error:  # what is in memory serves this command as well
        print(
            f"warning: {path.parent}: encoded data can't be kept there, "
            f"{error.strerror}; each command encodes it anew\n"
            "hint: name a folder that can be written by SEQTRAIN_CACHE",
            file=sys.stderr,
        )
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
