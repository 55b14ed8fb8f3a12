"""Checkpoints of a run: complete or absent, verified when read, deleted when old.

A checkpoint is a directory `checkpoints/step-00001200` of a run:

    variables.npz   the arrays of model and optimizer, numbered
    state.json      everything else that training needs to go on
    manifest.json   format, step, step of the best epoch, whether it is planned, size
                    and sha256 of both files and of the run's logs, and of itself

It is written under another name, flushed to the disk and renamed, so it is either
complete or absent. Training only appends to logs; to go back to a checkpoint, they are
truncated to the sizes in its manifest.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import ResumeError, RunError
from ..system.arrays import read_arrays
from ..system.disk import sync, write, writing
from ..system.folder import MIB, Folder
from ..system.sealed import seal, unseal
from .logs import METRICS, WORDS, Logs, is_log
from .shape import misfit

_FILE = {"bytes": int, "sha256": str}
_MANIFEST = {
    "step": int,
    "best": (None, int),
    "planned": bool,
    "files": {"variables.npz": _FILE, "state.json": _FILE},
    "logs": {str: {"bytes": int, "sha256?": str}},
}
_MOST_STATE, _MOST_MANIFEST = 64 * MIB, 4 * MIB
_NAME = re.compile(r"step-(\d{8,18})")


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
        self.folder = Folder(run)
        self.logs = Logs(self.folder)

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
        name = _name(checkpoint.step)
        above = self.folder.make("checkpoints")
        path, temporary = above / name, above / f".{name}"
        with writing(path):
            try:
                self._write(temporary, checkpoint)
                self.folder.remove(f"checkpoints/{name}")
                os.rename(temporary, path)
                sync(above)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        self._point(checkpoint)
        self._delete_old(checkpoint.step, keep)

    def last(
        self, say: Callable[[str], None], *, planned: bool = False
    ) -> Checkpoint | None:
        """Read the last undamaged checkpoint; None if there are no checkpoints.

        One of before a change in the logs is better than a later one, as the logs are
        then made again. If the change is older than all of them, the last one is used.

        Args:
            say: Called with a message for each damaged checkpoint.
            planned: Whether to skip unplanned ones.

        Raises:
            ResumeError: If all checkpoints are damaged.
        """
        steps = sorted(self._steps(), reverse=True)
        whole, skipped = False, []
        for step in steps:
            try:
                found = self._read(step)
                logs = self._manifest(step)["logs"]
            except Damaged as damage:
                path = self._path(step)
                say(f"{path} is damaged ({damage}), the one before it is used")
                continue
            whole = True
            if planned and not found.planned:
                continue
            said = {name: logs.pop(name) for name in (WORDS,) if name in logs}
            change = self.logs.change(logs)
            if change is None:
                for later, why in skipped:
                    path = self._path(later.step)
                    say(f"{path} is damaged ({why}), the one before it is used")
                if change := self.logs.change(said):
                    say(f"warning: {change}")
                return found
            skipped.append((found, change))
        if skipped:
            found, change = skipped[0]
            say(
                f"warning: {change}; the training goes on from step {found.step}, with "
                "the file as it is"
            )
            return found
        if whole or not steps:
            return None
        raise ResumeError(
            f"{self.folder.path}/checkpoints: no checkpoint is whole, one is needed",
            hint="copy the run again; or delete the folder, to begin at step 0",
        )

    def read(self, step: int) -> Checkpoint:
        """Read the checkpoint of a step.

        Raises:
            ResumeError: If it is missing or damaged.
        """
        try:
            return self._read(step)
        except Damaged as damage:
            path = self._path(step)
            raise ResumeError(
                f"{path} is damaged ({damage}), and it holds the best model",
                hint="copy the run again",
            ) from None

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Truncate the logs to where they were at a checkpoint; None for step 0.

        Raises:
            WriteError: If the files can't be changed.
        """
        recorded = {}
        if checkpoint is not None:
            recorded = self._manifest(checkpoint.step)["logs"]
        self._point(checkpoint)  # first: it must not tell of logs that are cut off
        self.logs.rewind(recorded)

    def change_in_metrics(self) -> str | None:
        """Return what became of `metrics.jsonl` since the last checkpoint, as `last`.

        None if nothing did, or there is no checkpoint to tell it.
        """
        with contextlib.suppress(Damaged, RunError, FileNotFoundError):
            name = self.folder.read("checkpoints/last", 100).decode("ascii", "replace")
            if found := _NAME.fullmatch(name.removesuffix("\n")):
                logs = self._manifest(int(found[1]))["logs"]
                return self.logs.change({k: v for k, v in logs.items() if k == METRICS})
        return None

    def _path(self, step: int) -> Path:
        return self.folder.path / "checkpoints" / _name(step)

    def _steps(self) -> list[int]:
        found = map(_NAME.fullmatch, self.folder.names("checkpoints"))
        return [int(name[1]) for name in found if name]

    def _point(self, checkpoint: Checkpoint | None) -> None:
        """Name the checkpoint in `last`, and that of its best epoch in `best`."""
        steps = (checkpoint.step, checkpoint.best) if checkpoint else (None, None)
        for pointer, step in zip(("last", "best"), steps, strict=True):
            if step is not None:
                name = f"{_name(step)}\n".encode()
                self.folder.replace(f"checkpoints/{pointer}", name)
            else:
                self.folder.remove(f"checkpoints/{pointer}")

    def _write(self, path: Path, checkpoint: Checkpoint) -> None:
        arrays = io.BytesIO()
        np.savez(arrays, *checkpoint.arrays)
        state = json.dumps(checkpoint.state, indent=1, allow_nan=False)
        files = {"variables.npz": arrays.getvalue(), "state.json": state.encode()}
        manifest = {
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
            "logs": self.logs.recorded(),
        }
        files["manifest.json"] = seal(manifest)
        shutil.rmtree(path, ignore_errors=True)  # left by a write that was killed
        path.mkdir()
        for name, content in files.items():
            write(path / name, content)
        sync(path)

    def _manifest(self, step: int) -> dict:
        raw = self._content(step, "manifest.json", _MOST_MANIFEST)
        try:
            manifest = unseal(raw)
        except ValueError as error:
            raise Damaged(f"manifest.json: {error}") from None
        if isinstance(manifest, dict) and "grown" in manifest:  # format 1: sizes only
            sizes = manifest.pop("grown")
            sizes = sizes if isinstance(sizes, dict) else {"": sizes}
            manifest["logs"] = {name: {"bytes": size} for name, size in sizes.items()}
        if problem := misfit(manifest, _MANIFEST):
            raise Damaged(f"manifest.json: {problem}")
        for name, log in manifest["logs"].items():
            if not is_log(name) or log["bytes"] < 0:
                raise Damaged(f"manifest.json: {name!r} is no log of a run")
        if manifest["step"] != step:
            raise Damaged(f"manifest.json is that of step {manifest['step']}")
        return manifest

    def _read(self, step: int) -> Checkpoint:
        manifest = self._manifest(step)
        arrays = self._verified(step, "variables.npz", manifest)
        state = self._verified(step, "state.json", manifest)
        try:
            arrays = list(read_arrays(arrays).values())
            state = json.loads(state)
        except (ValueError, RecursionError) as error:  # it was written so
            raise Damaged(str(error)) from None
        if not isinstance(state, dict):
            raise Damaged("state.json is no JSON object")
        facts = (manifest[key] for key in ("step", "best", "planned"))
        return Checkpoint(*facts, arrays, state)

    def _verified(self, step: int, name: str, manifest: dict) -> bytes:
        """Read a file of a checkpoint, and check it against the manifest."""
        expected = manifest["files"][name]
        found = self._content(step, name, max(expected["bytes"], 0))
        if len(found) != expected["bytes"]:
            sizes = f"{len(found)} bytes, {expected['bytes']} are needed"
            raise Damaged(f"{name} has {sizes}")
        if hashlib.sha256(found).hexdigest() != expected["sha256"]:
            raise Damaged(f"{name} has another sha256 than when it was written")
        return found

    def _content(self, step: int, name: str, most: int) -> bytes:
        try:
            return self.folder.read(f"checkpoints/{_name(step)}/{name}", most)
        except FileNotFoundError:
            raise Damaged(f"{name}: No such file or directory") from None
        except RunError as error:
            raise Damaged(str(error)) from None

    def _delete_old(self, step: int, keep: int) -> None:
        manifests = {}
        for number in self._steps():
            with contextlib.suppress(Damaged):
                manifests[number] = self._manifest(number)
        # Later checkpoints are from before a rollback.
        steps = {number: m for number, m in manifests.items() if number <= step}
        planned = sorted(number for number, m in steps.items() if m["planned"])[-keep:]
        kept = {n for n in steps if n in planned or n > max(planned, default=-1)}
        kept |= {steps[number]["best"] for number in kept}
        for number in self._steps():
            if number not in kept:
                self.folder.remove(f"checkpoints/{_name(number)}")


def _name(step: int) -> str:
    return f"step-{step:08}"
