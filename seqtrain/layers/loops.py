"""The two loops over time, forward and backward, from which a recurrence is made."""

import functools

import tensorflow as tf


def forward_loop(
    cell,
    inputs,
    states,
    kernels,
    biases,
    mask,
    zoneout,
    *,
    drops=(),
    sequences=False,
    recording,
    probe=None,
    taped=False,
):
    """Run forward; return all hidden states, the last states, and the record.

    The arguments are those of `recurrence` and `recurrence_by_tape`. With `recording`
    the record is what each step saved, and all states, each
    `(timesteps + 1, batch, units)`. With `taped` TensorFlow differentiates the loop.
    """
    timesteps, dtype = tf.shape(inputs[0])[0], inputs[0].dtype
    # Nothing in the loop is broadcast: XLA vectorizes a read of one timestep only
    # where every other operand has the same shape.
    biases = [tf.broadcast_to(b, tf.shape(states[0])) for b in biases]
    mask = _as_wide_as(mask, states[0])
    read = [_reader(x, taped) for x in inputs]
    read_probe = None if probe is None else _reader(probe, taped)
    products = [
        functools.partial(_product, blocks, of_gates)
        for blocks, of_gates in pairs(
            list(zip(*kernels, strict=True)),
            take(drops, cell.blocks) if drops else [()] * len(inputs),
        )
    ]
    late = products.pop() if cell.late else None

    def step(t, states):
        pre, biases_left = [], iter(biases)
        of_blocks = [product(states) for product in products] + [late] * cell.late
        for x, a, separate in zip(read, of_blocks, cell.separate, strict=True):
            if separate:
                pre += [x(t), a if a is late else a + next(biases_left, 0)]
            else:
                pre += [x(t) + a]
        new, saved = cell.step(pre, states)
        new = list(new)
        for i, k in enumerate(zoneout):
            new[i] = k[t] * states[i] + (1 - k[t]) * new[i]
        if mask is not None:
            new = [tf.where(mask[t], n, s) for n, s in pairs(new, states)]
        if read_probe:
            new[0] += read_probe(t)
        return tuple(new), tuple(saved)

    def body(t, states, saved, history):
        states, tensors = step(t, states)
        saved = tuple(a.write(t, x) for a, x in zip(saved, tensors, strict=False))
        history = tuple(
            a.write(t + 1, s) for a, s in zip(history, states, strict=False)
        )
        return t + 1, states, saved, history

    def array(size, like):
        return tf.TensorArray(dtype, size, element_shape=like.shape)

    recorded = states if recording else states[: int(sequences)]
    _, last, saved, history = tf.while_loop(
        lambda t, *_: t < timesteps,
        body,
        (
            0,
            tuple(states),
            tuple(
                array(timesteps, states[0]) for _ in range(cell.num_saved * recording)
            ),
            tuple(array(timesteps + 1, s).write(0, s) for s in recorded),
        ),
        maximum_iterations=timesteps,
    )
    history = [a.stack() for a in history]  # each (timesteps + 1, batch, units)
    hidden = None
    if sequences:
        hidden = tf.transpose(history[0][1:], [1, 0, 2])
        # The loop loses the static shape, which the next layer needs to be compiled.
        hidden.set_shape([states[0].shape[0], inputs[0].shape[0], states[0].shape[1]])
    return hidden, last, [a.stack() for a in saved], history


def backward_loop(
    cell,
    saved,
    history,
    kernels,
    mask,
    zoneout,
    d_hidden,
    d_last,
    *,
    watched,
    taped=False,
):
    """Run backward; return the gradients of x, the initial states, a and the probe."""
    timesteps, dtype = tf.shape(history[0])[0] - 1, history[0].dtype
    mask = _as_wide_as(mask, d_last[0])
    if d_hidden is not None:
        d_hidden = _reader(tf.transpose(d_hidden, [1, 0, 2]), taped)
    saved, states = ([_reader(x, taped) for x in xs] for xs in (saved, history))
    # Once, not in each of the small products, which it would slow down up to twofold.
    transposed = [tf.transpose(_join(blocks)) for blocks in kernels]

    def step(t, d_states):
        if d_hidden is not None:
            d_states = (d_states[0] + d_hidden(t), *d_states[1:])
        total = d_states[:1] if watched else ()
        # What goes through the step, and what bypasses it to the old states.
        d_new, d_bypass = list(d_states), [0] * len(d_states)
        if mask is not None:
            d_new = [tf.where(mask[t], d, tf.zeros_like(d)) for d in d_states]
            d_bypass = [tf.where(mask[t], tf.zeros_like(d), d) for d in d_states]
        for i, k in enumerate(zoneout):
            d_bypass[i] += k[t] * d_new[i]
            d_new[i] *= 1 - k[t]
        old, new = [s(t) for s in states], [s(t + 1) for s in states]
        d_pre, d_old = cell.gradient([s(t) for s in saved], old, new, d_new)
        d_a = _join(_inputs_and_recurrent(cell, d_pre)[1])
        d_old = [d + b for d, b in pairs(d_old, d_bypass)]
        for i, kernel in enumerate(transposed):
            d_old[i] += d_a @ kernel
        return tuple(d_old), (*d_pre, *total)

    def body(t, d_states, arrays):
        d_states, tensors = step(t, d_states)
        arrays = tuple(a.write(t, d) for a, d in pairs(arrays, tensors))
        return t - 1, d_states, arrays

    columns = [
        kernel.shape[1]
        for kernel, separate in pairs(kernels[0], cell.separate)
        for _ in range(1 + separate)
    ]
    if watched:
        columns.append(d_last[0].shape[1])
    _, d_initial, arrays = tf.while_loop(
        lambda t, *_: t >= 0,
        body,
        (
            timesteps - 1,
            tuple(d_last),
            tuple(
                tf.TensorArray(
                    dtype, timesteps, element_shape=[d_last[0].shape[0], count]
                )
                for count in columns
            ),
        ),
        maximum_iterations=timesteps,
    )
    d_pre = [a.stack() for a in arrays]
    d_probe = [d_pre.pop()] if watched else []
    d_inputs, d_recurrent = _inputs_and_recurrent(cell, d_pre)
    return d_inputs, d_initial, d_recurrent, d_probe


def _inputs_and_recurrent(cell, pre):
    """Split pre-activations into the input's part and the recurrent part, by block.

    A block that is not separate has one tensor, which stands for both.
    """
    pre, inputs, recurrent = iter(pre), [], []
    for separate in cell.separate:
        inputs.append(next(pre))
        recurrent.append(next(pre) if separate else inputs[-1])
    return inputs, recurrent


def _reader(sequence, taped):
    """A function from t to what a sequence has at this timestep.

    A slice is faster, but the gradient that TensorFlow derives of it is as large as the
    whole sequence at each timestep.
    """
    if not taped:
        return sequence.__getitem__
    array = tf.TensorArray(
        *(sequence.dtype, tf.shape(sequence)[0]),
        clear_after_read=False,
        element_shape=sequence.shape[1:],
    )
    return array.unstack(sequence).read


def _as_wide_as(mask, state):
    """Repeat a mask `(timesteps, batch, 1)` for all units."""
    if mask is None:
        return None
    return tf.broadcast_to(mask, tf.concat([tf.shape(mask)[:1], tf.shape(state)], 0))


def _product(kernels, drops, states):
    """The recurrent product of a block, `s1 U1 + s2 U2 + …`.

    Args:
        kernels: U1, U2, ….
        drops: What each gate of the block sees of s1, or nothing: `s1 * m`.
        states: s1, s2, ….
    """
    if not drops:
        return _sum(s @ u for s, u in zip(states, kernels, strict=False))
    first = product_by_gate([states[0] * m for m in drops], kernels[0])
    others = zip(states[1:], kernels[1:], strict=False)
    return _sum([first, *(s @ u for s, u in others)])


def product_by_gate(seen, kernel):
    """The product of what each gate sees with its columns of a block, side by side."""
    columns = tf.split(kernel, len(seen), -1)
    return _join([x @ u for x, u in pairs(seen, columns)])


def _sum(terms):
    first, *others = terms
    for term in others:
        first += term
    return first


def _join(blocks):
    return blocks[0] if len(blocks) == 1 else tf.concat(blocks, -1)


def take(tensors, counts):
    """Cut a flat sequence into pieces of these lengths."""
    tensors = iter(tensors)
    return [[next(tensors) for _ in range(count)] for count in counts]


def pairs(first, second):
    """Both in step; they must have the same length."""
    return zip(first, second, strict=True)
