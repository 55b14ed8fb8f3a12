import keras
import numpy as np
import tensorflow as tf

from seqtrain.training.class_log import Outputs, most_confident_errors


def test_outputs_of_the_last_evaluation_are_kept_and_add_no_metric(rng):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    outputs = Outputs()
    model.compile(loss="mse", metrics=[outputs])
    for size in (10, 7):
        tokens = rng.normal(size=(size, 3)).astype("float32")
        labels = np.zeros((size, 2), "float32")
        data = tf.data.Dataset.from_tensor_slices((tokens, labels)).batch(4)
        logs = model.evaluate(data, return_dict=True, verbose=0)
        np.testing.assert_allclose(outputs.rows, model(tokens), rtol=1e-5)
    assert logs.keys() == {"loss"}
    assert len(model.variables) == 2


def test_most_confident_errors_come_first_and_hits_never():
    rows = np.array([[0.4, 0.6], [0.1, 0.9], [0.95, 0.05], [0.3, 0.7], [0.3, 0.7]])
    labels = np.array([0, 0, 0, 0, 0])
    assert most_confident_errors(labels, rows).tolist() == [1, 3, 4, 0]
    assert most_confident_errors(rows.argmax(axis=1), rows).tolist() == []
