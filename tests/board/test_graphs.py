import json

import keras
import pytest
from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def

from seqtrain.board.graphs import layers_graph, operations_graph
from seqtrain.layers import GRU, LSTM, Bidirectional, TemporalPooling


@pytest.fixture
def model(seeded):
    """Two recurrent layers, a mask, a residual, and two poolings."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = keras.layers.Embedding(11, 4, mask_zero=True, name="embedding")(tokens)
    y = Bidirectional(LSTM(2, return_sequences=True), name="lstm_1")(x)
    x = GRU(4, return_sequences=True, name="lstm")(x + y)  # as if numbered by Keras
    pooled = [TemporalPooling(mode, name=mode)(x) for mode in ("mean", "max")]
    x = keras.layers.Concatenate(name="concat")(pooled)
    return keras.Model(tokens, keras.layers.Dense(1, name="logits")(x), name="seqtrain")


def test_each_layer_is_a_node_that_reads_other_layers_and_no_mask(model):
    [value] = layers_graph(model).value
    graph = keras_model_to_graph_def(json.loads(value.tensor.string_val[0]))
    assert {node.name: [*node.input] for node in graph.node} == {
        "tokens": [],
        "embedding": ["tokens"],
        "lstm_1": ["embedding"],
        "lstm": ["embedding", "lstm_1"],
        "mean": ["lstm"],
        "max": ["lstm"],
        "concat": ["mean", "max"],
        "logits": ["concat"],
    }
    assert {node.attr["keras_class"].s for node in graph.node} > {b"GRU", b"Dense"}


def test_operations_are_in_the_scopes_of_their_layers_and_connected(model):
    graph = operations_graph(model)
    nodes = {node.name: node for node in graph.node}
    assert len(nodes) == len(graph.node)
    scopes = {name.partition("/")[0] for name in nodes}
    assert {layer.name for layer in model.layers} <= scopes
    assert len(scopes) < 14  # with the operations of the mask and the residual
    read = {name.partition(":")[0] for node in graph.node for name in node.input}
    assert read <= nodes.keys()
    assert nodes.keys() - read == {"Identity"}  # the output: all else leads to it


def test_weights_have_their_names_and_loops_their_layers(model):
    graph = operations_graph(model)
    placeholders = {node.name for node in graph.node if node.op == "Placeholder"}
    assert placeholders == {"tokens", *(weight.path for weight in model.weights)}
    functions = {function.signature.name for function in graph.library.function}
    assert len(functions) == len(graph.library.function)
    called = {
        value.func.name
        for node in graph.node
        for value in node.attr.values()
        if value.HasField("func")
    }
    assert called == functions
    layers = "lstm_while", "lstm_1_forward", "lstm_1_backward"
    assert all(name.startswith(layers) for name in called)
    assert all(any(name.startswith(layer) for name in called) for layer in layers)
