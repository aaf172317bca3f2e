"""What helps where int8 loses too much accuracy, from some training images.

Reference: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
Correction", ICCV 2019.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from ofa_tf.tflite.conversion.draft import Draft
from ofa_tf.tflite.graph.graph import INPUT, KEEPS_RANGE, LINEAR, Graph, Node
from ofa_tf.tflite.graph.tensorflow_runner import iterate_outputs, run_node
from ofa_tf.tflite.quantization.ranges import Range
from ofa_tf.tflite.shipping.layer_errors import LayerError

Divergence = Callable[[Draft], float]  # of a draft's model from the float network
Images = Iterable[np.ndarray]  # batches as the graph takes them, `(n, height, width, channels)`

_SHARES = tuple(np.linspace(0.3, 1.0, 8))  # of a range, that are tried


def apply_remedies(draft: Draft, images: Sequence[np.ndarray], divergence: Divergence) -> Draft:
    """Try each remedy on top of those that helped.

    Args:
        draft: With integer activations.
        images: Representative ones, as the graph takes them.
        divergence: Judges a draft, lower is better. It should use training
            images, so that the test images stay a test.
    """
    least = divergence(draft)
    for name, remedy in _REMEDIES.items():
        changed = remedy(draft, images)
        changed = dataclasses.replace(changed, remedies=(*draft.remedies, name))
        if (found := divergence(changed)) < least:
            draft, least = changed, found
    return draft


def keep_float(draft: Draft, errors: Sequence[LayerError]) -> Iterator[Draft]:
    """Leave ever more layers float (mixed precision), those first to which int8 adds most error.

    What such a layer takes stays float, too: often it is there that the error is,
    in channels too small for the steps of the tensor, and shows only behind.

    Args:
        draft: With integer activations.
        errors: Of the layers of its model, see `layer_errors`.

    Yields:
        Drafts with the 1, 2, 4, ... worst layers float, up to a quarter of all.
    """
    worst = [entry.name for entry in sorted(errors, key=lambda entry: -entry.added)]
    num = 1
    while num <= len(worst) / 4:
        chosen = dict.fromkeys(source for name in worst[:num] for source in (name, *_sources(draft.graph, name, worst)))
        # What is fused with one of them, the model has no tensor of: it is of the same operator, and stays float, too.
        fused = (source for name in chosen for source in _fused(draft.graph, name, worst))
        num_float = sum(name in worst for name in chosen)
        yield dataclasses.replace(
            draft,
            float_nodes=tuple(dict.fromkeys((*chosen, *fused))),
            remedies=(*draft.remedies, f"{num_float} of {len(worst)} layers float"),
        )
        num *= 2


def _sources(graph: Graph, name: str, stored: Collection[str]) -> list[str]:
    """The nodes that compute what a node takes, seen through those that are fused with it or only move numbers."""
    found: list[str] = []
    node = graph.node(name)
    for source in node.inputs if node is not None else ():
        producer = graph.node(source)
        if producer is None:  # the input, whose type is the user's choice
            continue
        found.append(source)
        if source not in stored or producer.op in KEEPS_RANGE:
            found += _sources(graph, source, stored)
    return found


def _fused(graph: Graph, name: str, stored: Collection[str]) -> list[str]:
    """The nodes before a node whose outputs are not stored: they are of the same operator."""
    node = graph.node(name)
    sources = node.inputs if node is not None else ()
    before = [source for source in sources if source not in stored and source != INPUT]
    return [*before, *(source for each in before for source in _fused(graph, each, stored))]


def _equalized(draft: Draft, images: Sequence[np.ndarray]) -> Draft:
    return draft.with_graph(equalize(draft.graph, images), images)


def _bias_corrected(draft: Draft, images: Sequence[np.ndarray]) -> Draft:
    return dataclasses.replace(draft, bias_shifts=measure_bias_shifts(draft.graph, images))


def _clipped(draft: Draft, images: Sequence[np.ndarray]) -> Draft:
    return draft.with_ranges(clip_ranges(draft.graph, draft.ranges, images))


_REMEDIES: dict[str, Callable[[Draft, Sequence[np.ndarray]], Draft]] = {
    "channels equalized": _equalized,
    "biases corrected": _bias_corrected,
    "ranges clipped": _clipped,
}


def equalize(graph: Graph, images: Images) -> Graph:
    """Bring the channels between two convolutions to like ranges, where a ReLU or nothing is between.

    (Cross-layer equalization, in one pass.) A channel is divided by a number in the
    first convolution and multiplied by it in the second: the network computes the
    same, and rounding hurts less. Here the ranges are those of the activations, as
    weights have a scale a channel anyway.

    Args:
        graph: With batch normalization folded.
        images: They say how large each channel gets.

    Reference: Nagel et al., section 4.1.
    """
    pairs = _equalizable(graph)
    largest = _over_images(
        graph,
        images,
        {between: lambda x: tf.reduce_max(tf.abs(x), tuple(range(x.shape.rank - 1))) for _, between, _ in pairs},
        np.maximum,
    )
    factors_of_output, factors_of_input = {}, {}
    for first, between, second in pairs:
        factor = _even_out(largest[between], second)
        factors_of_output[first.name] = factors_of_input[second.name] = factor

    def scale(node: Node) -> list[Node]:
        if node.name in factors_of_output:
            node = node.scale_outputs(1 / factors_of_output[node.name])
        if node.name in factors_of_input:
            node = node.scale_inputs(factors_of_input[node.name])
        return [node]

    return graph.map(scale)


def _even_out(activation: np.ndarray, second: Node) -> np.ndarray:
    """What to divide each channel by, from how large it gets and the convolution that takes it; 1 for dead channels."""
    weight = np.abs(second.kernel).max(
        tuple(axis for axis in range(second.kernel.ndim) if axis != second.kernel.ndim - 2)
    )
    alive = (activation > 1e-6 * activation.max()) & (weight > 1e-6 * weight.max())
    factor = np.ones_like(activation)
    if alive.any():
        # The weights of a depthwise convolution have a scale a channel: what they grow by costs nothing.
        is_depthwise = second.op == "depthwise_conv2d"
        wanted = activation[alive] if is_depthwise else np.sqrt(activation[alive] / weight[alive])
        factor[alive] = wanted / np.exp(np.mean(np.log(wanted)))
    return factor


def _equalizable(graph: Graph) -> list[tuple[Node, str, Node]]:
    """The first and second of each pair of convolutions, and the name of what lies between them."""
    pairs = []
    for node in graph.nodes:
        producer = graph.node(node.inputs[0]) if node.op in LINEAR else None
        while producer is not None and len(graph.consumers(producer.name)) == 1:
            if producer.op in LINEAR:
                pairs.append((producer, node.inputs[0], node))
                break
            if producer.op != "pad" and not (producer.op == "activation" and producer.attributes["function"] == "relu"):
                break
            producer = graph.node(producer.inputs[0])
    return pairs


def clip_ranges(graph: Graph, ranges: Mapping[str, Range], images: Images) -> dict[str, Range]:
    """Shrink each range to where rounding and clipping together err least in the mean square (MSE range setting).

    Args:
        graph: The float network.
        ranges: Of the input and all nodes.
        images: Some batches of what it takes.

    Returns:
        The ranges, each times a share between 0.3 and 1.
    """

    def errors(low: float, high: float) -> Callable[[tf.Tensor], tf.Tensor]:
        def measure(x: tf.Tensor) -> tf.Tensor:
            rounded = [tf.quantization.fake_quant_with_min_max_args(x, share * low, share * high) for share in _SHARES]
            return tf.stack([tf.reduce_sum(tf.square(x - values)) for values in rounded])

        return measure

    known = {name: errors(*limits) for name, limits in ranges.items() if limits[0] < limits[1]}
    total = _over_images(graph, images, known, np.add)
    shares = {name: float(_SHARES[int(np.argmin(total[name]))]) for name in known}
    return {name: (shares.get(name, 1) * low, shares.get(name, 1) * high) for name, (low, high) in ranges.items()}


def measure_bias_shifts(graph: Graph, images: Images) -> dict[str, np.ndarray]:
    """By how much the rounding of weights to int8 moves the mean of each channel (bias correction).

    Args:
        graph: The float network.
        images: Some batches of what it takes.

    Returns:
        By the name of each convolution and dense layer, an array of shape
        `(channels,)`, to be taken from its bias where its weights are rounded.

    Reference: Nagel et al., section 4.2 (here measured on images).
    """
    sources: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op in LINEAR:
            sources.setdefault(node.inputs[0], []).append(node)

    def shifts(nodes: list[Node]) -> Callable[[tf.Tensor], tf.Tensor]:
        differences = [
            node.with_weights(kernel=round_kernel(node) - node.kernel, bias=np.zeros_like(node.bias)) for node in nodes
        ]

        def measure(x: tf.Tensor) -> tf.Tensor:
            outputs = [run_node(node, x) for node in differences]
            means = [tf.reduce_mean(values, tuple(range(1, values.shape.rank - 1))) for values in outputs]
            return tf.concat([*(tf.reduce_sum(mean, 0) for mean in means), [tf.cast(tf.shape(x)[0], tf.float32)]], 0)

        return measure

    total = _over_images(graph, images, {name: shifts(nodes) for name, nodes in sources.items()}, np.add)
    found: dict[str, np.ndarray] = {}
    for name, nodes in sources.items():
        ends = np.cumsum([len(node.bias) for node in nodes])
        parts = np.split(total[name][:-1] / total[name][-1], ends[:-1])
        found |= dict(zip((node.name for node in nodes), parts, strict=True))
    return found


def round_kernel(node: Node) -> np.ndarray:
    """The kernel as an int8 model has it (per-channel symmetric): 255 steps a channel, alike on both sides of 0."""
    others = tuple(axis for axis in range(node.kernel.ndim) if axis != node.channel_axis)
    steps = np.maximum(np.abs(node.kernel).max(others, keepdims=True), 1e-30) / 127
    return (steps * np.rint(node.kernel / steps)).astype(np.float32)


def _over_images(
    graph: Graph,
    images: Images,
    functions: Mapping[str, Callable[[tf.Tensor], tf.Tensor]],
    combine: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> dict[str, np.ndarray]:
    """A statistic of each of some outputs, over batches."""
    total: dict[str, np.ndarray] = {}
    for batch in images:
        for name, values in iterate_outputs(graph, tf.convert_to_tensor(batch)):
            if name in functions:
                value = functions[name](values).numpy()
                total[name] = combine(total[name], value) if name in total else value
    return total
