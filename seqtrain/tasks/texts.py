"""Labelled texts, such as reviews: one class for each text."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from ..data.batches import choose_buckets
from ..data.cache import entry_path, read_entry, write_entry
from ..data.encoded import Data, Encoded
from ..data.sources.examples import Examples, label_names
from ..data.sources.files import (
    Paths,
    expand,
    has_columns,
    read_examples,
    read_rows,
    shown_paths,
)
from ..data.sources.generated import generate
from ..data.sources.imdb import imdb_files, read_imdb
from ..data.sources.labelled import Source, digest_examples, split
from ..data.sources.reading import Reading, Row
from ..data.tokenize import tokenize
from ..data.vocabulary import Vocabulary
from ..errors import DataError, listed, shown
from ..sections.base import Column, Columns, Encoding, File, Files, ShareOrFiles
from ..sections.data import DataSection
from .inputs import Tokens
from .kind import Baselines, Kind, Part, Prediction, Split, Trained
from .made import MadeSection
from .targets import Label
from .text_report import Report, report_split
from .text_warnings import find_warnings

if TYPE_CHECKING:
    from .tfidf import Classifiers

_PARTS = ("training", "validation", "test")
_ARRAYS = ("inputs", "lengths", "targets")  # of a part, in the cache
_SKIPPED_ROWS_KEPT = 5


class ImdbData(DataSection):
    """The Large Movie Review Dataset."""

    labels = ("negative", "positive")

    source: Literal["imdb"] = Field(
        "imdb", description="the Large Movie Review Dataset"
    )
    path: File | None = Field(
        None,
        description="an aclImdb folder or archive that is already there; "
        "null: downloaded once",
    )


class FilesData(DataSection):
    """Files of many formats, or folders with one sub-folder per class."""

    source: Literal["files"] = Field("files", description="your own files")
    train: Files = Field(
        description="training data: a file, a folder of classes or a pattern such as "
        "data/*.csv; several; or by class a file with a text a line"
    )
    test: Files | None = Field(None, description="test data, in the same forms")
    validation: ShareOrFiles = Field(
        0.1, description="a share of the training data, or data in the same forms"
    )
    text: Columns = Field(
        "text",
        description="column of the texts, by name or by number from 1; several are "
        "joined",
    )
    label: Column = Field("label", description="column of the labels")
    format: (
        Literal["csv", "tsv", "jsonl", "json", "fasttext", "parquet", "excel"] | None
    ) = Field(None, description="what files hold whose names do not end in a format")
    delimiter: Literal["comma", "semicolon", "tab", "pipe"] | None = Field(
        None, description="what separates fields; null: a comma, in TSV a tab"
    )
    quote: Literal["double", "single", "none"] = Field(
        "double",
        description="what stands around a field with delimiters or line ends in it; "
        "none: a quote is text",
    )
    header: bool = Field(True, description="the first row names the columns")
    encoding: Encoding = Field(
        "utf-8",
        description="how characters are written as bytes, such as utf-16, cp1252 or "
        "gb18030; a byte order mark goes first",
    )
    classes: Annotated[list[str], Field(min_length=2)] | None = Field(
        None,
        description="the sub-folders that are classes; null: all of them but unsup",
    )
    bad_rows: Literal["stop", "skip"] = Field(
        "stop", description="a row that cannot be read stops the run, or is counted"
    )

    @field_validator("label")
    @classmethod
    def _label_is_not_the_text(
        cls, label: str | int, info: ValidationInfo
    ) -> str | int:
        text = info.data.get("text")
        if label in (text if isinstance(text, list) else [text]):
            raise ValueError(f"{str(label)[:40]!r} is the column of the texts already")
        return label

    @property
    def reading(self) -> Reading:
        """How the files are read."""
        text = self.text if isinstance(self.text, list) else [self.text]
        settings = {name: getattr(self, name) for name in Reading._fields}
        return Reading(**settings | {"text": tuple(text)})


class GeneratedData(MadeSection):
    """Generated reviews, in which one word decides."""

    labels = ("negative", "positive")

    task: Literal["reviews"] = Field(
        "reviews", description="reviews with one deciding word, or a test of memory"
    )

    @field_validator("length")
    @classmethod
    def _fit_into_max_length(cls, length: int, info: ValidationInfo) -> int:
        max_length = info.data.get("max_length", length)
        if length > max_length:
            raise ValueError(f"{length} is not at most max_length, here {max_length}")
        return length

    @field_validator("distance")
    @classmethod
    def _stay_below_length(cls, distance: int, info: ValidationInfo) -> int:
        length = info.data.get("length", distance + 1)
        if distance >= length:
            raise ValueError(f"{distance} is not below length, here {length}")
        return distance


TextSection = ImdbData | FilesData | GeneratedData


def load(config: TextSection, seed: int, vocab: Vocabulary | None = None) -> Data:
    """Load and encode labelled texts, or take them from the cache.

    Args:
        config: The `data` section.
        seed: Draws the validation part and generated reviews.
        vocab: The vocabulary to encode with; built from the training part if not
            given.

    Raises:
        DataError: If the data is missing, damaged or can't be learned from.
    """
    files = source_files(config)
    # Buckets change how examples are batched, not the examples.
    settings = config.model_dump(mode="json", exclude={"buckets"})
    tokens = None if vocab is None else vocab.tokens
    path = entry_path(settings, seed, files, tokens)
    data = _read_cached(path, config, files)
    if data is None:
        data = _encode(read_source(config, seed), config, vocab, files)
        _write_cached(path, data)
    return data


def read_source(config: TextSection, seed: int) -> Source:
    """Read or generate all examples of a `data` section, as raw texts.

    If validation is a share, it is drawn from the training examples, the same share of
    each class, by `seed` alone.

    Raises:
        DataError: If the data is missing, damaged or can't be learned from.
    """
    best = None
    if isinstance(config, GeneratedData):
        train, test = _generate(config, seed)
        best = 1 - config.noise
    elif isinstance(config, ImdbData):
        train, test = read_imdb(config.path)
    else:
        train, test = _read_files(config)
    if isinstance(config.validation, float):
        train, validation = split(train, config.validation, seed)
    else:
        validation = _read_file(config, config.validation, set(train.labels))
    return Source(train, validation, test, best)


def source_files(config: TextSection) -> dict[str, str]:
    """Return the sha256 of each data file or folder, by its path in the section."""
    if isinstance(config, GeneratedData):
        return {}
    if isinstance(config, ImdbData):
        return imdb_files(config.path)
    parts = [config.train, config.validation, config.test]
    return {
        str(path): digest_examples(path, config.classes)
        for part in parts
        if part is not None and not isinstance(part, float)
        for _, path in expand(part)
    }


def encode_texts(
    texts: Iterable[str],
    labels: Sequence[str],
    vocab: Vocabulary,
    config: TextSection,
    names: Sequence[str],
) -> Encoded:
    """Encode texts like the training texts, cut to `config.max_length` tokens.

    Args:
        texts: Raw texts; one without a token becomes an empty sequence.
        labels: The class of each text, one of `names`; empty if not known, which
            makes every target -1.
        vocab: The vocabulary of the training texts.
        config: The `data` section of the training texts.
        names: The names of the classes by index.
    """
    tokens, lengths = _tokenize_all(texts, config, vocab.encode)
    return _cut(tokens, lengths, _label_ids(labels, names, len(lengths)), config)


def _generate(config: GeneratedData, seed: int) -> tuple[Examples, Examples]:
    reviews = partial(
        generate, length=config.length, distance=config.distance, noise=config.noise
    )
    train = reviews(config.examples, seed=f"{seed}/train")
    return train, reviews(config.test_examples, seed=f"{seed}/test")


def _read_files(config: FilesData) -> tuple[Examples, Examples | None]:
    train = _read_file(config, config.train)
    classes = set(train.labels)
    if len(classes) < 2:
        raise DataError(
            f"{shown_paths(config.train)}: every label is {shown(train.labels[0])}, "
            "two classes or more are needed",
            hint="see that data.label names the right column",
        )
    return train, config.test and _read_file(config, config.test, classes)


def _read_file(
    config: FilesData, paths: Paths, classes: set[str] | None = None
) -> Examples:
    return read_examples(
        paths, config.reading, bad_rows=config.bad_rows, classes=classes
    )


def _encode(
    source: Source, config: TextSection, vocab: Vocabulary | None, files: dict
) -> Data:
    parts = {"training": source.train, "validation": source.validation}
    if source.test is not None:
        parts["test"] = source.test
    names = label_names(source.train.labels)

    # Each text is split only once: tokens are numbered in the order in which they
    # appear, training first; the numbers become ids once the frequencies are known.
    numbers = defaultdict(count().__next__)
    numbered = {
        name: _tokenize_all(
            part.texts,
            config,
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
    # Not strict: tokens that only validation and test have come last, uncounted.
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
            tokens=encoded[name].inputs,
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
        warnings=[],
    )
    report.warnings.extend(find_warnings(source, config, report))
    return _data(encoded, vocab, names, report, config, files)


def _data(
    parts: dict[str, Encoded],
    vocab: Vocabulary,
    names: list[str],
    report: Report,
    config: TextSection,
    files: dict,
) -> Data:
    lengths = parts["training"].lengths
    buckets = config.buckets or choose_buckets(lengths, config.max_length)
    return Data(*map(parts.get, _PARTS), vocab, names, buckets, report, files)


def _tokenize_all(
    texts: Iterable[str],
    config: TextSection,
    encode: Callable[[list[str]], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    how = config.standardize, config.tokens
    encoded = [encode(tokenize(text, *how)) for text in texts]
    lengths = np.array([len(tokens) for tokens in encoded], np.int64)
    return np.concatenate([np.zeros(0, np.int32), *encoded]), lengths


def _label_ids(labels: Sequence[str], names: Sequence[str], number: int) -> np.ndarray:
    if not labels:
        return np.full(number, -1, np.int32)
    ids = {name: id for id, name in enumerate(names)}
    return np.array([ids[label] for label in labels], np.int32)


def _cut(
    tokens: np.ndarray, lengths: np.ndarray, labels: np.ndarray, config: TextSection
) -> Encoded:
    kept = np.minimum(lengths, config.max_length)
    # How many tokens are cut off at the start of each text.
    skipped = lengths - kept if config.keep == "end" else np.zeros_like(lengths)
    starts = np.cumsum(lengths) - lengths
    place = np.arange(len(tokens)) - np.repeat(starts + skipped, lengths)
    inside = (place >= 0) & (place < np.repeat(kept, lengths))
    return Encoded.joined(tokens[inside], kept, labels)


def _read_cached(path: Path, config: TextSection, files: dict) -> Data | None:
    arrays = read_entry(path)
    if arrays is None:
        return None
    facts = json.loads(arrays["facts"].tobytes())
    parts = {
        part: Encoded.joined(*(arrays[f"{part}_{name}"] for name in _ARRAYS))
        for part in _PARTS
        if f"{part}_inputs" in arrays
    }
    vocab = Vocabulary.from_bytes(arrays["vocabulary"].tobytes())
    report = Report.from_dict(facts["report"])
    return _data(parts, vocab, facts["labels"], report, config, files)


def _write_cached(path: Path, data: Data) -> None:
    facts = {"labels": data.labels, "report": data.report.as_dict()}
    arrays = {
        "facts": np.frombuffer(json.dumps(facts).encode(), np.uint8),
        "vocabulary": np.frombuffer(data.vocab.to_bytes(), np.uint8),
    }
    for part, encoded in zip(_PARTS, data, strict=False):
        if encoded is not None:
            arrays |= {f"{part}_{name}": getattr(encoded, name) for name in _ARRAYS}
    write_entry(path, arrays)


def _read_split(trained: Trained, split: Split) -> Part:
    config = trained.section
    if split == "test" and isinstance(config, FilesData):
        examples = config.test and _read_file(config, config.test, set(trained.labels))
    else:
        examples = getattr(read_source(config, trained.seed), split)
    if examples is None:
        raise DataError(
            f"{trained.path}: its config names no {split} data, some is needed",
            hint="give a file by --data FILE, or take --split validation",
        )
    if unknown := sorted(set(examples.labels) - set(trained.labels)):
        raise DataError(
            f"{split} data: {shown(unknown[0])} is not one of the run's labels "
            f"({listed(trained.labels)}), the data changed after the training",
            hint="evaluate the data of the training, or train again",
        )
    return _part(trained, examples)


def _read_given_file(trained: Trained, path: Path) -> Part:
    """Read a file as the section reads files."""
    return _part(trained, _read_file(trained.section, path, set(trained.labels)))


def _part(trained: Trained, examples: Examples) -> Part:
    encoded = encode_texts(
        examples.texts, examples.labels, trained.vocab, trained.section, trained.labels
    )
    return Part(encoded, examples.texts, examples.skipped, examples.notes)


def _classifiers(trained: Trained) -> "Classifiers":
    """Load the baselines of a run; the first call fits and saves them."""
    from .tfidf import fit_classifiers, load_classifiers  # scikit-learn takes a second

    def fit():
        train = read_source(trained.section, trained.seed).train
        return fit_classifiers(train, trained.labels)

    return load_classifiers(trained.path, trained.labels, fit)


def _measure_baselines(trained: Trained, part: Part) -> dict:
    from ..metrics import accuracy_with_interval

    return {
        name: accuracy_with_interval(part.encoded.targets, rows.argmax(axis=1))
        for name, rows in _classifiers(trained)
        .predict_probabilities(part.texts)
        .items()
    }


def _encode_unlabelled(texts: Sequence[str], trained: Trained) -> Encoded:
    return encode_texts(texts, [], trained.vocab, trained.section, trained.labels)


def _answer(text: str, score: np.ndarray, names: Sequence[str]) -> dict:
    row = score.tolist()
    best = max(range(len(row)), key=row.__getitem__)
    return {
        "text": text,
        "label": names[best],
        "probability": row[best],
        "probabilities": dict(zip(names, row, strict=True)),
    }


def _cells(answer: dict) -> list[str]:
    return [answer["label"], f"{answer['probability']:.4f}", answer["text"]]


def _read_unlabelled(config: FilesData, path: Path) -> Iterator[Row] | None:
    reading = config.reading._replace(label=None)
    return read_rows(path, reading) if has_columns(path, reading) else None


KIND = Kind(
    name="reviews",
    sections=(ImdbData, FilesData, GeneratedData),
    inputs=Tokens(),
    target=Label(),
    unit="tokens",
    encoding_keys=frozenset({"standardize", "tokens"}),
    load=load,
    read_split=_read_split,
    read_file=_read_given_file,
    baselines=Baselines(_classifiers, _measure_baselines),
    file_section=FilesData,
    prediction=Prediction(
        _encode_unlabelled, _answer, _cells, read_rows=_read_unlabelled
    ),
)
