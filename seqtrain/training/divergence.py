"""What a training leaves when its loss or a gradient is no longer finite."""

import io
import zipfile
import zlib
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from ..data.vocabulary import PADDING, Vocabulary
from ..errors import DivergedError, RunError
from ..models.build import build_model
from ..models.compile import compile_model
from ..models.gradients import assign, gradients_of, variables_of
from ..runs.run import Run
from ..system.disk import replace
from ..tasks.tasks import Task, find_task
from ..terminal.columns import align

FILE = "divergence.npz"
EXAMPLES, WORDS = 3, 12  # of the batch, as the replay shows them


def save_divergence(run: Run, model: keras.Model, error: DivergedError) -> None:
    """Save a step that diverged, for `replay`, and name its weights in the error.

    Args:
        run: Its `divergence.npz` gets the model and the batch.
        model: As it was before the step.
        error: What was found; gets the table of `weights_table`.
    """
    if error.batch is None:
        return
    variables = variables_of(model)
    arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(variables)}
    arrays |= {f"batch_{i}": tensor.numpy() for i, tensor in enumerate(error.batch)}
    buffer = io.BytesIO()
    np.savez(buffer, step=error.step, **arrays)
    replace(run.path / FILE, buffer.getvalue())
    _, _, gradients = gradients_of(model, *error.batch)
    assign(variables, list(arrays.values())[: len(variables)])  # the dropout moved on
    error.args = (f"{error}\n{weights_table(model, gradients)}",)


def weights_table(model: keras.Model, gradients: Sequence) -> str:
    """A row for each weight: the largest entry of it and of its gradient, by size."""
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
    """Make the step that diverged once more, and tell what happens in it.

    Raises:
        RunError: If the run keeps no such step.
    """
    path = run.path / FILE
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            kept = dict(file)
    except FileNotFoundError:
        raise RunError(
            f"{run.path}: no step diverged in this run ({run.status})",
            hint="`seqtrain runs` lists the runs that diverged",
        ) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError(
            f"{path} is damaged, arrays were expected ({error})",
            hint="copy the whole run again",
        ) from None
    config, vocab = run.config, run.vocab
    task = find_task(config.data)
    model = build_model(
        config.model,
        vocab_size=len(vocab),
        num_classes=len(run.labels),
        max_length=config.data.max_length,
        task=task,
    )
    compile_model(model, config.train, steps_per_epoch=1, task=task)
    assign(variables_of(model), _numbered(kept, "variable"))
    tokens, labels, *weights = _numbered(kept, "batch")
    loss, logits, gradients = gradients_of(model, tokens, labels, *weights)
    norm = float(tf.linalg.global_norm(gradients))
    lines = [
        f"step {kept['step']}: loss {float(loss)}, gradient norm {norm}",
        weights_table(model, gradients),
        "",
        f"the batch has {len(tokens)} sequences of up to {tokens.shape[1]} timesteps; "
        "those with the largest logits:",
    ]
    # nan comes last, and so first below
    sizes = np.abs(logits.numpy()).reshape(len(tokens), -1).max(axis=1)
    for index in np.argsort(sizes)[::-1][:EXAMPLES]:
        words = _words(task, tokens[index], vocab)
        shown = " ".join(words[:WORDS]) + (" …" if len(words) > WORDS else "")
        label = _label(task, labels[index], run.labels)
        lines.append(
            f"  logit {sizes[index]:.3g}  {label}  {len(words)} timesteps: {shown}"
        )
    return "\n".join(lines)


def _words(task: Task, tokens: np.ndarray, vocab: Vocabulary) -> list[str]:
    if task.features is None:
        return [vocab.tokens[id] for id in tokens if id != PADDING]
    return ["/".join(f"{number:.3g}" for number in row) for row in tokens]


def _label(task: Task, label: np.ndarray, names: Sequence[str]) -> str:
    if task.output == "value":
        return f"{label:.3g}"
    return "".join(names[id] for id in np.atleast_1d(label))


def _numbered(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    count = sum(key.startswith(f"{name}_") for key in arrays)
    return [arrays[f"{name}_{number}"] for number in range(count)]
