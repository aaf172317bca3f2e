"""The graph of one part of a network, lowered as it will be shipped, with weights that are all 0.

What a file holds and what memory it needs depends on the shapes of weights only. The
graph is made from the part's layers as data, so that neither Keras nor TensorFlow is
loaded, and goes through the rewrites that a shipped network goes through.
"""

from collections.abc import Sequence

import numpy as np

from ofa_tf.space.blocks.layers import PART_INPUT, Layer, LayerKind
from ofa_tf.space.blocks.part_type import PlainPart, StemPart
from ofa_tf.tflite.graph import nodes
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.graph.input_format import NORMALIZED, InputFormat
from ofa_tf.tflite.lowering.rewrites import LOWERINGS, split_into_operators

_WINDOWED = (LayerKind.CONVOLUTION, LayerKind.DEPTHWISE, LayerKind.MAX_POOL)


def make_part_graph(
    part: PlainPart,
    input_size: int | None,
    num_classes: int,
    lowerings: Sequence[str],
    input_type: str = NORMALIZED,
) -> Graph:
    """The lowered graph of a part.

    Args:
        part: The part, its choices made.
        input_size: Height and width of its input, pixels; `None` leaves them open.
        num_classes: Number of classes of the network.
        lowerings: Names of the rewrites, see `choose_lowerings`.
        input_type: Of a stem, what its network takes as an image, see `InputFormat`.
    """
    all_nodes: list[Node] = []
    node_names = {PART_INPUT: INPUT}
    for layer in part.layers(num_classes):
        inputs = [node_names[name] for name in layer.inputs]
        all_nodes += _make_nodes(layer, inputs)
        node_names[layer.name] = all_nodes[-1].name

    graph = Graph((input_size, input_size, part.in_channels), tuple(all_nodes))
    if isinstance(part, StemPart):
        graph = InputFormat.with_any_numbers(input_type).prepend_to(graph)
    for name in lowerings:
        rewrite = LOWERINGS[name]
        graph = rewrite(graph)
    return _without_last_scale(split_into_operators(graph))


def _without_last_scale(graph: Graph) -> Graph:
    """The graph without a factor at its end, which in a network the next part's weights take."""
    if graph.nodes[-1].op != "scale":
        return graph
    return Graph(graph.input_shape, graph.nodes[:-1])


def _make_nodes(layer: Layer, inputs: Sequence[str]) -> list[Node]:
    """The nodes of a layer; batch normalization is part of the convolution before it already."""
    if layer.kind is LayerKind.ACTIVATION:
        return [nodes.activation(layer.name, inputs[0], layer.activation)]
    is_padded = layer.kind in _WINDOWED and layer.stride > 1
    if not is_padded:
        return [_make_node(layer, inputs, "same")]
    border = layer.kernel_size // 2
    around = (border, border)
    pad = nodes.pad(f"{layer.name}_pad", inputs[0], (around, around))
    return [pad, _make_node(layer, [pad.name], "valid")]


def _make_node(layer: Layer, inputs: Sequence[str], padding: str) -> Node:
    attributes = {"size": layer.kernel_size, "stride": layer.stride, "padding": padding}
    weights: dict[str, np.ndarray] = {}
    if layer.num_weights:
        weights["kernel"] = _zeros(_kernel_shape(layer))
        if layer.has_norm or layer.has_bias:
            weights["bias"] = _zeros((layer.out_channels,))
    name = f"{layer.name}_bn" if layer.has_norm else layer.name
    return Node(name, layer.kind.value, tuple(inputs), attributes, weights)


def _kernel_shape(layer: Layer) -> tuple[int, ...]:
    window = (layer.kernel_size, layer.kernel_size)
    if layer.kind is LayerKind.DENSE:
        return (layer.in_channels, layer.out_channels)
    if layer.kind is LayerKind.DEPTHWISE:
        return (*window, layer.out_channels, 1)
    return (*window, layer.in_channels, layer.out_channels)


def _zeros(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros that take no memory."""
    return np.broadcast_to(np.float32(0), shape)
