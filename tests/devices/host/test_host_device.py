"""The host device with its real measuring process."""

import ast
import os
import sys
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.device import BenchmarkModel, BenchmarkSettings
from ofa_tf.devices.host import host_device
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


def test_models_are_measured_in_order_with_all_facts(small_model: bytes, tmp_path: Path) -> None:
    path = tmp_path / "on_disk.tflite"
    path.write_bytes(small_model)
    steps: list[tuple[int, int]] = []
    models = [BenchmarkModel("large", small_model, (1, 64, 64, 8)), BenchmarkModel("small", path, SHAPE)]
    found = HostDevice().measure(models, QUICK, lambda done, total: steps.append((done, total)))
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
    models = [BenchmarkModel(f"m{size}", small_model, (1, size, size, 8)) for size in range(4, 9)]
    found = HostDevice().measure(models, settings)
    assert [measurement.num_runs + measurement.num_disturbed_runs for measurement in found] == [6] * 5
    assert [measurement.peak_ram_bytes for measurement in found] == [None] * 5


@pytest.mark.parametrize("measure_peak_ram", [True, False])
def test_a_corrupt_model_is_recorded_and_the_others_go_on(small_model: bytes, measure_peak_ram: bool) -> None:
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
    small_model: bytes, measure_peak_ram: bool, tmp_path: Path
) -> None:
    settings = BenchmarkSettings(num_runs=2, rounds=2, min_time_s=0, measure_peak_ram=measure_peak_ram)
    models = [BenchmarkModel(str(size), small_model, (1, size, size, 8)) for size in (5, 13, 6)]
    found = HostDevice(_command(tmp_path, DEADLY_13)).measure(models, settings)
    assert [measurement.latency_ms is not None for measurement in found] == [True, False, True]
    assert "SIGKILL" in found[1].error


def test_a_process_that_is_always_killed_is_a_clear_error(small_model: bytes, tmp_path: Path) -> None:
    device = HostDevice(_command(tmp_path, "import os; os.kill(os.getpid(), 9)"))
    with pytest.raises(InputError, match=r"Received: the measuring process was killed by SIGKILL \(perhaps out of mem"):
        device.measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)


def test_a_process_that_fails_says_why(small_model: bytes, tmp_path: Path) -> None:
    device = HostDevice(_command(tmp_path, "raise SystemExit('no such library')"))
    with pytest.raises(InputError, match=r"ended with status 1: no such library"):
        device.measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)
    with pytest.raises(InputError, match=r"process to start. Received: .*No such file"):
        HostDevice(["/nowhere/python"]).measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)


def test_the_time_limit_ends_a_process_that_hangs(small_model: bytes, tmp_path: Path) -> None:
    device = HostDevice(_command(tmp_path, "import time; time.sleep(600)"))
    settings = BenchmarkSettings(min_time_s=0, time_limit_s=1.5)
    with pytest.raises(InputError, match=r"Received: the time limit of 1\.5 s was reached"):
        device.measure([BenchmarkModel("good", small_model, SHAPE)], settings)


def test_the_measuring_process_does_not_load_tensorflow(small_model: bytes, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom ofa_tf.devices.host import runner\nrunner.main()\n"
        "loaded = {'tensorflow', 'keras'} & set(sys.modules)\n"
        f"open({str(tmp_path / 'loaded')!r}, 'w').write(repr(sorted(loaded)))\n"
    )
    HostDevice(_command(tmp_path, program)).measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)
    loaded = ast.literal_eval((tmp_path / "loaded").read_text())
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
    small_model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_device, "_MAX_REPEATS", 2)
    settings = BenchmarkSettings(
        warmup_runs=0, num_runs=1, rounds=40, min_time_s=0, max_loaded_models=3, measure_peak_ram=False
    )
    models = [BenchmarkModel(str(size), small_model, (1, size, size, 8)) for size in (5, 13, 6, 7, 8, 9)]
    steps: list[tuple[int, int]] = []
    device = HostDevice(_command(tmp_path, UNEVEN_13))
    found = device.measure(models, settings, lambda done, total: steps.append((done, total)))
    runs = {measurement.model: measurement.num_runs + measurement.num_disturbed_runs for measurement in found}
    # Only the doubtful one was repeated, and as many others with it as make up the three that are loaded together.
    assert runs["13"] == 120
    assert sorted(runs.values()) == [40] * 3 + [120] * 3
    assert found[1].doubt is not None
    assert found[1].doubt.startswith("the runs differ: ")
    assert steps == sorted(steps)


def test_what_measuring_itself_takes_is_not_the_memory_of_a_model(small_model: bytes, tmp_path: Path) -> None:
    """What takes room is loaded before the process forks, whose memory is measured."""
    program = (
        "import sys\nfrom ofa_tf.devices.host import runner\ntell_memory = runner._tell_memory\n"
        "def tell_modules(*arguments):\n"
        "    before = set(sys.modules)\n"
        "    tell_memory(*arguments)\n"
        f"    open({str(tmp_path / 'loaded')!r}, 'w').write(repr(sorted(set(sys.modules) - before)))\n"
        "runner._tell_memory = tell_modules\nrunner.main()\n"
    )
    HostDevice(_command(tmp_path, program)).measure([BenchmarkModel("good", small_model, SHAPE)], QUICK)
    loaded = ast.literal_eval((tmp_path / "loaded").read_text())
    assert [name for name in loaded if name.startswith(("numpy", "ai_edge_litert"))] == []


def test_the_process_is_pinned_to_the_cores_of_its_record(small_model: bytes, tmp_path: Path) -> None:
    program = (
        "import os\nfrom ofa_tf.devices.host import runner\nrunner.main()\n"
        f"open({str(tmp_path / 'cores')!r}, 'w').write(repr(sorted(os.sched_getaffinity(0))))\n"
    )
    core = min(os.sched_getaffinity(0))
    device = HostDevice(_command(tmp_path, program), cpu_mask=f"{1 << core:x}")
    (measurement,) = device.measure([BenchmarkModel("m", small_model, SHAPE)], QUICK)
    assert measurement.device["cores"] == [core]
    assert (tmp_path / "cores").read_text() == repr([core])


def test_nothing_to_measure_gives_nothing() -> None:
    assert HostDevice().measure([], QUICK) == []


def test_an_operator_profile_takes_a_phone() -> None:
    with pytest.raises(InputError, match=r"Expected a phone for an operator profile. Received: the device host"):
        HostDevice().measure([], BenchmarkSettings(profile_operators=True))
