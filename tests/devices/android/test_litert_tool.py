"""LiteRT's program for compiled models: its files are read, and what it cannot do is told."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.result_files import read_result_files
from ofa_tf.devices.android.phone_settings import PhoneSettings
from ofa_tf.devices.device import BenchmarkModel
from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.table_builder import build_latency_table
from tests.support import litert_benchmark_model as stand_in
from tests.support.adb_daemon import AdbDaemon
from tests.support.adb_phone import SETTINGS, USES_ADB, phone_device
from tests.support.benchmark_model import install_benchmark_model
from tests.support.litert_benchmark_model import install_litert_benchmark_model
from tests.support.software_gpu import find_missing
from tests.support.spaces import MICRO

pytestmark = USES_ADB

SHAPES = [(1, 4, 4, 8), (1, 8, 8, 8), (1, 16, 16, 8)]


@pytest.fixture
def litert_binary(tmp_path: Path) -> Path:
    return install_litert_benchmark_model(tmp_path / "litert_benchmark_model")


def test_a_model_is_measured_in_several_shapes_by_a_file_with_a_signature_for_each(
    daemon: AdbDaemon, litert_binary: Path, model: Path
) -> None:
    models = [BenchmarkModel(f"m{shape[1]}", model, shape) for shape in SHAPES]
    measurements = phone_device(daemon, litert_binary).measure(models, SETTINGS)
    for measurement in measurements:
        assert measurement.error is None
        assert measurement.latency_ms is not None
        assert measurement.latency_p5_ms <= measurement.latency_ms <= measurement.latency_p95_ms
        assert measurement.num_partitions == 1
        assert measurement.device["runtime"] == "LiteRT's benchmark_model"
    runs = [command for command in daemon.commands if "--graph=" in command]
    assert len(daemon.pushes) == 2  # the program and one model
    for shape in SHAPES:
        name = "x".join(str(size) for size in shape)
        assert any(f"--signature_to_run_for={name}" in command for command in runs)


@pytest.mark.long
def test_a_latency_table_is_measured(daemon: AdbDaemon, litert_binary: Path) -> None:
    settings = dataclasses.replace(SETTINGS, rounds=1)
    table = build_latency_table(make_piece_models(MICRO, 10), phone_device(daemon, litert_binary), settings=settings)
    assert all(latency_ms >= 0 for row in table.entries.values() for latency_ms in row.values())
    assert table.device["runtime"] == "LiteRT's benchmark_model"
    signatures = set(re.findall(r"--signature_to_run_for=(\S+)", " ".join(daemon.commands)))
    assert len(signatures) > 1
    assert daemon.files() == []


def test_times_are_those_of_the_result_file(daemon: AdbDaemon, litert_binary: Path, model: Path) -> None:
    """What is printed has two decimals of a millisecond, which a run of this model does not take."""
    settings = dataclasses.replace(SETTINGS, measure_peak_ram=True)
    (measurement,) = phone_device(daemon, litert_binary).measure([BenchmarkModel("m", model, SHAPES[0])], settings)
    assert 0 < measurement.latency_ms < 1
    assert measurement.num_runs >= SETTINGS.num_runs
    assert measurement.peak_ram_bytes > 2**20
    assert any("--result_file_path=" in command for command in daemon.commands)


def test_a_program_that_writes_no_result_is_refused(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    binary = install_litert_benchmark_model(tmp_path / "old", lacks=["result_file_path"])
    (measurement,) = phone_device(daemon, binary).measure([BenchmarkModel("m", model, SHAPES[0])], SETTINGS)
    assert measurement.error.startswith("Expected benchmark_model to know --result_file_path. Received: ")


def test_the_result_of_an_earlier_run_is_not_taken_for_that_of_a_later_one(
    daemon: AdbDaemon, litert_binary: Path, model: Path
) -> None:
    """From its third call on, the program writes nothing and does not fail."""
    call = litert_binary.read_text()
    count = 'echo >> "$0.calls"; [ "$(wc -l < "$0.calls")" -lt 3 ] || exit 0'
    litert_binary.write_text(call.replace("#!/bin/sh\n", f"#!/bin/sh\n{count}\n"))
    settings = dataclasses.replace(SETTINGS, rounds=6)
    (measurement,) = phone_device(daemon, litert_binary).measure([BenchmarkModel("m", model, SHAPES[0])], settings)
    assert "Expected benchmark_model to write" in measurement.error
    assert "result.pb" in measurement.error


def test_a_model_that_takes_no_such_shape_fails_alone(daemon: AdbDaemon, litert_binary: Path, model: Path) -> None:
    damaged = model.with_name("damaged.tflite")
    damaged.write_bytes(b"no model")
    models = [BenchmarkModel("damaged", damaged, SHAPES[0]), BenchmarkModel("good", model, SHAPES[0])]
    first, second = phone_device(daemon, litert_binary).measure(models, SETTINGS)
    assert str(damaged) in first.error
    assert second.error is None


@pytest.mark.skipif(find_missing() is not None, reason=f"no GPU in software: {find_missing()}")
def test_a_gpu_must_take_every_operator(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    binary = install_litert_benchmark_model(tmp_path / "benchmark_model")
    device = phone_device(daemon, binary, delegate="gpu", gpu_precision="fp32")
    (measurement,) = device.measure([BenchmarkModel("m", model, SHAPES[0])], SETTINGS)
    assert measurement.error is None
    flags = "--use_gpu=true --use_cpu=false --require_full_delegation=true --gpu-precision=fp32"
    assert any(flags in command for command in daemon.commands)
    assert measurement.device["gpu_precision"] == "fp32"

    binary = install_litert_benchmark_model(tmp_path / "declines", leaves_to_cpu=1)
    (measurement,) = phone_device(daemon, binary, delegate="gpu").measure(
        [BenchmarkModel("m", model, SHAPES[0])], SETTINGS
    )
    assert measurement.error.startswith("Expected the gpu delegate to run the model. Received: 1 of its operators")
    assert "--target=gpu" in measurement.error


def test_a_gpu_that_fails_without_a_reason_gets_a_hint(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    """Optimized builds do not say why a model could not be compiled."""
    binary = install_litert_benchmark_model(tmp_path / "benchmark_model", has_gpu=False)
    device = phone_device(daemon, binary, delegate="gpu")
    (measurement,) = device.measure([BenchmarkModel("m", model, SHAPES[0])], SETTINGS)
    assert measurement.error.startswith("Expected the benchmark to run the model. Received: ")
    assert measurement.error.endswith("models exported with --target=gpu have only such.")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"delegate": "nnapi"}, r"to be one of xnnpack, gpu for LiteRT's benchmark_model. Received: nnapi"),
        ({"delegate": "none"}, r"to be one of xnnpack, gpu for LiteRT's benchmark_model. Received: none"),
        ({"gpu_precision": "fp32"}, r"with --delegate=gpu. Received: fp32 with xnnpack"),
        ({"gpu_precision": "int8"}, r"`gpu_precision` to be one of .* Received: 'int8'"),
        ({"tool": "tflite"}, r"to be TensorFlow Lite's benchmark_model .* Received: LiteRT's benchmark_model"),
        ({"tool": "own"}, r"a benchmark tool, one of \['tflite', 'litert'\]"),
    ],
)
def test_what_the_program_has_not_is_told_before_anything_is_run(
    litert_binary: Path, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        PhoneSettings(litert_binary, **settings)


def test_a_named_program_must_be_that_one(tmp_path: Path) -> None:
    binary = install_benchmark_model(tmp_path / "benchmark_model")
    with pytest.raises(InputError, match=r"to be LiteRT's benchmark_model .* Received: TensorFlow Lite's"):
        PhoneSettings(binary, tool="litert")


def test_outputs_are_asked_of_the_other_program(daemon: AdbDaemon, litert_binary: Path, model: Path) -> None:
    with pytest.raises(InputError, match=r"Received: LiteRT's benchmark_model. Take .*--benchmark_tool=tflite"):
        phone_device(daemon, litert_binary).outputs(BenchmarkModel("m", model), [np.zeros(SHAPES[0], np.float32)])


def test_operators_are_asked_of_the_other_program(
    daemon: AdbDaemon, litert_binary: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = dataclasses.replace(SETTINGS, profile_operators=True)
    (measurement,) = phone_device(daemon, litert_binary).measure([BenchmarkModel("m", model, SHAPES[0])], settings)
    assert measurement.error is None
    assert "no operator profile of m: LiteRT's benchmark_model has none" in capsys.readouterr().err


def test_result_files_are_read_as_they_are_in_the_field() -> None:
    """Bytes put together by hand, with fields that are not read."""
    latency = stand_in.float_field(1, 0.95) + stand_in.float_field(5, 0.942) + stand_in.float_field(6, 0.9)
    latency += stand_in.float_field(7, 1.0) + stand_in.float_field(10, 3.0)
    misc = stand_in.integer_field(2, 1053) + stand_in.integer_field(3, 509) + stand_in.float_field(9, 4.0)
    result = stand_in.message_field(2, latency) + stand_in.message_field(4, misc)
    output = read_result_files(result, _runtime_info([True, False, False, True]))
    assert output.num_runs == 1053
    assert output.mean_us == pytest.approx(950)
    assert output.median_us == pytest.approx(942)
    assert (output.p5_us, output.p95_us) == (pytest.approx(900), pytest.approx(1000))
    assert output.peak_ram_bytes is None
    assert (output.num_partitions, output.num_undelegated, output.delegates) == (3, 2, ("LITERT_CL",))


@pytest.mark.parametrize(
    ("result", "runtime_info", "message"),
    [
        (b"\xff\xff", b"", r"a protocol buffer, BenchmarkResult. Received: 2 bytes that are none"),
        (b"", b"", r"a positive time and a number of runs. Received: 0 ms in 0 runs"),
        (None, b"", r"what runs where. Received: no graph"),
        (None, b"\xff", r"a protocol buffer, ModelRuntimeDetails"),
    ],
)
def test_damaged_result_files_are_told(result: bytes | None, runtime_info: bytes, message: str) -> None:
    if result is None:
        latency = stand_in.message_field(2, stand_in.float_field(1, 0.5))
        result = latency + stand_in.message_field(4, stand_in.integer_field(2, 3))
    with pytest.raises(InputError, match=message):
        read_result_files(result, runtime_info)


def _runtime_info(are_delegated: list[bool]) -> bytes:
    """What runs where, with a node for each of these."""
    nodes = b""
    plan = b""
    for number, is_delegated in enumerate(are_delegated):
        node = stand_in.integer_field(1, number)
        if is_delegated:
            name = b"LITERT_CL"
            node += stand_in.message_field(8, bytes([1 << 3 | 2, len(name)]) + name)
        nodes += stand_in.message_field(3, node)
        plan += stand_in.varint(number)
    return stand_in.message_field(2, nodes + stand_in.message_field(4, plan))
