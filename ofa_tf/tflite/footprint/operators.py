"""The operators that the converter makes of a lowered graph, as far as their bytes go."""

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence

from ofa_tf.tflite.graph.graph import INPUT, LINEAR, Graph, Node

_FUSED_FUNCTIONS = ("relu", "relu6")  # that are part of the operator before them
_TAKES_FUNCTION = (*LINEAR, "add", "add_constant", "scale", "multiply")
_VANISHES = ("flatten",)  # a dense layer takes one pixel as it is
_PADS_ITSELF = ("conv2d", "depthwise_conv2d")
_IN_PLACE = ("add", "multiply", "add_constant", "scale")  # whose output may lie where an input lay

_NUM_SETTINGS = {"pad": 4 * 2, "crop": 3 * 4}  # before and behind 4 axes; begin, end and stride of 4 axes

_CAST = "images_cast"  # name of the operator that makes numbers of bytes

_NUM_OPERATIONS_WITH_BIAS = 3  # the sum of products, the addition and the bias itself
_NUM_OPERATIONS_OF_HARD_SWISH = 4

Sizes = tuple[int | None, ...]  # height and width


class ConstantKind(enum.Enum):
    """What an operator takes besides the outputs of others; settings are int32 in every precision."""

    KERNEL = enum.auto()
    BIAS = enum.auto()
    SETTING = enum.auto()


@dataclasses.dataclass(frozen=True)
class Constant:
    """A tensor that the file holds.

    Args:
        num_values: Entries.
        kind: What it is for.
        num_channels: Output channels, each of which has a scale of its own where it
            is quantized.
    """

    num_values: int
    kind: ConstantKind
    num_channels: int = 1


@dataclasses.dataclass(frozen=True)
class Operator:
    """An operator of a TFLite model with one output.

    Args:
        nodes: Names of the nodes that it computes, each as often as it is an operation of
            TensorFlow; the last is that of its output.
        op: Operation of the first node, see `Node`.
        inputs: Names of the outputs of other operators, or `INPUT`.
        constants: What it takes besides.
        num_values: Entries of its output.
        num_channels: Channels of its output.
        num_scratch_values: Entries of what it writes while it runs.
    """

    nodes: tuple[str, ...]
    op: str
    inputs: tuple[str, ...]
    constants: tuple[Constant, ...]
    num_values: int
    num_channels: int
    num_scratch_values: int = 0

    @property
    def output(self) -> str:
        """Name of its output."""
        return self.nodes[-1]

    @property
    def may_run_in_place(self) -> bool:
        """Whether its output may lie where an input lay that nothing else takes."""
        return self.op in _IN_PLACE


def make_operators(graph: Graph) -> list[Operator]:
    """The operators of a lowered graph, in the order in which they run.

    Args:
        graph: All its nodes are one operator each, or are fused with one.

    Raises:
        ValueError: If it leaves heights and widths open.
    """
    sizes = graph.sizes()
    channels = {INPUT: _known(graph.input_shape[-1])}
    operators: dict[str, Operator] = {}
    outputs = {INPUT: INPUT}  # the operator's output that holds what a node gives
    for node in graph.nodes:
        inputs = tuple(outputs[name] for name in node.inputs)
        channels[node.name] = _out_channels(node, channels[node.inputs[0]])
        if node.op in _VANISHES or _is_same_padding(graph, node, sizes):
            outputs[node.name] = inputs[0]
            continue
        outputs[node.name] = node.name
        if _is_fused(graph, node):
            before = operators.pop(inputs[0])
            operators[node.name] = dataclasses.replace(before, nodes=(*before.nodes, node.name))
            continue
        num_pixels = math.prod(_known(size) for size in sizes[node.name])
        operators[node.name] = Operator(
            nodes=(node.name,) * _num_operations(node),
            op=node.op,
            inputs=inputs,
            constants=_constants(node),
            num_values=num_pixels * channels[node.name],
            num_channels=channels[node.name],
            num_scratch_values=_num_scratch_values(node, num_pixels),
        )
    return list(operators.values())


def behind_cast(operators: Sequence[Operator], num_values: int) -> list[Operator]:
    """The operators of a stem behind one that makes numbers of an image's bytes.

    Args:
        operators: Of the stem.
        num_values: Entries of the image.
    """
    cast = Operator((_CAST,), op=_CAST, inputs=(INPUT,), constants=(), num_values=num_values, num_channels=1)
    moved = []
    for operator in operators:
        inputs = tuple(_CAST if source == INPUT else source for source in operator.inputs)
        moved.append(dataclasses.replace(operator, inputs=inputs))
    return [cast, *moved]


def join_parts(parts: Mapping[str, Sequence[Operator]]) -> list[Operator]:
    """The operators of a network from those of its parts, by name, in order."""
    joined: list[Operator] = []
    source = INPUT
    for part_name, operators in parts.items():
        names = {INPUT: source}
        for operator in operators:
            names[operator.output] = f"{part_name}_{operator.output}"
            inputs = tuple(names[name] for name in operator.inputs)
            nodes = (*operator.nodes[:-1], names[operator.output])
            joined.append(dataclasses.replace(operator, nodes=nodes, inputs=inputs))
        source = joined[-1].output
    return joined


def _out_channels(node: Node, in_channels: int) -> int:
    if node.op in LINEAR:
        return int(node.kernel.shape[node.channel_axis])
    return in_channels


def _is_fused(graph: Graph, node: Node) -> bool:
    """Whether a node becomes part of the operator before it."""
    if node.op != "activation" or node.attributes["function"] not in _FUSED_FUNCTIONS:
        return False
    return graph.sole_producer(node.inputs[0], _TAKES_FUNCTION) is not None


def _known(size: int | None) -> int:
    if size is None:
        raise ValueError("Expected a graph of a fixed input size. Received: one that leaves it open.")
    return size


def _num_operations(node: Node) -> int:
    """How many operations of TensorFlow a node is; the converter names a tensor after all of them."""
    if node.op in LINEAR and "bias" in node.weights:
        return _NUM_OPERATIONS_WITH_BIAS
    if node.op == "activation" and node.attributes["function"] == "hard_swish":
        return _NUM_OPERATIONS_OF_HARD_SWISH
    return 1


def _is_same_padding(graph: Graph, node: Node, sizes: Mapping[str, Sizes]) -> bool:
    """Whether a node pads as the convolution behind it can do by itself: then the converter lets it do so."""
    if node.op != "pad":
        return False
    consumers = graph.consumers(node.name)
    if len(consumers) != 1 or consumers[0].op not in _PADS_ITSELF:
        return False
    convolution = consumers[0]
    for axis, border in enumerate(node.attributes["padding"]):
        before = _known(sizes[node.inputs[0]][axis])
        after = _known(sizes[convolution.name][axis])
        length = convolution.kernel.shape[axis]
        if border != _same_border(before, after, length, convolution.attributes["stride"]):
            return False
    return True


def _same_border(before: int, after: int, length: int, stride: int) -> tuple[int, int]:
    """What TensorFlow's padding `"same"` puts before and behind an axis, see `tf.nn.convolution`."""
    total = max(0, (after - 1) * stride + length - before)
    return total // 2, total - total // 2


def _constants(node: Node) -> tuple[Constant, ...]:
    if node.op in LINEAR:
        num_channels = int(node.kernel.shape[node.channel_axis])
        kernel = Constant(node.kernel.size, ConstantKind.KERNEL, num_channels)
        # The converter adds zeros where a node has no bias.
        return (kernel, Constant(num_channels, ConstantKind.BIAS, num_channels))
    if node.op in _NUM_SETTINGS:
        return (Constant(_NUM_SETTINGS[node.op], ConstantKind.SETTING),)
    # Others are equal wherever they occur, as the 3 of all hard-swishes, and the file has them once.
    return ()


def _num_scratch_values(node: Node, num_out_pixels: int) -> int:
    """Entries of the matrix of all windows, of which a convolution makes a product of matrices."""
    if node.op != "conv2d":
        return 0
    height, width, in_channels, _ = node.kernel.shape
    is_matrix_product = height == width == node.attributes["stride"] == 1
    if is_matrix_product:
        return 0
    return num_out_pixels * height * width * in_channels
