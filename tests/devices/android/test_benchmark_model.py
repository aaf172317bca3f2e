"""The stand-in for `benchmark_model`: its output is that of the tool."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.benchmark_model import Statistics, install_benchmark_model, number

QUICK = ("--num_runs=5", "--min_secs=0.02", "--warmup_runs=2", "--warmup_min_secs=0", "--num_threads=1")
NUMBER = r"\d+(?:\.\d+)?(?:e\+\d+)?"
COUNT_LINE = rf"count=\d+ first=\d+ curr=\d+ min=\d+ max=\d+ avg={NUMBER} std={NUMBER}"
PERCENTILES = r" p5=\d+ median=\d+ p95=\d+"


@pytest.fixture
def model(small_model: bytes, tmp_path: Path) -> str:
    (tmp_path / "model.tflite").write_bytes(small_model)
    return f"--graph={tmp_path / 'model.tflite'}"


def _run(program: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, env={}, check=False)


@pytest.mark.parametrize(("style", "prefix"), [("new", "INFO: "), ("old", "")])
def test_the_output_is_that_of_tensorflows_tool(
    model: str,
    tmp_path: Path,
    style: str,
    prefix: str,
) -> None:
    program = install_benchmark_model(tmp_path / "benchmark_model", style)
    result = _run(program, model, *QUICK, "--report_peak_memory_footprint=true")
    lines = result.stdout.splitlines()
    assert result.returncode == 0
    assert lines[0] == f"{prefix}STARTING!"
    assert f"{prefix}Min num runs: [5]" in lines
    assert f"{prefix}Loaded model {model.removeprefix('--graph=')}" in lines
    assert any(re.fullmatch(rf"{prefix}The input model file size \(MB\): {NUMBER}", line) for line in lines)
    assert any(re.fullmatch(rf"{prefix}Initialized session in {NUMBER}ms\.", line) for line in lines)
    assert re.search(
        r"Replacing (\d+) out of \1 node\(s\) with delegate \(TfLiteXNNPackDelegate\) node, yielding 1 partitions",
        result.stdout,
    )
    counts = [index for index, line in enumerate(lines) if line.startswith(f"{prefix}count=")]
    assert len(counts) == 2
    assert "at least 2 iterations and at least 0 seconds but terminate" in lines[counts[0] - 1]
    assert "at least 5 iterations and at least 0.02 seconds but terminate" in lines[counts[1] - 1]
    assert all(lines[index + 1] == "" for index in counts)
    assert re.fullmatch(prefix + COUNT_LINE + (PERCENTILES if style == "new" else ""), lines[counts[1]])
    timings = rf"{prefix}Inference timings in us: Init: \d+, First inference: \d+, Warmup \(avg\): {NUMBER}"
    assert re.fullmatch(rf"{timings}, Inference \(avg\): {NUMBER}", lines[counts[1] + 2])
    assert re.match(rf"{prefix}Memory footprint delta .*\(MB\): init=[1-9]\S* overall={NUMBER}$", lines[-2])
    assert re.match(rf"{prefix}Overall peak memory footprint \(MB\) via periodic monitoring: {NUMBER}$", lines[-1])


def test_unknown_and_lacking_flags_are_named_and_passed_over(
    model: str,
    tmp_path: Path,
) -> None:
    program = install_benchmark_model(tmp_path / "benchmark_model", lacks=("use_gpu",))
    result = _run(program, model, *QUICK, "--use_gpu=false", "--no_such_flag=1", "--use_nnapi=false")
    assert "WARN: Unconsumed cmdline flags: --use_gpu=false --no_such_flag=1\n" in result.stdout
    assert result.returncode == 0


def test_inputs_are_resized(model: str, tmp_path: Path) -> None:
    program = install_benchmark_model(tmp_path / "benchmark_model")
    result = _run(program, model, *QUICK, "--input_layer=x", "--input_layer_shape=1,64,64,8")
    assert result.returncode == 0
    assert re.search("WARN: Tensor # 0 is named .* but flags call it x\n", result.stdout)
    result = _run(program, model, *QUICK, "--input_layer=x,y", "--input_layer_shape=1,8,8,8:1")
    assert result.returncode == 1
    assert result.stderr.endswith("ERROR: Failed to allocate tensors!\nERROR: Benchmarking failed.\n")


def test_a_model_that_cannot_be_read_fails(tmp_path: Path) -> None:
    program = install_benchmark_model(tmp_path / "benchmark_model")
    result = _run(program, "--graph=/nowhere/model.tflite")
    assert result.returncode == 1
    assert "ERROR: Failed to mmap model /nowhere/model.tflite\nERROR: Benchmarking failed.\n" in result.stderr


def test_the_launcher_works_in_another_folder(model: str, tmp_path: Path) -> None:
    program = install_benchmark_model(tmp_path / "benchmark_model")
    (tmp_path / "other").mkdir()
    assert _run(program.rename(tmp_path / "other" / "moved"), model, *QUICK).returncode == 0
    with pytest.raises(ValueError, match="style='odd'"):
        install_benchmark_model(tmp_path / "other" / "odd", "odd")


def test_few_and_equal_runs_are_told_in_short() -> None:
    assert Statistics([]).describe(True) == "count=0 p5=0 median=0 p95=0"
    assert Statistics([]).describe(False) == "count=0"
    assert Statistics([64791]).describe(False) == "count=1 curr=64791"
    assert Statistics([70] * 5).describe(False) == "count=5 curr=70(all same)"
    assert Statistics([70] * 5).describe(True) == "count=5 curr=70(all same) p5=70 median=70 p95=70"
    assert Statistics([3, 1, 2, 4]).describe(False) == "count=4 first=3 curr=4 min=1 max=4 avg=2.5 std=1.11803"
    assert Statistics([3, 1, 2, 4]).describe(True).endswith(" p5=1 median=3 p95=4")
    assert [number(value) for value in (1007663.4, 55043.24, 0.5, 2.0)] == ["1.00766e+06", "55043.2", "0.5", "2"]
