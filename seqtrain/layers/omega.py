"""A regularizer that keeps the norm of the gradient as it goes back in time."""

import tensorflow as tf


def regularize(projected, kernels, probe, weight):
    """Add the gradient of Ω to that of the recurrent kernel of an RNN.

    With δ_t = ∂L/∂h_t, and what goes from it to the timestep before,

        Ω = Σ_t (‖q_t‖ / ‖δ_t‖ - 1)²        q_t = p_t Uᵀ,  p_t = δ_t * φ'(z_t)

    for each sequence, over its real timesteps. As in [1] δ_t and φ' are taken for
    constants, so that

        ∂Ω/∂U = Σ_t 2 (‖q_t‖ / ‖δ_t‖ - 1) / (‖δ_t‖ ‖q_t‖) q_tᵀ p_t

    Nothing changes but the gradient of U. All that it needs arrives here when the
    loop has run back: δ as the gradient of the probe, p as that of the input.

    Args:
        projected: x W + b in its one block, `(timesteps, batch, units)`.
        kernels: U, the one kernel in its one block, `(units, units)`.
        probe: As in `recurrence`, or None.
        weight: The factor of Ω, for each sequence.

    Returns:
        `projected`, `kernels` and a probe, to run the loop with.

    References:
        [1] Pascanu, Mikolov and Bengio, On the difficulty of training recurrent
            neural networks, 2013.
    """

    @tf.custom_gradient
    def pass_on(z, u, probe):
        def gradient(d_z, d_u, d_probe):
            return d_z, d_u + weight * _gradient_of_omega(d_probe, d_z, u), d_probe

        return (tf.identity(z), tf.identity(u), tf.identity(probe)), gradient

    [z], [[u]] = projected, kernels
    z, u, probe = pass_on(z, u, tf.zeros_like(z) if probe is None else probe)
    return [z], [[u]], probe


def _gradient_of_omega(d_hidden, d_pre, kernel):
    """The sum of ∂Ω/∂U over a batch."""
    # Only directions and ratios count: a gradient that has nearly vanished is scaled
    # up, so that its square does not vanish as well. One that has counts nothing, and
    # neither does padding, where p is zero.
    scale = tf.reduce_max(tf.abs(d_hidden), axis=-1, keepdims=True)
    delta, p = (tf.math.divide_no_nan(d, scale) for d in (d_hidden, d_pre))
    q = tf.matmul(p, kernel, transpose_b=True)
    whole, passed = (tf.norm(d, axis=-1, keepdims=True) for d in (delta, q))
    ratio = tf.math.divide_no_nan(passed, whole)
    q *= tf.math.divide_no_nan(2 * (ratio - 1), whole * passed)
    return tf.einsum("tbi,tbj->ij", q, p)
