import pytest

from ofa_tf.devices.device import BenchmarkSettings
from ofa_tf.devices.opening import open_device
from ofa_tf.tflite.lowering.rewrites import LOWERINGS
from ofa_tf.workflow.lowering_benchmark import ALL, REFERENCE, RELU6, measure_lowerings
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
