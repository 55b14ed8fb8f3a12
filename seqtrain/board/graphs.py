"""Two graphs of a model: its layers, and the operations of a prediction."""

import json
import re
from collections.abc import Iterator, Mapping

import keras
import tensorflow as tf
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.graph.metadata import PLUGIN_NAME_KERAS_MODEL
from tensorboard.util.tensor_util import make_tensor_proto


def layers_graph(model: keras.Model) -> Summary:
    """The conceptual graph: a node for each layer, an edge for each input.

    It has what TensorBoard 2.21 reads of a Keras model in JSON, and nothing more: in
    the JSON of a model with a mask is an operation that TensorBoard can't read.
    """
    sources = {
        id(tensor): operation
        for operation in model.operations
        for tensor in keras.tree.flatten(operation.output)
    }
    layers = [
        {
            "class_name": type(layer).__name__,
            "config": {"name": layer.name, "dtype": layer.compute_dtype},
            "inbound_nodes": [
                {"args": [{"config": {"keras_history": [name, 0, 0]}}]}
                for name in _inputs(layer, sources)
            ],
        }
        for layer in model.layers
    ]
    # Without a name of the model its layers are not hidden inside of one node.
    functional = json.dumps({"config": {"name": "", "layers": layers}})
    value = Summary.Value(tag="layers", tensor=make_tensor_proto(functional))
    value.metadata.plugin_data.plugin_name = PLUGIN_NAME_KERAS_MODEL
    value.metadata.plugin_data.content = b"1"
    return Summary(value=[value])


def _inputs(
    operation: keras.Operation, sources: Mapping[int, keras.Operation]
) -> Iterator[str]:
    """Yield the names of the layers that an operation reads, apart from a mask."""
    if isinstance(operation, keras.layers.InputLayer):
        return
    for tensor in keras.tree.flatten(operation.input):
        source = sources[id(tensor)]
        if isinstance(source, keras.Layer):
            yield source.name
        elif tensor.dtype != "bool":
            yield from _inputs(source, sources)


def operations_graph(model: keras.Model) -> tf.compat.v1.GraphDef:
    """The operations of a prediction, in a scope for each layer.

    TensorFlow puts them all into one scope of the model, numbers the scopes of the
    layers, and calls a weight after the operation that reads it first. Here a scope is
    called after its layer and a weight after itself, and what the output doesn't depend
    on is left out.
    """
    inputs = model.inputs[0]
    traced = tf.function(model, autograph=False).get_concrete_function(
        tf.TensorSpec(inputs.shape, inputs.dtype, inputs.name)
    )
    graph = traced.graph.as_graph_def()
    needed = _needed(graph, [output.op.name for output in traced.outputs])
    nodes = [node for node in graph.node if node.name in needed]
    weights = {id(weight.value.handle): weight.path for weight in model.weights}
    names = {
        inner.op.name: weights[id(outer)]
        for outer, inner in traced.graph.captures
        if id(outer) in weights
    }
    layer = _layer_first(model)
    for node in nodes:
        node.name = names.get(node.name) or layer(node.name)
        data = (name for name in node.input if not name.startswith("^"))
        node.input[:] = [names.get(name) or layer(name) for name in data]
    del graph.node[:]
    graph.node.extend(nodes)
    functions = graph.library.function
    for function in functions:
        function.signature.name = layer(function.signature.name)
    for node in [*graph.node, *(node for each in functions for node in each.node_def)]:
        for value in node.attr.values():
            if value.HasField("func"):
                value.func.name = layer(value.func.name)
    return graph


def _layer_first(model: keras.Model):
    """A function that begins a name with the name of a layer, not with the model's.

    Names of nodes are parted by slashes, those of functions by underscores.
    """
    layers = sorted((layer.name for layer in model.layers), key=len, reverse=True)
    start = re.compile(
        rf"^{re.escape(model.name)}(?:_\d+)?[/_]"
        rf"(?:({'|'.join(map(re.escape, layers))})(?:_\d+)?(?=[/_]))?"
    )
    return lambda name: start.sub(lambda found: found[1] or "", name)


def _needed(graph: tf.compat.v1.GraphDef, outputs: list[str]) -> set[str]:
    """The names of the nodes that the outputs depend on."""
    nodes = {node.name: node for node in graph.node}
    needed, waiting = set(), [*outputs]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            data = (each for each in nodes[name].input if not each.startswith("^"))
            waiting += [each.partition(":")[0] for each in data]
    return needed
