import re
import types
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.devices.benchmark_results import save_benchmark
from ofa_tf.devices.device import BenchmarkSettings, Measurement
from ofa_tf.studies import program_steps, results
from ofa_tf.studies.program_steps import ProgramSteps, StepRecord
from ofa_tf.studies.results import RESULTS_FILE, ResultsSettings, run_results
from ofa_tf.training.config import TrainConfig
from tests.support.spaces import MICRO


class _Model:
    """Predicts 0.1 ms for the smallest subnet and 1 ms for the largest."""

    def predict(self, arch: object) -> float:
        return {MICRO.smallest(): 0.1, MICRO.largest(): 1.0}[arch]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What programs would be called with; instead of running, they leave what the comparison looks for."""
    commands: list[str] = []

    def run(self: ProgramSteps, name: str, program: str, *arguments: str) -> StepRecord:
        commands.append(" ".join([f"{name}:", program, *arguments]))
        flags = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
        if program == "train_main.py":
            TrainConfig(workdir=flags["workdir"], space=MICRO.name, method="sandwich").save()
        if program == "tools/search.py" and "front" not in flags:
            MICRO.smallest().save(flags["output"], {"predicted_latency_ms": 0.3, "reported_top1": 0.8})
        if program == "tools/evaluate.py":
            row = {"arch": {}, "top1": 0.9, "num_images": 100}
            rows = [row] * (2 + int(flags["arch"].rpartition(":")[2])) if "random:" in flags["arch"] else [row]
            files.write_json(flags["output"], "evaluation", {"results": rows})
        if program == "tools/benchmark.py":
            measured = [Measurement(model, 0.31) for model in flags["model"].split(",")]
            save_benchmark(flags["output"], measured, BenchmarkSettings())
        return StepRecord(name, program, 2.0, 3.0, True, "", "")

    monkeypatch.setattr(ProgramSteps, "run", run)
    run_of_study = types.SimpleNamespace(space=MICRO, num_classes=10, latency_model=lambda device: _Model())
    monkeypatch.setattr(results, "open_run", lambda workdir: run_of_study)
    return commands


def _prepare_latencies(workdir: Path) -> None:
    rows = []
    for name in ("mobilenet_v2", "mobilenet_v3_small"):
        rows.append({"name": name, "width": 0.5, "latency_ms": 0.3})
    files.write_json(workdir / "seed_4" / "plain_latencies.json", "plain_latencies", {"networks": rows})


# The steps that a study of one seed and one budget takes, in order. F is its folder, absolute.
_COMMANDS = """
train_progressive_shrinking: train_main.py --flagfile=flags/cifar10_tiny_ps.cfg --epochs_scale=2 --seed=4 --phase=all
    --resume --workdir=F/progressive_shrinking
evaluate_progressive_shrinking: tools/evaluate.py --workdir=F/progressive_shrinking --arch=max,min,random:3
    --split=test --output=F/evaluations/evaluate_progressive_shrinking.json
train_sandwich: train_main.py --flagfile=flags/cifar10_tiny_sandwich.cfg --epochs_scale=2 --seed=4 --phase=all
    --resume --workdir=F/sandwich
evaluate_sandwich: tools/evaluate.py --workdir=F/sandwich --arch=max,min,random:3 --split=test
    --output=F/evaluations/evaluate_sandwich.json
train_naive: train_main.py --flagfile=flags/cifar10_tiny_naive.cfg --epochs_scale=2 --seed=4 --phase=all --resume
    --workdir=F/naive
evaluate_naive: tools/evaluate.py --workdir=F/naive --arch=max,min,random:3 --split=test
    --output=F/evaluations/evaluate_naive.json
accuracy_table: tools/build_accuracy_table.py --workdir=F/sandwich --num_archs=100 --seed=4
latency_table: tools/build_latency_table.py --workdir=F/sandwich --device=host
search_1: tools/search.py --workdir=F/sandwich --max_latency_ms=0.317 --seed=4 --nomeasure_found
    --output=F/found/found_1.json
front: tools/search.py --workdir=F/sandwich --front --seed=4 --nomeasure_found --output=F/front.json
evaluate_found_1: tools/evaluate.py --workdir=F/sandwich --arch=F/found/found_1.json --split=test
    --output=F/evaluations/evaluate_found_1.json
finetune_1: tools/finetune.py --from=F/sandwich --arch=F/found/found_1.json --epochs=6 --intra_op_threads=1 --resume
    --workdir=F/alone/finetune_1
evaluate_finetune_1: tools/evaluate.py --workdir=F/alone/finetune_1 --arch=max --split=test
    --output=F/evaluations/evaluate_finetune_1.json
alone_1: tools/finetune.py --from=F/sandwich --arch=F/found/found_1.json --epochs=26 --from_scratch
    --distillation_weight=0 --learning_rate=0.1 --warmup_epochs=1 --intra_op_threads=1 --resume
    --workdir=F/alone/alone_1
evaluate_alone_1: tools/evaluate.py --workdir=F/alone/alone_1 --arch=max --split=test
    --output=F/evaluations/evaluate_alone_1.json
train_mobilenet_v2_w0.5: train_main.py --flagfile=flags/cifar10_tiny_naive.cfg --plugins=F/plain/mobilenet_v2_w0.5.py
    --space=mobilenet_v2_w0.5 --epochs_scale=2 --seed=4 --phase=all --resume --workdir=F/plain/mobilenet_v2_w0.5
evaluate_mobilenet_v2_w0.5: tools/evaluate.py --workdir=F/plain/mobilenet_v2_w0.5 --arch=max --split=test
    --output=F/evaluations/evaluate_mobilenet_v2_w0.5.json
train_mobilenet_v3_small_w0.5: train_main.py --flagfile=flags/cifar10_tiny_naive.cfg
    --plugins=F/plain/mobilenet_v3_small_w0.5.py --space=mobilenet_v3_small_w0.5 --epochs_scale=2 --seed=4 --phase=all
    --resume --workdir=F/plain/mobilenet_v3_small_w0.5
evaluate_mobilenet_v3_small_w0.5: tools/evaluate.py --workdir=F/plain/mobilenet_v3_small_w0.5 --arch=max --split=test
    --output=F/evaluations/evaluate_mobilenet_v3_small_w0.5.json
export_found_1: tools/to_tflite.py --workdir=F/sandwich --arch=F/found/found_1.json --output=F/models/found_1.tflite
export_mobilenet_v2_w0.5: tools/to_tflite.py --workdir=F/plain/mobilenet_v2_w0.5 --arch=max
    --output=F/models/mobilenet_v2_w0.5.tflite
export_mobilenet_v3_small_w0.5: tools/to_tflite.py --workdir=F/plain/mobilenet_v3_small_w0.5 --arch=max
    --output=F/models/mobilenet_v3_small_w0.5.tflite
benchmark: tools/benchmark.py
    --model=F/models/found_1.tflite,F/models/mobilenet_v2_w0.5.tflite,F/models/mobilenet_v3_small_w0.5.tflite
    --device=host --rounds=30 --output=F/benchmark.json
"""


def _commands(folder: Path) -> list[str]:
    """The commands of `_COMMANDS`; lines that are indented go on."""
    text = re.sub(r"\n +", " ", _COMMANDS.strip())
    return re.sub(r"\bF\b", str(folder), text).splitlines()


@pytest.fixture
def study(tmp_path: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a study of one seed and one budget that was made."""
    monkeypatch.chdir(tmp_path)
    workdir = Path("study")
    _prepare_latencies(workdir)
    settings = ResultsSettings(train_flags=("--epochs_scale=2",), seeds=(4,), budget_fractions=(0.5,), num_random=3)
    run_results(workdir, settings)
    return workdir


def test_steps_have_the_commands_that_they_have_had_so_that_a_study_that_was_begun_goes_on(
    study: Path, steps: list[str]
) -> None:
    # Programs are run in the root of the project, from where a folder beside the caller's would not be found.
    assert steps == _commands(study.absolute() / "seed_4")


def test_from_the_root_of_the_project_paths_stay_relative(
    steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program_steps, "_ROOT", tmp_path)
    workdir = Path("study")
    _prepare_latencies(workdir)
    run_results(workdir, ResultsSettings(seeds=(4,), budget_fractions=(0.5,)))
    assert steps[0].endswith(" --workdir=study/seed_4/progressive_shrinking")


def test_each_network_has_its_accuracy_its_latency_and_what_its_training_took(study: Path) -> None:
    document = files.read_json(study / RESULTS_FILE, "results")
    described = document["seeds"]["4"]
    assert list(described["supernets"]) == ["progressive_shrinking", "sandwich", "naive"]
    for supernet in described["supernets"].values():
        assert (supernet["seconds"], supernet["processor_seconds"]) == (2, 3)
        assert (supernet["largest_top1"], supernet["smallest_top1"]) == (0.9, 0.9)
        assert len(supernet["random_top1"]) == 3
    (budget,) = described["budgets"]
    assert (budget["budget_ms"], budget["predicted_ms"], budget["reported_top1"]) == (0.317, 0.3, 0.8)
    models = {row["name"]: row["model"] for row in budget["networks"]}
    plain = {"mobilenet_v2": "mobilenet_v2_w0.5", "mobilenet_v3_small": "mobilenet_v3_small_w0.5"}
    assert models == {**dict.fromkeys(["found", "fine-tuned", "alone"], "found_1"), **plain}
    epochs = {row["name"]: row.get("num_epochs") for row in budget["networks"]}
    assert epochs == {"found": None, "fine-tuned": 6, "alone": 26, "mobilenet_v2": 26, "mobilenet_v3_small": 26}
    for row in budget["networks"]:
        assert (row["top1"], row["measured_ms"]) == (0.9, 0.31)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget_fractions": ()}, "to hold at least one number"),
        ({"searched_method": "best"}, "Received: 'best'"),
        ({"seeds": ()}, "Expected `seeds` to be at least one"),
        ({"num_archs": 9}, "Expected `num_archs` to be at least 10. Received: 9"),
    ],
)
def test_settings_that_lead_to_nothing_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ResultsSettings(**settings)
