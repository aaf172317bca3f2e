import pytest

from ofa_tf.devices.device import BenchmarkSettings
from ofa_tf.devices.opening import open_device
from ofa_tf.tflite.lowering.rewrites import LOWERINGS
from ofa_tf.workflow.lowering_benchmark import (
    ALL,
    REFERENCE,
    RELU6,
    ExportMeasurement,
    format_measurements,
    measure_lowerings,
)
from tests.support.spaces import SMALL


@pytest.mark.long
def test_every_rewrite_is_measured_in_both_precisions() -> None:
    settings = BenchmarkSettings(rounds=2, min_time_s=0.01, measure_peak_ram=False)
    results = measure_lowerings(SMALL.largest(), open_device("host"), settings)
    ways = {
        precision: [result.way for result in results if result.precision == precision]
        for precision in ("float32", "int8")
    }
    assert ways["int8"] == [REFERENCE, ALL, *(f"without {name}" for name in LOWERINGS), RELU6]
    assert "with hard_swish too" in ways["float32"]
    assert all(result.latency_ms > 0 and result.convert_seconds > 0 for result in results)
    partitions = {(result.precision, result.way): result.num_partitions for result in results}
    assert partitions["int8", ALL] == partitions["int8", RELU6] == 1 < partitions["int8", "without hard_swish"]


def test_the_report_sets_each_way_beside_the_reference_in_its_precision() -> None:
    latencies_ms = {
        ("float32", REFERENCE): 8.0,
        ("float32", ALL): 4.0,
        ("int8", REFERENCE): 6.0,
        ("int8", ALL): 2.0,
        ("int8", RELU6): 1.6,
    }
    measurements = [
        ExportMeasurement(precision, way, latency_ms, num_partitions=1, convert_seconds=0.5, size_bytes=9)
        for (precision, way), latency_ms in latencies_ms.items()
    ]
    lines = format_measurements("k5e4d3", measurements).splitlines()
    assert lines[0].split() == ["k5e4d3", "way", "latency_ms", "speed-up", "partitions", "convert_s"]
    assert lines[2].split() == ["float32", "all", "rewrites", "4.00", "2.00x", "1", "0.5"]
    assert lines[4].split() == ["int8", "all", "rewrites", "2.00", "3.00x", "1", "0.5"]
    assert lines[-1] == "int8 / int8 with ReLU6 in place of hard-swish: 1.25"
