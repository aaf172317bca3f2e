"""What a user adds in a file of their own is known to every tool that looks it up by its name."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_tf.devices.benchmark_results import load_benchmark
from ofa_tf.space.arch import Arch
from tests.support import spaces
from tests.support.repository import FIXTURES, ROOT
from tests.support.spaces import MICRO

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess]

_OWN_KINDS = ROOT / "tests" / "support" / "own_kinds.py"
_PLUGINS = f"--plugins={_OWN_KINDS},{spaces.__file__}"


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """A run whose search space is a plugin's, too."""
    return Path(shutil.copytree(FIXTURES / "earlier_state", tmp_path / "run"))


def test_a_search_knows_a_predictor_limits_and_a_precision_of_a_plugin(run: Run, workdir: Path, tmp_path: Path) -> None:
    built = run("tools/build_accuracy_table.py", _PLUGINS, f"--workdir={workdir}", "--predictor=own", "--num_archs=10")
    assert built.returncode == 0, built.stderr[-2000:]
    output = tmp_path / "arch.json"
    settings = ("--precision=own", "--predictor=own", "--num_generations=2", "--num_finalists=0")
    limits = ("--limits=num_blocks=3", "--max_macs=1e9")
    result = run("tools/search.py", _PLUGINS, f"--workdir={workdir}", f"--output={output}", *settings, *limits)
    assert result.returncode == 0, result.stderr[-2000:]
    notes = json.loads(output.read_text())["notes"]
    assert notes["precision"] == "own"
    assert f"python tools/evaluate.py {_PLUGINS} --workdir={workdir} --arch={output} --split=report" in result.stdout
    assert f"python tools/to_tflite.py {_PLUGINS} --workdir={workdir} --arch={output} " in result.stdout
    assert notes["limits"] == {"macs": 1e9, "num_blocks": 3}
    assert notes["costs"]["num_blocks"] <= 3
    assert Arch.load(output) == MICRO.smallest()


def test_a_benchmark_knows_devices_of_a_plugin(run: Run, tmp_path: Path) -> None:
    listed = run("tools/benchmark.py", _PLUGINS, "--list_devices")
    assert "board\tdevice" in listed.stdout
    model, output = tmp_path / "m.tflite", tmp_path / "benchmark.json"
    model.write_bytes(b"\0\0\0\0TFL3")  # as files begin; the board looks no further
    result = run("tools/benchmark.py", _PLUGINS, "--device=board", f"--model={model}", f"--output={output}")
    assert result.returncode == 0, result.stderr[-2000:]
    (measurement,) = load_benchmark(output)
    assert measurement.device["device"] == "board"


@pytest.mark.parametrize(
    ("program", "arguments", "next_mistake"),
    [
        (
            "tools/build_latency_table.py",
            ["--device=board", "--precision=own", "--num_networks=1"],
            "Received: num_networks=1",
        ),
        (
            "tools/to_tflite.py",
            ["--quantization=own", "--arch=no_arch", "--output=m.tflite"],
            "Received: --arch=no_arch",
        ),
        ("tools/build_accuracy_table.py", ["--predictor=own"], "Expected a trained supernet"),
        ("tools/evaluate.py", ["--arch=min,max"], "Expected a trained supernet"),
    ],
)
def test_a_tool_gets_past_the_names_of_a_plugin(
    run: Run, workdir: Path, program: str, arguments: list[str], next_mistake: str
) -> None:
    (workdir / "supernet.keras").unlink()
    result = run(program, _PLUGINS, f"--workdir={workdir}", *arguments)
    assert result.returncode == 1
    assert next_mistake in result.stderr


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        ("tools/search.py", ["--max_macs=1", "--precision=int3", "--output=a"], "Received: precision='int3'."),
        ("tools/search.py", ["--limits=macs", "--output=a"], "to be like NAME=VALUE. Received: --limits=macs."),
        (
            "tools/search.py",
            ["--limits=macs=2", "--max_macs=1", "--output=a"],
            "another one of macs in --limits=macs=2",
        ),
        (
            "tools/search.py",
            ["--max_macs=1", "--predictor=oracle", "--output=a"],
            "'oracle'. If it is your own, load",
        ),
        ("tools/build_accuracy_table.py", ["--predictor=oracle"], "'oracle'. If it is your own, load"),
        ("tools/build_latency_table.py", ["--precision=int3"], "Received: precision='int3'."),
        ("tools/to_tflite.py", ["--quantization=int3", "--arch=min", "--output=m.tflite"], "quantization='int3'."),
    ],
)
def test_a_name_that_no_plugin_registers_is_refused(
    run: Run, workdir: Path, program: str, arguments: list[str], message: str
) -> None:
    result = run(program, _PLUGINS, f"--workdir={workdir}", *arguments)
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert message in line


def test_a_plugin_that_loads_tensorflow_does_not_make_it_talk(run: Run, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("import tensorflow\n")
    result = run("train_main.py", f"--plugins={plugin}", "--space=nope", f"--workdir={tmp_path / 'run'}")
    assert result.returncode == 1
    assert "Received: 'nope'" in result.stderr
    assert "oneDNN" not in result.stderr
