"""A graph whose channels are of very different sizes, which int8 has too few steps for."""

import numpy as np

from ofa_tf.tflite.graph.graph import Graph, Node


def with_uneven_channels(graph: Graph) -> Graph:
    """The same function, with channels up to 10,000 times as large as others before a depthwise convolution."""
    first, second = (graph.node(f"stage1_block1_{name}_bn") for name in ("expand", "depthwise"))
    assert first is not None
    assert second is not None
    factor = (10 ** np.random.default_rng(0).uniform(-2, 2, first.kernel.shape[-1])).astype(np.float32)

    def scale(node: Node) -> list[Node]:
        if node.name == first.name:
            return [node.with_weights(kernel=node.kernel * factor, bias=node.weights["bias"] * factor)]
        if node.name == second.name:
            return [node.with_weights(kernel=node.kernel / factor[:, np.newaxis])]
        return [node]

    return graph.map(scale)
