"""The host device with its real measuring process."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings
from ofa_tf.devices.host import host_device, other_programs
from ofa_tf.devices.host.host_device import HostDevice

QUICK = BenchmarkSettings(warmup_runs=1, num_runs=3, rounds=4, min_time_s=0)
SHAPE = (1, 4, 4, 8)

# A measuring process in which a model of height 13 takes the whole process down.
DEADLY_13 = """
import os, signal
from ai_edge_litert import interpreter
from ofa_tf.devices.host import runner
resize = interpreter.Interpreter.resize_tensor_input
def deadly_resize(self, index, shape):
    if shape[1] == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    resize(self, index, shape)
interpreter.Interpreter.resize_tensor_input = deadly_resize
runner.main()
"""


@pytest.fixture(autouse=True)
def _measure_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests makes many a latency doubtful."""
    monkeypatch.setattr(host_device, "_MAX_REPEATS", 0)


def _command(tmp_path: Path, program: str) -> list[str]:
    path = tmp_path / "runner.py"
    path.write_text(program)
    return [sys.executable, str(path)]


def _models_of_heights(content: bytes, heights: Iterable[int]) -> list[BenchmarkModel]:
    """Models that are named for the height, and width, of their inputs."""
    return [BenchmarkModel(str(height), content, (1, height, height, 8)) for height in heights]


def test_models_are_measured_in_order_with_all_facts(
    small_model: bytes,
    tmp_path: Path,
) -> None:
    path = tmp_path / "on_disk.tflite"
    path.write_bytes(small_model)
    steps: list[tuple[int, int]] = []
    models = [
        BenchmarkModel("large", small_model, (1, 64, 64, 8)),
        BenchmarkModel("small", path, SHAPE),
    ]
    found = HostDevice().measure(models, QUICK, lambda *step: steps.append(step))
    assert [measurement.model for measurement in found] == ["large", "small"]
    for measurement in found:
        assert measurement.error is None
        assert measurement.latency_p5_ms <= measurement.latency_ms <= measurement.latency_p95_ms
        assert 0 < measurement.num_runs <= 12
        assert measurement.num_runs + measurement.num_disturbed_runs == 12
        assert measurement.peak_ram_bytes > 0
        assert measurement.num_partitions == 1
        assert measurement.device["num_threads"] == 1
        assert set(measurement.device) >= {"model", "abi", "os_build", "runtime", "runtime_sha256", "delegate"}
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_many_models_are_measured_group_by_group(small_model: bytes) -> None:
    settings = BenchmarkSettings(
        warmup_runs=0, num_runs=1, rounds=6, min_time_s=0, max_loaded_models=2, measure_peak_ram=False
    )
    models = _models_of_heights(small_model, range(4, 9))
    found = HostDevice().measure(models, settings)
    assert [measurement.num_runs + measurement.num_disturbed_runs for measurement in found] == [6] * 5
    assert [measurement.peak_ram_bytes for measurement in found] == [None] * 5


@pytest.mark.parametrize("measure_peak_ram", [True, False])
def test_a_corrupt_model_is_recorded_and_the_others_go_on(
    small_model: bytes,
    measure_peak_ram: bool,
) -> None:
    settings = BenchmarkSettings(num_runs=2, rounds=2, min_time_s=0, measure_peak_ram=measure_peak_ram)
    models = [
        BenchmarkModel("good", small_model, SHAPE),
        BenchmarkModel("cut off", small_model[: len(small_model) // 2], SHAPE),
        BenchmarkModel("missing", Path("/nowhere/m.tflite")),
        BenchmarkModel("also good", small_model, SHAPE),
    ]
    good, cut, missing, also_good = HostDevice().measure(models, settings)
    assert good.latency_ms > 0
    assert also_good.latency_ms > 0
    assert cut.latency_ms is None
    assert "flatbuffer" in cut.error.lower()
    assert "/nowhere/m.tflite" in missing.error


@pytest.mark.parametrize("measure_peak_ram", [True, False])
def test_a_model_that_kills_the_process_is_recorded_and_the_others_go_on(
    small_model: bytes,
    measure_peak_ram: bool,
    tmp_path: Path,
) -> None:
    settings = BenchmarkSettings(num_runs=2, rounds=2, min_time_s=0, measure_peak_ram=measure_peak_ram)
    models = _models_of_heights(small_model, (5, 13, 6))
    found = HostDevice(_command(tmp_path, DEADLY_13)).measure(models, settings)
    assert [measurement.latency_ms is not None for measurement in found] == [True, False, True]
    assert "SIGKILL" in found[1].error


def test_a_process_that_is_always_killed_is_a_clear_error(
    small_model: bytes,
    tmp_path: Path,
) -> None:
    device = HostDevice(_command(tmp_path, "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(InputError, match=r"Received: the measuring process was killed by SIGKILL \(perhaps out of mem"):
        device.measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)


def test_a_process_that_fails_says_why(small_model: bytes, tmp_path: Path) -> None:
    device = HostDevice(_command(tmp_path, "raise SystemExit('no such library')"))
    with pytest.raises(InputError, match=r"ended with status 1: no such library"):
        device.measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)
    with pytest.raises(InputError, match=r"process to start. Received: .*No such file"):
        HostDevice(["/nowhere/python"]).measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)


def test_the_time_limit_ends_a_process_that_hangs(
    small_model: bytes,
    tmp_path: Path,
) -> None:
    device = HostDevice(_command(tmp_path, "import time; time.sleep(600)"))
    settings = BenchmarkSettings(min_time_s=0, time_limit_s=1.5)
    with pytest.raises(InputError, match=r"Received: the time limit of 1\.5 s was reached"):
        device.measure([BenchmarkModel("good", small_model, SHAPE)], settings)


# A measuring process that writes the names of the modules that it loaded.
TELLING_MODULES = """
import sys
from ofa_tf.devices.host import runner
runner.main()
with open(sys.argv[1], "w") as file:
    file.write(" ".join(sys.modules))
"""


def test_the_measuring_process_does_not_load_tensorflow(
    small_model: bytes,
    tmp_path: Path,
) -> None:
    modules = tmp_path / "modules"
    device = HostDevice([*_command(tmp_path, TELLING_MODULES), str(modules)])
    device.measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)
    loaded = modules.read_text().split()
    assert "ai_edge_litert.interpreter" in loaded
    assert not {"tensorflow", "keras"} & set(loaded)


# A measuring process that writes which modules were loaded only in the process that it forks to measure memory.
TELLING_MODULES_OF_THE_FORK = """
import sys
from ofa_tf.devices.host import runner
tell_memory = runner._tell_memory
def tell_modules(*arguments):
    before = set(sys.modules)
    tell_memory(*arguments)
    with open(sys.argv[1], "w") as file:
        file.write(" ".join(set(sys.modules) - before))
runner._tell_memory = tell_modules
runner.main()
"""


def test_what_measuring_itself_takes_is_not_the_memory_of_a_model(
    small_model: bytes,
    tmp_path: Path,
) -> None:
    modules = tmp_path / "modules"
    device = HostDevice([*_command(tmp_path, TELLING_MODULES_OF_THE_FORK), str(modules)])
    device.measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)
    loaded = modules.read_text().split()
    assert [name for name in loaded if name.startswith(("numpy", "ai_edge_litert"))] == []


# A measuring process in which a model of height 13 takes now 1 ms, now up to 5, in spells, and others always 1 ms:
# by a clock of its own, as what a busy machine does to the others would decide which of its runs count.
UNEVEN_13 = """
import time
from ai_edge_litert import interpreter
from ofa_tf.devices.host import runner
class Interpreter(interpreter.Interpreter):
    now_ns, num_runs = 0, 0
    def invoke(self):
        super().invoke()
        spell = 0
        if self.get_input_details()[0]["shape"][1] == 13:
            Interpreter.num_runs += 1
            spell = Interpreter.num_runs // 5 % 5
        Interpreter.now_ns += 1_000_000 * (1 + spell)
interpreter.Interpreter = Interpreter
time.perf_counter_ns = time.thread_time_ns = lambda: Interpreter.now_ns
runner.main()
"""


def test_a_doubtful_model_is_measured_again_in_company(
    small_model: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host_device, "_MAX_REPEATS", 2)
    settings = BenchmarkSettings(
        warmup_runs=0, num_runs=1, rounds=40, min_time_s=0, max_loaded_models=3, measure_peak_ram=False
    )
    models = _models_of_heights(small_model, (5, 13, 6, 7, 8, 9))
    steps: list[tuple[int, int]] = []
    device = HostDevice(_command(tmp_path, UNEVEN_13))
    found = device.measure(models, settings, lambda *step: steps.append(step))
    runs = {measurement.model: measurement.num_runs + measurement.num_disturbed_runs for measurement in found}
    # Only the doubtful one was repeated, and as many others with it as make up the three that are loaded together.
    assert runs["13"] == 120
    assert sorted(runs.values()) == [40] * 3 + [120] * 3
    assert found[1].doubt is not None
    assert found[1].doubt.startswith("the runs differ: ")
    assert steps == sorted(steps)


@pytest.mark.parametrize(("most", "is_doubtful"), [(-1.0, True), (1.0, False)])
def test_what_others_use_is_recorded_and_more_than_is_harmless_makes_latencies_doubtful(
    small_model: bytes, monkeypatch: pytest.MonkeyPatch, most: float, is_doubtful: bool
) -> None:
    monkeypatch.setattr(other_programs, "_MAX_SHARE", most)
    # A single run cannot differ from others, which would be another doubt.
    settings = BenchmarkSettings(num_runs=1, rounds=1, min_time_s=0)
    (found,) = HostDevice().measure([BenchmarkModel("m", small_model, SHAPE)], settings)
    share = found.device["after"]["busy_with_others"]
    assert 0 <= share <= 1
    doubt = f"other programs kept {share:.0%} of this computer's processors busy meanwhile"
    assert found.doubt == (doubt if is_doubtful else None)


# A measuring process that writes the cores that it ran on.
TELLING_CORES = """
import os, sys
from ofa_tf.devices.host import runner
runner.main()
with open(sys.argv[1], "w") as file:
    file.write(repr(sorted(os.sched_getaffinity(0))))
"""


def test_the_process_is_pinned_to_the_cores_of_its_record(
    small_model: bytes,
    tmp_path: Path,
) -> None:
    core = min(os.sched_getaffinity(0))
    cores = tmp_path / "cores"
    device = HostDevice([*_command(tmp_path, TELLING_CORES), str(cores)], cpu_mask=f"{1 << core:x}")
    (measurement,) = device.measure([BenchmarkModel("m", small_model, SHAPE)], QUICK)
    assert measurement.device["cores"] == [core]
    assert cores.read_text() == repr([core])


def test_nothing_to_measure_gives_nothing() -> None:
    assert HostDevice().measure([], QUICK) == []


def test_an_operator_profile_takes_a_phone() -> None:
    with pytest.raises(InputError, match=r"Expected a phone for an operator profile. Received: the device host"):
        HostDevice().measure([], BenchmarkSettings(profile_operators=True))
