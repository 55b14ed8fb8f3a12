"""Checkpoints of a run: complete or absent, verified when read, deleted when old.

A checkpoint is a directory `checkpoints/step-00001200` of a run:

    variables.npz   the arrays of model and optimizer, numbered
    state.json      everything else that training needs to go on
    manifest.json   format, step, step of the best epoch, whether it is planned, size
                    and sha256 of both files, and the sizes of the run's logs

It is written under another name, flushed to the disk and renamed, so it is either
complete or absent. Training only appends to logs; to go back to a checkpoint, they are
truncated to the sizes in its manifest.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import ResumeError
from ..system.disk import replace, sync, write, writing

FORMAT = 1
_MANIFEST = {"format", "step", "best", "planned", "files", "grown"}
_LOGS = ("metrics.jsonl", "tensorboard/*/events.*")  # training appends to them


class Checkpoint(NamedTuple):
    """The state of a training between two steps.

    Args:
        step: Finished optimizer steps.
        best: The step at the end of the best epoch so far; None before the first.
        planned: Whether an uninterrupted training would have saved it as well.
        arrays: The variables of the model and the optimizer.
        state: Everything else, as JSON holds it.
    """

    step: int
    best: int | None
    planned: bool
    arrays: Sequence[np.ndarray]
    state: dict


class Damaged(Exception):
    """The reason why a checkpoint can't be used."""


class Checkpoints:
    """The checkpoints of one run.

    Args:
        run: The directory of the run.
    """

    def __init__(self, run: Path):
        self.run = run
        self.folder = run / "checkpoints"

    def save(self, checkpoint: Checkpoint, *, keep: int) -> None:
        """Save a checkpoint, and delete old ones.

        The last `keep` planned checkpoints are kept, unplanned ones after them, and
        for each of these the checkpoint of its best epoch.

        Args:
            checkpoint: The checkpoint; it replaces one of the same step.
            keep: How many planned checkpoints to keep.

        Raises:
            WriteError: If it can't be written; the older ones are kept then.
        """
        path = self._path(checkpoint.step)
        temporary = self.folder / f".{path.name}"
        with writing(path):
            try:
                self._write(temporary, checkpoint)
                if path.exists():
                    shutil.rmtree(path)
                os.rename(temporary, path)
                sync(self.folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        replace(self.folder / "last", f"{path.name}\n".encode())
        if checkpoint.best is not None:
            best = self._path(checkpoint.best).name
            replace(self.folder / "best", f"{best}\n".encode())
        self._delete_old(checkpoint.step, keep)

    def last(
        self, say: Callable[[str], None], *, planned: bool = False
    ) -> Checkpoint | None:
        """Read the last undamaged checkpoint; None if there are no checkpoints.

        Args:
            say: Called with a message for each damaged checkpoint.
            planned: Whether to skip unplanned ones.

        Raises:
            ResumeError: If all checkpoints are damaged.
        """
        paths = sorted(self.folder.glob("step-*"), reverse=True)
        whole = False
        for path in paths:
            try:
                found = self._read(path)
            except Damaged as damage:
                say(f"{path} is damaged ({damage}), the one before it is used")
                continue
            whole = True
            if found.planned or not planned:
                return found
        if whole or not paths:
            return None
        raise ResumeError(
            f"{self.folder}: no checkpoint is whole, one is needed",
            hint="copy the run again; or delete the folder, to begin at step 0",
        )

    def read(self, step: int) -> Checkpoint:
        """Read the checkpoint of a step.

        Raises:
            ResumeError: If it is missing or damaged.
        """
        path = self._path(step)
        try:
            return self._read(path)
        except Damaged as damage:
            raise ResumeError(
                f"{path} is damaged ({damage}), and it holds the best model",
                hint="copy the run again",
            ) from None

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Truncate the logs to where they were at a checkpoint; None for step 0.

        Raises:
            WriteError: If the files can't be changed.
        """
        grown = {}
        if checkpoint is not None:
            manifest = self._path(checkpoint.step) / "manifest.json"
            grown = json.loads(manifest.read_text(encoding="utf-8"))["grown"]
        for path in self._log_files():
            size = grown.get(path.relative_to(self.run).as_posix())
            with writing(path):
                if size is None:
                    path.unlink()
                else:
                    os.truncate(path, size)

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08}"

    def _log_files(self) -> list[Path]:
        return [path for pattern in _LOGS for path in self.run.glob(pattern)]

    def _write(self, path: Path, checkpoint: Checkpoint) -> None:
        arrays = io.BytesIO()
        np.savez(arrays, *checkpoint.arrays)
        state = json.dumps(checkpoint.state, indent=1, allow_nan=False)
        files = {"variables.npz": arrays.getvalue(), "state.json": state.encode()}
        grown = {}
        for file in self._log_files():
            sync(file)
            grown[file.relative_to(self.run).as_posix()] = file.stat().st_size
        manifest = {
            "format": FORMAT,
            "step": checkpoint.step,
            "best": checkpoint.best,
            "planned": checkpoint.planned,
            "files": {
                name: {
                    "bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
                for name, content in files.items()
            },
            "grown": grown,
        }
        files["manifest.json"] = json.dumps(manifest, indent=1).encode()
        shutil.rmtree(path, ignore_errors=True)  # left by a write that was killed
        self.folder.mkdir(exist_ok=True)  # but no run that is gone
        path.mkdir()
        for name, content in files.items():
            write(path / name, content)
        sync(path)

    def _verified(self, path: Path) -> dict:
        """Read the manifest of a checkpoint, and check its files against it."""
        manifest = _manifest(path)
        for name, expected in manifest["files"].items():
            try:
                content = (path / name).read_bytes()
            except OSError as error:
                raise Damaged(f"{name}: {error.strerror}") from None
            if len(content) != expected["bytes"]:
                sizes = f"{len(content)} bytes, {expected['bytes']} are needed"
                raise Damaged(f"{name} has {sizes}")
            if hashlib.sha256(content).hexdigest() != expected["sha256"]:
                raise Damaged(f"{name} has another sha256 than when it was written")
        for name, size in manifest["grown"].items():
            file = self.run / name
            found = file.stat().st_size if file.exists() else 0
            if found < size:
                raise Damaged(f"{file} has {found} bytes, it had {size}")
        return manifest

    def _read(self, path: Path) -> Checkpoint:
        manifest = self._verified(path)
        try:
            with np.load(path / "variables.npz", allow_pickle=False) as file:
                arrays = [file[f"arr_{number}"] for number in range(len(file.files))]
        except ValueError as error:  # an array of objects
            raise Damaged(f"variables.npz: {error}") from None
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        facts = (manifest[key] for key in ("step", "best", "planned"))
        return Checkpoint(*facts, arrays, state)

    def _delete_old(self, step: int, keep: int) -> None:
        manifests = {}
        for path in self.folder.glob("step-*"):
            with contextlib.suppress(Damaged):
                manifests[path] = _manifest(path)
        # Later checkpoints are from before a rollback.
        steps = {m["step"]: m for m in manifests.values() if m["step"] <= step}
        planned = sorted(number for number, m in steps.items() if m["planned"])[-keep:]
        kept = {n for n in steps if n in planned or n > max(planned, default=-1)}
        kept |= {steps[number]["best"] for number in kept}
        for path in self.folder.glob("step-*"):
            if path not in {self._path(number) for number in kept - {None}}:
                shutil.rmtree(path, ignore_errors=True)


def _manifest(path: Path) -> dict:
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise Damaged(f"manifest.json: {error.strerror}") from None
    except ValueError as error:
        raise Damaged(f"manifest.json is not JSON: {error}") from None
    if not (isinstance(manifest, dict) and manifest.keys() >= _MANIFEST):
        raise Damaged("manifest.json is not as it was written")
    if manifest["format"] != FORMAT:
        raise Damaged(f"its format is {manifest['format']}, {FORMAT} is needed")
    return manifest
