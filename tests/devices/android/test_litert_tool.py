"""LiteRT's program for compiled models: its files are read, and what it cannot do is told."""

import contextlib
import dataclasses
import re
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput
from ofa_tf.devices.android.benchmark_model.benchmark_tools import LITERT
from ofa_tf.devices.android.benchmark_model.result_files import read_result_files
from ofa_tf.devices.android.phone_device import PhoneDevice
from ofa_tf.devices.android.phone_settings import PhoneSettings
from ofa_tf.devices.device import BenchmarkModel
from ofa_tf.devices.output_check import check_can_give_outputs
from ofa_tf.latency.piece_models import make_piece_models
from ofa_tf.latency.pieces import distinct_pieces
from ofa_tf.latency.table_builder import build_latency_table
from ofa_tf.tflite.litert.interpreter import create_interpreter
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
    pushed: list[bytes] = []

    def look(done: int, total: int) -> None:
        pushed[:] = [path.read_bytes() for path in daemon.storage.rglob("*.tflite")]

    models = [BenchmarkModel(f"m{shape[1]}", model, shape) for shape in SHAPES]
    measurements = phone_device(daemon, litert_binary).measure(models, SETTINGS, look)
    for measurement in measurements:
        assert measurement.error is None
        assert measurement.num_partitions == 1
        assert measurement.device["runtime"] == "LiteRT's benchmark_model"
    asked = set(re.findall(r"--signature_to_run_for=([0-9x]+)", " ".join(daemon.commands)))
    (content,) = pushed
    interpreter = create_interpreter(content, "pushed", 1)
    for shape in SHAPES:
        name = "x".join(str(size) for size in shape)
        (details,) = interpreter.get_signature_runner(name).get_input_details().values()
        assert tuple(details["shape"]) == shape
        assert name in asked


@pytest.mark.long
def test_a_latency_table_is_measured(daemon: AdbDaemon, litert_binary: Path) -> None:
    settings = dataclasses.replace(SETTINGS, rounds=1)
    table = build_latency_table(make_piece_models(MICRO, 10), phone_device(daemon, litert_binary), settings=settings)
    latencies_ms = [latency_ms for row in table.entries.values() for latency_ms in row.values()]
    assert sum(latency_ms > 0 for latency_ms in latencies_ms) > len(latencies_ms) / 2  # tiny pieces may vanish in noise
    assert table.device["benchmark_tool"] == "litert"
    assert table.device["runtime"] == "LiteRT's benchmark_model"
    signatures = set(re.findall(r"--signature_to_run_for=(\S+)", " ".join(daemon.commands)))
    assert len(signatures) > 1
    assert daemon.files() == []


def test_times_and_memory_are_those_of_the_result_file(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    binary = install_litert_benchmark_model(tmp_path / "benchmark_model", written_ms=123.4)
    settings = dataclasses.replace(SETTINGS, measure_peak_ram=True)
    (measurement,) = phone_device(daemon, binary).measure([BenchmarkModel("m", model, SHAPES[0])], settings)
    times_ms = (measurement.latency_ms, measurement.latency_p5_ms, measurement.latency_p95_ms)
    assert times_ms == pytest.approx((123.4, 123.4, 123.4))
    assert measurement.num_runs >= 2 * SETTINGS.num_runs
    assert measurement.peak_ram_bytes > 2**20


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


def test_a_shape_that_a_model_does_not_take_fails_alone(daemon: AdbDaemon, litert_binary: Path) -> None:
    stem = next(piece for piece, _ in distinct_pieces(MICRO, MICRO.image_sizes) if piece.part is not None)
    content = make_piece_models(MICRO, 10).convert(stem, 16)
    shape = (1, 16, 16, stem.in_channels)
    wrong_shape = (1, 16, 16, stem.in_channels + 1)
    models = [BenchmarkModel("wrong", content, wrong_shape), BenchmarkModel("good", content, shape)]
    wrong, good = phone_device(daemon, litert_binary).measure(models, SETTINGS)
    sizes = ", ".join(map(str, wrong_shape))
    assert wrong.error.startswith(f"Expected wrong to take an input of shape ({sizes}). Received: ")
    assert good.error is None


def test_a_model_that_is_none_fails_alone(daemon: AdbDaemon, litert_binary: Path, model: Path) -> None:
    damaged = model.with_name("damaged.tflite")
    damaged.write_bytes(b"no model")
    models = [BenchmarkModel("damaged", damaged, SHAPES[0]), BenchmarkModel("good", model, SHAPES[0])]
    first, second = phone_device(daemon, litert_binary).measure(models, SETTINGS)
    assert first.error.startswith("Expected damaged ")
    assert second.error is None


@pytest.mark.parametrize(
    ("last_words", "reason"),
    [
        ("echo CANNOT LINK EXECUTABLE >&2; exit 1", "exit status 1; CANNOT LINK EXECUTABLE"),
        ("echo ERROR: incompatible. >&2; kill -ABRT $$", "it was killed by SIGABRT; incompatible."),
        ("exit 3", "exit status 3; nothing printed"),
    ],
)
def test_a_program_that_ends_early_is_quoted(
    daemon: AdbDaemon, litert_binary: Path, model: Path, last_words: str, reason: str
) -> None:
    call = litert_binary.read_text()
    litert_binary.write_text(call.replace("#!/bin/sh\n", f"#!/bin/sh\n{last_words}\n"))
    (measurement,) = phone_device(daemon, litert_binary).measure([BenchmarkModel("m", model, SHAPES[0])], SETTINGS)
    assert measurement.error.endswith(f"Received: {reason}")


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


def test_a_gpu_that_fails_without_a_reason_gets_a_hint(daemon: AdbDaemon, litert_binary: Path, model: Path) -> None:
    """Optimized builds do not say why a model could not be compiled."""
    call = litert_binary.read_text()
    fail = "echo 'ERROR: Benchmarking failed.' >&2; exit 1"
    litert_binary.write_text(call.replace("#!/bin/sh\n", f"#!/bin/sh\n{fail}\n"))
    device = phone_device(daemon, litert_binary, delegate="gpu")
    (measurement,) = device.measure([BenchmarkModel("m", model, SHAPES[0])], SETTINGS)
    assert measurement.error.startswith(
        "Expected the benchmark to run the model. Received: no reason. Perhaps the GPU "
    )


def test_a_phone_without_a_gpu_is_told(daemon: AdbDaemon, tmp_path: Path, model: Path) -> None:
    binary = install_litert_benchmark_model(tmp_path / "benchmark_model", has_gpu=False)
    device = phone_device(daemon, binary, delegate="gpu")
    (measurement,) = device.measure([BenchmarkModel("m", model, SHAPES[0])], SETTINGS)
    assert measurement.error.startswith("Expected the benchmark to run the model. Received: ")


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


@pytest.mark.parametrize("content", [b"hello", b"", b"TFL3 benchmark_litert_model"])
def test_what_is_no_program_is_told_before_a_phone_is_looked_for(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"to be benchmark_model, a program \(ELF\). Received: a file that begins with"
    ):
        PhoneSettings(path)


def test_a_named_program_must_be_that_one(tmp_path: Path) -> None:
    binary = install_benchmark_model(tmp_path / "benchmark_model")
    with pytest.raises(InputError, match=r"to be LiteRT's benchmark_model .* Received: TensorFlow Lite's"):
        PhoneSettings(binary, tool="litert")


def test_what_the_other_program_does_is_refused_before_a_phone_is_looked_for(litert_binary: Path) -> None:
    device = PhoneDevice("nowhere", PhoneSettings(litert_binary, adb="/nowhere/adb"))
    advice = (
        r"Received: LiteRT's benchmark_model. Name TensorFlow Lite's \(--benchmark_binary, --benchmark_tool=tflite\)"
    )
    with pytest.raises(InputError, match=rf"can be given inputs, .* {advice}"):
        check_can_give_outputs(device)
    with pytest.raises(InputError, match=rf"operator profile is understood .* {advice}"):
        device.measure([], dataclasses.replace(SETTINGS, profile_operators=True))


@pytest.mark.parametrize(
    ("delegates", "num_undelegated", "is_right"),
    [
        (["LITERT_CL"], 0, True),
        (["LITERT_CL"], 1, False),
        (["LITERT_CL", "TfLiteXNNPackDelegate"], 0, False),
        ([], 0, False),
    ],
)
def test_a_gpu_shares_a_model_with_nobody(delegates: list[str], num_undelegated: int, is_right: bool) -> None:
    output = BenchmarkOutput(10, 1.0, num_undelegated=num_undelegated, delegates=tuple(delegates))
    context = contextlib.nullcontext() if is_right else pytest.raises(InputError, match="the gpu delegate to run")
    with context:
        LITERT.delegate("gpu").check_that_it_ran(output)


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
        (None, stand_in.message_field(2, stand_in.message_field(4, b"\x01")), r"Received: node 1, of which nothing"),
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
