"""A step whose loss or gradient is not finite: saved, and made again to look at."""

import io
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..errors import DivergedError, RunError, command
from ..models.build import build_model
from ..models.compile import compile_model
from ..models.gradients import assign, gradients_of, variables_of
from ..runs.run import Run
from ..system.arrays import read_arrays
from ..system.folder import MIB
from ..tasks import kind_of
from ..terminal.columns import align

FILE = "divergence.npz"
MOST = 512 * MIB  # bytes of the file
EXAMPLES, WORDS = 3, 12  # how many of a batch the replay shows


def save_divergence(run: Run, model: keras.Model, error: DivergedError) -> None:
    """Save a step that diverged, for `replay`, and name its weights in the error.

    Args:
        run: Gets the model and the batch as `divergence.npz`.
        model: As it was before the step.
        error: Says what was not finite; gets the table of `weights_table`.
    """
    if error.batch is None:
        return
    variables = variables_of(model)
    arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(variables)}
    arrays |= {f"batch_{i}": tensor.numpy() for i, tensor in enumerate(error.batch)}
    buffer = io.BytesIO()
    np.savez(buffer, step=error.step, **arrays)
    run.folder.replace(FILE, buffer.getvalue())
    _, _, gradients = gradients_of(model, *error.batch)
    assign(variables, list(arrays.values())[: len(variables)])  # dropout has drawn anew
    error.args = (f"{error}\n{weights_table(model, gradients)}",)


def weights_table(model: keras.Model, gradients: Sequence) -> str:
    """A row per weight: the largest absolute value in it and in its gradient."""
    rows = [["weight", "largest", "of its gradient", "not finite"]]
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        gradient = np.asarray(gradient)
        broken = int((~np.isfinite(gradient)).sum())
        rows.append(
            [
                weight.path,
                f"{np.abs(weight.numpy()).max():.3g}",
                f"{np.abs(gradient).max():.3g}",
                f"{broken} of {gradient.size}",
            ]
        )
    return align(rows)


def replay(run: Run) -> str:
    """Repeat the step that diverged, and describe what happens in it.

    Raises:
        RunError: If no step of the run diverged, or its file is damaged.
    """
    path = run.path / FILE
    try:
        saved = read_arrays(run.folder.read(FILE, MOST))
    except FileNotFoundError:
        raise RunError(
            f"{run.path}: no step diverged in this run ({run.status})",
            hint=f"`{command('runs', run.path.parent)}` shows which runs diverged",
        ) from None
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    config, vocab = run.config, run.vocab
    kind = kind_of(config.data)
    model = build_model(config, vocab_size=len(vocab), num_classes=len(run.labels))
    compile_model(model, config)
    try:
        step = int(saved["step"])
        assign(variables_of(model), _numbered(saved, "variable"))
        tokens, labels, *weights = _numbered(saved, "batch")
        loss, logits, gradients = gradients_of(model, tokens, labels, *weights)
    except (LookupError, TypeError, ValueError, tf.errors.OpError) as error:
        raise _damaged(path, str(error).partition("\n")[0]) from None
    norm = float(tf.linalg.global_norm(gradients))
    lines = [
        f"step {step}: loss {float(loss)}, gradient norm {norm}",
        weights_table(model, gradients),
        "",
        f"the batch has {len(tokens)} sequences of up to {tokens.shape[1]} timesteps; "
        "those with the largest logits:",
    ]
    # argsort puts nan last, so reversed it comes first.
    sizes = np.abs(logits.numpy()).reshape(len(tokens), -1).max(axis=1)
    for index in np.argsort(sizes)[::-1][:EXAMPLES]:
        words = kind.inputs.shown(tokens[index], vocab)
        shown = " ".join(words[:WORDS]) + (" …" if len(words) > WORDS else "")
        label = kind.target.shown(labels[index], run.labels)
        lines.append(
            f"  logit {sizes[index]:.3g}  {label}  {len(words)} timesteps: {shown}"
        )
    return "\n".join(lines)


def _damaged(path: Path, problem: str) -> RunError:
    return RunError(
        f"{path} is damaged, the arrays of a step were expected ({problem[:200]})",
        hint="copy the whole run again",
    )


def _numbered(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    count = sum(key.startswith(f"{name}_") for key in arrays)
    return [arrays[f"{name}_{number}"] for number in range(count)]
