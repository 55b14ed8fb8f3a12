"""Write a first config for a user's data, its guesses marked with the reasons."""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path

from ..config.json_schema import EDITOR_LINE, FILE_NAME, json_schema_text
from ..config.nodes import dump_value
from ..data.sources.files import Paths
from ..data.survey import Survey, survey
from ..errors import ConfigError, command, shorten

_WORDS = 20000  # most rows of the embedding; rarer words occur in too few texts
_LONGEST = 1000  # most tokens of a text; the time of a step is proportional
_IMBALANCE = 2  # from this ratio of largest to smallest class on weights help
_WIDTH = 88  # of a line

_GENERATED = """\
# Reviews made on the spot, to see a training before you have data of your own.
{commands}
seed: 0
data:
  source: generated          # imdb | files | generated
  examples: 4000             # for training and validation
  test_examples: 2000
  length: 60                 # words of a review
  distance: 10               # words after the one that decides
  vocabulary: 1000           # rows of the embedding
  max_length: 60             # tokens kept of a longer text
model:
  embedding: {{dim: 32}}
  layers:                    # cell: rnn | lstm | gru
    - {{cell: lstm, units: 32}}
  pooling: last              # last | mean | max | concat
train:
  epochs: 5
  batch_size: 64
  learning_rate: 5e-3
  clip_norm: 1.0             # of all gradients together
log:
  every: 20                  # steps between scalars
"""

_FILES = """\
# {title}
{commands}
#
# A line marked "guessed" says what the guess rests on: look at these first.
seed: 0
data:
  source: files              # imdb | files | generated
{data}
model:
  embedding: {{dim: 64, dropout: 0.5}}
  layers:                    # cell: rnn | lstm | gru
    - {{cell: lstm, units: 64, bidirectional: true}}
  pooling: concat            # last | mean | max | concat
train:
  epochs: 10
{train}
  learning_rate: 1e-3
  clip_norm: 1.0             # of all gradients together
  patience: 2                # epochs without a better validation loss before the end
"""


def init(data: Path | None, out: Path | None = None) -> Path:
    """Write a config for a data file or folder, or for generated reviews.

    The JSON Schema that its first line names is written beside it, unless there is one.

    Args:
        data: A file or a folder of labelled texts; None for generated reviews.
        out: The config to write; by default named after the data, in the current
            folder.

    Returns:
        The path of the config.

    Raises:
        ConfigError: If the config is there already or can't be written.
        DataError: If the data can't be read or learned from.
    """
    if out is None:
        out = Path(f"{_stem(data) if data else 'generated'}.yaml")
    if out.exists():  # checked before reading the data, which may take seconds
        raise _taken(out)
    commands = f"#\n#   {command('check', out)}\n#   {command('train', out)}"
    commands = commands if str(out).isprintable() else "#"
    if data is None:
        text = _GENERATED.format(commands=commands)
    else:
        text = _files_config(data, survey(data), commands)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(f"{EDITOR_LINE}\n{text}")
        schema = out.parent / FILE_NAME
        if not schema.exists():
            schema.write_text(json_schema_text(), encoding="utf-8")
    except FileExistsError:
        raise _taken(out) from None
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written, {error.strerror}") from None
    return out


def _stem(data: Path) -> str:
    name = re.sub(r"\.(gz|zip)$|[*?\[\]]", "", data.resolve().name, flags=re.IGNORECASE)
    return name.rpartition(".")[0] or name or "data"


def _taken(out: Path) -> ConfigError:
    return ConfigError(f"{out} exists already", hint="name another file by --out")


def _files_config(data: Path, found: Survey, commands: str) -> str:
    rows = sum(found.classes.values())
    title = f"{len(found.classes)} classes of {rows:,} texts in {shorten(str(data))}."
    batch = 64 if rows >= 5000 else 32
    train = [_line("batch_size", batch, f"guessed: for {rows:,} texts")]
    if found.imbalance >= _IMBALANCE:
        why = f"guessed: the largest class is {found.imbalance:.1f} times the smallest"
        train.append(_line("class_weights", "balanced", why))
    return _FILES.format(
        title=title,
        commands=commands,
        data="\n".join(_data_lines(found)),
        train="\n".join(train),
    )


def _data_lines(found: Survey) -> list[str]:
    lines = [_line("train", _name(found.train), _classes(found))]
    if found.test:
        lines.append(
            _line("test", _name(found.test), "guessed: same columns and labels")
        )
    if found.texts:
        names = [text.name for text in found.texts]
        words = sum(text.words for text in found.texts)
        why = f"guessed: the longest strings, {words:.0f} words on average"
        lines.append(_line("text", names if len(names) > 1 else names[0], why))
        why = f"guessed: only {found.label.distinct} values, and they repeat"
        lines.append(_line("label", found.label.name, why))
    for key, why in found.reasons.items():
        lines.append(_line(key, getattr(found.reading, key), why))
    if found.skipped:
        first = _without_folder(found.skipped_rows[0])
        why = f"guessed: {found.skipped:,} cannot be read, first {first}"
        lines.append(_line("bad_rows", "skip", why))
    if found.tokens == "characters":
        why = "guessed: the texts have no spaces between words"
        lines.append(_line("tokens", found.tokens, why))
    lines += _size_lines(found)
    if found.validation:
        why = "guessed: same columns and labels"
        return [*lines, _line("validation", _name(found.validation), why)]
    why = "a share of the training data, or a file"
    return [*lines, _line("validation", 0.1, why)]


def _size_lines(found: Survey) -> list[str]:
    words = found.words if found.words < 1000 else found.repeated
    median, long, longest = found.lengths
    counted = f"in {found.surveyed:,} texts"
    return [
        _line(
            "vocabulary",
            max(3, min(words + 2, _WORDS)),
            f"guessed: {found.words:,} different tokens {counted}, "
            f"{found.repeated:,} twice or more",
        ),
        _line(
            "max_length",
            max(3, min(_round_up(long), longest, _LONGEST)),
            f"guessed: 50th percentile {median:,} tokens, 95th {long:,}, "
            f"longest {longest:,}",
        ),
    ]


def _line(key: str, value: object, comment: str) -> str:
    """A key with a comment beside it, or above it where the line would be too long."""
    line = f"  {key}: {dump_value(value)}"
    beside = f"{line:27}  # {comment}"
    return beside if len(beside) <= _WIDTH else f"  # {comment}\n{line}"


def _name(paths: Paths) -> str | list | dict:
    """Paths as a config has them."""
    if isinstance(paths, Mapping):
        return {label: _name(path) for label, path in paths.items()}
    if not isinstance(paths, Path):
        return [_name(path) for path in paths]
    try:
        str(paths).encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{paths}: a name that is not UTF-8 cannot stand in a config",
            hint="rename it",
        ) from None
    return str(paths)


def _classes(found: Survey) -> str:
    shown = itertools.islice(found.classes.items(), 4)
    more = ", …" if len(found.classes) > 4 else ""
    return ", ".join(f"{shorten(name)} {count:,}" for name, count in shown) + more


def _without_folder(place: str) -> str:
    """The place of a problem without its folder, and the problem, shortened."""
    return shorten(place.rpartition("/")[2])


def _round_up(number: int) -> int:
    """Round up to two significant digits."""
    step = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step
