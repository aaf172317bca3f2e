"""What each rewrite gains: latencies of one network, converted in several ways and measured in turns."""

import contextlib
import dataclasses
import io
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.converter import convert
from ofa_tf.tflite.conversion.draft import Draft
from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.litert.delegation import inspect_execution
from ofa_tf.tflite.lowering.rewrites import FOR_INT8_ONLY, LOWERINGS, lower

REFERENCE = "TFLiteConverter.from_keras_model"
ALL = "all rewrites"
RELU6 = "all, ReLU6 instead of hard-swish"

_NUM_CLASSES = 1000
_PRECISIONS = ("float32", "int8")


@dataclasses.dataclass(frozen=True)
class ExportMeasurement:
    """One way to convert a network.

    Args:
        precision: `"float32"` or `"int8"`.
        way: What was done.
        latency_ms: Median latency.
        num_partitions: See `Execution`.
        convert_seconds: Time of the conversion.
        size_bytes: Size of the model.
    """

    precision: str
    way: str
    latency_ms: float
    num_partitions: int
    convert_seconds: float
    size_bytes: int


def measure_lowerings(
    arch: Arch, device: Device, settings: BenchmarkSettings, on_progress: Callable[[int, int], None] | None = None
) -> list[ExportMeasurement]:
    """Convert a subnet with random weights in many ways and measure them in turns.

    The ways: TensorFlow's converter on the Keras model; all rewrites; all but
    one, for each; all, on a network with ReLU6 in place of hard-swish.

    Args:
        arch: The subnet.
        device: Where to measure.
        settings: How to measure.
        on_progress: Called with how many models are converted, and of how many.

    Raises:
        RuntimeError: If a model does not run.
    """
    subnet = build_subnet(get_search_space(arch.space), arch, _NUM_CLASSES)
    made, models = [], []
    ways = [(precision, *way) for precision in _PRECISIONS for way in _ways(subnet, precision)]
    for index, (precision, way, make) in enumerate(ways):
        start = time.monotonic()
        content = make()
        seconds = time.monotonic() - start
        models.append(BenchmarkModel(f"{precision} {way}", content))
        made.append((precision, way, inspect_execution(content).num_partitions, seconds, len(content)))
        if on_progress is not None:
            on_progress(index + 1, len(ways))
    measured = device.measure(models, settings)
    results = []
    for (precision, way, num_partitions, seconds, size), measurement in zip(made, measured, strict=True):
        if measurement.latency_ms is None:
            raise RuntimeError(f"{measurement.model}: {measurement.error}")
        results.append(ExportMeasurement(precision, way, measurement.latency_ms, num_partitions, seconds, size))
    return results


def _ways(subnet: keras.Model, precision: str) -> Iterator[tuple[str, Callable[[], bytes]]]:
    graph, is_int8 = read_keras(subnet), precision == "int8"
    used = [name for name in LOWERINGS if is_int8 or name not in FOR_INT8_ONLY]

    def by_graph(graph: Graph, names: Sequence[str]) -> Callable[[], bytes]:
        return lambda: _convert_graph(lower(graph, names, is_int8), is_int8)

    yield REFERENCE, lambda: _convert_keras(subnet, is_int8)
    yield ALL, by_graph(graph, used)
    for name in used:
        yield f"without {name}", by_graph(graph, [other for other in used if other != name])
    for name in LOWERINGS:
        if name not in used:
            yield f"with {name} too", by_graph(graph, [*used, name])
    yield RELU6, by_graph(graph.map(_to_relu6), used)


def _to_relu6(node: Node) -> list[Node]:
    is_hard_swish = node.op == "activation" and node.attributes["function"] == "hard_swish"
    return [dataclasses.replace(node, attributes={"function": "relu6"}) if is_hard_swish else node]


def _convert_graph(graph: Graph, is_int8: bool) -> bytes:
    if not is_int8:
        return convert(graph)
    return Draft(graph, "int8").with_graph(graph, _images(graph.input_shape)).convert()


def _convert_keras(subnet: keras.Model, is_int8: bool) -> bytes:
    import tensorflow as tf

    with withheld_stderr(), contextlib.redirect_stdout(io.StringIO()):  # the converter lists all variables
        converter = tf.lite.TFLiteConverter.from_keras_model(subnet)
        if is_int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([image] for image in _images(subnet.input_shape[1:]))
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return bytes(converter.convert())


def _images(shape: tuple[Any, ...]) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    for _ in range(2):
        yield rng.standard_normal((1, *shape), dtype=np.float32)
