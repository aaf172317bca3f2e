"""`Graph`: an inference network as plain data.

A Keras model is read into a graph (`keras_reader.py`), rewritten into one that
LiteRT runs well (`lowering/`), and run by TensorFlow (`tensorflow_runner.py`), from
which it is converted (`conversion/`).
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError

INPUT = "images"
LINEAR = ("conv2d", "depthwise_conv2d", "dense")  # operations with the weights `kernel` and `bias`
KEEPS_RANGE = ("pad", "crop", "max_pool", "average_pool", "flatten")  # whose output has the scale of their input


@dataclasses.dataclass(frozen=True)
class Node:
    """One operation.

    Args:
        name: Unique name, also that of its output.
        op: What it does:
            `conv2d`, `depthwise_conv2d`: weights `kernel` (height, width, in, out
                or multiplier 1) and `bias`, which may be missing; attributes
                `stride`, `padding` (`"same"` or `"valid"`);
            `dense`: weights `kernel` (in, out) and `bias`, which may be missing;
            `batch_norm`: weights `scale` and `offset`, one per channel;
            `activation`: attribute `function`: `"relu"`, `"relu6"`,
                `"hard_swish"` or `"hard_sigmoid"`;
            `add`, `multiply`: of two tensors;
            `add_constant`: weight `constant`, one number or one per channel;
            `scale`: attribute `factor`, one number or one per channel;
            `pad`: zeros; attribute `padding`: ((top, bottom), (left, right));
            `crop`: attribute `cropping`, like `padding`;
            `max_pool`, `average_pool`: attributes `size`, `stride`, `padding`;
            `mean`: over height and width, which become 1;
            `flatten`.
        inputs: Names of the nodes it takes, or `INPUT`.
        attributes: Settings, see `op`.
        weights: Constants, see `op`.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    weights: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def kernel(self) -> np.ndarray:
        """The weight `kernel`."""
        return self.weights["kernel"]

    @property
    def channel_axis(self) -> int:
        """The axis of the kernel that the output channels are on."""
        if self.op == "depthwise_conv2d":
            return self.kernel.ndim - 2
        return self.kernel.ndim - 1

    @property
    def bias(self) -> np.ndarray:
        """The weight `bias`, one number an output channel; zeros if there is none."""
        if "bias" in self.weights:
            return self.weights["bias"]
        num_channels = self.kernel.shape[self.channel_axis]
        return np.zeros(num_channels, np.float32)

    def with_weights(self, **weights: np.ndarray) -> "Node":
        """The node with some weights replaced or added."""
        return dataclasses.replace(self, weights={**self.weights, **weights})

    def scale_outputs(self, factor: np.ndarray) -> "Node":
        """A convolution or dense layer with its output times a number a channel."""
        by_channel = factor
        if self.op == "depthwise_conv2d":  # whose kernel has one more axis behind the channels
            by_channel = factor[:, np.newaxis]
        kernel = self.kernel * by_channel
        scaled = self.with_weights(kernel=kernel.astype(np.float32))
        if "bias" not in self.weights:
            return scaled
        bias = self.bias * factor
        return scaled.with_weights(bias=bias.astype(np.float32))

    def scale_inputs(self, factor: np.ndarray) -> "Node":
        """A convolution or dense layer that computes the same of inputs divided by a number, or by one a channel."""
        kernel = self.kernel * np.reshape(factor, (-1, 1))
        return self.with_weights(kernel=kernel.astype(np.float32))


@dataclasses.dataclass(frozen=True)
class Graph:
    """Nodes of one image input and one output, the last node; each node comes after its inputs.

    Args:
        input_shape: `(height, width, channels)` of the images; height and width
            may be `None`.
        nodes: The nodes.

    Raises:
        InputError: If a name occurs twice or a node takes one that does not come
            before it.
    """

    input_shape: tuple[int | None, ...]
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        known = {INPUT}
        for node in self.nodes:
            if node.name in known:
                raise InputError(f"Expected the names of nodes to differ. Received: {node.name!r} twice.")
            missing = [name for name in node.inputs if name not in known]
            if missing:
                raise InputError(f"Expected the inputs of {node.name!r} to come before it. Received: {missing}.")
            known.add(node.name)

    def node(self, name: str) -> Node | None:
        """The node of a name; `None` for the input."""
        for node in self.nodes:
            if node.name == name:
                return node
        return None

    def sole_producer(
        self,
        name: str,
        operations: Sequence[str] = LINEAR,
    ) -> Node | None:
        """The node of a name, if it is one of these operations and only one node takes its output."""
        node = self.node(name)
        if node is None or node.op not in operations:
            return None
        if len(self.consumers(name)) != 1:
            return None
        return node

    def consumers(self, name: str) -> tuple[Node, ...]:
        """The nodes that take the output of a node."""
        return tuple(node for node in self.nodes if name in node.inputs)

    def sizes(self) -> dict[str, tuple[int | None, ...]]:
        """Height and width of the input and of each node's output, by name; `None` where the input leaves it open."""
        sizes: dict[str, tuple[int | None, ...]] = {INPUT: self.input_shape[:2]}
        for node in self.nodes:
            height, width = sizes[node.inputs[0]]
            sizes[node.name] = (_out_size(node, 0, height), _out_size(node, 1, width))
        return sizes

    def map(self, replace: Callable[[Node], Sequence[Node]]) -> "Graph":
        """Replace each node by some; the last of them must keep its name.

        Nodes whose output nobody takes any more are dropped.
        """
        nodes: list[Node] = []
        for node in self.nodes:
            nodes += replace(node)
        return Graph(self.input_shape, _without_unused(nodes))


def _without_unused(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes that lead to the last one, in their order."""
    used = {nodes[-1].name}
    kept: list[Node] = []
    for node in reversed(nodes):
        if node.name in used:
            used.update(node.inputs)
            kept.append(node)
    kept.reverse()
    return tuple(kept)


def _out_size(node: Node, axis: int, size: int | None) -> int | None:
    """Height (axis 0) or width of a node's output, from that of its first input."""
    if size is None:
        return None
    if node.op in ("mean", "flatten", "dense"):
        return 1
    if node.op == "pad":
        return size + sum(node.attributes["padding"][axis])
    if node.op == "crop":
        return size - sum(node.attributes["cropping"][axis])
    if "stride" not in node.attributes:
        return size
    stride = int(node.attributes["stride"])
    return (size - _window(node, axis)) // stride + 1


def _window(node: Node, axis: int) -> int:
    """How many pixels an operation that slides takes at a time, as far as they have to be inside the image."""
    if node.attributes["padding"] == "same":
        return 1
    if "kernel" in node.weights:
        return node.kernel.shape[axis]
    return int(node.attributes["size"])
