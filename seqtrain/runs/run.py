"""The run directory: everything that a training leaves behind."""

import contextlib
import fcntl
import hashlib
import io
import itertools
import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from ..config import Config, dump_config, load_config
from ..data.vocabulary import Vocabulary
from ..errors import ConfigError, DivergedError, ResumeError, RunError, WriteError
from ..system.clock import Clock, refuse_strange_date
from ..system.disk import TEMPORARY, writing
from ..system.folder import MIB, Folder
from ..system.machine import arithmetic, git_state, hardware, versions
from ..system.sealed import seal, unseal
from ..tasks import Data, kind_of, load_data
from ..tasks.kind import Trained
from .differences import differences, filled
from .shape import misfit

ROOT = Path("runs")
# The most bytes that a file of a run has; what is larger was not written by us.
_MOST_INFO, _MOST_JSON, _MOST_CONFIG = 4 * MIB, 16 * MIB, MIB
_MOST_VOCABULARY, _MOST_METRICS = 64 * MIB, 64 * MIB
_MOST_TOKENS = 2_000_000
_INFO = {
    "status": str,
    "started": str,
    "seconds?": float,
    "from?": str,
    "versions?": dict,
    "arithmetic?": dict,
    "config?": dict,
    "config_sha256?": str,
    "data_files?": {str: str},
    "data_digest?": str,
    "digests?": {str: str},
    "buckets?": [int],
    "best?": (None, {str: float}),
    "rollbacks?": [dict],
    "memory_mb?": float,
    "resumed?": [
        {"started": str, "step": int, "seconds": float, "changed?": dict}
        | {"versions": dict, "arithmetic?": dict}
    ],
}


class Run:
    """A run directory and the files in it.

    Everything that a run needs is in its directory, so a moved run still works. JSON
    files are replaced as a whole, never half written; `metrics.jsonl` only grows.

    Args:
        path: The directory. `Run.create` makes a new one, `Run.open` finds an old one.
    """

    def __init__(self, path: Path):
        self.path = path
        self.folder = Folder(path)
        self.model_path = path / "model.keras"
        self.vocabulary_path = path / "vocabulary.txt"
        self.baselines_path = path / "baselines.npz"
        self.clock, self._began = Clock(), time.monotonic()
        self._locked = False

    @classmethod
    def create(
        cls, config_name: str, directory: Path | None = None, root: Path = ROOT
    ) -> "Run":
        """Make `directory`, or `<root>/<config name>-<next free number>`.

        Raises:
            RunError: If `directory` exists; a run is never overwritten.
            SeqtrainError: If the machine's clock shows no date that files can have.
        """
        refuse_strange_date()
        if directory is not None:
            try:
                with writing(directory):
                    directory.mkdir(parents=True)
            except FileExistsError:
                raise _taken(directory) from None
            return cls(directory)
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            path = root / f"{config_name}-{number}"
            # The name may be taken, perhaps by another process at this moment.
            with contextlib.suppress(FileExistsError), writing(path):
                path.mkdir()
                return cls(path)

    @staticmethod
    def refuse_taken(directory: Path | None) -> None:
        """Refuse a directory that `create` would refuse, but make nothing.

        Raises:
            RunError: If `directory` exists.
        """
        if directory is not None and os.path.lexists(directory):
            raise _taken(directory)

    @classmethod
    def open(cls, path: Path | None = None, root: Path = ROOT) -> "Run":
        """Open a run by its directory or by its name under `root`.

        Args:
            path: The directory or the name; the newest run if not given.
            root: The folder of runs.

        Raises:
            RunError: If there is no such run, or something in it leads elsewhere.
        """
        if path is None:
            if runs := list_runs(root):
                runs[0].folder.check()
                return runs[0]
            raise RunError(
                f"{root}: no run found, one is needed",
                hint="`seqtrain train quickstart` makes one",
            )
        if directory := _locate(path, root):
            run = cls(directory)
            run.folder.check()
            return run
        found = (
            "is not a run: it has no run.json" if path.exists() else "does not exist"
        )
        raise RunError(f"{path} {found}", hint=_listing(root))

    @cached_property
    def config(self) -> Config:
        """The config of the run, with every value.

        Raises:
            RunError: If it is missing or damaged.
        """
        name = "config.resolved.yaml"
        path, hint = self.path / name, "copy the whole run again, or train again"
        try:
            raw = self.folder.read(name, _MOST_CONFIG)
            config = load_config(path)
        except FileNotFoundError:
            raise RunError(
                f"{path} can't be read, No such file or directory", hint=hint
            ) from None
        except ConfigError as error:
            raise RunError(f"{path} can't be read\n{error}", hint=hint) from None
        # A truncated config would load, with defaults for the keys that are cut off.
        if not raw.endswith(b"\n"):
            raise RunError(f"{path} is damaged, its last line has no end", hint=hint)
        found = config.model_dump(mode="json", exclude_unset=True)
        if missing := _missing_end(found, self._config_in_info()):
            raise RunError(f"{path} is damaged, it has no {missing}", hint=hint)
        for key, (recorded, read) in self._differing(config).items():
            raise RunError(
                f"{path} is damaged: {key} is {read!r}, it was {recorded!r} when "
                "run.json was written",
                hint=f"undo that; {hint}",
            )
        return config

    def _differing(self, config: Config) -> dict[str, list]:
        """The keys of `config.resolved.yaml` that differ from the config in `run.json`.

        Those that `go_on` had not written yet, when it was killed, do not count.
        """
        try:
            info = self.info
        except RunError:  # no prediction depends on it
            return {}
        now = config.model_dump(mode="json")
        changed = info.get("resumed", [{}])[-1].get("changed", {})
        return {
            key: both
            for key, both in differences(
                filled(info.get("config", now), now), now
            ).items()
            if changed.get(key) != both[::-1]
        }

    def _config_in_info(self) -> dict:
        """The config in `run.json`, with the keys of the version that wrote it.

        If there is none, as the run is older or `run.json` is damaged, all that is
        known is that the config had a section `log`.
        """
        config = None
        with contextlib.suppress(RunError):
            config = self.info.get("config")
        return config if config and isinstance(config, dict) else {"log": {}}

    @cached_property
    def labels(self) -> list[str]:
        """The names of the classes by index; empty if the targets are values.

        Raises:
            RunError: If they are missing or damaged.
        """
        labels = self.read_json("labels.json")
        raw = self.folder.read("labels.json", _MOST_JSON)
        self._refuse_changed("labels.json", raw)
        names = isinstance(labels, list) and all(isinstance(x, str) for x in labels)
        fewest = kind_of(self.config.data).target.fewest_labels
        if not names or len(set(labels)) != len(labels) or len(labels) < fewest:
            raise RunError(
                f"{self.path / 'labels.json'} is damaged, a list of two names or more "
                "was expected",
                hint="copy the whole run again, or train again",
            )
        return labels

    @cached_property
    def vocab(self) -> Vocabulary:
        """The vocabulary of the training data.

        Raises:
            RunError: If they are missing or damaged.
        """
        path, hint = self.vocabulary_path, "copy the whole run again, or train again"
        try:
            lines = self.folder.read(path.name, _MOST_VOCABULARY)
            self._refuse_changed(path.name, lines)
            if (number := lines.count(b"\n")) > _MOST_TOKENS:
                raise RunError(
                    f"{path} is damaged, it has {number:,} tokens and such a file "
                    f"{_MOST_TOKENS:,} at most",
                    hint=hint,
                )
            vocab = Vocabulary.from_bytes(lines)
        except FileNotFoundError:
            raise RunError(
                f"{path} can't be read, No such file or directory", hint=hint
            ) from None
        except UnicodeDecodeError:
            raise RunError(
                f"{path} is damaged, UTF-8 was expected", hint=hint
            ) from None
        if not lines.endswith(b"\n"):
            raise RunError(f"{path} is damaged, its last line has no end", hint=hint)
        return vocab

    def _refuse_changed(self, name: str, content: bytes) -> None:
        """Refuse the content of a file that differs from what `keep` wrote.

        Older runs do not record that, and where `run.json` is damaged it isn't known.
        """
        digests = {}
        with contextlib.suppress(RunError):
            digests = self.info.get("digests", {})
        found = hashlib.sha256(content).hexdigest()
        if digests.get(name, found) != found:
            raise RunError(
                f"{self.path / name} is damaged, it was changed after it was written",
                hint="copy the whole run again, or train again",
            )

    def keep(self, vocab: Vocabulary, labels: list[str]) -> dict[str, str]:
        """Write what ids and classes mean; return the sha256 of the files by name."""
        files = {"vocabulary.txt": vocab.to_bytes(), "labels.json": _json(labels)}
        for name, content in files.items():
            self.folder.replace(name, content)
        for cached in ("vocab", "labels"):
            self.__dict__.pop(cached, None)
        return {
            name: hashlib.sha256(content).hexdigest() for name, content in files.items()
        }

    @property
    def trained(self) -> Trained:
        """What the run knows about the data that its model was trained on.

        Raises:
            RunError: If its config, vocabulary or labels are missing or damaged.
        """
        config = self.config
        return Trained(self.path, config.data, config.seed, self.vocab, self.labels)

    @property
    def buckets(self) -> list[int]:
        """The lengths that batches are padded to.

        In older runs, which do not record them, they followed from `max_length`. So
        they do where `run.json` is damaged: no prediction depends on the padding.
        """
        data, said = self.config.data, None
        with contextlib.suppress(RunError):
            said = self.info.get("buckets")
        return (
            data.buckets
            or said
            or sorted({math.ceil(data.max_length / 2 ** (i / 2)) for i in range(5)})
        )

    def load_data(self, *, vocab: Vocabulary | None = None) -> Data:
        """Load the data of the run, with the buckets of its training.

        Args:
            vocab: The vocabulary to encode with; built from the data if not given.

        Raises:
            DataError: If the data is missing, damaged or can't be learned from.
        """
        data = load_data(self.config.data, seed=self.config.seed, vocab=vocab)
        return data._replace(buckets=self.buckets)

    @property
    def info(self) -> dict:
        """The present content of `run.json`.

        Raises:
            RunError: If it is missing or damaged.
        """
        info = self.read_json("run.json", most=_MOST_INFO)
        problem = misfit(info, _INFO)
        if problem is None:
            with contextlib.suppress(ValueError, OverflowError):
                datetime.fromisoformat(info["started"]).astimezone(UTC)
                return info
            problem = f"started is {info['started'][:40]!r}, a time is needed"
        raise RunError(
            f"{self.path / 'run.json'} is damaged: {problem}",
            hint="copy the whole run again, or delete it",
        )

    @property
    def status(self) -> str:
        """The status in `run.json`; `killed` if a `running` run has no process."""
        status = self.info["status"]
        return "killed" if status == "running" and not self._is_locked() else status

    def start(
        self,
        config_path: Path,
        config: Config,
        command: str,
        weights_from: "Run | None" = None,
    ) -> None:
        """Record the config, the command, the versions and the machine of a new run.

        Args:
            config_path: The config file that was given.
            config: The config with every value.
            command: The command line.
            weights_from: The run whose weights this one begins with.
        """
        # It is newer than those beside it, also if the clock was set back in between.
        self._begin(map(began, list_runs(self.path.parent)))
        given = config_path.read_bytes()
        self.folder.replace("config.yaml", given)
        self._write_resolved(config)
        self.write_json(
            "run.json",
            {
                "status": "running",
                "command": command,
                "seed": config.seed,
                "started": self.clock.date().isoformat(),
                **({"from": str(weights_from.path)} if weights_from else {}),
                "versions": versions(),
                "git": git_state(),
                "hardware": hardware(),
                "arithmetic": arithmetic(),
                "config_sha256": hashlib.sha256(given).hexdigest(),
                "config": config.model_dump(mode="json"),
            },
        )

    def go_on(
        self, config: Config, command: str, *, step: int, seconds: float, changed: dict
    ) -> None:
        """Record that the run is resumed.

        Args:
            config: The config from here on, with every value.
            command: The command line.
            step: The step that it goes on from.
            seconds: Seconds of training up to this step.
            changed: The old and the new value of each key that changed.
        """
        last = self.info.get("resumed", [self.info])[-1]["started"]
        refuse_strange_date()
        self._begin([datetime.fromisoformat(last)])
        session = {
            "command": command,
            "started": self.clock.date().isoformat(),
            "step": step,
            "seconds": seconds,
            "changed": changed,
            "versions": versions(),
            "arithmetic": arithmetic(),
        }
        self.remove_leftovers()
        # In this order, as `config` knows what a kill between the two leaves.
        self.update(
            status="running",
            resumed=[*self.info.get("resumed", []), session],
            config=config.model_dump(mode="json"),
        )
        self._write_resolved(config)

    def _begin(self, dates: Iterable[datetime]) -> None:
        """Start counting seconds, with the run's dates later than others."""
        for date in dates:
            self.clock.advance(date.timestamp())
        self._began = time.monotonic()

    def _write_resolved(self, config: Config) -> None:
        text = dump_config(config)
        self.folder.replace("config.resolved.yaml", text.encode("utf-8"))
        self.__dict__.pop("config", None)  # forget the cached one

    def update(self, **fields) -> None:
        """Merge `fields` into `run.json`."""
        self.write_json("run.json", {**self.info, **fields})

    def seconds(self) -> float:
        """Return the seconds of training until now, earlier sessions included."""
        session = self.info.get("resumed", [{"seconds": 0.0}])[-1]
        return session["seconds"] + time.monotonic() - self._began

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training the run; the lock ends with the process.

        Raises:
            ResumeError: If another process trains it.
        """
        if self._locked:  # by this process
            yield
            return
        path = self.path / "lock"
        with writing(path):
            file = self.folder.open("lock", "a+")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise ResumeError(
                    f"{self.path} is being trained by process {file.read(20).strip()}",
                    hint="wait for its end, or stop it with Ctrl-C or kill",
                ) from None
            with writing(path):
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    def _is_locked(self) -> bool:
        try:
            with self.folder.open("lock") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # no lock file, or a file system without locks
            return False
        return False

    @contextlib.contextmanager
    def recorded(self) -> Iterator[None]:
        """Record how and when the training inside of the block ends."""
        status = "failed"
        try:
            yield
            status = "finished"
        except DivergedError:
            status = "diverged"
            raise
        except (KeyboardInterrupt, SystemExit):
            status = "interrupted"
            raise
        finally:
            # An error of these would hide the first one.
            with contextlib.suppress(RunError, WriteError):
                ended = self.clock.date().isoformat()
                self.update(status=status, ended=ended, seconds=self.seconds())

    def append_log(self, text: str) -> None:
        """Append messages to `train.log`."""
        with (
            writing(self.path / "train.log"),
            self.folder.open("train.log", "a") as file,
        ):
            file.write(text.removesuffix("\n") + "\n" if text else "")

    def log(self, record: dict) -> None:
        """Append a record to `metrics.jsonl` as one line."""
        path = self.path / "metrics.jsonl"
        with writing(path), self.folder.open("metrics.jsonl", "a") as file:
            file.write(json.dumps(record) + "\n")

    def metrics(self) -> list[dict]:
        """Return the lines of `metrics.jsonl`, except for a last one that is cut off.

        Raises:
            RunError: If another line is damaged.
        """
        return list(self.read_metrics())

    def read_metrics(self) -> Iterator[dict]:
        """Yield what `metrics` returns, and hold no more than a line of it."""
        path = self.path / "metrics.jsonl"
        if not self.folder.has(path.name):
            return
        content = io.BytesIO(self.folder.read(path.name, _MOST_METRICS))
        for number, line in enumerate(content, start=1):
            if line.endswith(b"\n"):
                yield _record(line, f"{path}:{number}")

    def read_json(self, relative: str, *, most: int = _MOST_JSON) -> dict | list:
        """Read a JSON file of the run.

        Args:
            relative: Its name.
            most: The most bytes that it has.

        Raises:
            RunError: If it is missing, is not JSON, or was changed.
        """
        path = self.path / relative
        try:
            return unseal(self.folder.read(relative, most))
        except FileNotFoundError:
            raise RunError(
                f"{path} does not exist, the run is not complete",
                hint="was training stopped before it began? train again",
            ) from None
        except ValueError as error:
            raise RunError(
                f"{path} is damaged, JSON as it was written is needed: {error}",
                hint="copy the whole run again, or train again",
            ) from None

    def write_json(self, relative: str, content: dict | list) -> None:
        """Replace a JSON file of the run, completely or not at all."""
        raw = seal(content) if isinstance(content, dict) else _json(content)
        self.folder.replace(relative, raw)

    def remove_leftovers(self) -> None:
        """Delete what writes that were killed left behind, as half a file."""
        for folder in ("", "eval", "checkpoints", "tensorboard/train"):
            for name in self.folder.names(folder):
                if TEMPORARY.fullmatch(name):
                    self.folder.remove(f"{folder}/{name}".removeprefix("/"))


def _listing(root: Path) -> str:
    if list_runs(root):
        return "`seqtrain runs` lists the runs"
    return (
        f"there are no runs in {root.absolute()}; `seqtrain train quickstart` makes one"
    )


def _taken(directory: Path) -> RunError:
    return RunError(
        f"{directory} already exists, a run needs a new directory",
        hint="pass another --run, or delete it",
    )


def _missing_end(found: dict, whole: dict) -> str | None:
    """The last key of the tree `whole` if `found` lacks it, else None."""
    key, value = list(whole.items())[-1]
    if key not in found:
        return f"key {key!r}"
    inside = found[key]
    if value and isinstance(value, dict) and isinstance(inside, dict):
        return _missing_end(inside, value)
    return None


def _record(line: bytes, place: str) -> dict:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict):
        return record
    raise RunError(
        f"{place} is damaged, a JSON object was expected",
        hint="copy the whole run again, or delete the line",
    )


def is_run(name: str, root: Path = ROOT) -> bool:
    """Whether `Run.open` would find a run by this name, which may be any text."""
    return _locate(Path(name), root) is not None


def _locate(path: Path, root: Path) -> Path | None:
    for directory in (path, root / path):
        # Path.is_file raises for a name that is too long; this returns False.
        if os.path.isfile(directory / "run.json"):
            return directory
    return None


def list_runs(root: Path = ROOT) -> list[Run]:
    """Return the runs under `root`, damaged ones included, the newest first."""
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return []
    runs = [Run(root / name) for name in names if _looks_like_a_run(root / name)]
    return sorted(runs, key=began, reverse=True)


def _looks_like_a_run(path: Path) -> bool:
    try:
        return bool(
            {"run.json", "config.resolved.yaml", "model.keras"}.intersection(
                os.listdir(path)
            )
        )
    except NotADirectoryError:
        return False
    except OSError:  # a folder that may not be read could be one
        return os.path.isdir(path)


def began(run: Run) -> datetime:
    """Return when a run started; when its directory changed, if that is not known."""
    with contextlib.suppress(RunError):
        return datetime.fromisoformat(run.info["started"]).astimezone(UTC)
    try:
        return datetime.fromtimestamp(run.path.stat().st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def _json(content: list) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
