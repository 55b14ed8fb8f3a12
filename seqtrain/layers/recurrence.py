"""One loop over time that runs any recurrent cell, forward and backward."""

import functools
import os
from collections.abc import Sequence

import tensorflow as tf

# None of the three has a public name (TensorFlow 2.21).
from tensorflow.python.eager.forwardprop_util import pack_tangents
from tensorflow.python.eager.record import could_possibly_record
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from .cell import Cell, Tensors
from .loops import backward_loop, forward_loop, pairs, take

# The fewest sequences of a part. What a timestep costs besides its products hardly
# depends on their number: two parts of 8 are no faster than one of 16 (LSTM, 64 units).
ROWS = 16


def recurrence(
    cell: Cell,
    inputs: Tensors,
    states: Tensors,
    kernels: Sequence[Tensors],
    *,
    biases: Tensors = (),
    mask: tf.Tensor | None = None,
    zoneout: Tensors = (),
    sequences: bool = True,
    probe: tf.Tensor | None = None,
) -> tuple[tf.Tensor | None, tuple[tf.Tensor, ...], tuple[tf.Tensor, ...]]:
    """Run the equations of a cell over all timesteps.

    The loop holds only what must wait for the previous timestep, the products of the
    old states and the step itself,

        a_t = s1_{t-1} U1 + s2_{t-1} U2 + … + b     for each block of columns
        s_t = step(x_t + a_t, s_{t-1})              where the mask is true
        s_t = s_{t-1}                               where it is false

    with `x_t` the input, already projected. With zoneout a state preserves a share of
    its old value where the mask is true, too:

        s_t = k_t * s_{t-1} + (1 - k_t) * step(x_t + a_t, s_{t-1})

    The backward pass is a loop in reverse. It hands on the gradients of the states and
    stores those of x_t and a_t; after the loop the gradient of each kernel is one
    product over all timesteps.

    A probe p of zeros, as if it were added to each hidden state, `h_t + p_t`, receives
    the gradient of everything that follows from h_t:

        ∂L/∂p_t = ∂L/∂h_t

    Args:
        cell: The equations.
        inputs: x in blocks, each `(timesteps, batch, columns)`.
        states: The initial states, the hidden state first, each `(batch, units)`.
        kernels: U1, U2, …, for the first states in turn; each in blocks, each
            `(units, columns)`.
        biases: b, `(units,)` for each separate block; none if there are no biases.
        mask: `(timesteps, batch, 1)`, true for a real token.
        zoneout: k for each of the first states, `(timesteps, batch, units)`.
        sequences: Whether to return the hidden states of all timesteps.
        probe: p, `(timesteps, batch, units)`; its values are ignored.

    Returns:
        The hidden states of all timesteps `(batch, timesteps, units)`, or None; the
        last states; and, with a probe under a tape, what each step saved for its
        gradient, each `(timesteps, batch, units)`.
    """
    flat = [u for blocks in kernels for u in blocks]
    if _in_forward_mode([*inputs, *states, *flat, *biases]):
        return recurrence_by_tape(
            *(cell, inputs, states, kernels),
            **{"biases": biases, "mask": mask, "zoneout": zoneout},
            **{"sequences": sequences, "probe": probe},
        )
    counts = (len(inputs), len(states), len(flat), len(biases))
    compiled = _compiles(inputs[0].shape[0])
    recording = could_possibly_record()
    watched = probe is not None

    def arguments(tensors):
        inputs, states, kernels, biases = take(tensors[: sum(counts)], counts)
        kernels = take(kernels, [counts[0]] * (counts[2] // counts[0]))
        return cell, inputs, states, kernels, biases, mask, zoneout

    def gradients(backward, tensors, saved, history, d_results):
        _, inputs, states, kernels, biases, *_ = arguments(tensors)
        d_hidden, *d_last = d_results if sequences else (None, *d_results)
        d_inputs, d_initial, d_recurrent, d_probe = backward(
            *(cell, saved, history, kernels, mask, zoneout),
            *(d_hidden, d_last[: len(states)]),
            watched=watched,
        )
        d_kernels = [
            tf.matmul(_rows(state[:-1]), _rows(d), transpose_a=True)
            for state, _ in zip(history, kernels, strict=False)
            for d in d_recurrent
        ]
        d_separate = [d for d, alone in pairs(d_recurrent, cell.separate) if alone]
        d_biases = [
            tf.reduce_sum(d, [0, 1]) for d, _ in zip(d_separate, biases, strict=False)
        ]
        return (*d_inputs, *d_initial, *d_kernels, *d_biases, *d_probe)

    def gradients_anew(*tensors):
        tensors, d_results = tensors[:num_tensors], tensors[num_tensors:]
        record = forward_loop(*arguments(tensors), recording=True, taped=True)[2:]
        backward = functools.partial(backward_loop, taped=True)
        return gradients(backward, tensors, *record, d_results)

    # Only tensors that get a gradient are arguments: tf.custom_gradient demands it.
    @tf.custom_gradient
    def run(*tensors):
        forward = _compiled_forward if compiled else forward_loop
        # Without this TensorFlow would derive another gradient of a compiled loop,
        # besides ours.
        own = [tf.stop_gradient(t) for t in tensors] if compiled else tensors
        hidden, last, *record = forward(
            *arguments(own), sequences=sequences, recording=recording
        )

        def gradient(*d_results):
            d_results = _zeros_for_none(d_results, results)
            # A function that was traced without a tape may be differentiated later.
            saved_and_history = (
                record if recording else forward(*arguments(own), recording=True)[2:]
            )
            if not compiled:
                return gradients(backward_loop, tensors, *saved_and_history, d_results)

            def compiled_gradients(*tensors):
                tensors, d_results = tensors[:num_tensors], tensors[num_tensors:]
                return gradients(
                    _compiled_backward, tensors, *saved_and_history, d_results
                )

            again = differentiated_as(gradients_anew, compiled_gradients)
            return again(*tensors, *d_results)

        shown = record[0] if watched else []
        results = (*[hidden] * sequences, *last, *shown)
        return results, gradient

    tensors = (*inputs, *states, *flat, *biases, *([probe] if watched else []))
    num_tensors = len(tensors)
    results = run(*tensors)
    hidden = None
    if sequences:
        hidden, *results = results
        # A loop that is compiled by itself loses the static shape once more.
        hidden.set_shape([states[0].shape[0], inputs[0].shape[0], states[0].shape[1]])
    return hidden, tuple(results[: len(states)]), tuple(results[len(states) :])


def differentiated_as(function, faster):
    """A function of tensors that is computed as `faster`, and differentiated as itself.

    Both return the same values.
    """

    @tf.custom_gradient
    def run(*tensors):
        def gradient(*d_results):
            own = [tf.identity(t) for t in tensors]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(own)
                results = function(*own)
            d_results = _zeros_for_none(d_results, results)
            return tape.gradient(results, own, d_results, unconnected_gradients="zero")

        return faster(*map(tf.stop_gradient, tensors)), gradient

    # In forward mode the function, its gradient, and the gradient of that are graphs of
    # their own: each needs tensors of its own, which a tape can watch.
    return lambda *tensors: run(*map(tf.identity, tensors))


def recurrence_by_tape(
    cell: Cell,
    inputs: Tensors,
    states: Tensors,
    kernels: Sequence[Tensors],
    *,
    drops: Tensors = (),
    biases: Tensors = (),
    mask: tf.Tensor | None = None,
    zoneout: Tensors = (),
    sequences: bool = True,
    probe: tf.Tensor | None = None,
) -> tuple[tf.Tensor | None, tuple[tf.Tensor, ...], tuple[tf.Tensor, ...]]:
    """Run a cell as `recurrence` does, with the gradient that TensorFlow derives.

    Slower, but it takes a cell that is late, and drops features of the hidden state: a
    gate's columns of U1 see `h_{t-1} * m` instead of h_{t-1}, with an m for each gate.

    Args:
        cell: The equations, and as in `recurrence` what follows.
        inputs: x in blocks.
        states: The initial states.
        kernels: U1, U2, ….
        drops: m for each gate in its stored order, `(batch, units)`; none without
            dropout.
        biases: b for each separate block.
        mask: True for a real token.
        zoneout: k for each of the first states.
        sequences: Whether to return the hidden states of all timesteps.
        probe: p.

    Returns:
        What `recurrence` returns.
    """
    hidden, last, saved, _ = forward_loop(
        *(cell, inputs, states, kernels, biases, mask, zoneout),
        drops=drops,
        sequences=sequences,
        recording=probe is not None,
        probe=probe,
        taped=True,
    )
    return hidden, last, tuple(saved)


# On a CPU, XLA runs the loops of one compiled function one after the other. If each is
# compiled as a function of its own, several run at the same time.
_compiled_forward, _compiled_backward = (
    tf.function(loop, jit_compile=True, autograph=False)
    for loop in (forward_loop, backward_loop)
)


def _compiles(timesteps):
    """Whether to compile a loop over so many timesteps as a function of its own.

    XLA compiles for one length. If that is not known in advance, it would compile again
    for every new one.
    """
    return timesteps is not None and not _sequential()


def _sequential():
    """Whether operations run one after the other: eagerly, or compiled by XLA."""
    graph = tf.compat.v1.get_default_graph()
    return tf.executing_eagerly() or GraphOrParentsInXlaContext(graph)


def _zeros_for_none(gradients, results):
    """Gradients of results that nothing depends on, as zeros; in forward mode only."""
    return [tf.zeros_like(r) if d is None else d for d, r in pairs(gradients, results)]


def _in_forward_mode(tensors):
    """Whether a `tf.autodiff.ForwardAccumulator` watches any of the tensors."""
    return bool(pack_tangents(tensors).tangents)


def in_parts(run, *tensors, loops=1):
    """Run a loop over a batch in parts, all at the same time, one for each core.

    The sequences of a batch don't depend on each other, so the results are the same.

    Args:
        run: `run(*tensors)` returns a sequence or None, and states.
        tensors: Each begins with the axis of the batch; nests of tensors, or None,
            but for the very first.
        loops: How many such loops share the cores, this one included.

    Returns:
        What `run` returns for the whole batch.
    """
    first, *_ = tf.nest.flatten(tensors)
    batch = first.shape[0]
    # A batch of unknown size is cut in two at most: it may be small.
    count = min(lanes() // loops, 2 if batch is None else batch // ROWS)
    if count < 2 or _sequential():
        return run(*tensors)
    batch = tf.shape(first)[0] if batch is None else batch
    sizes = [(batch + part) // count for part in range(count)]
    cut = [
        [None] * count if tensor is None else tf.split(tensor, sizes)
        for tensor in tf.nest.flatten(tensors)
    ]
    results = [
        run(*tf.nest.pack_sequence_as(tensors, part)) for part in zip(*cut, strict=True)
    ]
    sequences, states = zip(*results, strict=True)
    sequence = None if sequences[0] is None else tf.concat(sequences, 0)
    return sequence, [tf.concat(parts, 0) for parts in zip(*states, strict=True)]


def lanes() -> int:
    """How many loops TensorFlow runs at once."""
    if tf.config.list_physical_devices("GPU"):
        return 1
    return tf.config.threading.get_inter_op_parallelism_threads() or os.cpu_count()


def _rows(tensor):
    """Stack the timesteps of all sequences into one matrix."""
    return tf.reshape(tensor, [-1, tensor.shape[-1]])
