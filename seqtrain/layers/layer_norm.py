"""Layer normalization within the recurrence of an LSTM and a GRU.

    LN(x; α) = α * (x - mean(x)) / √(variance(x) + 1e-5)

over the columns of a product. Ba et al. add a bias to each of these; here the layer's
own biases, which are added to the same sums, take their place.

References:
    Ba, Kiros and Hinton, Layer normalization, 2016, appendix; 1e-5 comes from the
    code of its authors.
"""

import tensorflow as tf


def normalize(x, gain):
    """Shift and scale each row to mean 0 and variance 1, then apply the gain."""
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return gain * (x - mean) * tf.math.rsqrt(variance + 1e-5)
