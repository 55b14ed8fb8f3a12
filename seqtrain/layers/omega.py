"""A regularizer that holds the norm of the gradient on its way back in time."""

import tensorflow as tf

from .recurrence import recurrence


def regularized_recurrence(
    weight, cell, inputs, states, kernels, *, probe=None, **options
):
    """Run an RNN as `recurrence` does, and regularize its recurrent kernel.

    Args:
        weight: The factor of Ω, for each sequence.
        cell: That of an RNN, as are the other arguments; all as in `recurrence`.
        inputs: x W + b in its one block.
        states: h_0.
        kernels: U in its one block.
        probe: p, or None.
        options: The other arguments of `recurrence`.
    """
    [inputs], [[kernel]] = inputs, kernels
    probe = tf.zeros_like(inputs) if probe is None else probe
    inputs, kernel, probe = _regularize(inputs, kernel, probe, weight)
    return recurrence(cell, [inputs], states, [[kernel]], probe=probe, **options)


def _regularize(projected, kernel, probe, weight):
    """Add the gradient of Ω to that of the recurrent kernel of an RNN.

    With δ_t = ∂L/∂h_t, and what goes from it to the timestep before,

        Ω = Σ_t (‖q_t‖ / ‖δ_t‖ - 1)²        q_t = p_t Uᵀ,  p_t = δ_t * φ'(z_t)

    for each sequence, over its real timesteps. As in [1] δ_t and φ' are treated as
    constants, so that

        ∂Ω/∂U = Σ_t 2 (‖q_t‖ / ‖δ_t‖ - 1) / (‖δ_t‖ ‖q_t‖) q_tᵀ p_t

    Only the gradient of U changes. All that it needs is there once the loop has run
    back: δ is the gradient of the probe, p that of the input.

    Args:
        projected: x W + b, `(timesteps, batch, units)`.
        kernel: U, `(units, units)`.
        probe: As in `recurrence`.
        weight: The factor of Ω, for each sequence.

    Returns:
        The first three arguments, to run the loop with.

    References:
        [1] Pascanu, Mikolov and Bengio, On the difficulty of training recurrent
            neural networks, 2013.
    """

    @tf.custom_gradient
    def pass_on(z, u, probe):
        def gradient(d_z, d_u, d_probe):
            return d_z, d_u + weight * _gradient_of_omega(d_probe, d_z, u), d_probe

        return (tf.identity(z), tf.identity(u), tf.identity(probe)), gradient

    return pass_on(projected, kernel, probe)


def _gradient_of_omega(d_hidden, d_pre, kernel):
    """The sum of ∂Ω/∂U over a batch."""
    # Only directions and ratios matter. So a gradient that has nearly vanished is
    # scaled up, or its square would vanish. A gradient that has vanished contributes
    # nothing, nor does padding, where p is zero.
    scale = tf.reduce_max(tf.abs(d_hidden), axis=-1, keepdims=True)
    delta, p = (tf.math.divide_no_nan(d, scale) for d in (d_hidden, d_pre))
    q = tf.matmul(p, kernel, transpose_b=True)
    whole, passed = (tf.norm(d, axis=-1, keepdims=True) for d in (delta, q))
    ratio = tf.math.divide_no_nan(passed, whole)
    q *= tf.math.divide_no_nan(2 * (ratio - 1), whole * passed)
    return tf.einsum("tbi,tbj->ij", q, p)
