"""What each rewrite gains: latencies of one network, converted in several ways and measured in turns."""

import contextlib
import dataclasses
import io
import time
from collections.abc import Callable, Iterator, Sequence

import keras

from ofa_tf.base.native_output import withheld_stderr
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings, Device
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.space.arch import Arch
from ofa_tf.space.presets import get_search_space
from ofa_tf.tflite.conversion.for_measuring import convert_graph_for_measuring
from ofa_tf.tflite.conversion.representative_images import random_images
from ofa_tf.tflite.graph.graph import Graph, Node
from ofa_tf.tflite.graph.keras_reader import read_keras
from ofa_tf.tflite.litert.delegation import inspect_delegation
from ofa_tf.tflite.lowering.lowerings import lower
from ofa_tf.tflite.lowering.rewrites import LOWERINGS
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.precisions import FLOAT32_PRECISION, INT8_PRECISION, Precision

REFERENCE = "TFLiteConverter.from_keras_model"
ALL = "all rewrites"
RELU6 = "all, ReLU6 instead of hard-swish"

_NUM_CLASSES = 1000


@dataclasses.dataclass(frozen=True)
class ExportMeasurement:
    """One way to convert a network.

    Args:
        precision: Name of a `Precision`.
        way: What was done.
        latency_ms: Median latency.
        num_partitions: See `Delegation`.
        convert_seconds: Time of the conversion.
        size_bytes: Size of the model.
    """

    precision: str
    way: str
    latency_ms: float
    num_partitions: int
    convert_seconds: float
    size_bytes: int


@dataclasses.dataclass(frozen=True)
class _Way:
    """A way to convert a network that is not tried yet."""

    precision: str
    name: str
    convert: Callable[[], bytes]


@dataclasses.dataclass(frozen=True)
class _Converted:
    """What a way gave."""

    way: _Way
    content: bytes
    convert_seconds: float


def measure_lowerings(
    arch: Arch,
    device: Device,
    settings: BenchmarkSettings,
    on_progress: Callable[[int, int], None] | None = None,
    on_measured: Callable[[int, int], None] | None = None,
) -> list[ExportMeasurement]:
    """Convert a subnet with random weights in many ways and measure them in turns.

    The ways: TensorFlow's converter on the Keras model; all rewrites; all but
    one, for each; all, on a network with ReLU6 in place of hard-swish.

    Args:
        arch: The subnet.
        device: Where to measure.
        settings: How to measure.
        on_progress: Called with how many models are converted, and of how many.
        on_measured: Called with how many steps of measuring are done, and of how many.

    Raises:
        RuntimeError: If a model does not run.
    """
    subnet = build_subnet(get_search_space(arch.space), arch, _NUM_CLASSES)
    ways = _list_ways(subnet)
    converted: list[_Converted] = []
    for way in ways:
        converted.append(_convert(way))
        if on_progress is not None:
            on_progress(len(converted), len(ways))
    return _measure(converted, device, settings, on_measured)


def _list_ways(subnet: keras.Model) -> list[_Way]:
    graph = read_keras(subnet)
    ways: list[_Way] = []
    for precision in (FLOAT32_PRECISION, INT8_PRECISION):
        ways += _ways_of_precision(subnet, graph, precision)
    return ways


def _ways_of_precision(
    subnet: keras.Model,
    graph: Graph,
    precision: Precision,
) -> Iterator[_Way]:
    used = CPU.lowerings(precision.has_integer_activations)

    def lowered(way: str, graph: Graph, names: Sequence[str]) -> _Way:
        def convert() -> bytes:
            return _lower_and_convert(graph, names, precision)

        return _Way(precision.name, way, convert)

    yield _Way(precision.name, REFERENCE, lambda: _convert_keras(subnet, precision))
    yield lowered(ALL, graph, used)
    for name in used:
        others = [other for other in used if other != name]
        yield lowered(f"without {name}", graph, others)
    for name in LOWERINGS:
        if name not in used:
            yield lowered(f"with {name} too", graph, [*used, name])
    yield lowered(RELU6, graph.map(_to_relu6), used)


def _to_relu6(node: Node) -> list[Node]:
    if node.op == "activation" and node.attributes["function"] == "hard_swish":
        return [dataclasses.replace(node, attributes={"function": "relu6"})]
    return [node]


def _convert(way: _Way) -> _Converted:
    start = time.monotonic()
    content = way.convert()
    return _Converted(way, content, time.monotonic() - start)


def _lower_and_convert(
    graph: Graph,
    names: Sequence[str],
    precision: Precision,
) -> bytes:
    lowered = lower(graph, names, integer_activations=precision.has_integer_activations)
    return convert_graph_for_measuring(lowered, precision.mode)


def _convert_keras(subnet: keras.Model, precision: Precision) -> bytes:
    """As a user of TensorFlow's converter does."""
    import tensorflow as tf

    images = random_images(tuple(subnet.input_shape[1:]))
    with withheld_stderr(), contextlib.redirect_stdout(io.StringIO()):  # the converter lists all variables
        converter = tf.lite.TFLiteConverter.from_keras_model(subnet)
        if precision.has_integer_activations:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([image[None]] for image in images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return bytes(converter.convert())


def _measure(
    converted: Sequence[_Converted],
    device: Device,
    settings: BenchmarkSettings,
    on_measured: Callable[[int, int], None] | None,
) -> list[ExportMeasurement]:
    models = [BenchmarkModel(f"{one.way.precision} {one.way.name}", one.content) for one in converted]
    results: list[ExportMeasurement] = []
    measurements = device.measure(models, settings, on_measured)
    for one, measurement in zip(converted, measurements, strict=True):
        if measurement.latency_ms is None:
            raise RuntimeError(f"{measurement.model}: {measurement.error}")
        result = ExportMeasurement(
            precision=one.way.precision,
            way=one.way.name,
            latency_ms=measurement.latency_ms,
            num_partitions=inspect_delegation(one.content).num_partitions,
            convert_seconds=one.convert_seconds,
            size_bytes=len(one.content),
        )
        results.append(result)
    return results


def format_measurements(name: str, measurements: Sequence[ExportMeasurement]) -> str:
    """A table of all ways, each beside `REFERENCE` in the same precision.

    Args:
        name: Of the network, over the first column.
        measurements: From `measure_lowerings`.
    """
    latencies = {(one.precision, one.way): one.latency_ms for one in measurements}
    lines = [f"{name:8s} {'way':34s} {'latency_ms':>10s} {'speed-up':>8s} {'partitions':>10s} {'convert_s':>9s}"]
    for one in measurements:
        speed_up = latencies[one.precision, REFERENCE] / one.latency_ms
        lines.append(
            f"{one.precision:8s} {one.way:34s} {one.latency_ms:10.2f} {speed_up:7.2f}x "
            f"{one.num_partitions:10d} {one.convert_seconds:9.1f}"
        )
    ratio = latencies[INT8_PRECISION.name, ALL] / latencies[INT8_PRECISION.name, RELU6]
    lines.append(f"int8 / int8 with ReLU6 in place of hard-swish: {ratio:.2f}")
    return "\n".join(lines)
