"""Settings that cannot be measured with are refused, and measurements survive their file."""

from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.benchmark_results import load_benchmark, save_benchmark
from ofa_tf.devices.device import BenchmarkSettings, Measurement


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_threads", 0),
        ("num_runs", 0),
        ("rounds", 1.5),
        ("warmup_runs", -1),
        ("rounds", True),
    ],
)
def test_settings_below_their_minimum_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"`{name}` to be a whole number of at least \d. Received: {value}"):
        BenchmarkSettings(**{name: value})


def test_time_limit_must_allow_for_the_measurement() -> None:
    with pytest.raises(InputError, match=r"above `min_time_s`, 1 seconds. Received: 0.5"):
        BenchmarkSettings(time_limit_s=0.5)
    with pytest.raises(InputError, match=r"`min_time_s` to be at least 0 seconds. Received: -1"):
        BenchmarkSettings(min_time_s=-1)


def test_measurements_survive_the_file(tmp_path: Path) -> None:
    device = {"device": "host", "num_threads": 1}
    found = [
        Measurement(
            "a",
            1.5,
            latency_low_ms=1.45,
            latency_high_ms=1.6,
            latency_p5_ms=1.4,
            latency_p95_ms=1.9,
            num_runs=10,
            num_disturbed_runs=2,
            peak_ram_bytes=4096,
            num_partitions=1,
            device=device,
            operators=[{"kind": "CONV_2D", "name": "a", "mean_ms": 0.1, "is_in_delegate": False}],
            doubt="it was hot",
        ),
        Measurement("b", None, device=device, error="no"),
    ]
    save_benchmark(tmp_path / "b.json", found, BenchmarkSettings(), {"predicted_ms": 1.6})
    assert load_benchmark(tmp_path / "b.json") == found
    assert (tmp_path / "b.json").read_text().count('"num_threads"') == 2  # of the device and of the settings


def test_other_files_are_no_measurements(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(InputError, match=r"b\.json to hold measurements. Received: KeyError\('measurements'\)"):
        load_benchmark(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("measurement", "words"),
    [
        (Measurement("m", 1.5), "1.500 ms"),
        (Measurement("m", None, error="it is gone"), "not measured: it is gone"),
        (
            Measurement("m", 1.5, 1.25, 1.75, 1.0, 2.0, num_runs=30, doubt="hot"),
            "1.500 ms (median of 30 runs; confidence interval 1.250-1.750; 5% 1.000, 95% 2.000) DOUBTFUL: hot",
        ),
    ],
)
def test_a_measurement_says_what_it_knows(measurement: Measurement, words: str) -> None:
    assert measurement.describe() == words
