import json
from pathlib import Path
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.studies.comparison import COMPARISON_FILE, ComparisonSettings, run_comparison
from ofa_tf.studies.program_calls import ProgramCalls
from ofa_tf.studies.program_steps import ProgramSteps, StepRecord
from ofa_tf.training.config import TrainConfig
from tests.support.spaces import MICRO

# By the beginning of a step's name, the processor time it is said to take.
_SECONDS = {
    "train_once_for_all": 1000.0,
    "accuracy_table": 100.0,
    "latency_table": 77.0,
    "find_once_for_all": 5.0,
    "find_sampled": 60.0,
    "find_relaxed": 40.0,
    "find_random": 50.0,
    "train_": 30.0,
}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What programs would be called with; instead of running, they leave what the comparison looks for."""
    calls: list[tuple[str, ...]] = []

    def run(self: ProgramSteps, name: str, program: str, *arguments: str) -> StepRecord:
        calls.append((name, program, *arguments))
        flags = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
        if name == "train_once_for_all":
            TrainConfig(workdir=flags["workdir"], space=MICRO.name, method="sandwich").save()
        if name == "latency_table":
            table = Path(flags["workdir"]) / "latency_tables" / "host_float32.json"
            table.parent.mkdir(parents=True)
            table.write_text("{}")
        if name.startswith("find_"):
            MICRO.smallest().save(flags["output"], {"predicted_latency_ms": 0.1})
        seconds = next(value for prefix, value in _SECONDS.items() if name.startswith(prefix))
        return StepRecord(name, program, 1.0, seconds, True, "", "")

    def evaluate(self: ProgramCalls, name: str, workdir: Path, arch: str | Path, split: str = "test") -> dict[str, Any]:
        calls.append((name, str(workdir), str(arch), split))
        return {"arch": {}, "top1": 0.9, "standard_error": 0.01, "num_images": 100}

    def measure_latencies(
        self: ProgramCalls, name: str, models: dict[str, tuple[Path, str | Path]]
    ) -> dict[str, float]:
        return dict.fromkeys(models, 0.11)

    monkeypatch.setattr(ProgramSteps, "run", run)
    monkeypatch.setattr(ProgramCalls, "evaluate", evaluate)
    monkeypatch.setattr(ProgramCalls, "measure_latencies", measure_latencies)
    return calls


def _arguments(steps: list[tuple[str, ...]], name: str) -> dict[str, str]:
    (found,) = [call for call in steps if call[0] == name]
    return dict(argument.removeprefix("--").partition("=")[::2] for argument in found[2:])


def test_each_method_is_charged_with_what_it_took(steps: list[tuple[str, ...]], tmp_path: Path) -> None:
    seeds = run_comparison(tmp_path, ComparisonSettings(budgets_ms=(0.1, 0.2)))
    methods = seeds["0"]["methods"]
    assert methods["once_for_all"]["once_processor_seconds"] == 1100  # without the latency table, which all need
    for method, seconds in {
        "once_for_all": (5, 0),
        "sampled": (60, 30),
        "relaxed": (40, 30),
        "random": (50, 30),
    }.items():
        rows = methods[method]["budgets"]
        assert [row["budget_ms"] for row in rows] == [0.1, 0.2]
        for row in rows:
            assert (row["find_processor_seconds"], row["train_processor_seconds"]) == seconds
            assert row["measured_ms"] == 0.11
    assert json.loads((tmp_path / COMPARISON_FILE).read_text())["seeds"] == seeds


def test_a_random_search_takes_as_long_as_the_others_on_average(steps: list[tuple[str, ...]], tmp_path: Path) -> None:
    run_comparison(tmp_path, ComparisonSettings(budgets_ms=(0.1,)))
    assert _arguments(steps, "find_random_1")["max_processor_seconds"] == "50"
    assert "max_processor_seconds" not in _arguments(steps, "find_sampled_1")


def test_all_methods_use_the_same_table_recipe_and_images(steps: list[tuple[str, ...]], tmp_path: Path) -> None:
    run_comparison(tmp_path, ComparisonSettings(budgets_ms=(0.1,), seeds=(3, 4)))
    table = str(tmp_path / "seed_3" / "once_for_all" / "latency_tables" / "host_float32.json")
    searches = [call for call in steps if call[0].startswith("find_")]
    assert len(searches) == 8
    assert all(f"--latency_table={table}" in call for call in searches)
    assert sum(call[0] == "latency_table" for call in steps) == 1
    sampled_by = [call[-1] for call in steps if call[0] == "accuracy_table"]
    assert sampled_by == ["--seed=3", "--seed=4"]
    trainings = [call for call in steps if call[1] == "tools/finetune.py"]
    recipes = {tuple(sorted(set(call[2:]) - {argument for argument in call if "/" in argument})) for call in trainings}
    assert len(recipes) == 1
    assert "--from_scratch" in trainings[0]
    assert {call[3] for call in steps if call[0].startswith("evaluate_")} == {"test"}


@pytest.mark.parametrize("methods", [("sampled",), ("once_for_all", "guessed"), ()])
def test_unknown_methods_and_comparisons_without_once_for_all_are_refused(methods: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="Expected `methods` to be once_for_all and others"):
        ComparisonSettings(methods=methods)


def test_a_random_search_alone_must_be_told_how_long_it_takes() -> None:
    with pytest.raises(InputError, match="random_processor_seconds"):
        ComparisonSettings(methods=("once_for_all", "random"))
    ComparisonSettings(methods=("once_for_all", "random"), random_processor_seconds=60)


@pytest.mark.parametrize("changes", [{"seeds": ()}, {"budgets_ms": (0.1, 0.0)}, {"num_archs": 9}])
def test_settings_that_leave_nothing_to_compare_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        ComparisonSettings(**changes)
