"""One loop over time that runs any recurrent cell, forward and backward."""

from collections.abc import Callable, Sequence

import tensorflow as tf

Step = Callable[[tf.Tensor, Sequence[tf.Tensor]], tuple[tf.Tensor, ...]]


def recurrence(
    step: Step,
    projected: tf.Tensor,
    states: Sequence[tf.Tensor],
    recurrent_kernels: Sequence[tf.Tensor],
    *,
    recurrent_bias: tf.Tensor | None = None,
    mask: tf.Tensor | None = None,
    apart: int = 0,
) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
    """Run the equations of a cell over all timesteps.

    Only what must wait for the previous timestep stands in the loop: the
    products of the old states and the step itself,

        a_t = s1_{t-1} U1 + s2_{t-1} U2 + … + b     one product for each kernel
        z_t = x_t + a_t                             pre-activations
        s_t = step(z_t, s_{t-1})                    where the mask is true
        s_t = s_{t-1}                               where it is false

    with `x_t` the input, already projected. A cell that needs `x_t` and `a_t`
    apart (the GRU's candidate does) names how many of their last columns stay
    so; z_t then ends with those columns of x_t, followed by those of a_t.

    The backward pass is a loop in reverse. It carries the gradients of the
    states, takes the local gradient of the step from a tape, and keeps ∂L/∂z_t;
    after the loop the gradient of each kernel is one product over all timesteps.

    All tensors are time-major. An axis for directions may stand before the
    batch: then everything has it, and one loop runs all directions.

    Args:
        step: `step(z, states)` gives the new states; elementwise in the batch.
        projected: x, `(timesteps, [directions,] batch, columns)`.
        states: The initial states, the hidden state first, each
            `([directions,] batch, units)`.
        recurrent_kernels: U1, U2, …, each `([directions,] units, columns)`, for
            the first states in turn.
        recurrent_bias: b, `([directions,] 1, columns)`.
        mask: `(timesteps, [directions,] batch, 1)`, true for a real token. A step
            selects by a column of it as it would by a comparison with lengths,
            and holes or padding on the left need no path of their own.
        apart: How many of the last columns stay apart.

    Returns:
        The hidden states of all timesteps `(timesteps, [directions,] batch,
        units)`, and the last states.
    """
    num_states, num_kernels = len(states), len(recurrent_kernels)
    has_bias = recurrent_bias is not None

    def masked_step(t, z, old):
        new = step(z, old)
        if mask is None:
            return tuple(new)
        return tuple(tf.where(mask[t], n, o) for n, o in zip(new, old, strict=True))

    # Only tensors that get a gradient are arguments: that is what
    # tf.custom_gradient asks for.
    @tf.custom_gradient
    def run(projected, *rest):
        initial, kernels = rest[:num_states], rest[num_states:][:num_kernels]
        timesteps = tf.shape(projected)[0]

        def array(size, like):
            return tf.TensorArray(projected.dtype, size, element_shape=like.shape)

        def forward(t, states, zs, history):
            recurrent = _sum(s @ u for s, u in zip(states, kernels, strict=False))
            if has_bias:
                recurrent += rest[-1]
            z = _join(projected[t], recurrent, apart)
            states = masked_step(t, z, states)
            history = tuple(
                a.write(t + 1, s) for a, s in zip(history, states, strict=True)
            )
            return t + 1, states, zs.write(t, z), history

        z_shape = _join(projected[0], projected[0], apart)
        _, last, zs, history = tf.while_loop(
            lambda t, *_: t < timesteps,
            forward,
            (
                0,
                tuple(initial),
                array(timesteps, z_shape),
                tuple(array(timesteps + 1, s).write(0, s) for s in initial),
            ),
        )
        zs = zs.stack()  # (timesteps, [directions,] batch, columns + apart)
        history = [a.stack() for a in history]  # (timesteps + 1, …, units)

        def gradient(d_hidden, *d_last):
            def backward(t, d_states, d_zs):
                d_states = (d_states[0] + d_hidden[t], *d_states[1:])
                z, old = zs[t], [h[t] for h in history]
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch([z, *old])
                    new = masked_step(t, z, old)
                d_z, *d_old = tape.gradient(
                    new, [z, *old], d_states, tf.UnconnectedGradients.ZERO
                )
                _, d_recurrent = _split(d_z, apart)
                for i, kernel in enumerate(kernels):
                    d_old[i] += tf.matmul(d_recurrent, kernel, transpose_b=True)
                return t - 1, tuple(d_old), d_zs.write(t, d_z)

            _, d_initial, d_zs = tf.while_loop(
                lambda t, *_: t >= 0,
                backward,
                (timesteps - 1, tuple(d_last), array(timesteps, z_shape)),
            )
            d_projected, d_recurrent = _split(d_zs.stack(), apart)
            product = "tdbu,tdbc->duc" if len(d_recurrent.shape) == 4 else "tbu,tbc->uc"
            d_kernels = [
                tf.einsum(product, h[:-1], d_recurrent) for h in history[:num_kernels]
            ]
            d_bias = []
            if has_bias:
                total = tf.reduce_sum(d_recurrent, [0, -2])
                d_bias = [tf.reshape(total, tf.shape(rest[-1]))]
            return (d_projected, *d_initial, *d_kernels, *d_bias)

        return (history[0][1:], *last), gradient

    bias = [recurrent_bias] if has_bias else []
    hidden, *last = run(projected, *states, *recurrent_kernels, *bias)
    return hidden, tuple(last)


def _sum(terms):
    first, *others = terms
    for term in others:
        first += term
    return first


def _join(x, recurrent, apart):
    if not apart:
        return x + recurrent
    added = x[..., :-apart] + recurrent[..., :-apart]
    return tf.concat([added, x[..., -apart:], recurrent[..., -apart:]], -1)


def _split(d_z, apart):
    """The gradients of x and of `recurrent` from that of `_join`."""
    if not apart:
        return d_z, d_z
    d_added = d_z[..., : -2 * apart]
    return d_z[..., :-apart], tf.concat([d_added, d_z[..., -apart:]], -1)
