"""What tools/to_tflite.py does with a model that is there: programs and cards, without TensorFlow."""

import ast
import json
from pathlib import Path

import pytest

from ofa_tf.devices.benchmark_results import save_benchmark
from ofa_tf.devices.device import BenchmarkSettings, Measurement
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.ship_subnet import ship
from ofa_tf.tflite.snippets.programs import write_program
from tests.support.spaces import MICRO
from tests.support.without_tensorflow import error_line, run_without_tensorflow

_TOOL = "tools/to_tflite.py"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "my model.tflite"
    data = ExportData(((1.0,) * 3, (2.0,) * 3), ("ant", "bee", "cat"))
    ship(build_subnet(MICRO, MICRO.smallest(), 3), MICRO.smallest(), path, ExportOptions(), data)
    return path


@pytest.mark.parametrize("language", ["python", "kotlin"])
def test_a_program_is_printed(language: str, model: Path) -> None:
    result = run_without_tensorflow(_TOOL, f"--snippet={language}", f"--model={model}")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == write_program(model, language)
    assert '"my model.tflite"' in result.stdout.replace("'", '"')
    if language == "python":
        ast.parse(result.stdout)


def test_a_card_gets_latencies(model: Path, tmp_path: Path) -> None:
    measurement = Measurement(str(model), 3.25, device={"device": "adb:1", "model": "Phone", "num_threads": 2})
    benchmark = tmp_path / "b.json"
    save_benchmark(benchmark, [measurement], BenchmarkSettings())
    result = run_without_tensorflow(_TOOL, f"--card={model}", f"--benchmark={benchmark}")
    assert (result.returncode, result.stderr) == (0, "")
    card = model.with_suffix(".md")
    assert result.stdout == f"{card}\n"
    assert "| Phone (`adb`) | not known | 2 | measured 3.250 ms |" in card.read_text()
    facts = json.loads(model.with_suffix(".json").read_text())
    assert facts["measured_latencies"][0]["latency_ms"] == 3.25


def test_what_is_asked_for_in_a_wrong_way_is_refused_before_tensorflow_loads(model: Path, tmp_path: Path) -> None:
    def refusal(*flags: str) -> str:
        return error_line(run_without_tensorflow(_TOOL, *flags))

    assert "Expected --snippet with --model, the .tflite file. Received: no --model." in refusal("--snippet=python")
    assert "Expected --snippet to be one of python, kotlin." in refusal("--snippet=swift", f"--model={model}")
    keras_model = f"--model={tmp_path / 'm.keras'}"
    assert "Expected --model to be a .tflite file, with --snippet" in refusal("--snippet=python", keras_model)
    missing = tmp_path / "missing.tflite"
    assert f"Expected a TFLite file at {missing}" in refusal("--snippet=python", f"--model={missing}")
    line = refusal(f"--card={model}", f"--output={tmp_path / 'x.tflite'}")
    assert "or --card by itself. Received: --card and --output." in line
    line = refusal("--snippet=kotlin", f"--model={model}", "--input_type=uint8")
    assert "Received: --snippet and --input_type." in line
    assert "Received: --describe and --quantization." in refusal(f"--describe={model}", "--quantization=int8")
    line = refusal(f"--card={model}", f"--model={model}")
    assert "Received: --card and --model." in line
    assert "Expected --benchmark only with --card. Received: --benchmark=b.json." in refusal("--benchmark=b.json")
    assert f"Expected a file at {missing.with_suffix('.json')}" in refusal(f"--card={missing}")
    line = refusal(f"--card={model}", f"--benchmark={tmp_path / 'b.json'}")
    assert f"Expected a file at {tmp_path / 'b.json'}. Received: no such file. Write one with tools/bench" in line
    assert "or --describe, --snippet or --card. Received: none of them." in refusal()
    preset = ("--output=m.tflite", "--preset=mediapipe")
    assert "without flags that it sets. Received: --input_type and --softmax." in refusal(
        *preset, "--input_type=float32", "--softmax"
    )
    assert "Expected --preset to be one of mediapipe." in refusal("--preset=apple")
    assert "Received: --elastic" in refusal("--output=m.tflite", f"--model={keras_model}", "--elastic")
    both = ("--workdir=none", "--arch=min,max")
    assert "to end in .tflite, with --elastic. Received: m.cc." in refusal(*both, "--output=m.cc", "--elastic")
    assert "which takes int16. Received: input_type='uint8'" in refusal(*preset, "--quantization=int16x8")
    assert "which computes with float32. Received: output_type='int8'" in refusal(
        "--output=m.tflite", "--output_type=int8"
    )
